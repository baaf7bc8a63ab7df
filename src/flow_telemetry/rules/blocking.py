"""When a work item was blocked, whatever by: causes that overlap are one blocking.

An item is blocked by a flag or an open blocking issue, which the tracker tells, and by a status or
a label that is named so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flow_telemetry.model import Event, EventKind, WorkItem
from flow_telemetry.rules.lives import Life, happened
from flow_telemetry.rules.spells import merged
from flow_telemetry.rules.stretches import Stretch
from flow_telemetry.rules.tiling import Mark, tile
from flow_telemetry.rules.timing import Interval

# What begins a cause, and what ends it. A flag is a cause without a name.
_ENDS: Mapping[EventKind, EventKind] = {
    EventKind.BLOCKED: EventKind.UNBLOCKED,
    EventKind.LABELED: EventKind.UNLABELED,
}
_BEGINS = {end: begin for begin, end in _ENDS.items()}
_Cause = tuple[EventKind, str]


def blockings(
    item: WorkItem, life: Life, statuses: Iterable[Stretch], blocked_names: frozenset[str]
) -> tuple[Interval, ...]:
    """Return the times in which an item was blocked in one of its lives, in order of time.

    ``statuses`` are its stretches, ``blocked_names`` the statuses and labels that mean blocked, in
    either case. What had blocked it before still does after a reopening.
    """
    names = frozenset(name.casefold() for name in blocked_names)
    named = (
        each.interval
        for each in statuses
        if each.life == life.number and each.status.strip().casefold() in names
    )
    told = (piece.interval for piece in tile(life, list(_marks(item, names))) if piece.value)
    return merged((*named, *told))


def _marks(item: WorkItem, names: frozenset[str]) -> Iterator[Mark[bool]]:
    """Whether causes stand, from the creation and from each event on."""
    if item.created_at is None:
        return
    events = [e for e in happened(item.history, item.created_at) if _counts(e, names)]
    causes = _at_creation(item, events, names)
    yield Mark(since=item.created_at, value=bool(causes))
    for event in events:
        begin = _BEGINS.get(event.kind)
        if begin is None:
            causes.add((event.kind, event.subject))
        else:
            causes.discard((begin, event.subject))
        yield Mark(since=event.time, value=bool(causes))


def _counts(event: Event, names: frozenset[str]) -> bool:
    if event.kind in (EventKind.BLOCKED, EventKind.UNBLOCKED):
        return True
    return event.kind in (EventKind.LABELED, EventKind.UNLABELED) and _is_named(event, names)


def _is_named(event: Event, names: frozenset[str]) -> bool:
    return event.subject.strip().casefold() in names


def _at_creation(item: WorkItem, events: Iterable[Event], names: frozenset[str]) -> set[_Cause]:
    """What it was created with: causes that end first, and labels of which no event tells."""
    causes: set[_Cause] = set()
    seen: set[_Cause] = set()
    for event in events:
        cause = (_BEGINS.get(event.kind, event.kind), event.subject)
        if cause not in seen and event.kind in _BEGINS:
            causes.add(cause)
        seen.add(cause)
    for label in item.labels:
        cause = (EventKind.LABELED, label)
        if label.strip().casefold() in names and cause not in seen:
            causes.add(cause)
    return causes
