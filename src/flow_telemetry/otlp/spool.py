"""Spool: requests in files, from before they are sent until the backend has accepted them.

Each export makes a folder of its own in `spool-path`, `20261124T034300Z-0a1b2c3d`, with a file for
each request, `traces-000001.otlp.gz`: its body in protobuf, in gzip as it is sent. The folder's
`lock` is held by the process that sends the requests, and released by the operating system if the
process is killed, so a replay knows which folders are free.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO, Protocol

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.otlp.compression import compress, decompress
from flow_telemetry.telemetry import EncodedRequest, Signal
from flow_telemetry.text import counted

# Locks

LOCK = "lock"
_LOCK_TEXT = b"A spool folder: `flow-telemetry replay` sends its requests and deletes it.\n"
# Not to follow a link in place of a file; Windows lacks the flag, and links need a privilege there.
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    # A locked range cannot be read by others, so it is one behind the text.
    _LOCKED_BYTE = 1 << 20

    def _try_lock(file: int) -> None:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class LockError(FlowTelemetryError):
    """Another process uses the file, or it cannot be opened."""


class FileLock:
    """An exclusive lock on a file, which the operating system releases when the process ends."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the file, and create it if that is wished and it does not exist; lock it.

        Raises:
            LockError: another process has locked the file, or it cannot be opened.
        """
        flags = os.O_RDWR | _NO_LINKS | _BINARY | (os.O_CREAT if create else 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise LockError(f"`{path}` could not be opened ({_reason(error)})") from error
        try:
            _try_lock(self._file)
            # A process that ended meanwhile may have removed the file that was opened.
            if not os.path.samestat(os.fstat(self._file), path.lstat()):
                raise FileNotFoundError(path)
        except OSError as error:
            os.close(self._file)
            raise LockError(_explain_lock(path.parent, error)) from error
        if create:
            with suppress(OSError):  # It only explains the folder.
                os.write(self._file, _LOCK_TEXT)

    def release(self) -> None:
        """Close the file."""
        os.close(self._file)


def _explain_lock(folder: Path, error: OSError) -> str:
    # EAGAIN by flock, EACCES by Windows.
    if error.errno in (errno.EAGAIN, errno.EACCES) or isinstance(error, FileNotFoundError):
        return f"`{folder}` is in use by an export or another replay: replay it later"
    return (
        f"`{folder}` could not be locked ({_reason(error)}), so that another replay might send it "
        "too: copy it to a file system with locks"
    )


# Spool folders

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
# A request of the public repository's export: sent by tools in the own repository (whole), in
# another one (never stored in public), or by this program, to be reduced.
WHOLE, WITHHELD, REDUCED = ".whole", ".withheld", ""
_ENDING = ".otlp.gz"
# Ending of a request that the backend refused for its content: replays leave it where it is.
_REFUSED = ".refused"
# Ending of a file that is being written. After a kill it was never sent.
_PARTIAL = ".partial"
_FOLDER_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_REQUEST_NAME = re.compile(
    r"(?P<signal>traces|logs|metrics)-(?P<number>\d{6,9})(?P<mark>\.whole|\.withheld)?"
    + re.escape(_ENDING)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request of ``items`` that is to be sent: in a file of a spool folder, or in memory.

    ``data`` is the body in gzip, if it is in memory only. ``kept_in`` is the file of a user that
    contains a request in memory.
    """

    signal: Signal
    items: int
    mark: str = REDUCED
    folder: SpoolFolder | None = None
    path: Path | None = None
    data: bytes = b""
    kept_in: str = ""

    def read(self) -> bytes:
        """Return the body in gzip.

        Raises:
            OSError: the file cannot be read.
        """
        return self.data if self.path is None else read_regular_file(self.path)

    def load(self) -> EncodedRequest:
        """Return the request.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is damaged.
        """
        return EncodedRequest(signal=self.signal, body=decompress(self.read()), items=self.items)


