"""Files of what was not delivered; locks."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from io import FileIO
from pathlib import Path
from typing import Protocol

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.json import line_of
from flow_telemetry.otlp.response import FailureReason
from flow_telemetry.telemetry import EncodedRequest, Failure, Signal

# Whether a process still writes a file: what a killed one left is held by nobody.

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


# A file of OTLP JSON lines that appears under its name only when it is whole.


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


# Taking a file for oneself, so that two replays at once never send the same lines.
#
# What a killed export left unfinished is taken too, once nobody writes it any more.

_CLAIMED = ".replaying"
_UNFINISHED = ".partial"
# One that is hidden is what another replay was about to leave: it stands whole elsewhere.
_NAMES = re.compile(
    rf"(?P<name>[^.].*)\.[0-9a-f]{{8}}(?P<ending>{re.escape(_CLAIMED)}|{re.escape(_UNFINISHED)})"
)


class LockError(FlowTelemetryError):
    """A file cannot be taken; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLock:
    """A file that is ours: ``path`` is where it stands now, ``home`` where it is put back.

    ``unfinished`` is whether who wrote it was killed, ``torn`` whether in the middle of a line.
    """

    path: Path
    home: Path
    mode: int
    unfinished: bool = False
    torn: bool = False

    def give_back(self) -> None:
        """Put the file back as it was.

        Raises:
            OSError: the disk fails; then it still stands at ``path``.
        """
        self.path.replace(self.home)


def unfinished_name(name: str) -> str:
    """Return the name of a file while it is written, by which it is found after a kill."""
    return f"{name}.{secrets.token_hex(4)}{_UNFINISHED}"


def acquire_lock(file: Path) -> FileLock:
    """Take a file, by one renaming that only one can win.

    A file that a replay left when it was killed, such as `x.jsonl.0a1b2c3d.replaying`, is taken by
    that name, and goes on as `x.jsonl`. So is one that a killed export left, `….partial`, without
    a last line that was cut off.

    Raises:
        LockError: it is not there, another replay has it, it is still being written, or the
            folder cannot be written.
    """
    real = file.resolve()
    found = _NAMES.fullmatch(real.name)
    name = found["name"] if found else real.name
    token = secrets.token_hex(4)
    taken = real.with_name(f"{name}.{token}{_CLAIMED}")
    unfinished = _is_unfinished(real)
    try:
        if not real.is_file():
            raise LockError(_missing(file, real))
        if unfinished and is_held(real):
            raise LockError(f"{file} is still being written: replay it when that has ended")
        mode = real.stat().st_mode & 0o777
        real.rename(taken)
    except FileNotFoundError:
        raise LockError(_missing(file, real)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LockError(
            f"{file} could not be renamed, so that another replay might send it too: {reason}. "
            "Let its folder be one that can be written"
        ) from error
    home = real.with_name(name)
    if home.exists():
        home = home.with_name(f"{home.stem}-{token}{home.suffix}")
    torn = unfinished and _cut_torn_line(taken)
    return FileLock(path=taken, home=home, mode=mode, unfinished=unfinished, torn=torn)


def find_locks(folder: Path) -> list[Path]:
    """Return the files in a folder, and in those below it, that replays have taken."""
    return [path for path in sorted(folder.rglob(f"*{_CLAIMED}")) if _NAMES.fullmatch(path.name)]


def unfinished_in(folder: Path) -> list[Path]:
    """Return the files in a folder, and in those below it, that killed exports left."""
    found = sorted(folder.rglob(f"*{_UNFINISHED}"))
    return [path for path in found if _is_unfinished(path) and not is_held(path)]


def describe_lost(taken: Path) -> str:
    """Return what to say of a file that a replay has taken."""
    return (
        f"{taken} is being replayed, or was left by a replay that was killed: then replay it by "
        "this name"
    )


def _missing(file: Path, real: Path) -> str:
    for each in find_locks(real.parent) if real.parent.is_dir() else ():
        found = _NAMES.fullmatch(each.name)
        if found and found["name"] == real.name:
            return describe_lost(each)
    if real.exists():
        return f"{file} is no regular file, so that nothing could be taken out of it"
    return f"{file} does not exist: name spool files, or a folder with some"


def _is_unfinished(path: Path) -> bool:
    found = _NAMES.fullmatch(path.name)
    return found is not None and found["ending"] == _UNFINISHED


def _cut_torn_line(path: Path) -> bool:
    """Cut off what follows the last line end; return whether that was anything."""
    with suppress(OSError), path.open("r+b") as file:  # Else it is told as a damaged line.
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
        if whole < file.seek(0, 2):
            file.truncate(whole)
            return True
    return False


# Keeping on disk what was not delivered, as OTLP JSON lines: the Collector's file format.
#
# Each export writes files of its own, so that exports side by side never meet, and a file appears
# under its name only when it is whole. None becomes large: a kill leaves little that is not whole,
# and `replay` finds that too.

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
# A file of so many bytes is ended: about 5,000 spans.
_MOST_FILE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was written: items within ``files``, and items ``lost`` with the reasons why."""

    items: int = 0
    lost: int = 0
    files: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def utc_now() -> datetime:
    """Return the wall-clock time, which names files."""
    return datetime.now(timezone.utc)


class LineStore(Protocol):
    """What takes the batches of one signal that were not delivered."""

    def add(self, batch: Batch, *, items: int, cause: FailureReason | None = None) -> None:
        """Keep a batch, ``items`` of which were not delivered for that cause."""
        ...

    def close(self) -> Mapping[Signal, Stored]:
        """Return what was kept of each signal; nothing is added after that."""
        ...


class SpoolPolicy(Protocol):
    """Where what is not delivered is kept."""

    def writer(self, signal: Signal) -> LineStore:
        """Return what takes the batches of a signal, for one export."""
        ...


class PublicFilter(Protocol):
    """Who may read what is kept, where that is not the one who sent it."""

    def item(self, item: Item) -> Item:
        """Return an item with no more than they may read."""
        ...

    def may_keep(self, prepared: EncodedRequest) -> bool:
        """Return whether they may read a request that somebody else made."""
        ...


class Spool:
    """A folder of spooled files, `<signal>-<UTC time>-<random>.jsonl`, for the owner only."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime] = utc_now,
        *,
        reader: PublicFilter | None = None,
    ) -> None:
        """Touch nothing yet: the folder is made when there is something to keep.

        ``reader`` is who else may get at the files, such as everybody at an artifact.
        """
        self._folder = folder
        self._now = now
        self._reader = reader

    def writer(self, signal: Signal) -> LinesWriter:
        """Return a writer for one export of a signal."""

        def new_file() -> LinesFile:
            self._folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            path = self._new_path(signal)
            return LinesFile(path, _PRIVATE_FILE, unfinished=unfinished_name(path.name))

        return LinesWriter(
            new_file,
            problem="the spool could not be written",
            advice="Name a folder that can be written, with room, in `spool-path`",
            reader=self._reader,
            most_bytes=_MOST_FILE_BYTES,
        )

    def _new_path(self, signal: Signal) -> Path:
        time = self._now().astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        return self._folder / f"{signal.value}-{time}-{secrets.token_hex(4)}.jsonl"


