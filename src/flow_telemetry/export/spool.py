"""Keeping on disk what was not delivered, as OTLP JSON lines: the Collector's file format.

Each export writes files of its own, so that exports side by side never meet, and a file appears
under its name only when it is whole. None becomes large: a kill leaves little that is not whole,
and `replay` finds that too.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from flow_telemetry.export.causes import Cause
from flow_telemetry.export.claim import unfinished_name
from flow_telemetry.export.intake import Batch, Item
from flow_telemetry.export.json_lines import line_of
from flow_telemetry.export.lines import LinesFile
from flow_telemetry.telemetry import Failure, Prepared, Signal

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
# A file of so many bytes is ended: about 5,000 spans.
_MOST_FILE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was written: items within ``files``, and items ``lost`` with the reasons why."""

    items: int = 0
    lost: int = 0
    files: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


def utc_now() -> datetime:
    """Return the wall-clock time, which names files."""
    return datetime.now(timezone.utc)


class Keeper(Protocol):
    """What takes the batches of one signal that were not delivered."""

    def add(self, batch: Batch, *, items: int, cause: Cause | None = None) -> None:
        """Keep a batch, ``items`` of which were not delivered for that cause."""
        ...

    def close(self) -> Mapping[Signal, Kept]:
        """Return what was kept of each signal; nothing is added after that."""
        ...


class Keeping(Protocol):
    """Where what is not delivered is kept."""

    def writer(self, signal: Signal) -> Keeper:
        """Return what takes the batches of a signal, for one export."""
        ...


class Reader(Protocol):
    """Who may read what is kept, where that is not the one who sent it."""

    def item(self, item: Item) -> Item:
        """Return an item with no more than they may read."""
        ...

    def may_keep(self, prepared: Prepared) -> bool:
        """Return whether they may read a request that somebody else made."""
        ...


class Spool:
    """A folder of spooled files, `<signal>-<UTC time>-<random>.jsonl`, for the owner only."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime] = utc_now,
        *,
        reader: Reader | None = None,
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
            advice="Name a folder that can be written, with room, in input spool-path",
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
        reader: Reader | None = None,
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

    def add(self, batch: Batch, *, items: int, cause: Cause | None = None) -> None:  # noqa: ARG002
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

    def close(self) -> dict[Signal, Kept]:
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

    def _kept(self, count: _Count, files: tuple[str, ...]) -> Kept:
        return Kept(
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


def _shown(batch: Batch, reader: Reader) -> Batch | None:
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