class SpoolFolder:
    """A folder of requests that this process has locked."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        """Take the lock of an existing folder."""
        self.path = path
        self._lock = lock
        self._number = max((int(m["number"]) for m in map(_match, self._files()) if m), default=0)

    @classmethod
    def create(cls, root: Path, now: datetime) -> SpoolFolder:
        """Return a new folder for the owner only.

        Raises:
            OSError: it cannot be created, or a link is in place of ``root``.
        """
        if root.is_symlink():
            # Anyone who can write to the workspace could lead the requests to another folder.
            raise OSError(errno.ELOOP, "a link is in its place")
        time = now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        for attempt in range(_TRIES):
            path = root / f"{time}-{secrets.token_hex(4)}"
            try:
                root.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
                path.mkdir(mode=_PRIVATE_FOLDER)
                return cls(path, FileLock(path / LOCK, create=True))
            except FileNotFoundError:
                # An export that ended has removed the root, which was empty.
                if attempt == _TRIES - 1:
                    raise
            except (LockError, OSError) as error:
                with suppress(OSError):
                    (path / LOCK).unlink(missing_ok=True)
                    path.rmdir()
                raise OSError(*error.args) from error
        raise FileNotFoundError(root)

    @classmethod
    def open(cls, path: Path) -> SpoolFolder:
        """Return an existing spool folder; its owner has ended.

        Raises:
            LockError: another process uses it.
        """
        return cls(path, FileLock(path / LOCK))

    def write(self, request: StoredRequest, data: bytes) -> StoredRequest:
        """Store a request with its body in gzip; it appears completely or not at all.

        Raises:
            OSError: the disk fails.
        """
        self._number += 1
        name = f"{request.signal.value}-{self._number:06}{request.mark}{_ENDING}"
        path = self.path / name
        _write_file(path, data)
        return replace(request, folder=self, path=path, data=b"")

    def restore(self, name: str, content: bytes) -> None:
        """Store a file of another spool: a request, or JSON lines of an earlier version.

        Raises:
            OSError: the disk fails.
        """
        file = Path(name)
        signal = signal_of_file(file)
        if signal is not None:
            self.write(StoredRequest(signal=signal, items=0), content)
        else:
            _write_file(self.path / file.name, content)

    def requests(self) -> list[tuple[Path, Signal, str]]:
        """Return path, signal and mark of each request, in the order in which they were stored."""
        matches = [(match, name) for name in self._files() if (match := _match(name))]
        return [
            (self.path / name, Signal(match["signal"]), match["mark"] or REDUCED)
            for match, name in sorted(matches, key=lambda pair: int(pair[0]["number"]))
        ]

    def retry(self, refused: Path) -> None:
        """Give a refused request its former name, so that it is tried again."""
        with suppress(OSError):
            refused.replace(refused.with_name(refused.name.removesuffix(_REFUSED)))

    def remove_partial(self) -> int:
        """Remove files that a killed process was writing; return their number."""
        partial = [name for name in self._files() if name.endswith(_PARTIAL)]
        for name in partial:
            with suppress(OSError):
                (self.path / name).unlink()
        return len(partial)

    def close(self) -> None:
        """Release the folder; without requests remove it, and the folder above if it is empty."""
        if any(name != LOCK for name in self._files()):
            self._lock.release()
            return
        if sys.platform == "win32":
            self._lock.release()  # Windows does not remove an open file.
        with suppress(OSError):
            (self.path / LOCK).unlink()
            self.path.rmdir()
            self.path.parent.rmdir()
        if sys.platform != "win32":
            self._lock.release()

    def _files(self) -> list[str]:
        try:
            return os.listdir(self.path)  # noqa: PTH208 - names only, and as fast as possible
        except OSError:
            return []


_TRIES = 5


def is_spool_folder(path: Path) -> bool:
    """Return whether the program made this folder: its name, and a lock that is a regular file."""
    try:
        return (
            _FOLDER_NAME.fullmatch(path.name) is not None
            and S_ISDIR(path.lstat().st_mode)
            and S_ISREG((path / LOCK).lstat().st_mode)
        )
    except OSError:
        return False


def spool_folders(root: Path) -> list[Path]:
    """Return the spool folders directly in a folder that is not a link, the oldest first."""
    if root.is_symlink():
        return []
    try:
        return [path for path in sorted(root.iterdir()) if is_spool_folder(path)]
    except OSError:
        return []


def signal_of_file(path: Path) -> Signal | None:
    """Return the signal of a request file by its name, also of a refused one; else None."""
    match = _match(path.name.removesuffix(_REFUSED))
    return None if match is None else Signal(match["signal"])


def is_refused(path: Path) -> bool:
    """Return whether a file is a request that was refused."""
    return path.name.endswith(_REFUSED) and signal_of_file(path) is not None


def open_regular_file(path: Path) -> BinaryIO:
    """Return an open file that is neither a link nor a device.

    Raises:
        OSError: it is another kind of file, or cannot be opened.
    """
    if not S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(os.open(path, os.O_RDONLY | _NO_LINKS | _BINARY), "rb")


def read_regular_file(path: Path) -> bytes:
    """Return the content of a request file.

    Raises:
        OSError: it is a link or a device, larger than a request, or cannot be read.
    """
    with open_regular_file(path) as file:
        if os.fstat(file.fileno()).st_size > _LARGEST_FILE:
            raise OSError(errno.EFBIG, "larger than a request")
        return file.read()


_LARGEST_FILE = 64_000_000


def _match(name: str) -> re.Match[str] | None:
    return _REQUEST_NAME.fullmatch(name)


def _write_file(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + _PARTIAL)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS | _BINARY
    try:
        with os.fdopen(os.open(partial, flags, _PRIVATE_FILE), "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _reason(error: Exception) -> str:
    """Return the reason of a failure. The text of an exception may contain data."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


