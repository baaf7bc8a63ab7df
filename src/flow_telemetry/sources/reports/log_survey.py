"""What of a log is whose: a first, quick look at all of its lines, of which none is kept.

Where an archive has a file of a whole job only, its lines are those of the step whose time holds
them. GitHub's times of steps have whole seconds, so the second in which one step ends and the next
begins belongs to both: there the runner's own first line of a step tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.errors import ReportError
from flow_telemetry.identity import instant
from flow_telemetry.rules.timing import Interval
from flow_telemetry.sources.reports.log_lines import LONGEST_LINE, log_time

_STAMP = re.compile(rb"(?:\xef\xbb\xbf)?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,24}Z) ?")
_BEGINNING_OF_STEP = re.compile(
    rb"##\[group\](?:Run |Checking docker version)|Post job cleanup\.|Cleaning up orphan processes"
)
_TELLS_NOTHING = (b"", b"##[endgroup]")
_TO_THE_SECOND = len("2026-11-24T03:43:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Lines of a log that are of one step.

    ``step`` is its place among those that were asked for, ``begin`` how many lines of the log are
    before, ``size`` the bytes of their text with one for each line's end. ``times`` are those of
    the first and last line that has one, None where none has.
    """

    step: int
    begin: int
    lines: int
    size: int
    times: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The stretches of a log in its order; ``damage`` tells why its end could not be read."""

    stretches: tuple[Stretch, ...] = ()
    damage: str | None = None


@dataclass(slots=True)
class _Open:
    """The stretch that the reader is in."""

    step: int
    begin: int
    lines: int = 0
    size: int = 0
    first: bytes = b""
    last: bytes = b""

    def closed(self) -> Stretch:
        return Stretch(
            step=self.step,
            begin=self.begin,
            lines=self.lines,
            size=self.size,
            times=_times(self.first, self.last),
        )


def survey(raw: Iterable[bytes], steps: Sequence[Interval] = ()) -> Survey:
    """Return whose the lines of a log are.

    ``steps`` are the times of the steps that ran, in their order, where the log is of a whole job;
    none for the log of one step.
    """
    places = _Places(steps)
    found: list[Stretch] = []
    now, damage = _Open(0, 0), None
    lines = _until_damage(raw)
    for line in lines:
        if isinstance(line, ReportError):
            damage = str(line)
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        if stamp is not None and places.moves(line, stamp) and places.step != now.step:
            if now.lines:
                found.append(now.closed())
            now = _Open(places.step, now.begin + now.lines)
        now.lines += 1
        now.size += text_size(line, text_at)
        if stamp is not None:
            now.first = now.first or stamp[1]
            now.last = stamp[1]
    if now.lines:
        found.append(now.closed())
    return Survey(stretches=tuple(found), damage=damage)


@dataclass(frozen=True, slots=True)
class EndOfStretch:
    """How many lines of a stretch are before its end.

    Where nothing in the end tells anything, ``telling`` is how many are before the last line that
    does, which is larger than the end may be.
    """

    before: int
    telling: int | None = None


def end_of_stretch(raw: Iterable[bytes], stretch: Stretch, share: int) -> EndOfStretch:
    """Return where the end of a stretch of at most ``share`` bytes begins.

    ``raw`` are the lines of the stretch.
    """
    left, before = stretch.size, 0
    telling: int | None = None
    for line in _until_damage(raw):
        if isinstance(line, ReportError):
            break
        stamp = _STAMP.match(line)
        text_at = stamp.end() if stamp is not None else 0
        tells = line[text_at:].strip() not in _TELLS_NOTHING
        if left <= share:
            if tells:
                return EndOfStretch(before)
            continue
        telling = before if tells else telling
        left -= text_size(line, text_at)
        before += 1
    return EndOfStretch(before, telling)


def text_size(line: bytes, text_at: int) -> int:
    """Return the bytes of a line from where its text begins, one for its end included.

    Of a long line what is kept of it counts.
    """
    size = len(line) - text_at
    size = size if line.endswith(b"\n") else size + 1
    if size <= LONGEST_LINE:
        return size
    text = line[text_at:].rstrip(b"\r\n").decode(errors="replace")
    return len(text[:LONGEST_LINE].encode()) + 1


class _Places:
    """Follows the steps of a job along its log; ``step`` is the one that the last line was of."""

    def __init__(self, steps: Sequence[Interval]) -> None:
        # Texts of one form, that need not be parsed to be compared.
        self._starts = [_second(each.start) for each in steps]
        self._ends = [_second(each.end) for each in steps]
        self._last = len(steps) - 1
        self.step = 0

    def moves(self, line: bytes, stamp: re.Match[bytes]) -> bool:
        """Follow to the step of a line that has a time; whether that is another one."""
        before = self.step
        if before >= self._last:
            return False
        second = stamp[1][:_TO_THE_SECOND]
        begins = False
        if second >= self._starts[before + 1]:
            begins = _BEGINNING_OF_STEP.match(line, stamp.end()) is not None
        while self.step < self._last and second >= self._starts[self.step + 1]:
            if second <= self._ends[self.step] and not begins:
                break
            self.step += 1
            begins = False
        return self.step != before


def _until_damage(raw: Iterable[bytes]) -> Iterator[bytes | ReportError]:
    try:
        yield from raw
    except ReportError as error:
        yield error


def _second(time: datetime) -> bytes:
    return instant(time).encode()[:_TO_THE_SECOND]


def _times(first: bytes, last: bytes) -> Interval | None:
    start, end = (log_time(each.decode("ascii")) for each in (first, last))
    return None if start is None else Interval.of(start, end)
