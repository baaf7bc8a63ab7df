"""Whether a process still writes a file: what a killed one left is held by nobody."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path

if sys.platform == "win32":

    def hold(file: FileIO) -> None:
        """Do nothing: Windows renames no file that is open."""

    def is_held(path: Path) -> bool:
        """Return whether a process writes the file; the name that it gets is the one it has."""
        try:
            path.rename(path)
        except OSError:
            return True
        return False

else:
    import fcntl

    def hold(file: FileIO) -> None:
        """Tell other processes that the file is written, until it is closed or this one ends."""
        with suppress(OSError):  # A file system without locks: then it counts as held for ever.
            fcntl.flock(file, fcntl.LOCK_EX)

    def is_held(path: Path) -> bool:
        """Return whether a process writes the file, or may be about to: it is still empty."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return os.fstat(file.fileno()).st_size == 0
        except OSError:
            return True
