"""Keeping on disk what was not delivered, as OTLP JSON lines: the Collector's file format.

Each export writes files of its own, so that exports side by side never meet, and a file appears
under its name only when it is whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from flow_telemetry.export.encode import otlp_json_line
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.lines import LinesFile
from flow_telemetry.telemetry import Failure, Signal

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700


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
    """A folder of spooled files, `<signal>-<UTC time>-<random>.jsonl`, for the owner only."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        """Touch nothing yet: the folder is made when there is something to keep."""
        self._folder = folder
        self._now = now

    def writer(self, signal: Signal) -> LinesWriter:
        """Return a writer for one export of a signal."""

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


class LinesWriter:
    """Writes batches of any signal to one file, which is made for the first.

    A failing disk raises nothing: what it takes away is counted.
    """

    def __init__(self, new_file: Callable[[], LinesFile], *, problem: str, advice: str) -> None:
        """Touch nothing yet. The texts are for failures of the disk."""
        self._new_file = new_file
        self._problem = problem
        self._advice = advice
        self._file: LinesFile | None = None
        self._counts: dict[Signal, _Count] = {}

    def add(self, batch: Batch, *, items: int) -> None:
        """Append the batch as a line, ``items`` of which count."""
        count = self._counts.setdefault(batch.signal, _Count())
        try:
            if self._file is None:
                self._file = self._new_file()
            self._file.write(otlp_json_line(batch.items, batch.signal))
        except (OSError, ValueError) as error:
            count.lose(items, error)
        else:
            count.items += items

    def close(self) -> dict[Signal, Kept]:
        """Publish the file, if there is one, and return what it holds of each signal."""
        file, self._file = self._file, None
        published = None
        if file is not None:
            try:
                published = file.publish()
            except OSError as error:
                for count in self._counts.values():
                    count.lose(count.items, error)
                    count.items = 0
        files = () if published is None else (str(published),)
        return {signal: self._kept(count, files) for signal, count in self._counts.items()}

    def _kept(self, count: _Count, files: tuple[str, ...]) -> Kept:
        return Kept(
            items=count.items,
            lost=sum(count.lost.values()),
            files=files,
            failures=tuple(
                Failure(problem=f"{self._problem}: {reason}", advice=self._advice, items=items)
                for reason, items in count.lost.items()
            ),
        )


@dataclass(slots=True)
class _Count:
    items: int = 0
    lost: dict[str, int] = field(default_factory=dict)

    def lose(self, items: int, error: Exception) -> None:
        """Count items as lost; an exception's own text may hold what was to be written."""
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        self.lost[reason] = self.lost.get(reason, 0) + items
