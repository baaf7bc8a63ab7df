"""Open periods, status intervals, phases and blocked times of changes and work items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TypeVar

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
from flow_telemetry.rules.intervals import Interval, union

# A merge closes too: GitHub reports both, in the same second or a second apart.
CLOSINGS = frozenset({EventKind.MERGED, EventKind.CLOSED})

# The statuses that GitHub gives a new project.
GITHUB_STATUS_CATEGORIES: Mapping[str, StatusCategory] = {
    "Todo": StatusCategory.TO_DO,
    "In Progress": StatusCategory.IN_PROGRESS,
    "Done": StatusCategory.DONE,
}

T = TypeVar("T")


# Open periods


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPeriod:
    """An open period, counted from 1; ``ended`` is False if it was cut and is still open."""

    number: int
    interval: Interval
    ended: bool


def find_open_periods(
    created_at: datetime | None,
    closed_at: datetime | None,
    events: Iterable[Event],
    until: datetime | None,
) -> tuple[OpenPeriod, ...]:
    """Return the open periods in order of time; none if the time of creation is unknown.

    The first is from the creation to the first closing, each further one from a reopening to the
    next closing. ``closed_at`` is used if the events lack the last closing. A period that is still
    open is left out, since nothing open is sent; with ``until`` it is cut there, and later events
    are ignored.
    """
    if created_at is None or (until is not None and until < created_at):
        return ()
    in_order = events_between(events, created_at)
    ended: list[Interval] = []
    opened_at: datetime | None = created_at
    for event in events_between(in_order, created_at, until):
        if opened_at is not None and event.kind in CLOSINGS:
            ended.append(Interval.of(opened_at, event.time))
            opened_at = None
        elif opened_at is None and event.kind is EventKind.REOPENED:
            opened_at = event.time
    # The events have a closing after `until`: then `closed_at` is not one that they lack.
    closed_later = any(e.kind in CLOSINGS and until and e.time > until for e in in_order)
    if opened_at is not None and closed_at is not None and not closed_later:
        in_time = until is None or closed_at <= until
        # A closing before a reopening belongs to an earlier period.
        if in_time and (not ended or closed_at >= opened_at):
            ended.append(Interval.of(opened_at, closed_at))
            opened_at = None
    periods = [
        OpenPeriod(number=n, interval=interval, ended=True) for n, interval in enumerate(ended, 1)
    ]
    if opened_at is not None and until is not None:
        still_open = Interval.of(opened_at, until)
        periods.append(OpenPeriod(number=len(periods) + 1, interval=still_open, ended=False))
    return tuple(periods)


def change_periods(change: Change, until: datetime | None = None) -> tuple[OpenPeriod, ...]:
    """Return the open periods of a change that have ended; with ``until`` the present one too."""
    closed_at = change.closed_at or change.merged_at
    return find_open_periods(change.created_at, closed_at, change.timeline, until)


def item_periods(item: WorkItem, until: datetime | None = None) -> tuple[OpenPeriod, ...]:
    """Return the open periods of an item that have ended; with ``until`` the present one too."""
    return find_open_periods(item.created_at, item.closed_at, item.history, until)


def events_between(
    events: Iterable[Event], created_at: datetime, until: datetime | None = None
) -> tuple[Event, ...]:
    """Return the events from the creation up to ``until``, both included, in order of time.

    Events of the same second keep the order in which they were given.
    """
    within = (e for e in events if created_at <= e.time and (until is None or e.time <= until))
    return tuple(sorted(within, key=lambda event: event.time))


def _partition(
    period: OpenPeriod, change_points: Sequence[tuple[datetime, T]]
) -> tuple[tuple[T, Interval, bool], ...]:
    """Cut an open period where a value changes: value, interval and whether that has ended.

    ``change_points`` are in order of time, and the value of the first holds from the start of the
    period, regardless of its time. Values of no duration are left out, and neighbours with the same
    value are joined; a period of no length has no segments.
    """
    start = period.interval.start
    segments: list[tuple[T, Interval]] = []
    following = [*(time for time, _ in change_points[1:]), period.interval.end]
    for (_, value), next_change in zip(change_points, following, strict=False):
        end = min(next_change, period.interval.end)
        if end <= start:
            continue
        if segments and segments[-1][0] == value:
            segments[-1] = (value, Interval(segments[-1][1].start, end))
        else:
            segments.append((value, Interval(start, end)))
        start = end
    return tuple(
        (value, interval, period.ended or interval.end < period.interval.end)
        for value, interval in segments
    )


# Status intervals of a work item


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInterval:
    """The time in one status.

    ``category`` is None for a status without a mapping. ``number`` counts from 1 over all open
    periods of the item, ``period_number`` is the number of its open period. ``ended`` is False if
    the item is still in that status.
    """

    status: str
    category: StatusCategory | None
    number: int
    period_number: int
    interval: Interval
    ended: bool


# A status by its name, and its category if the tracker does not have that status.
_Status = tuple[str, "StatusCategory | None"]
# Stand in for the status of an item without one: whether anyone was ever assigned.
_OPEN: _Status = ("open", StatusCategory.TO_DO)
_IN_PROGRESS: _Status = ("in progress", StatusCategory.IN_PROGRESS)


def find_status_intervals(
    item: WorkItem,
    categories: Mapping[str, StatusCategory] = GITHUB_STATUS_CATEGORIES,
    until: datetime | None = None,
) -> tuple[StatusInterval, ...]:
    """Return the status intervals in order of time; they partition each open period of the item.

    While no status is known it is `open`, and from the first assignment on `in progress`.
    ``categories`` are by the name of a status, in either case. The intervals of a period that is
    still open are left out, or with ``until`` cut there. Intervals of no length are left out.
    """
    by_name = {name.strip().casefold(): category for name, category in categories.items()}
    periods = item_periods(item, until)
    segments = (
        (period, *segment)
        for period in periods
        for segment in _partition(period, _status_changes(item, period))
    )
    return tuple(
        StatusInterval(
            status=name,
            category=category or by_name.get(name.strip().casefold()),
            number=number,
            period_number=period.number,
            interval=interval,
            ended=ended,
        )
        for number, (period, (name, category), interval, ended) in enumerate(segments, 1)
    )


def _status_changes(item: WorkItem, period: OpenPeriod) -> list[tuple[datetime, _Status]]:
    """Return the statuses as they were known at the end of the period.

    What was sent then must not change with later events.
    """
    if item.created_at is None:
        return []
    events = events_between(item.history, item.created_at)
    # The status at the creation is the one before the first change, else the present one.
    first = next((event for event in events if event.kind is EventKind.STATUS_CHANGED), None)
    if period.ended and (first is None or first.time > period.interval.end):
        status = ""
    else:
        status = item.status if first is None else first.before
    assigned = False
    changes = [(item.created_at, (status, None) if status else _OPEN)]
    for event in (event for event in events if event.time <= period.interval.end):
        if event.kind is EventKind.STATUS_CHANGED:
            status = event.subject
        assigned = assigned or event.kind is EventKind.ASSIGNED
        without_status = _IN_PROGRESS if assigned else _OPEN
        changes.append((event.time, (status, None) if status else without_status))
    return changes


# Phases of a change: a state machine of two tables
#
# `TRANSITIONS` has the effect of each kind of event on the state, `_FIRST_THAT_APPLIES` the phase
# that a state means. ``docs/phases.md`` explains both.


class PhaseKind(Enum):
    """The phases of a change; the value is part of the reference of a phase."""

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


class _Decision(Enum):
    """The state of a reviewer's latest decision."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "asks for changes, and the author has not answered"
    ANSWERED = "asked for changes, and it is the reviewer's turn again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeState:
    """What decides the phase of a change.

    ``decisions`` are by reviewer: the id of the latest review that approved or requested changes,
    and the state of that decision.
    """

    draft: bool
    closed: bool = False
    queued: bool = False
    reviewed: bool = False
    decisions: Mapping[str, tuple[str, _Decision]] = field(default_factory=dict)

    def has(self, decision: _Decision) -> bool:
        """Whether the latest decision of any reviewer is in this state."""
        return any(latest is decision for _, latest in self.decisions.values())

    @property
    def phase(self) -> PhaseKind:
        """The phase of the change while it is open."""
        return next(kind for kind, applies in _FIRST_THAT_APPLIES if applies(self))


