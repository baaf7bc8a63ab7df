"""The stretches of status of a work item: how long it was in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Event, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.lives import Life, happened, lives
from flow_telemetry.rules.tiling import Mark, tile
from flow_telemetry.rules.timing import Interval

# The statuses that GitHub gives a new project.
GITHUB_CATEGORIES: Mapping[str, StatusCategory] = {
    "Todo": StatusCategory.TO_DO,
    "In Progress": StatusCategory.IN_PROGRESS,
    "Done": StatusCategory.DONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in one status.

    ``category`` is None for a status that nothing maps. ``number`` counts from 1 over all lives
    of the item, ``life`` is the number of the life that it is in. ``ended`` is False for one that
    still goes on.
    """

    status: str
    category: StatusCategory | None
    number: int
    life: int
    interval: Interval
    ended: bool


@dataclass(frozen=True, slots=True)
class _Status:
    """A status by its name; ``given`` is the category of one that no tracker has."""

    name: str
    given: StatusCategory | None = None


# What is told of an item that has no status: whether anybody was ever assigned.
_OPEN = _Status("open", StatusCategory.TO_DO)
_IN_PROGRESS = _Status("in progress", StatusCategory.IN_PROGRESS)


def stretches(
    item: WorkItem,
    categories: Mapping[str, StatusCategory] = GITHUB_CATEGORIES,
    until: datetime | None = None,
) -> tuple[Stretch, ...]:
    """Return the stretches of status in order of time; they tile each life of the item.

    While no status is known it is `open`, and from the first assignment on `in progress`.
    ``categories`` are by the name of a status, in either case. Those of a life that is still open
    are left out, or with ``until`` cut there. A stretch of no length is left out.
    """
    of_name = {name.strip().casefold(): category for name, category in categories.items()}
    born = lives(item.created_at, item.closed_at, item.history, until)
    pieces = [piece for life in born for piece in tile(life, _marks(item, life))]
    return tuple(
        Stretch(
            status=piece.value.name,
            category=piece.value.given or of_name.get(piece.value.name.strip().casefold()),
            number=number,
            life=piece.life.number,
            interval=piece.interval,
            ended=piece.ended,
        )
        for number, piece in enumerate(pieces, 1)
    )


def _marks(item: WorkItem, life: Life) -> list[Mark[_Status]]:
    """The statuses as the end of the life knows them: what was sent then is not told anew."""
    if item.created_at is None:
        return []
    events = happened(item.history, item.created_at)
    status, assigned = _first_status(item, life, events), False
    marks = [Mark(since=item.created_at, value=_shown(status, assigned=assigned))]
    for event in (each for each in events if each.time <= life.interval.end):
        if event.kind is EventKind.STATUS_CHANGED:
            status = event.subject
        assigned = assigned or event.kind is EventKind.ASSIGNED
        marks.append(Mark(since=event.time, value=_shown(status, assigned=assigned)))
    return marks


def _first_status(item: WorkItem, life: Life, events: Iterable[Event]) -> str:
    """The status at the creation: before the first change, or the present one if none came."""
    first = next((each for each in events if each.kind is EventKind.STATUS_CHANGED), None)
    if life.ended and (first is None or first.time > life.interval.end):
        return ""
    return item.status if first is None else first.before


def _shown(status: str, *, assigned: bool) -> _Status:
    if status:
        return _Status(status)
    return _IN_PROGRESS if assigned else _OPEN
