"""Open periods, status intervals, phases and blocked times of changes and work items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from flow_telemetry.identity import fold
from flow_telemetry.model import (
    ActorKind,
    Change,
    Edit,
    EditedField,
    Event,
    EventKind,
    ReviewState,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import matches_patterns

# A merge closes too: GitHub reports both, in the same second or a second apart.
CLOSINGS = frozenset({EventKind.MERGED, EventKind.CLOSED})

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


def value_at(end: datetime, field: EditedField, now: str, edits: Iterable[Edit]) -> str | None:
    """Return the value of a field at the end of a period; None if it is unknown.

    ``now`` is its present value.
    """
    later = (edit for edit in edits if edit.field is field and edit.time > end)
    first = min(later, key=lambda edit: edit.time, default=None)
    return now if first is None else first.before


# GitHub's projects set the status of a closed issue some seconds after its closing.
_FOLLOWS_CLOSING_WITHIN = timedelta(seconds=60)


def closing_end(closed_at: datetime, events: Iterable[Event]) -> datetime:
    """Return the time of the last status change that belongs to a closing, else of the closing.

    ``events`` are in order of time.
    """
    end = closed_at
    for event in events:
        if event.time <= closed_at:
            continue
        if event.time - closed_at > _FOLLOWS_CLOSING_WITHIN or event.kind is EventKind.REOPENED:
            break
        if event.kind is EventKind.STATUS_CHANGED:
            end = event.time
    return end


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

    ``status`` is its name at the time, ``status_id`` the tracker's id of it, empty if unknown.
    ``category`` is None for a status without a mapping. ``number`` counts from 1 over all open
    periods of the item, ``period_number`` is the number of its open period. ``ended`` is False if
    the item is still in that status.
    """

    status: str
    status_id: str
    category: StatusCategory | None
    number: int
    period_number: int
    interval: Interval
    ended: bool


# A status by its name, its category, and its id.
_Status = tuple[str, "StatusCategory | None", str]
# Stand in for the status of a GitHub issue without one: whether anyone was ever assigned.
_OPEN: _Status = ("open", StatusCategory.TO_DO, "")
_IN_PROGRESS: _Status = ("in progress", StatusCategory.IN_PROGRESS, "")


def find_status_intervals(
    item: WorkItem, until: datetime | None = None
) -> tuple[StatusInterval, ...]:
    """Return the status intervals in order of time; they partition each open period of the item.

    While a GitHub issue has no status it is `open`, and from the first assignment on `in progress`.
    The intervals of a period that is still open are left out, or with ``until`` cut there.
    Intervals of no length are left out.
    """
    segments = (
        (period, *segment)
        for period in item_periods(item, until)
        for segment in _partition(period, _status_changes(item, period))
    )
    return tuple(
        StatusInterval(
            status=name,
            status_id=status_id,
            category=category,
            number=number,
            period_number=period.number,
            interval=interval,
            ended=ended,
        )
        for number, (period, (name, category, status_id), interval, ended) in enumerate(segments, 1)
    )


def time_in_statuses(item: WorkItem, period: OpenPeriod) -> Mapping[_Status, float]:
    """Return the seconds in each status of an ended open period, by name, category and id.

    They add up to the length of the period. A renamed status is one, under its present name.
    """
    times: dict[_Status, float] = {}
    for status in find_status_intervals(item):
        if status.period_number == period.number:
            name = item.status_names.get(status.status_id) or status.status
            key = (name, status.category, status.status_id)
            times[key] = times.get(key, 0) + status.interval.seconds
    return times


_ORDER = {category: number for number, category in enumerate(StatusCategory)}


def count_backward_moves(item: WorkItem, periods: Sequence[OpenPeriod]) -> int | None:
    """Return how often the status went to an earlier category in the last of the open periods.

    ``periods`` are the ended ones up to it: a move that reopens the item belongs to the period that
    it begins. None if a category is unknown, or if the item has no statuses.
    """
    if not has_statuses(item):
        return None
    history = sorted(item.history, key=lambda event: event.time)
    ends = [closing_end(period.interval.end, history) for period in periods[-2:]]
    moves = 0
    for event in history:
        is_own = event.time <= ends[-1] and (len(ends) == 1 or event.time > ends[0])
        # A GitHub issue gets its first status from nothing.
        if not is_own or event.kind is not EventKind.STATUS_CHANGED or not event.before:
            continue
        if event.category is None or event.category_before is None:
            return None
        moves += _ORDER[event.category] < _ORDER[event.category_before]
    return moves


