"""The lives of a change or work item: from its opening, and from each reopening, to a closing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.timing import Interval

# A merge is a closing too: GitHub tells of both, in the same second or a second apart.
CLOSINGS = frozenset({EventKind.MERGED, EventKind.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life, counted from 1; ``ended`` is False where it was cut and still goes on."""

    number: int
    interval: Interval
    ended: bool


def lives(
    created_at: datetime | None,
    closed_at: datetime | None,
    events: Iterable[Event],
    until: datetime | None,
) -> tuple[Life, ...]:
    """Return the lives in order of time; none where it is not known when the first began.

    The first is from the creation to the first closing, each further one from a reopening to the
    next closing. ``closed_at`` serves where the events lack the last closing. A life that is still
    open is left out, since nothing open is sent; with ``until`` it is cut there, and what came
    later did not happen.
    """
    if created_at is None or (until is not None and until < created_at):
        return ()
    told = happened(events, created_at)
    ended, began = _closed_lives(created_at, happened(told, created_at, until))
    # A closing after `until` is told all the same: then none is missing before it.
    later = any(each.kind in CLOSINGS and until and each.time > until for each in told)
    end = None if began is None or later else _untold_end(began, closed_at, until, first=not ended)
    if began is not None and end is not None:
        ended.append(Interval.of(began, end))
        began = None
    found = [Life(number=n, interval=each, ended=True) for n, each in enumerate(ended, 1)]
    if began is not None and until is not None:
        found.append(Life(number=len(found) + 1, interval=Interval.of(began, until), ended=False))
    return tuple(found)


def happened(
    events: Iterable[Event], created_at: datetime, until: datetime | None = None
) -> tuple[Event, ...]:
    """Return the events from the creation up to ``until``, both included, in order of time.

    Events of the same second keep the order in which they were given.
    """
    kept = (e for e in events if created_at <= e.time and (until is None or e.time <= until))
    return tuple(sorted(kept, key=lambda event: event.time))


def _closed_lives(
    created_at: datetime, events: Iterable[Event]
) -> tuple[list[Interval], datetime | None]:
    """The lives whose closing the events tell, and when the open one began, if there is one."""
    ended: list[Interval] = []
    began: datetime | None = created_at
    for event in events:
        if began is not None and event.kind in CLOSINGS:
            ended.append(Interval.of(began, event.time))
            began = None
        elif began is None and event.kind is EventKind.REOPENED:
            began = event.time
    return ended, began


def _untold_end(
    began: datetime, closed_at: datetime | None, until: datetime | None, *, first: bool
) -> datetime | None:
    """The closing that no event tells; one before a reopening was an earlier life's."""
    if closed_at is None or (until is not None and closed_at > until):
        return None
    return closed_at if first or closed_at >= began else None
