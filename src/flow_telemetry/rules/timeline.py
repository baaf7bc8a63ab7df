"""Timelines of changes, work items and deployments, and webhook events in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry import identity
from flow_telemetry.model import Actor, Change, Deployment, Event, EventKind, WorkItem
from flow_telemetry.rules.deployments import ended_at, first_final_status, is_final
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.lifecycle import (
    CLOSINGS,
    BlockedInterval,
    OpenPeriod,
    change_periods,
    closing_end,
    item_periods,
)

# Trackers report too little or too much: no event for the creation, two events for a merge,
# commits that are older than their pull request, and several events of one kind in one second.

# A merge and its closing are reported in the same second, or a second apart.
_MERGE_AND_CLOSING_WITHIN = timedelta(seconds=5)
# GitHub's labels have 50 characters at most. Longer subjects are cut in references.
_LONGEST_SUBJECT = 256
_BLOCKS = (EventKind.BLOCKED, EventKind.UNBLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """An event in a timeline.

    ``time`` is that of the event, but never before the creation of its owner. ``reference`` is its
    flow reference, unique in the timeline. ``part`` is the reference of the part of the owner that
    it is about, such as a failed step; empty if it is about the owner.
    """

    event: Event
    time: datetime
    reference: str
    part: str = ""

    @property
    def moved(self) -> bool:
        """Whether the time differs from the one that the tracker reported."""
        return self.time != self.event.time or not self.event.has_own_time


def build_change_timeline(change: Change) -> tuple[TimelineEntry, ...]:
    """Return the timeline of a change, in order of time."""
    events = [*_creation(change.created_at, change.author), *change.timeline]
    if change.merged_at and not any(event.kind is EventKind.MERGED for event in events):
        merge = Event(kind=EventKind.MERGED, time=change.merged_at, actor=change.merged_by)
        events.append(merge)
    events += _missing_closings(events, change_periods(change))
    return _build_timeline(change.reference, change.created_at, events)


def build_item_timeline(
    item: WorkItem, blocked: Iterable[BlockedInterval]
) -> tuple[TimelineEntry, ...]:
    """Return the timeline of a work item, in order of time.

    ``blocked`` are its blocked intervals; one that ends with the item has no event for its end.
    """
    others = [event for event in item.history if event.kind not in _BLOCKS]
    events = [*_creation(item.created_at, item.author), *others]
    events += _missing_closings(events, item_periods(item))
    ends = {event.time for event in events if event.kind in CLOSINGS}
    for block in blocked:
        events.append(_block(EventKind.BLOCKED, block.interval.start, block.started, block.reason))
        if block.interval.end not in ends:
            end = block.interval.end
            stopped = block.stopped.subject if block.stopped else ""
            events.append(_block(EventKind.UNBLOCKED, end, block.stopped, stopped))
    return _build_timeline(item.reference, item.created_at, events)


def build_feature_timeline(item: WorkItem, ended: Event) -> tuple[TimelineEntry, ...]:
    """Return the end of a feature, whose other events are those of its item."""
    return _build_timeline(item.reference, item.created_at, [ended])


def build_deployment_timeline(deployment: Deployment) -> tuple[TimelineEntry, ...]:
    """Return the creation and the statuses of a deployment, in order of time."""
    statuses = (
        Event(
            kind=EventKind.STATUS_CHANGED,
            time=status.time,
            actor=status.actor,
            id=str(status.id) if status.id else "",
            subject=status.state,
        )
        for status in deployment.statuses
    )
    events = [*_creation(deployment.created_at, deployment.creator), *statuses]
    return _build_timeline(deployment.reference, deployment.created_at, events)


def select_entries(
    timeline: Sequence[TimelineEntry],
    ended: Sequence[OpenPeriod],
    only: Collection[Event] | None,
    within: Window | None = None,
) -> tuple[TimelineEntry, ...]:
    """Return the entries to be exported: the events in ``only``, else those of the last period.

    With ``within`` they are the entries of all periods that ended in that time. The time between a
    closing and the reopening belongs to the following period. Entries after the last closing are
    left out, since they had not happened when that closing was exported; but a status change that
    followed it at once belongs to it.
    """
    if only is not None:
        return tuple(entry for entry in timeline if entry.event in only)
    if not ended:
        return ()
    if within is None:
        exported = [ended[-1]]
    else:
        exported = [period for period in ended if within.holds(period.interval.end)]
    ends = {period.number: _end(timeline, period) for period in ended}
    spans = [(ends.get(period.number - 1), ends[period.number]) for period in exported]
    return tuple(
        entry
        for entry in timeline
        if any(entry.time <= end and (start is None or entry.time > start) for start, end in spans)
    )


def select_deployment_entries(
    timeline: Sequence[TimelineEntry], deployment: Deployment, later: Collection[int] | None
) -> tuple[TimelineEntry, ...]:
    """Return the entries up to the first final status, or with ``later`` those of these numbers.

    If GitHub has not written a final status yet, they are those up to the end of the job.
    """
    if later is not None:
        wanted = frozenset(map(str, later))
        return tuple(entry for entry in timeline if entry.event.id in wanted)
    end = ended_at(deployment)
    entries: list[TimelineEntry] = []
    has_status = first_final_status(deployment) is not None
    for entry in timeline:
        if not has_status and end is not None and entry.time > end:
            break
        entries.append(entry)
        if entry.event.kind is EventKind.STATUS_CHANGED and is_final(entry.event.subject):
            break
    return tuple(entries)


def find_closing(timeline: Sequence[TimelineEntry], period: OpenPeriod) -> TimelineEntry | None:
    """Return the entry that ended an open period: the merge if any, else the first closing."""
    closings = _closings(timeline, period)
    merges = (entry for entry in closings if entry.event.kind is EventKind.MERGED)
    return next(merges, closings[0] if closings else None)


def _creation(time: datetime | None, actor: Actor | None) -> Iterator[Event]:
    if time is not None:
        yield Event(kind=EventKind.CREATED, time=time, actor=actor)


def _missing_closings(events: Iterable[Event], ended: Iterable[OpenPeriod]) -> list[Event]:
    """Return closings without an event, known from the record itself."""
    reported = {event.time for event in events if event.kind in CLOSINGS}
    ends = [period.interval.end for period in ended]
    return [Event(kind=EventKind.CLOSED, time=end) for end in ends if end not in reported]


def _block(kind: EventKind, time: datetime, event: Event | None, name: str) -> Event:
    """Return the start or end of a blocked interval, with its actor and reason if known."""
    actor = event.actor if event else None
    # The flag has no name of its own.
    return Event(kind=kind, time=time, actor=actor, subject=name or ("flag" if event else ""))


def _build_timeline(
    owner: str, created_at: datetime | None, events: Iterable[Event]
) -> tuple[TimelineEntry, ...]:
    """Return the entries in order of time; equal events are the same event."""
    placed = [
        (event.time if created_at is None else max(created_at, event.time), event)
        for event in dict.fromkeys(events)
    ]
    placed.sort(key=lambda entry: entry[0])
    used: dict[str, int] = {}
    entries = []
    for time, event in placed:
        subject = event.subject[:_LONGEST_SUBJECT].encode(errors="replace").decode()
        identifier = event.id[:_LONGEST_SUBJECT] or identity.event_identifier(event.time, subject)
        reference = identity.event_reference(owner, event.kind.value, identifier)
        entries.append(
            TimelineEntry(event=event, time=time, reference=_make_unique(reference, used))
        )
    return tuple(entries)


def _make_unique(reference: str, used: dict[str, int]) -> str:
    """Return the reference, with an unused number if it was used before."""
    number, unique = used.get(reference, 0), reference
    while number and (unique := f"{reference}:{number + 1}") in used:
        number += 1
    used[reference] = number + 1
    used.setdefault(unique, 1)
    return unique


def _closings(timeline: Sequence[TimelineEntry], period: OpenPeriod) -> list[TimelineEntry]:
    """Return the closings at the end of an open period: a merge has two."""
    closings: list[TimelineEntry] = []
    for entry in timeline:
        if entry.time < period.interval.end:
            continue
        if entry.time - period.interval.end > _MERGE_AND_CLOSING_WITHIN:
            break
        if entry.event.kind is EventKind.REOPENED and closings:
            break
        if entry.event.kind in CLOSINGS:
            closings.append(entry)
    return closings


def _end(timeline: Sequence[TimelineEntry], period: OpenPeriod) -> datetime:
    """Return the time of the last entry that belongs to a closing."""
    closings = (entry.time for entry in _closings(timeline, period))
    closed = max(closings, default=period.interval.end)
    return closing_end(closed, (entry.event for entry in timeline))


# Webhook events
#
# The webhook events that start workflows usually have neither id nor time. So the timeline is read
# again and searched for the event.

# GitHub updates the time of a record and writes its event one after the other.
_APART = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """A webhook event of GitHub.

    ``id`` is the number of a comment, review or status, or the sha of the last commit; ``subject``
    the label, assignee or reviewer; ``time`` is the latest possible time of the event.
    ``before`` is the commit before a push.
    """

    kind: EventKind
    time: datetime | None = None
    id: str = ""
    subject: str = ""
    before: str = ""


def find_webhook_events(webhook: WebhookEvent, events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the timeline's events of a webhook event; none if the timeline does not have them.

    Usually it is one event. An opening and a push include commits, and a merge includes a closing.
    """
    timeline = sorted(events, key=lambda event: event.time)
    if webhook.kind is EventKind.COMMITTED:
        return _find_pushed_commits(webhook, timeline)
    if webhook.id:
        matching = (e for e in timeline if (e.kind, e.id) == (webhook.kind, webhook.id))
        return tuple(matching)[:1]
    event = _find_latest(webhook, timeline)
    return () if event is None else (event, *_implied_events(event, timeline))