def has_statuses(item: WorkItem) -> bool:
    """Whether the tracker reported any status of an item."""
    return bool(item.status) or any(e.kind is EventKind.STATUS_CHANGED for e in item.history)


def _status_changes(item: WorkItem, period: OpenPeriod) -> list[tuple[datetime, _Status]]:
    """Return the statuses as they were known at the end of the period.

    What was sent then must not change with later events.
    """
    if item.created_at is None:
        return []
    # What an import reports from before the creation held from the creation on.
    events = sorted(item.history, key=lambda event: event.time)
    status, assigned = _first_status(item, period, events), False
    changes = [(item.created_at, status if status[0] else _OPEN)]
    for event in (event for event in events if event.time <= period.interval.end):
        if event.kind is EventKind.STATUS_CHANGED:
            status = (event.subject, event.category, event.status_id)
        assigned = assigned or event.kind is EventKind.ASSIGNED
        without_status = _IN_PROGRESS if assigned else _OPEN
        time = max(event.time, item.created_at)
        changes.append((time, status if status[0] else without_status))
    return changes


def _first_status(item: WorkItem, period: OpenPeriod, events: Iterable[Event]) -> _Status:
    """Return the status at the creation: before the first change, or the present one."""
    first = next((event for event in events if event.kind is EventKind.STATUS_CHANGED), None)
    if first is not None:
        return first.before, first.category_before, first.status_id_before
    # A GitHub issue gets its status from a project, to which it may be added after its closing.
    if period.ended and item.tracker == "github":
        return "", None, ""
    return item.status, item.category, item.status_id


# Phases of a change: a state machine of two tables
#
# `TRANSITIONS` has the effect of each kind of event on the state, `_FIRST_THAT_APPLIES` the phase
# that a state means. ``docs/guides/pull-requests.md`` explains both.


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


class Awaited(Enum):
    """Who has to act next on a change: the values of `flow.phase.waiting_for`."""

    AUTHOR = "author"
    REVIEWER = "reviewer"
    MERGER = "merger"
    AUTOMATION = "automation"


AWAITED: Mapping[PhaseKind, Awaited] = {
    PhaseKind.DRAFT: Awaited.AUTHOR,
    PhaseKind.AWAITING_REVIEW: Awaited.REVIEWER,
    PhaseKind.IN_REVIEW: Awaited.REVIEWER,
    PhaseKind.CHANGES_REQUESTED: Awaited.AUTHOR,
    PhaseKind.AWAITING_MERGE: Awaited.MERGER,
    PhaseKind.IN_MERGE_QUEUE: Awaited.AUTOMATION,
}


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
    """Whether an event is a review by a person other than the author, or by a deleted account.

    Authors whose account was deleted too cannot be distinguished from their reviewers.
    """
    if event.kind is not EventKind.REVIEWED:
        return False
    if event.actor is None:
        return True
    author = fold(change.author.login) if change.author else ""
    return event.actor.kind is ActorKind.HUMAN and _reviewer(event) != author


def actor_kind(event: Event) -> ActorKind:
    """Return the kind of account behind an event; a deleted account counts as a person."""
    return event.actor.kind if event.actor else ActorKind.HUMAN


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

_REMOVED_BEFORE_END = timedelta(seconds=10)
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


def requested_reviewers(change: Change, phase: Phase) -> tuple[str, ...]:
    """Return whom a phase that waits for reviewers waits for at its end, in order of the requests.

    That are the logins and teams whose review was requested, without those whose request was
    removed, and without people who reviewed since: GitHub ends a request with the review. What
    ended the phase counts no more, since it may be the review that was awaited. A review for a team
    does not name the team, so a team stays until its request is removed.
    """
    if AWAITED[phase.kind] is not Awaited.REVIEWER:
        return ()
    requested: dict[str, str] = {}
    for event in change.timeline:
        if event.time > phase.interval.end or (phase.ended and event.time == phase.interval.end):
            break
        if event.kind is EventKind.REVIEW_REQUESTED and event.subject:
            requested.setdefault(fold(event.subject), event.subject)
        elif event.kind is EventKind.REVIEW_REQUEST_REMOVED:
            requested.pop(fold(event.subject), None)
        elif event.kind is EventKind.REVIEWED:
            requested.pop(_reviewer(event), None)
    return tuple(requested.values())


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
    for event in events_between(_without_removals_at_end(relevant), change.created_at, until):
        transition = TRANSITIONS.get(event.kind)
        if transition is not None:
            state = transition(state, event)
        changes.append((event.time, state.phase))
    return changes