# Several may apply, such as one approval and one request of changes. An approval lasts through
# pushes and comments, and counts only once no request of changes remains.
_FIRST_THAT_APPLIES: tuple[tuple[PhaseKind, Callable[[ChangeState], bool]], ...] = (
    (PhaseKind.IN_MERGE_QUEUE, lambda state: state.queued),
    (PhaseKind.DRAFT, lambda state: state.draft),
    (PhaseKind.CHANGES_REQUESTED, lambda state: state.has(_Decision.CHANGES_REQUESTED)),
    (PhaseKind.IN_REVIEW, lambda state: state.has(_Decision.ANSWERED)),
    (PhaseKind.AWAITING_MERGE, lambda state: state.has(_Decision.APPROVED)),
    (PhaseKind.IN_REVIEW, lambda state: state.reviewed),
    (PhaseKind.AWAITING_REVIEW, lambda state: True),
)


def _add_review(state: ChangeState, event: Event) -> ChangeState:
    """Add a review; after a review without a decision, the reviewer's earlier decision remains."""
    decision = None
    if event.review is ReviewState.APPROVED:
        decision = _Decision.APPROVED
    elif event.review is ReviewState.CHANGES_REQUESTED:
        decision = _Decision.CHANGES_REQUESTED
    if decision is None:
        return replace(state, reviewed=True)
    decisions = {**state.decisions, _reviewer(event): (event.id, decision)}
    return replace(state, reviewed=True, decisions=decisions)