class LinesWriter:
    """Writes batches of any signal to a file, which is made for the first, or to several.

    A failing disk raises nothing: what it takes away is counted.
    """

    def __init__(
        self,
        new_file: Callable[[], LinesFile],
        *,
        problem: str,
        advice: str,
        reader: PublicFilter | None = None,
        most_bytes: float = float("inf"),
    ) -> None:
        """Touch nothing yet. The texts are for failures of the disk.

        A file that has ``most_bytes`` is published, and the next one begun.
        """
        self._new_file = new_file
        self._problem = problem
        self._advice = advice
        self._reader = reader
        self._most_bytes = most_bytes
        self._file: LinesFile | None = None
        self._in_file: dict[Signal, int] = {}
        self._files: list[str] = []
        self._counts: dict[Signal, _Count] = {}

    def add(self, batch: Batch, *, items: int, cause: FailureReason | None = None) -> None:  # noqa: ARG002
        """Append the batch as a line, ``items`` of which count, whatever the cause."""
        count = self._counts.setdefault(batch.signal, _Count())
        shown = batch if self._reader is None else _shown(batch, self._reader)
        if shown is None:
            count.withheld += items
            return
        try:
            if self._file is None:
                self._file = self._new_file()
            self._file.write(line_of(shown))
        except (OSError, ValueError) as error:
            count.lose(items, error)
            return
        self._in_file[batch.signal] = self._in_file.get(batch.signal, 0) + items
        if self._file.size >= self._most_bytes:
            self._publish()

    def close(self) -> dict[Signal, Stored]:
        """Publish what is not yet, and return what the files hold of each signal."""
        self._publish()
        files = tuple(self._files)
        return {signal: self._kept(count, files) for signal, count in self._counts.items()}

    def _publish(self) -> None:
        file, self._file = self._file, None
        held, self._in_file = self._in_file, {}
        if file is None:
            return
        try:
            published = file.publish()
        except OSError as error:
            for signal, items in held.items():
                self._counts[signal].lose(items, error)
            return
        if published is not None:
            self._files.append(str(published))
        for signal, items in held.items():
            self._counts[signal].items += items

    def _kept(self, count: _Count, files: tuple[str, ...]) -> Stored:
        return Stored(
            items=count.items,
            lost=sum(count.lost.values()) + count.withheld,
            files=files,
            failures=(
                *(
                    Failure(problem=f"{self._problem}: {reason}", advice=self._advice, items=items)
                    for reason, items in count.lost.items()
                ),
                *([_withheld(count.withheld)] if count.withheld else []),
            ),
        )


def _shown(batch: Batch, reader: PublicFilter) -> Batch | None:
    """The batch with no more than the reader may see; None where that would be nothing."""
    if batch.prepared is not None:
        return batch if reader.may_keep(batch.prepared) else None
    return replace(batch, items=tuple(reader.item(each) for each in batch.items))


def _withheld(items: int) -> Failure:
    return Failure(
        problem="what tools in a run of another repository wrote is not kept: everybody may read "
        "the spool of a public repository",
        advice="Export that run again, or from a private repository",
        items=items,
    )


@dataclass(slots=True)
class _Count:
    items: int = 0
    withheld: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def lose(self, items: int, error: Exception) -> None:
        """Count items as lost; an exception's own text may hold what was to be written."""
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self.lost[reason] = self.lost.get(reason, 0) + items
