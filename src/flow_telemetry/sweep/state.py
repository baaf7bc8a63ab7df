"""The state of a source during a sweep, from which its ledger is made at every checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import LONGEST, Pending, SourceLedger, move_mark
from flow_telemetry.subjects.types import CollectedTelemetry
from flow_telemetry.sweep.things import Thing

UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a thing could not be read, and the telemetry that was read of it."""

    thing: Thing
    text: str
    own: bool
    collected: tuple[CollectedTelemetry, ...] = ()


@dataclass(slots=True)
class SourceState:
    """A source during a sweep.

    ``remaining`` are things that are not exported yet, by reference, with the earliest time of
    their end; so is `UNLISTED`, if the list was not read whole. ``full_remaining`` is the same of
    the full list, None if that was not read.
    """

    name: str
    ledger: SourceLedger
    remaining: dict[str, datetime]
    unfinished: set[tuple[str, datetime]]
    pending: dict[str, Pending]
    full_remaining: dict[str, datetime] | None = None
    failures: list[Failure] = field(default_factory=list)
    was_read: bool = False

    @classmethod
    def of(cls, name: str, ledger: SourceLedger) -> SourceState:
        """Return the state before the list is read."""
        return cls(
            name=name,
            ledger=ledger,
            remaining={UNLISTED: ledger.mark},
            unfinished=set(ledger.unfinished),
            pending={pending.reference: pending for pending in ledger.pending},
        )

    @property
    def left(self) -> int:
        """The number of things that were listed and are neither exported nor pending."""
        references = self.remaining.keys() | (self.full_remaining or {}).keys()
        return len(references - {UNLISTED})

    def settle(self, reference: str) -> None:
        """Note that a thing is exported or pending."""
        self.remaining.pop(reference, None)
        if self.full_remaining is not None:
            self.full_remaining.pop(reference, None)

    def wait(self, things: Iterable[tuple[Pending, Window]]) -> None:
        """Make things pending that the runs of events may export."""
        for pending, window in things:
            self.pending.setdefault(pending.reference, pending)
            self.note(pending.reference, window.exported)

    def note(self, reference: str, ends: Iterable[datetime]) -> None:
        """Note ends of a thing as exported."""
        known = self.ledger.exported | {(reference, end) for end in ends}
        self.ledger = replace(self.ledger, exported=known)

    def current(self, since: datetime | None, end: datetime) -> SourceLedger:
        """Return the ledger for the present state of the sweep."""
        ledger = self.ledger
        full_mark = ledger.full_mark
        if full_mark is not None and self.full_remaining is not None:
            full_mark = move_mark(full_mark, end, self.full_remaining.values())
        earlier = since is not None and since < ledger.start
        is_complete = not any(time < ledger.start for time in self.remaining.values())
        start = since if since is not None and earlier and is_complete else ledger.start
        # An attempt that was unfinished, and that nothing but this sweep knows as ended.
        left = self.remaining.keys() | (self.full_remaining or {}).keys()
        again = {each for each in ledger.unfinished if each[0] in left}
        oldest = end - LONGEST
        return replace(
            ledger,
            start=start,
            mark=move_mark(ledger.mark, end, self.remaining.values()),
            full_mark=full_mark,
            pending=tuple(self.pending.values()),
            unfinished=frozenset(each for each in self.unfinished | again if each[1] >= oldest),
        ).without_old()