def _dismiss_review(state: ChangeState, event: Event) -> ChangeState:
    """Take a decision back if it is still the latest one of its reviewer."""
    if not event.id:
        return state
    remaining = {
        login: latest for login, latest in state.decisions.items() if latest[0] != event.id
    }
    return replace(state, decisions=remaining)


def _reset_requested_changes(state: ChangeState, event: Event) -> ChangeState:
    """Move all requests of changes to `ANSWERED`: the reviewers have to look again."""
    pushed = event.kind in (EventKind.COMMITTED, EventKind.FORCE_PUSHED)
    if pushed and state.closed:  # A push to a closed change is not a response to a review.
        return state
    answered = {
        login: (review, _Decision.ANSWERED if latest is _Decision.CHANGES_REQUESTED else latest)
        for login, (review, latest) in state.decisions.items()
    }
    return replace(state, decisions=answered)


# The transition of each kind of event; kinds that are not here change nothing.
TRANSITIONS: Mapping[EventKind, Callable[[ChangeState, Event], ChangeState]] = {
    EventKind.READY_FOR_REVIEW: lambda state, _: replace(state, draft=False),
    EventKind.CONVERTED_TO_DRAFT: lambda state, _: replace(state, draft=True, queued=False),
    EventKind.REVIEWED: _add_review,
    EventKind.REVIEW_DISMISSED: _dismiss_review,
    EventKind.REVIEW_REQUESTED: _reset_requested_changes,
    EventKind.COMMITTED: _reset_requested_changes,
    EventKind.FORCE_PUSHED: _reset_requested_changes,
    EventKind.QUEUED: lambda state, _: replace(state, queued=not state.closed),
    EventKind.DEQUEUED: lambda state, _: replace(state, queued=False),
    EventKind.MERGED: lambda state, _: replace(state, closed=True, queued=False),
    EventKind.CLOSED: lambda state, _: replace(state, closed=True, queued=False),
    EventKind.REOPENED: lambda state, _: replace(state, closed=False),
}


# Reviews by other people: rounds, the first review, the first approval

# After one of these by the author, it is the reviewers' turn again.
_AUTHOR_RESPONSES = frozenset(
    {EventKind.COMMITTED, EventKind.FORCE_PUSHED, EventKind.REVIEW_REQUESTED}
)


def _reviewer(event: Event) -> str:
    """Return the login of a reviewer; empty for a deleted account."""
    return fold(event.actor.login) if event.actor else ""


def is_anothers_review(change: Change, event: Event) -> bool:
    """Whether an event is a review by a person other than the author, or by a deleted account."""
    if event.kind is not EventKind.REVIEWED:
        return False
    if event.actor is not None and event.actor.kind is not ActorKind.HUMAN:
        return False
    author = fold(change.author.login) if change.author else ""
    return _reviewer(event) != author