def _implied_events(main: Event, timeline: Iterable[Event]) -> Iterator[Event]:
    """Yield events without a webhook event: a merge's closing, the commits before an opening."""
    for event in timeline:
        closing = event.kind is EventKind.CLOSED and abs(event.time - main.time) <= _APART
        if main.kind is EventKind.MERGED and closing:
            yield event
        earlier = event.kind is EventKind.COMMITTED and event.time <= main.time
        if main.kind is EventKind.CREATED and earlier:
            yield event


def _find_pushed_commits(webhook: WebhookEvent, timeline: Sequence[Event]) -> tuple[Event, ...]:
    """Return the commits of a push; of a forced push, the push and its last commit."""
    commits = [event for event in timeline if event.kind is EventKind.COMMITTED]
    shas = [event.id for event in commits]
    if webhook.id not in shas:
        return ()
    last = shas.index(webhook.id)
    if webhook.before in shas[:last]:
        return tuple(commits[shas.index(webhook.before) + 1 : last + 1])
    forced = WebhookEvent(kind=EventKind.FORCE_PUSHED, time=webhook.time)
    push = _find_latest(forced, timeline)
    return (commits[last],) if push is None else (push, commits[last])


def _find_latest(webhook: WebhookEvent, timeline: Sequence[Event]) -> Event | None:
    """Return the last matching event up to the time of the webhook event, else the first after."""
    alike = [e for e in timeline if e.kind is webhook.kind and e.subject == webhook.subject]
    if webhook.time is None:
        return alike[-1] if alike else None
    until = webhook.time + _APART
    before = [event for event in alike if event.time <= until]
    return before[-1] if before else next(iter(alike), None)
