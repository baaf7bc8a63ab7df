"""Files for the program's own later steps, in folders that every step of a job can write to.

Another step may have put a link in the place of a folder or file. A link is never written through:
it could lead to any file of the runner's user.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600
# Absent on Windows, where creating a link needs a permission, and O_EXCL does not follow one.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)


def is_own_folder(folder: Path) -> bool:
    """Return whether a path is a folder of our user, and not a link or a junction to one."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    # In a container the program may be root, and its folders the runner's user's.
    user = os.geteuid() if hasattr(os, "geteuid") else 0
    is_ours = user == 0 or status.st_uid in (user, 0)
    is_junction = bool(getattr(status, "st_reparse_tag", 0))
    return stat.S_ISDIR(status.st_mode) and is_ours and not is_junction


def make_own_folder(folder: Path) -> None:
    """Create a folder for our user only, unless there is one.

    Raises:
        OSError: it cannot be created; or there is a link in its place, or another user's folder.
    """
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    if not is_own_folder(folder):
        raise OSError(errno.ELOOP, "it is a link, or the folder of another user", str(folder))


def create_file(path: Path, content: bytes = b"") -> None:
    """Create a file for our user only.

    Raises:
        OSError: the disk fails, or there is a file or link of that name.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY
    with os.fdopen(os.open(path, flags, _PRIVATE_FILE), "wb") as file:
        file.write(content)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, complete or not at all; a file or link of that name is replaced.

    Raises:
        OSError: the disk fails, and a file of that name is as it was.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        create_file(unfinished, content)
        os.replace(unfinished, path)  # noqa: PTH105 - the same on each system
    except OSError:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes) -> None:
    """Write a file for the owner only, and its folder; the file appears when it is complete.

    Raises:
        OSError: it cannot be written; or its folder is a link, or belongs to somebody else (EPERM).
    """
    folder = path.parent
    with suppress(FileExistsError):
        folder.mkdir(mode=_PRIVATE_FOLDER, parents=True)
    status = folder.lstat()
    is_foreign = hasattr(os, "geteuid") and status.st_uid != os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or is_foreign:
        raise OSError(errno.EPERM, "not a folder of this user", str(folder))
    replace_file(path, content)
