"""Keeping on disk what was not delivered, as OTLP JSON lines: the Collector's file format.

Each export writes files of its own, so that exports side by side never meet, and a file appears
under its name only when it is whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from flow_telemetry.export.batches import batches
from flow_telemetry.export.lines import LinesFile
from flow_telemetry.telemetry import Delivery, Failure, Signal, Span

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
# What a user's own file gets, as far as the process's mask allows it.
_OPEN_FILE = 0o666


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


class Spool:
    """A folder of spooled files, `traces-<UTC time>-<random>.jsonl`, for the owner's eyes only."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        """Touch nothing yet: the folder is made when there is something to keep."""
        self._folder = folder
        self._now = now

    def writer(self, signal: Signal = Signal.TRACES) -> LinesWriter:
        """Return a writer for one export."""

        def new_file() -> LinesFile:
            self._folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            return LinesFile(self._new_path(signal), _PRIVATE_FILE)

        return LinesWriter(
            new_file,
            problem="the spool could not be written",
            advice="Name a folder that can be written, with room, in input spool-path",
        )

    def _new_path(self, signal: Signal) -> Path:
        time = self._now().astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        return self._folder / f"{signal.value}-{time}-{secrets.token_hex(4)}.jsonl"


def write_spans(spans: Iterable[Span], path: Path) -> Delivery:
    """Write all spans to a file as OTLP JSON lines, in place of sending them."""
    writer = LinesWriter(
        lambda: LinesFile(path, _OPEN_FILE),
        problem=f"{path} could not be written",
        advice="Name a file in a folder that can be written, with room, after --output",
    )
    collected = 0
    try:
        for batch in batches(spans):
            collected += len(batch)
            writer.add(batch, items=len(batch))
    finally:
        kept = writer.close()
    return Delivery(
        signal=Signal.TRACES,
        destination=str(path),
        collected=collected,
        sent=kept.items,
        lost=kept.lost,
        failures=kept.failures,
    )


class LinesWriter:
    """Writes batches to one file, which is made for the first.

    A failing disk raises nothing: what it takes away is counted.
    """

    def __init__(self, new_file: Callable[[], LinesFile], *, problem: str, advice: str) -> None:
        """Touch nothing yet. The texts are for failures of the disk."""
        self._new_file = new_file
        self._problem = problem
        self._advice = advice
        self._file: LinesFile | None = None
        self._items = 0
        self._lost: dict[str, int] = {}

    def add(self, spans: Sequence[Span], *, items: int) -> None:
        """Append the spans as a line, ``items`` of which count."""
        try:
            if self._file is None:
                self._file = self._new_file()
            self._file.write(spans)
        except (OSError, ValueError) as error:
            self._lose(items, error)
        else:
            self._items += items

    def close(self) -> Kept:
        """Publish the file, if there is one, and return what it holds."""
        file, self._file = self._file, None
        published = None
        if file is not None:
            try:
                published = file.publish()
            except OSError as error:
                self._lose(self._items, error)
                self._items = 0
        return Kept(
            items=self._items,
            lost=sum(self._lost.values()),
            files=() if published is None else (str(published),),
            failures=tuple(
                Failure(problem=f"{self._problem}: {reason}", advice=self._advice, items=items)
                for reason, items in self._lost.items()
            ),
        )

    def _lose(self, items: int, error: Exception) -> None:
        """Count items as lost; an exception's own text may hold what was to be written."""
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self._lost[reason] = self._lost.get(reason, 0) + items