def _without_removals_at_end(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events without removals from the merge queue that a merge or closing follows.

    The queue removes a pull request a second or two before it merges it.
    """
    in_order = tuple(events)
    ends = [event.time for event in in_order if event.kind in CLOSINGS]

    def is_part_of_end(event: Event) -> bool:
        after = (end - event.time for end in ends if end >= event.time)
        return event.kind is EventKind.DEQUEUED and any(t <= _REMOVED_BEFORE_END for t in after)

    return tuple(event for event in in_order if not is_part_of_end(event))


# Blocked times of a work item: overlapping reasons are one blocked interval
#
# An item is blocked by a flag or an open blocking issue, which the tracker reports, and by a
# status or a label with a name that means blocked.

# The kind of event that ends a reason, by the kind that starts it. A flag has no name.
_ENDS: Mapping[EventKind, EventKind] = {
    EventKind.BLOCKED: EventKind.UNBLOCKED,
    EventKind.LABELED: EventKind.UNLABELED,
}
_STARTS = {end: start for start, end in _ENDS.items()}
_Reason = tuple[EventKind, str]


class BlockCause(Enum):
    """The kinds of reasons that block an item."""

    FLAG = "flag"
    ISSUE = "issue"
    STATUS = "status"
    LABEL = "label"


def _cause(reason: _Reason) -> BlockCause:
    kind, subject = reason
    if kind is EventKind.BLOCKED:
        return BlockCause.ISSUE if subject else BlockCause.FLAG
    return BlockCause.LABEL if kind is EventKind.LABELED else BlockCause.STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedInterval:
    """A time in which an item was blocked.

    ``reason`` is the first reason: a label, status or blocking issue, empty for the flag;
    ``cause`` is its kind.
    ``started`` and ``stopped`` are the events of its start and end, None if there was none.
    ``number`` counts from 1 over all open periods of the item, ``period_number`` is that of its
    open period.
    ``ended`` is False if the item is still blocked.
    """

    interval: Interval
    reason: str
    cause: BlockCause
    number: int
    period_number: int
    ended: bool
    started: Event | None
    stopped: Event | None


def find_blocked_intervals(
    item: WorkItem, blocked_names: Sequence[str], until: datetime | None = None
) -> tuple[BlockedInterval, ...]:
    """Return the times in which an item was blocked in its open periods, in order of time.

    ``blocked_names`` are patterns of statuses and labels that mean blocked, in either case. Causes
    from before a reopening still count after it.
    """
    events = list(_blocking_events(item, blocked_names))
    found: list[BlockedInterval] = []
    for period in item_periods(item, until):
        changes = _blocking_changes(item, events, blocked_names, period)
        for reasons, interval, ended in _partition(period, changes):
            if not reasons:
                continue
            # An event that begins to block cannot be the end.
            stops = (e for e, time in events if time == interval.end and e.kind not in _ENDS)
            last = found[-1] if found and found[-1].period_number == period.number else None
            if last is not None and last.interval.end == interval.start:
                whole = Interval(last.interval.start, interval.end)
                found[-1] = replace(last, interval=whole, ended=ended, stopped=next(stops, None))
                continue
            start = (*reasons[0], interval.start)
            starts = (e for e, time in events if (e.kind, e.subject, time) == start)
            found.append(
                BlockedInterval(
                    interval=interval,
                    reason=reasons[0][1],
                    cause=_cause(reasons[0]),
                    number=len(found) + 1,
                    period_number=period.number,
                    ended=ended,
                    started=next(starts, None),
                    stopped=next(stops, None),
                )
            )
    return tuple(found)


def time_blocked_by_cause(
    item: WorkItem, blocked_names: Sequence[str], period: OpenPeriod
) -> Mapping[BlockCause, float]:
    """Return the seconds of an open period in which the item was blocked, by cause.

    Each second belongs to the oldest of the reasons that hold, so they add up to the blocked time.
    """
    events = list(_blocking_events(item, blocked_names))
    changes = _blocking_changes(item, events, blocked_names, period)
    times: dict[BlockCause, float] = {}
    for reasons, interval, _ in _partition(period, changes):
        if reasons:
            cause = _cause(reasons[0])
            times[cause] = times.get(cause, 0) + interval.seconds
    return times


def find_blocks(start: Event, end: Event | None, closings: Iterable[Event]) -> Iterator[Event]:
    """Yield the times in which an open issue blocked another one, as events of the blocked one.

    ``start`` and ``end`` are when the two were linked and no longer linked, ``closings`` the
    closings and reopenings of the blocking issue: a closed issue blocks nothing.
    """
    in_order = sorted(closings, key=lambda event: event.time)
    before = [event for event in in_order if event.time <= start.time]
    blocked = not before or before[-1].kind is EventKind.REOPENED
    if blocked:
        yield start
    for event in in_order[len(before) :]:
        if end is not None and event.time >= end.time:
            break
        reopened = event.kind is EventKind.REOPENED
        if reopened != blocked:
            kind = EventKind.BLOCKED if reopened else EventKind.UNBLOCKED
            yield Event(kind=kind, time=event.time, actor=event.actor, subject=start.subject)
            blocked = reopened
    if end is not None and blocked:
        yield end


def _means_blocked(name: str, blocked_names: Sequence[str]) -> bool:
    # Without a pattern, `matches_patterns` would accept every name.
    patterns = [pattern.casefold() for pattern in blocked_names]
    return bool(name and patterns) and matches_patterns(name.strip().casefold(), patterns)


def _blocking_events(
    item: WorkItem, blocked_names: Sequence[str]
) -> Iterator[tuple[Event, datetime]]:
    """Yield the events that may start or end a reason, not before the creation of the item."""
    always = (EventKind.BLOCKED, EventKind.UNBLOCKED, EventKind.STATUS_CHANGED)
    labels = (EventKind.LABELED, EventKind.UNLABELED)
    for event in sorted(item.history, key=lambda event: event.time):
        is_label = event.kind in labels and _means_blocked(event.subject, blocked_names)
        if item.created_at is not None and (event.kind in always or is_label):
            yield event, max(event.time, item.created_at)


def _blocking_changes(
    item: WorkItem,
    events: Sequence[tuple[Event, datetime]],
    blocked_names: Sequence[str],
    period: OpenPeriod,
) -> list[tuple[datetime, tuple[_Reason, ...]]]:
    """Return the active reasons, oldest first, at the creation and after each event."""
    if item.created_at is None:
        return []
    # A dictionary without values keeps the reasons in order of time.
    reasons: dict[_Reason, None] = dict.fromkeys(_reasons_at_creation(item, events, blocked_names))
    first_status, *_ = _first_status(item, period, [event for event, _ in events])
    if _means_blocked(first_status, blocked_names):
        reasons[EventKind.STATUS_CHANGED, first_status] = None
    changes = [(item.created_at, tuple(reasons))]
    for event, time in events:
        if event.kind is EventKind.STATUS_CHANGED:
            for reason in [reason for reason in reasons if reason[0] is event.kind]:
                del reasons[reason]
            if _means_blocked(event.subject, blocked_names):
                reasons[event.kind, event.subject] = None
        elif event.kind in _STARTS:
            reasons.pop((_STARTS[event.kind], event.subject), None)
        else:
            reasons.setdefault((event.kind, event.subject))
        changes.append((time, tuple(reasons)))
    return changes


def _reasons_at_creation(
    item: WorkItem,
    events: Iterable[tuple[Event, datetime]],
    blocked_names: Sequence[str],
) -> Iterator[_Reason]:
    """Yield the reasons whose first event is their end, and the present ones without any event."""
    seen: set[_Reason] = set()
    for event, _ in events:
        reason = (_STARTS.get(event.kind, event.kind), event.subject)
        if reason not in seen and event.kind in _STARTS:
            yield reason
        seen.add(reason)
    present = [
        (EventKind.LABELED, label) for label in item.labels if _means_blocked(label, blocked_names)
    ]
    present += [(EventKind.BLOCKED, reason) for reason in item.blocked_by]
    yield from (reason for reason in present if reason not in seen)
