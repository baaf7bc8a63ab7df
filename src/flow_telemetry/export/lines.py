"""A file of OTLP JSON lines that appears under its name only when it is whole."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from flow_telemetry.export.held import hold


class LinesFile:
    """A file that is written under another name in the same folder, until it is published.

    Something that is no regular file, such as /dev/stdout, is written to as it is: it must not be
    replaced. A symbolic link is followed.
    """

    def __init__(self, path: Path, mode: int, *, unfinished: str = "") -> None:
        """Create the unfinished file, with at most the permissions of ``mode``.

        ``unfinished`` is its name until then, for one who looks for it after a kill; without, the
        name is hidden.

        Raises:
            OSError: that is not possible.
        """
        self._in_place = path.exists() and not path.is_file()
        self._path = path if self._in_place else path.resolve()
        hidden = f".{path.name}.{secrets.token_hex(4)}.partial"
        self._unfinished = self._path.with_name(unfinished or hidden)
        if self._in_place:
            self._file = FileIO(path, "wb")
        else:
            # Path.open() cannot be told the permissions.
            self._file = FileIO(self._unfinished, "xb", opener=_opener(mode))
            hold(self._file)
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes were written."""
        return self._size

    def write(self, text: str) -> None:
        """Append the text as one line, or nothing of it.

        Raises:
            OSError: the disk fails.
            ValueError: the text cannot be encoded.
        """
        self.write_line(text.encode())

    def write_line(self, text: bytes) -> None:
        """Append bytes without a line end as one line, or nothing of them.

        Raises:
            OSError: the disk fails.
        """
        line = text + b"\n"
        try:
            self._write_all(line)
        except OSError:
            with suppress(OSError):
                self._file.seek(self._size)
                self._file.truncate()
            raise
        self._size += len(line)

    def publish(self) -> Path | None:
        """Give the file its name and return that; None, and no file, where nothing was written.

        Raises:
            OSError: the disk fails; then there is no file either.
        """
        try:
            if self._in_place or not self._size:
                return self._path if self._size else None
            os.fsync(self._file.fileno())
            if sys.platform == "win32":
                self._file.close()  # What is open gets no other name there.
            self._unfinished.replace(self._path)
        finally:
            self._clean_up()
        return self._path

    def discard(self) -> None:
        """Leave no file, and what had that name before as it was."""
        self._clean_up()

    def _write_all(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]

    def _clean_up(self) -> None:
        with suppress(OSError):
            self._file.close()
        if not self._in_place:
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)


def _opener(mode: int) -> Callable[[str, int], int]:
    return lambda name, flags: os.open(name, flags, mode)