# The spool of an export

# All files of a spool together. 32,000 spans are some 3 MB.
MOST_BYTES = 500_000_000


def utc_now() -> datetime:
    """Return the wall-clock time, which names folders."""
    return datetime.now(timezone.utc)


class PublicFilter(Protocol):
    """Reduces requests for a public spool. `otlp.public` implements it: it is slow to load."""

    def reduce(self, request: EncodedRequest) -> EncodedRequest:
        """Return a request of this program with its public data only."""
        ...

    def may_keep(self, request: EncodedRequest) -> bool:
        """Return whether a request of another program is public."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where an undelivered request is: in ``file``, or nowhere, for a ``problem``."""

    file: str = ""
    problem: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder for the spool folders of exports.

    ``public_filter`` is for a spool that becomes public as an artifact: its requests are reduced
    when they were not delivered, and until then are in ``private_folder``, or in memory without
    one. ``most_bytes`` is the largest size of all files together.
    """

    folder: Path
    now: Callable[[], datetime] = utc_now
    public_filter: PublicFilter | None = None
    private_folder: Path | None = None
    most_bytes: int = MOST_BYTES

    def journal(self) -> Journal:
        """Return the requests of one export."""
        return Journal(self)

    def recover(self) -> tuple[str, ...]:
        """Move what killed exports of this job left in the private folder; return notices."""
        if self.public_filter is None or self.private_folder is None:
            return ()
        notices = []
        for path in spool_folders(self.private_folder):
            try:
                folder = SpoolFolder.open(path)
            except LockError:
                continue  # Another export of this job uses it.
            journal = Journal(self)
            kept = list(_recover(folder, journal))
            journal.close()
            folder.close()
            stored = sum(bool(each.file) for each in kept)
            if stored:
                notices.append(
                    "an earlier export of this job was killed: "
                    f"{counted(stored, 'request', 'was', 'were')} moved to `{self.folder}`"
                )
            notices += dict.fromkeys(each.problem for each in kept if each.problem)
        return tuple(notices)


def _recover(folder: SpoolFolder, journal: Journal) -> Iterator[Kept]:
    folder.remove_partial()
    for path, signal, mark in folder.requests():
        request = StoredRequest(signal=signal, items=1, mark=mark, folder=folder, path=path)
        yield journal.keep(request)


class Journal:
    """The requests of one export that are not delivered yet.

    Nothing is raised if the disk fails: then requests stay in memory, and ``problem`` says why.
    """

    def __init__(self, spool: Spool) -> None:
        """Create nothing yet: the folder is created with the first request."""
        self._spool = spool
        self._filter = spool.public_filter
        self._is_staged = self._filter is not None
        self._folder: SpoolFolder | None = None
        self._public_folder: SpoolFolder | None = None
        self._room: int | None = None
        self.problem = ""

    def store(self, encoded: EncodedRequest, *, of_tool: bool = False) -> StoredRequest:
        """Store a request before it is sent; ``of_tool`` if another program made it."""
        mark = REDUCED
        if of_tool and self._filter is not None:
            mark = WHOLE if self._filter.may_keep(encoded) else WITHHELD
        request = StoredRequest(signal=encoded.signal, items=encoded.items, mark=mark)
        return self._store(request, compress(encoded.body))

    def store_beside(self, request: StoredRequest, part: EncodedRequest) -> StoredRequest:
        """Store a part of a request at the same place."""
        part_request = replace(request, items=part.items, path=None)
        data = compress(part.body)
        if request.folder is None:
            return replace(part_request, data=data)
        try:
            return request.folder.write(part_request, data)
        except OSError as error:
            self._fail(_reason(error))
            return replace(part_request, folder=None, data=data)

    def remove(self, request: StoredRequest) -> None:
        """Remove a request that was delivered."""
        if request.path is not None:
            with suppress(OSError):
                request.path.unlink(missing_ok=True)

    def keep(self, request: StoredRequest, *, refused: bool = False) -> Kept:
        """Keep a request that was not delivered, for a replay; one that was ``refused`` aside."""
        if request.kept_in:
            return Kept(file=request.kept_in)
        try:
            if self._filter is not None:
                return self._keep_public(request, self._filter, refused=refused)
            if request.path is not None:
                return Kept(file=str(_set_aside(request.path) if refused else request.path))
            return Kept(
                problem=f"the spool could not be written: {self.problem or 'no folder'}",
                advice="Name a folder that can be written, with room, in `spool-path`",
            )
        except (OSError, ValueError) as error:
            return Kept(
                problem=f"the spool could not be written: {_reason(error)}",
                advice="Name a folder that can be written, with room, in `spool-path`",
            )

    def close(self) -> None:
        """Release the folders, and remove them if nothing is left in them."""
        for folder in (self._folder, self._public_folder):
            if folder is not None:
                folder.close()
        self._folder = self._public_folder = None

    def _store(self, request: StoredRequest, data: bytes) -> StoredRequest:
        root = self._spool.private_folder if self._is_staged else self._spool.folder
        if self.problem or root is None:
            return replace(request, data=data)
        try:
            if self._folder is None:
                used = sum(map(_size_below, {root, self._spool.folder}))
                self._room = self._spool.most_bytes - used
                self._folder = SpoolFolder.create(root, self._spool.now())
            self._take_room(len(data))
            return self._folder.write(request, data)
        except OSError as error:
            self._fail(_reason(error))
            return replace(request, data=data)

    def _keep_public(
        self, request: StoredRequest, public_filter: PublicFilter, *, refused: bool
    ) -> Kept:
        """Write the public data of a request, and remove the request."""
        if request.mark == WITHHELD:
            self.remove(request)
            return Kept(
                problem="data of tools in a run of another repository was not spooled: anyone "
                "can read the spool of a public repository",
                advice="Export that run again, or from a private repository",
            )
        encoded = request.load()
        if request.mark == REDUCED:
            encoded = public_filter.reduce(encoded)
        if self._public_folder is None:
            self._public_folder = SpoolFolder.create(self._spool.folder, self._spool.now())
        stored = self._public_folder.write(replace(request, mark=REDUCED), compress(encoded.body))
        self.remove(request)
        path = stored.path or self._public_folder.path
        return Kept(file=str(_set_aside(path) if refused else path))

    def _take_room(self, size: int) -> None:
        if self._room is None or self._room < size:
            megabytes = self._spool.most_bytes // 1_000_000
            raise OSError(errno.ENOSPC, f"it has its largest size, {megabytes} MB")
        self._room -= size

    def _fail(self, reason: str) -> None:
        self.problem = self.problem or reason


def format_unstored(reason: str) -> str:
    """Return a warning about requests that were sent without a copy on disk."""
    return (
        f"the spool could not be written ({reason}): requests were sent without a copy on disk, "
        "and a kill would have lost them. Name a folder that can be written, with room, in "
        "`spool-path`, or send what is in it with `flow-telemetry replay`"
    )


def _set_aside(path: Path) -> Path:
    refused = path.with_name(path.name + _REFUSED)
    path.replace(refused)
    return refused


def _size_below(root: Path) -> int:
    """Return the bytes of all files in a folder's spool folders, and of old files beside them."""
    size = 0
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):
                size += (Path(folder) / name).lstat().st_size
    return size
