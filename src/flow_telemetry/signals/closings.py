"""What the record of a closing says: what the span of that life says, and where its time went.

Many backends refuse a span that began days ago; none refuses the record of its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from flow_telemetry.model import Change, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.histories import Happening, change_lives, closing_of, item_lives
from flow_telemetry.rules.lives import Life
from flow_telemetry.rules.phases import phases
from flow_telemetry.rules.stretches import stretches
from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals import changes, items
from flow_telemetry.signals import event_semconv as names
from flow_telemetry.signals.items import Categories
from flow_telemetry.signals.spans import Facts

_OF_CATEGORY = {
    StatusCategory.TO_DO: names.ITEM_TO_DO,
    StatusCategory.IN_PROGRESS: names.ITEM_IN_PROGRESS,
}


def change_closings(change: Change, history: Sequence[Happening]) -> Mapping[str, Facts]:
    """Return what the closings of a change say, by the references of their events."""
    pieces = phases(change)
    found = {}
    for life, closing in _closings(history, change_lives(change)):
        own = [piece for piece in pieces if piece.life == life.number]
        found[closing.reference] = (
            *changes.life_facts(change, life),
            (names.CHANGE_DURATION, life.interval.seconds),
            *(
                (name, _seconds(each.interval for each in own if each.kind is kind))
                for kind, name in names.PHASE_DURATIONS.items()
            ),
            *_told(history, life),
        )
    return found


def item_closings(
    item: WorkItem,
    history: Sequence[Happening],
    categories: Categories,
    blocked: Sequence[Interval],
) -> Mapping[str, Facts]:
    """Return what the closings of a work item say, by the references of their events."""
    pieces = stretches(item, categories)
    found = {}
    for life, closing in _closings(history, item_lives(item)):
        own = [piece for piece in pieces if piece.life == life.number]
        found[closing.reference] = (
            *items.life_facts(item, life),
            (names.ITEM_DURATION, life.interval.seconds),
            *(
                (name, _seconds(each.interval for each in own if each.category is category))
                for category, name in _OF_CATEGORY.items()
            ),
            (names.ITEM_BLOCKED, _seconds(_within(blocked, life.interval))),
            *_told(history, life),
        )
    return found


def _closings(
    history: Sequence[Happening], ended: Iterable[Life]
) -> Iterator[tuple[Life, Happening]]:
    for life in ended:
        closing = closing_of(history, life)
        if closing is not None:
            yield life, closing


def _told(history: Iterable[Happening], life: Life) -> Facts:
    moved = _moved(history, life.interval.end)
    return (
        (names.LIFE, life.number if life.number > 1 else None),
        (names.MOVED_EVENTS, moved or None),
    )


def _moved(history: Iterable[Happening], end: datetime) -> int:
    """Events at an odd time. That commits are older than their pull request is not odd."""
    known = (each for each in history if each.time <= end)
    return sum(each.moved and each.event.kind is not EventKind.COMMITTED for each in known)


def _seconds(intervals: Iterable[Interval]) -> float | None:
    """The length of all, None where that is nothing."""
    return sum(each.seconds for each in intervals) or None


def _within(intervals: Iterable[Interval], life: Interval) -> Iterator[Interval]:
    """The parts of intervals that are in a life."""
    for each in intervals:
        yield Interval.of(max(each.start, life.start), min(each.end, life.end))
