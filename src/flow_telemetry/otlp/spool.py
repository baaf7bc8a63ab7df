"""Spool: files of undelivered batches as OTLP JSON lines, and locks on them."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Protocol

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.json import format_line
from flow_telemetry.otlp.response import FailureReason
from flow_telemetry.telemetry import EncodedRequest, Failure, Signal

# Locks of files that are being written. The lock of a killed process is released.

if sys.platform == "win32":

    def lock(file: FileIO) -> None:
        """Do nothing: Windows does not rename an open file."""

    def is_locked(path: Path) -> bool:
        """Return whether a process writes the file, by renaming it to its own name."""
        try:
            path.rename(path)
        except OSError:
            return True
        return False

else:
    import fcntl

    def lock(file: FileIO) -> None:
        """Lock the file until it is closed or this process ends."""
        with suppress(OSError):  # A file system without locks: the file counts as locked for ever.
            fcntl.flock(file, fcntl.LOCK_EX)

    def is_locked(path: Path) -> bool:
        """Return whether a process writes the file, or will soon lock it: it is still empty."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return os.fstat(file.fileno()).st_size == 0
        except OSError:
            return True


# A file of OTLP JSON lines that gets its name when it is complete.


class LinesFile:
    """A file that has another name in the same folder until it is published.

    If the path is not a regular file, such as /dev/stdout, it is written directly, because it must
    not be replaced. A symbolic link is followed.
    """

    def __init__(self, path: Path, mode: int, *, unfinished: str = "") -> None:
        """Create the unfinished file, with at most the permissions of ``mode``.

        ``unfinished`` is its name until it is published, by which `replay` finds it after a kill;
        without it the name is hidden.

        Raises:
            OSError: the file cannot be created.
        """
        self._in_place = path.exists() and not path.is_file()
        self._path = path if self._in_place else path.resolve()
        hidden = f".{path.name}.{secrets.token_hex(4)}.partial"
        self._unfinished = self._path.with_name(unfinished or hidden)
        if self._in_place:
            self._file = FileIO(path, "wb")
        else:
            # Path.open() has no parameter for the permissions.
            self._file = FileIO(self._unfinished, "xb", opener=partial(os.open, mode=mode))
            lock(self._file)
        self._size = 0

    @property
    def size(self) -> int:
        """The number of bytes written."""
        return self._size

    def write(self, text: str) -> None:
        """Append the text as one line, completely or not at all.

        Raises:
            OSError: the disk fails.
            ValueError: the text cannot be encoded.
        """
        self.write_line(text.encode())

    def write_line(self, text: bytes) -> None:
        """Append bytes without a line end as one line, completely or not at all.

        Raises:
            OSError: the disk fails.
        """
        line = text + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._file.seek(self._size)
                self._file.truncate()
            raise
        self._size += len(line)

    def publish(self) -> Path | None:
        """Give the file its name and return it; without lines return None and remove the file.

        Raises:
            OSError: the disk fails; then the file is removed as well.
        """
        try:
            if self._in_place or not self._size:
                return self._path if self._size else None
            os.fsync(self._file.fileno())
            if sys.platform == "win32":
                self._file.close()  # Windows does not rename an open file.
            self._unfinished.replace(self._path)
        finally:
            self._clean_up()
        return self._path

    def discard(self) -> None:
        """Remove the file; an earlier file of that name stays."""
        self._clean_up()

    def _clean_up(self) -> None:
        with suppress(OSError):
            self._file.close()
        if not self._in_place:
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)


# Locks on spool files, so that concurrent replays do not send the same lines twice.
#
# The unfinished file of a killed export can be locked too.

_LOCKED = ".replaying"
_UNFINISHED = ".partial"
# A hidden file is the copy that a killed replay was writing: its lines are in another file.
_NAMES = re.compile(
    rf"(?P<name>[^.].*)\.[0-9a-f]{{8}}(?P<ending>{re.escape(_LOCKED)}|{re.escape(_UNFINISHED)})"
)