def first_review_time(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first reviewed the change, with or without a decision.

    Reviews without a time of their own are ignored.
    """
    reviews = (e for e in events if e.has_own_time and is_anothers_review(change, e))
    return min((e.time for e in reviews), default=None)


def first_approval_time(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first approved the change."""
    approvals = (e for e in events if e.review is ReviewState.APPROVED)
    return first_review_time(change, approvals)


def count_review_rounds(change: Change, events: Iterable[Event]) -> int:
    """Return how many rounds of reviews the change had.

    Reviews without a push or a request of a review between them belong to one round. ``events`` are
    in order of time.
    """
    rounds, answered = 0, True
    for event in events:
        if is_anothers_review(change, event):
            rounds += answered
            answered = False
        elif event.kind in _AUTHOR_RESPONSES:
            answered = True
    return rounds


# Phases in time

_DRAFT_BEFORE = {EventKind.READY_FOR_REVIEW: True, EventKind.CONVERTED_TO_DRAFT: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of a change.

    ``number`` counts the phases of its kind from 1, over all open periods of the change;
    ``period_number`` is the number of its open period. ``ended`` is False if the phase is not over.
    """

    kind: PhaseKind
    number: int
    period_number: int
    interval: Interval
    ended: bool


def find_phases(change: Change, until: datetime | None = None) -> tuple[Phase, ...]:
    """Return the phases of a change in order of time; they partition each of its open periods.

    The phases of a period that is still open are left out, or with ``until`` cut there. Phases of
    no length are left out.
    """
    periods = change_periods(change, until)
    changes = _phase_changes(change, until)
    counters: Counter[PhaseKind] = Counter()
    result = []
    for period in periods:
        for kind, interval, ended in _partition(period, changes):
            counters[kind] += 1
            result.append(
                Phase(
                    kind=kind,
                    number=counters[kind],
                    period_number=period.number,
                    interval=interval,
                    ended=ended,
                )
            )
    return tuple(result)


def _phase_changes(change: Change, until: datetime | None) -> list[tuple[datetime, PhaseKind]]:
    if change.created_at is None:
        return []
    events = events_between(change.timeline, change.created_at)
    # The first change between draft and ready shows what the pull request was opened as.
    drafts = (_DRAFT_BEFORE[event.kind] for event in events if event.kind in _DRAFT_BEFORE)
    state = ChangeState(draft=next(drafts, bool(change.draft)))
    relevant = (
        e for e in events if e.kind is not EventKind.REVIEWED or is_anothers_review(change, e)
    )
    changes = [(change.created_at, state.phase)]
    for event in events_between(relevant, change.created_at, until):
        transition = TRANSITIONS.get(event.kind)
        if transition is not None:
            state = transition(state, event)
        changes.append((event.time, state.phase))
    return changes


# Blocked times of a work item: overlapping reasons are one blocked interval
#
# An item is blocked by a flag or an open blocking issue, which the tracker reports, and by a
# status or a label with a name that means blocked.

# The kind of event that ends a reason, by the kind that starts it. A flag is a reason without name.
_ENDS: Mapping[EventKind, EventKind] = {
    EventKind.BLOCKED: EventKind.UNBLOCKED,
    EventKind.LABELED: EventKind.UNLABELED,
}
_STARTS = {end: start for start, end in _ENDS.items()}
_Reason = tuple[EventKind, str]


def find_blocked_intervals(
    item: WorkItem,
    period: OpenPeriod,
    statuses: Iterable[StatusInterval],
    blocked_names: frozenset[str],
) -> tuple[Interval, ...]:
    """Return the times in which an item was blocked in one open period, in order of time.

    ``statuses`` are its status intervals, ``blocked_names`` the statuses and labels that mean
    blocked, in either case. Reasons from before a reopening still count after it.
    """
    names = frozenset(name.casefold() for name in blocked_names)
    by_status = (
        status.interval
        for status in statuses
        if status.period_number == period.number and status.status.strip().casefold() in names
    )
    segments = _partition(period, list(_blocking_changes(item, names)))
    by_reason = (interval for blocked, interval, _ in segments if blocked)
    return union((*by_status, *by_reason))


def _blocking_changes(item: WorkItem, names: frozenset[str]) -> Iterator[tuple[datetime, bool]]:
    """Yield whether any reason is active, at the creation and at each event."""
    if item.created_at is None:
        return
    events = [
        event
        for event in events_between(item.history, item.created_at)
        if event.kind in (EventKind.BLOCKED, EventKind.UNBLOCKED)
        or (
            event.kind in (EventKind.LABELED, EventKind.UNLABELED)
            and event.subject.strip().casefold() in names
        )
    ]
    reasons = _reasons_at_creation(item, events, names)
    yield item.created_at, bool(reasons)
    for event in events:
        start = _STARTS.get(event.kind)
        if start is None:
            reasons.add((event.kind, event.subject))
        else:
            reasons.discard((start, event.subject))
        yield event.time, bool(reasons)


def _reasons_at_creation(
    item: WorkItem, events: Iterable[Event], names: frozenset[str]
) -> set[_Reason]:
    """Return the reasons whose first event is their end, and the labels without any event."""
    reasons: set[_Reason] = set()
    seen: set[_Reason] = set()
    for event in events:
        reason = (_STARTS.get(event.kind, event.kind), event.subject)
        if reason not in seen and event.kind in _STARTS:
            reasons.add(reason)
        seen.add(reason)
    for label in item.labels:
        reason = (EventKind.LABELED, label)
        if label.strip().casefold() in names and reason not in seen:
            reasons.add(reason)
    return reasons
