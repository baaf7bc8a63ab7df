"""What a replay leaves of a file: lines to send another time, and lines that nobody ever takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flow_telemetry.export.causes import Cause
from flow_telemetry.export.claim import Claim
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.json_lines import line_of
from flow_telemetry.export.lines import LinesFile
from flow_telemetry.export.spool import Kept
from flow_telemetry.telemetry import Signal


class Leftovers:
    """Collects them beside a file that was claimed, and puts them in its place at the end.

    Until then the claimed file is whole: whatever fails, nothing is lost.
    """

    def __init__(self, claimed: Claim) -> None:
        """Write nothing yet."""
        self._claim = claimed
        self.again = _Lines(claimed.home, claimed.mode)
        self.refused = _Lines(claimed.home.with_name(f"{claimed.home.name}.refused"), claimed.mode)
        self.hopeless: dict[Signal, Cause] = {}

    def writer(self, signal: Signal) -> _OfSignal:
        """Return what takes the requests of a signal that were not delivered."""
        return _OfSignal(signal, self)

    @property
    def changes(self) -> bool:
        """Whether the file is another than before, even if nothing of it was sent."""
        return self.refused.count > 0 or self.again.count == 0

    def settle(self) -> None:
        """Let only what is left stand in the file, or no file where that is nothing.

        Raises:
            OSError: the disk fails; then the file is back as it was.
        """
        try:
            self.again.publish()
            self.refused.publish()
        except OSError:
            self.undo()
            raise
        self._claim.path.unlink()

    def undo(self) -> None:
        """Put the file back as it was.

        Raises:
            OSError: the disk fails; then it stands under the name by which it was claimed.
        """
        self.again.discard()
        self.refused.discard()
        self._claim.give_back()


class _Lines:
    """A file that is made for its first line; a failing disk is told at the end.

    Lines that stand there already stay, before the new ones.
    """

    def __init__(self, path: Path, mode: int) -> None:
        self.path = path
        self._mode = mode
        self._file: LinesFile | None = None
        self._error: OSError | None = None
        self.count = 0

    def add(self, line: bytes) -> None:
        self.count += 1
        if self._error is not None:
            return
        try:
            if self._file is None:
                before = self.path.read_bytes().splitlines() if self.path.exists() else []
                self._file = LinesFile(self.path, self._mode)
                for each in before:
                    self._file.write_line(each)
            self._file.write_line(line)
        except OSError as error:
            self._error = error

    def publish(self) -> None:
        if self._error is not None:
            raise self._error
        if self._file is not None:
            self._file.publish()

    def discard(self) -> None:
        if self._file is not None:
            self._file.discard()


@dataclass(slots=True)
class _OfSignal:
    """The requests of one signal; see `export.spool.Keeper`."""

    signal: Signal
    left: Leftovers
    again: int = 0
    refused: int = 0

    def add(self, batch: Batch, *, items: int, cause: Cause | None = None) -> None:
        line = line_of(batch).encode()
        if cause is not None and cause.final:
            self.refused += items
            self.left.refused.add(line)
            return
        if cause is not None and cause.lasting:
            self.left.hopeless.setdefault(self.signal, cause)
        self.again += items
        self.left.again.add(line)

    def close(self) -> Mapping[Signal, Kept]:
        files = (
            *([str(self.left.again.path)] if self.again else ()),
            *([str(self.left.refused.path)] if self.refused else ()),
        )
        return {self.signal: Kept(items=self.again + self.refused, files=files)}