class LockError(FlowTelemetryError):
    """A file cannot be locked; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLock:
    """A locked file: ``path`` is its current name, ``original`` its name after the release.

    ``unfinished`` is whether its writer was killed, ``torn`` whether in the middle of a line.
    """

    path: Path
    original: Path
    mode: int
    unfinished: bool = False
    torn: bool = False

    def release(self) -> None:
        """Give the file its original name.

        Raises:
            OSError: the disk fails; then the file is still at ``path``.
        """
        self.path.replace(self.original)


def unfinished_name(name: str) -> str:
    """Return the name of a file while it is written, by which `replay` finds it after a kill."""
    return f"{name}.{secrets.token_hex(4)}{_UNFINISHED}"


def acquire_lock(file: Path) -> FileLock:
    """Lock a file by renaming it, which only one process can do.

    The locked file of a killed replay, such as `x.jsonl.0a1b2c3d.replaying`, can be locked again
    by that name, and is released as `x.jsonl`. The same is true for the unfinished file of a
    killed export, `….partial`, without its incomplete last line.

    Raises:
        LockError: the file does not exist, another process replays or writes it, or its folder is
            not writable.
    """
    real = file.resolve()
    match = _NAMES.fullmatch(real.name)
    name = match["name"] if match else real.name
    token = secrets.token_hex(4)
    locked = real.with_name(f"{name}.{token}{_LOCKED}")
    unfinished = _is_unfinished(real)
    try:
        if not real.is_file():
            raise LockError(_explain_missing(file, real))
        if unfinished and is_locked(real):
            raise LockError(f"{file} is still being written: replay it later")
        mode = real.stat().st_mode & 0o777
        real.rename(locked)
    except FileNotFoundError:
        raise LockError(_explain_missing(file, real)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LockError(
            f"{file} could not be renamed, so that another replay might send it too: {reason}. "
            "Move it to a folder that you can write to"
        ) from error
    original = real.with_name(name)
    if original.exists():
        original = original.with_name(f"{original.stem}-{token}{original.suffix}")
    torn = unfinished and _remove_torn_line(locked)
    return FileLock(path=locked, original=original, mode=mode, unfinished=unfinished, torn=torn)


def find_locked_files(folder: Path) -> list[Path]:
    """Return the files in a folder and its subfolders that replays have locked."""
    return [path for path in sorted(folder.rglob(f"*{_LOCKED}")) if _NAMES.fullmatch(path.name)]


def find_unfinished_files(folder: Path) -> list[Path]:
    """Return the files of killed exports in a folder and its subfolders."""
    paths = sorted(folder.rglob(f"*{_UNFINISHED}"))
    return [path for path in paths if _is_unfinished(path) and not is_locked(path)]


def format_locked(path: Path) -> str:
    """Return a notice about a file that a replay has locked."""
    return (
        f"{path} is being replayed, or its replay was killed: in that case replay it by this name"
    )


def _explain_missing(file: Path, real: Path) -> str:
    for path in find_locked_files(real.parent) if real.parent.is_dir() else ():
        match = _NAMES.fullmatch(path.name)
        if match and match["name"] == real.name:
            return format_locked(path)
    if real.exists():
        return f"{file} is not a regular file and cannot be replayed"
    return f"{file} does not exist: name spool files, or a folder with spool files"


def _is_unfinished(path: Path) -> bool:
    match = _NAMES.fullmatch(path.name)
    return match is not None and match["ending"] == _UNFINISHED


def _remove_torn_line(path: Path) -> bool:
    """Remove an incomplete last line; return whether there was one."""
    with suppress(OSError), path.open("r+b") as file:  # Else it is reported as a damaged line.
        complete = sum(len(line) for line in file if line.endswith(b"\n"))
        if complete < file.seek(0, 2):
            file.truncate(complete)
            return True
    return False


# The spool: undelivered batches as OTLP JSON lines, the Collector's file format.
#
# Each export writes its own files, so that concurrent exports do not conflict. Files are small, so
# that a kill leaves few items in an unfinished file, which `replay` finds as well.

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
# The size in bytes at which the next file starts: about 5,000 spans.
_MOST_FILE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The stored items of one signal: those in ``files``, and those ``lost`` to ``failures``."""

    items: int = 0
    lost: int = 0
    files: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def utc_now() -> datetime:
    """Return the wall-clock time, which names files."""
    return datetime.now(timezone.utc)


class LineStore(Protocol):
    """Stores the undelivered batches of one signal."""

    def add(self, batch: Batch, *, items: int, reason: FailureReason | None = None) -> None:
        """Store a batch, ``items`` of which were not delivered for that reason."""
        ...

    def close(self) -> Mapping[Signal, Stored]:
        """Return the stored items of each signal; nothing is added after that."""
        ...


class SpoolPolicy(Protocol):
    """Creates the stores for the undelivered batches of an export."""

    def writer(self, signal: Signal) -> LineStore:
        """Return the store for a signal in one export."""
        ...


