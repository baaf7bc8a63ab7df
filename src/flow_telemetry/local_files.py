"""Local files in places that others can write to: they are read only if they are regular.

Opening a pipe waits for somebody who writes into it, and a device may never end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Of certificates: the bundles of operating systems have a quarter of a megabyte.
MOST_CERTIFICATE_BYTES = 16 * 1024 * 1024
_NOT_REGULAR = "not a regular file"


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened, or is not a regular file (EINVAL).
        ValueError: the path is unusable.
    """
    # Not to wait for the writer of a pipe. Windows has no such pipes in its file system.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NOT_REGULAR, str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path | str, most: int) -> bytes:
    """Return the content of a file of at most ``most`` bytes.

    Raises:
        OSError, ValueError: as `open_regular`; also if it is larger (EFBIG).
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {_size(most)}", str(path))
    return content


def _size(most: int) -> str:
    return f"{most // 1000} kB" if most < 1024**2 else f"{most // 1024**2} MiB"


def check_certificates(path: str) -> None:
    """Check that OpenSSL can be given a file of certificates or a key, or a folder of them.

    Raises:
        OSError: it cannot be accessed, is larger than MOST_CERTIFICATE_BYTES, or is neither a
            regular file nor a folder.
        ValueError: the path is unusable.
    """
    status = os.stat(path)  # noqa: PTH116 - a text, as OpenSSL gets it
    if stat.S_ISDIR(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, _NOT_REGULAR, path)
    if status.st_size > MOST_CERTIFICATE_BYTES:
        raise OSError(errno.EFBIG, "too large", path)
