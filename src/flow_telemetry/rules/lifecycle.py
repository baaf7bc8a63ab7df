"""Lives, statuses, phases of changes and items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

from flow_telemetry.identity import fold
from flow_telemetry.model import (
    ActorKind,
    Change,
    Event,
    EventKind,
    ReviewState,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval, merged

# The lives of a change or work item: from its opening, and from each reopening, to a closing.

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


# Cutting a life into pieces, one for each value that something had, without gap or overlap.

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Generic[T]):
    """The value that something has from a time on."""

    since: datetime
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Generic[T]):
    """The part of a life in which the value was the same; ``ended`` tells that it is over."""

    life: Life
    value: T
    interval: Interval
    ended: bool


def tile(life: Life, marks: Sequence[Mark[T]]) -> tuple[Piece[T], ...]:
    """Return the pieces of a life, in order of time.

    ``marks`` are in order of time, and the first one holds from the start, whatever its time.
    Values that lasted for no time leave no piece, and neighbours of one value are one piece; a
    life of no length has none.
    """
    at = life.interval.start
    found: list[tuple[T, datetime, datetime]] = []
    for index, mark in enumerate(marks):
        following = marks[index + 1].since if index + 1 < len(marks) else life.interval.end
        end = min(following, life.interval.end)
        if end <= at:
            continue
        if found and found[-1][0] == mark.value:
            found[-1] = (mark.value, found[-1][1], end)
        else:
            found.append((mark.value, at, end))
        at = end
    return tuple(
        Piece(
            life=life,
            value=value,
            interval=Interval(start, end),
            ended=life.ended or end < life.interval.end,
        )
        for value, start, end in found
    )


# The stretches of status of a work item: how long it was in each.

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
    pieces = [piece for life in born for piece in tile(life, _status_marks(item, life))]
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


def _status_marks(item: WorkItem, life: Life) -> list[Mark[_Status]]:
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


# Whose turn it is on a change: a state machine that is two tables.
#
# `MOVES` says what each kind of event does to the state, `_FIRST_THAT_HOLDS` which phase a state
# means. Both are written out for readers in ``docs/phases.md``.


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


# What reviews by other people make of a change: rounds, the first review, the first approval.

# After one of these by the author, it is the reviewers' turn again.
_ANSWERS = frozenset({EventKind.COMMITTED, EventKind.FORCE_PUSHED, EventKind.REVIEW_REQUESTED})


def is_anothers_review(change: Change, event: Event) -> bool:
    """Whether a person other than the author gave a review; an account that is gone is one."""
    if event.kind is not EventKind.REVIEWED:
        return False
    if event.actor is not None and event.actor.kind is not ActorKind.HUMAN:
        return False
    author = fold(change.author.login) if change.author else ""
    return reviewer_of(event) != author


def first_review(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first reviewed the change, whatever was said.

    A review without a time of its own tells no time.
    """
    reviews = (e for e in events if e.time_told and is_anothers_review(change, e))
    return min((e.time for e in reviews), default=None)


def first_approval(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first approved the change."""
    approvals = (e for e in events if e.review is ReviewState.APPROVED)
    return first_review(change, approvals)


def review_rounds(change: Change, events: Iterable[Event]) -> int:
    """Return how often the change went to and fro: how many series of reviews it had.

    Reviews with no push and no request of a review between them are of one round. ``events`` are
    in order of time.
    """
    rounds, answered = 0, True
    for event in events:
        if is_anothers_review(change, event):
            rounds += answered
            answered = False
        elif event.kind in _ANSWERS:
            answered = True
    return rounds


# The phases of a change: where its waiting shows.

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
    marks = _phase_marks(change, until)
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


def _phase_marks(change: Change, until: datetime | None) -> list[Mark[PhaseKind]]:
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


# When a work item was blocked, whatever by: causes that overlap are one blocking.
#
# An item is blocked by a flag or an open blocking issue, which the tracker tells, and by a status
# or a label that is named so.

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
    told = (
        piece.interval for piece in tile(life, list(_blocking_marks(item, names))) if piece.value
    )
    return merged((*named, *told))


def _blocking_marks(item: WorkItem, names: frozenset[str]) -> Iterator[Mark[bool]]:
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