class PublicFilter(Protocol):
    """Redacts items for a public spool. `privacy.audience` implements it: it is slow to load."""

    def item(self, item: Item) -> Item:
        """Return an item with its public data only."""
        ...

    def may_keep(self, encoded: EncodedRequest) -> bool:
        """Return whether a request of another program is public."""
        ...


class Spool:
    """A folder of spooled files, `<signal>-<UTC time>-<random>.jsonl`, for the owner only."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime] = utc_now,
        *,
        public_filter: PublicFilter | None = None,
    ) -> None:
        """Create nothing yet: the folder is created with the first file.

        ``public_filter`` is for a spool that becomes public as an artifact.
        """
        self._folder = folder
        self._now = now
        self._filter = public_filter

    def writer(self, signal: Signal) -> LinesWriter:
        """Return a writer for one export of a signal."""

        def new_file() -> LinesFile:
            self._folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            time = self._now().astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
            path = self._folder / f"{signal.value}-{time}-{secrets.token_hex(4)}.jsonl"
            return LinesFile(path, _PRIVATE_FILE, unfinished=unfinished_name(path.name))

        return LinesWriter(
            new_file,
            problem="the spool could not be written",
            advice="Name a folder that can be written, with room, in `spool-path`",
            public_filter=self._filter,
            most_bytes=_MOST_FILE_BYTES,
        )


class LinesWriter:
    """Writes batches of any signal to one or several files.

    A disk failure raises no exception: the lost items are counted.
    """

    def __init__(
        self,
        new_file: Callable[[], LinesFile],
        *,
        problem: str,
        advice: str,
        public_filter: PublicFilter | None = None,
        most_bytes: float = float("inf"),
    ) -> None:
        """Create no file yet. ``problem`` and ``advice`` are the message for a disk failure.

        A file with ``most_bytes`` is published, and the next batch starts another one.
        """
        self._new_file = new_file
        self._problem = problem
        self._advice = advice
        self._filter = public_filter
        self._most_bytes = most_bytes
        self._file: LinesFile | None = None
        self._in_file: dict[Signal, int] = {}
        self._files: list[str] = []
        self._counts: dict[Signal, _Count] = {}

    def add(self, batch: Batch, *, items: int, reason: FailureReason | None = None) -> None:  # noqa: ARG002
        """Append the batch as a line, and count ``items`` of it."""
        count = self._counts.setdefault(batch.signal, _Count())
        if self._filter is not None:
            if batch.encoded is None:
                batch = replace(batch, items=tuple(map(self._filter.item, batch.items)))
            elif not self._filter.may_keep(batch.encoded):
                count.redacted += items
                return
        try:
            if self._file is None:
                self._file = self._new_file()
            self._file.write(format_line(batch))
        except (OSError, ValueError) as error:
            count.lose(items, error)
            return
        self._in_file[batch.signal] = self._in_file.get(batch.signal, 0) + items
        if self._file.size >= self._most_bytes:
            self._publish()

    def close(self) -> dict[Signal, Stored]:
        """Publish the last file, and return the stored items of each signal."""
        self._publish()
        return {signal: self._stored(count) for signal, count in self._counts.items()}

    def _publish(self) -> None:
        file, self._file = self._file, None
        items_in_file, self._in_file = self._in_file, {}
        if file is None:
            return
        try:
            published = file.publish()
        except OSError as error:
            for signal, items in items_in_file.items():
                self._counts[signal].lose(items, error)
            return
        if published is not None:
            self._files.append(str(published))
        for signal, items in items_in_file.items():
            self._counts[signal].items += items

    def _stored(self, count: _Count) -> Stored:
        failures = [
            Failure(problem=f"{self._problem}: {reason}", advice=self._advice, items=items)
            for reason, items in count.lost.items()
        ]
        if count.redacted:
            failures.append(
                Failure(
                    problem="data of tools in a run of another repository was not spooled: anyone "
                    "can read the spool of a public repository",
                    advice="Export that run again, or from a private repository",
                    items=count.redacted,
                )
            )
        return Stored(
            items=count.items,
            lost=sum(count.lost.values()) + count.redacted,
            files=tuple(self._files),
            failures=tuple(failures),
        )


@dataclass(slots=True)
class _Count:
    items: int = 0
    redacted: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def lose(self, items: int, error: Exception) -> None:
        """Count lost items by reason. The text of an exception may contain their data."""
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self.lost[reason] = self.lost.get(reason, 0) + items
