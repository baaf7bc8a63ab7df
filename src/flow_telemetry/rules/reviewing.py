"""Whose turn it is on a change: a state machine that is two tables.

`MOVES` says what each kind of event does to the state, `_FIRST_THAT_HOLDS` which phase a state
means. Both are written out for readers in ``docs/phases.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from flow_telemetry.identity import fold
from flow_telemetry.model import Event, EventKind, ReviewState


class PhaseKind(Enum):
    """What a change waits for or goes through; the value stands in the reference of a phase."""

    DRAFT = "draft"
    AWAITING_REVIEW = "awaiting-review"
    IN_REVIEW = "in-review"
    CHANGES_REQUESTED = "changes-requested"
    AWAITING_MERGE = "awaiting-merge"
    IN_MERGE_QUEUE = "in-merge-queue"

    @property
    def label(self) -> str:
        """The name as people read it, ``awaiting review``."""
        return self.value.replace("-", " ")


class Standing(Enum):
    """Where the latest decision of a reviewer stands."""

    APPROVED = "approved"
    ASKS = "asks for changes, and the author has not answered"
    ANSWERED = "asked for changes, and it is the reviewer's turn again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The latest review of a reviewer that approved or asked for changes, by its id."""

    review: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeState:
    """What decides about the phase of a change; ``decisions`` are by reviewer."""

    draft: bool
    closed: bool = False
    queued: bool = False
    reviewed: bool = False
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def stands(self, standing: Standing) -> bool:
        """Whether a reviewer's decision stands so."""
        return any(each.standing is standing for each in self.decisions.values())

    @property
    def phase(self) -> PhaseKind:
        """The phase that it is in while it is open."""
        return next(kind for kind, holds in _FIRST_THAT_HOLDS if holds(self))


# Several may hold, such as one approval and one request of changes. An approval lasts through
# pushes and comments, and counts only once nobody's request of changes is left.
_FIRST_THAT_HOLDS: tuple[tuple[PhaseKind, Callable[[ChangeState], bool]], ...] = (
    (PhaseKind.IN_MERGE_QUEUE, lambda state: state.queued),
    (PhaseKind.DRAFT, lambda state: state.draft),
    (PhaseKind.CHANGES_REQUESTED, lambda state: state.stands(Standing.ASKS)),
    (PhaseKind.IN_REVIEW, lambda state: state.stands(Standing.ANSWERED)),
    (PhaseKind.AWAITING_MERGE, lambda state: state.stands(Standing.APPROVED)),
    (PhaseKind.IN_REVIEW, lambda state: state.reviewed),
    (PhaseKind.AWAITING_REVIEW, lambda state: True),
)


def _ready(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, draft=False)


def _drafted(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, draft=True, queued=False)


def _reviewed(state: ChangeState, event: Event) -> ChangeState:
    """A comment is a review, but decides nothing: what its reviewer said before stands."""
    state = replace(state, reviewed=True)
    standing = _DECISIVE.get(event.review)
    if standing is None:
        return state
    decision = Decision(review=event.id, standing=standing)
    return replace(state, decisions={**state.decisions, reviewer_of(event): decision})


def _dismissed(state: ChangeState, event: Event) -> ChangeState:
    """Takes back the decision, where it is still its reviewer's latest."""
    left = {who: each for who, each in state.decisions.items() if each.review != event.id}
    return replace(state, decisions=left) if event.id else state


def _pushed(state: ChangeState, event: Event) -> ChangeState:
    """A push to a closed change answers nobody."""
    return state if state.closed else _answered(state, event)


def _answered(state: ChangeState, _: Event) -> ChangeState:
    turned = {
        who: replace(each, standing=Standing.ANSWERED) if each.standing is Standing.ASKS else each
        for who, each in state.decisions.items()
    }
    return replace(state, decisions=turned)


def _queued(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, queued=not state.closed)


def _dequeued(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, queued=False)


def _closed(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, closed=True, queued=False)


def _reopened(state: ChangeState, _: Event) -> ChangeState:
    return replace(state, closed=False)


_DECISIVE: Mapping[ReviewState | None, Standing] = {
    ReviewState.APPROVED: Standing.APPROVED,
    ReviewState.CHANGES_REQUESTED: Standing.ASKS,
}

# What each kind of event does; kinds that are not here move nothing.
MOVES: Mapping[EventKind, Callable[[ChangeState, Event], ChangeState]] = {
    EventKind.READY_FOR_REVIEW: _ready,
    EventKind.CONVERTED_TO_DRAFT: _drafted,
    EventKind.REVIEWED: _reviewed,
    EventKind.REVIEW_DISMISSED: _dismissed,
    EventKind.REVIEW_REQUESTED: _answered,
    EventKind.COMMITTED: _pushed,
    EventKind.FORCE_PUSHED: _pushed,
    EventKind.QUEUED: _queued,
    EventKind.DEQUEUED: _dequeued,
    EventKind.MERGED: _closed,
    EventKind.CLOSED: _closed,
    EventKind.REOPENED: _reopened,
}


def after(state: ChangeState, event: Event) -> ChangeState:
    """Return the state after an event."""
    move = MOVES.get(event.kind)
    return state if move is None else move(state, event)


def reviewer_of(event: Event) -> str:
    """Return who gave a review; empty for an account that is gone."""
    return fold(event.actor.login) if event.actor else ""
