"""The phases of a change: where its waiting shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Event, EventKind
from flow_telemetry.rules.lives import happened, lives
from flow_telemetry.rules.reviewing import ChangeState, PhaseKind, after
from flow_telemetry.rules.reviews import is_anothers_review
from flow_telemetry.rules.tiling import Mark, tile
from flow_telemetry.rules.timing import Interval

_DRAFT_BEFORE = {EventKind.READY_FOR_REVIEW: True, EventKind.CONVERTED_TO_DRAFT: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of a change.

    ``number`` counts those of its kind from 1, over all lives of the change; ``life`` is the
    number of the life that it is in. ``ended`` is False for one that still goes on.
    """

    kind: PhaseKind
    number: int
    life: int
    interval: Interval
    ended: bool


def phases(change: Change, until: datetime | None = None) -> tuple[Phase, ...]:
    """Return the phases of a change in order of time; they tile each of its lives.

    Those of a life that is still open are left out, or with ``until`` cut there. A phase of no
    length is left out.
    """
    born = lives(change.created_at, change.closed_at or change.merged_at, change.timeline, until)
    marks = _marks(change, until)
    counted: Counter[PhaseKind] = Counter()
    found = []
    for piece in (piece for life in born for piece in tile(life, marks)):
        counted[piece.value] += 1
        found.append(
            Phase(
                kind=piece.value,
                number=counted[piece.value],
                life=piece.life.number,
                interval=piece.interval,
                ended=piece.ended,
            )
        )
    return tuple(found)


def _marks(change: Change, until: datetime | None) -> list[Mark[PhaseKind]]:
    if change.created_at is None:
        return []
    told = happened(change.timeline, change.created_at)
    state = ChangeState(draft=_opened_as_draft(change, told))
    counting = (
        e for e in told if e.kind is not EventKind.REVIEWED or is_anothers_review(change, e)
    )
    marks = [Mark(since=change.created_at, value=state.phase)]
    for event in happened(counting, change.created_at, until):
        state = after(state, event)
        marks.append(Mark(since=event.time, value=state.phase))
    return marks


def _opened_as_draft(change: Change, events: Iterable[Event]) -> bool:
    """Whether it was a draft at first, which the first change of that tells."""
    known = (_DRAFT_BEFORE[event.kind] for event in events if event.kind in _DRAFT_BEFORE)
    return next(known, bool(change.draft))
