"""Which events happened, with references."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry import identity
from flow_telemetry.model import Actor, Change, Deployment, Event, EventKind, WorkItem
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.lifecycle import CLOSINGS, Life, lives
from flow_telemetry.rules.parentage import delivery_interval

# All that happened to one thing, its creation and its closing included: what events are made of.
#
# Trackers tell too little or too much: nobody tells of the creation, a merge is told twice,
# commits are older than their pull request, and several things of one kind happen within one
# second.

# A merge and the closing that it is are told in the same second, or a second apart.
_TOLD_TWICE = timedelta(seconds=5)
# GitHub's labels have 50 characters at most; a reference is no place for more than this.
_LONGEST_SUBJECT = 256
_BLOCKS = (EventKind.BLOCKED, EventKind.UNBLOCKED)
_CAUSES_OF_BLOCKING = (EventKind.BLOCKED, EventKind.LABELED, EventKind.STATUS_CHANGED)
_CAUSES_OF_UNBLOCKING = (EventKind.UNBLOCKED, EventKind.UNLABELED, EventKind.STATUS_CHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event at its place in a history.

    ``time`` is when it counts: the creation for what is older than that. ``reference`` is its flow
    reference, which no other event of the history has.
    """

    event: Event
    time: datetime
    reference: str

    @property
    def moved(self) -> bool:
        """Whether the time is not the one that was told."""
        return self.time != self.event.time or not self.event.time_told


def change_history(change: Change) -> tuple[Happening, ...]:
    """Return what happened to a change, in order of time."""
    events = [*_creation(change.created_at, change.author), *change.timeline]
    if change.merged_at and not _has(events, EventKind.MERGED):
        merge = Event(kind=EventKind.MERGED, time=change.merged_at, actor=change.merged_by)
        events.append(merge)
    events += _untold_closings(events, change_lives(change))
    return _history(change.reference, change.created_at, events)


def item_history(item: WorkItem, blocked: Iterable[Interval]) -> tuple[Happening, ...]:
    """Return what happened to a work item, in order of time.

    ``blocked`` are the times in which it was blocked, for whatever reasons at once; one that ends
    with the item is not told to have ended.
    """
    told = [event for event in item.history if event.kind not in _BLOCKS]
    events = [*_creation(item.created_at, item.author), *told]
    events += _untold_closings(events, item_lives(item))
    ends = {event.time for event in events if event.kind in CLOSINGS}
    for interval in blocked:
        events.append(_block(item, EventKind.BLOCKED, interval.start, _CAUSES_OF_BLOCKING))
        if interval.end not in ends:
            end = _block(item, EventKind.UNBLOCKED, interval.end, _CAUSES_OF_UNBLOCKING)
            events.append(end)
    return _history(item.reference, item.created_at, events)


def deployment_history(deployment: Deployment) -> tuple[Happening, ...]:
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
    return _history(deployment.reference, deployment.created_at, events)


def change_lives(change: Change) -> tuple[Life, ...]:
    """Return the lives of a change that have ended."""
    return lives(change.created_at, change.closed_at or change.merged_at, change.timeline, None)


def item_lives(item: WorkItem) -> tuple[Life, ...]:
    """Return the lives of a work item that have ended."""
    return lives(item.created_at, item.closed_at, item.history, None)


def chosen(
    history: Sequence[Happening],
    ended: Sequence[Life],
    told: Collection[Event] | None,
    *,
    all_lives: bool,
) -> tuple[Happening, ...]:
    """Return what of a history leaves: the events that were ``told``, else those of a life.

    That is the last life that ended, with ``all_lives`` those before it too. The time between a
    closing and the reopening belongs to the life that follows. What came after the last closing is
    left out: it had not happened yet when that was sent.
    """
    if told is not None:
        return tuple(each for each in history if each.event in told)
    if not ended:
        return ()
    end = _end(history, ended[-1])
    since = _end(history, ended[-2]) if len(ended) > 1 and not all_lives else None
    return tuple(h for h in history if h.time <= end and (since is None or h.time > since))


def chosen_of_deployment(
    history: Sequence[Happening], deployment: Deployment, told: Collection[Event] | None
) -> tuple[Happening, ...]:
    """Return what of a deployment's history leaves: what was ``told``, else all up to its end."""
    if told is not None:
        return tuple(each for each in history if each.event in told)
    interval = delivery_interval(deployment)
    return tuple(h for h in history if interval is None or h.time <= interval.end)


def closing_of(history: Sequence[Happening], life: Life) -> Happening | None:
    """Return what ended a life: its merge where it was merged, else the first closing."""
    closings = _closings(history, life)
    merges = (each for each in closings if each.event.kind is EventKind.MERGED)
    return next(merges, closings[0] if closings else None)


def _creation(time: datetime | None, actor: Actor | None) -> Iterator[Event]:
    if time is not None:
        yield Event(kind=EventKind.CREATED, time=time, actor=actor)


def _has(events: Iterable[Event], kind: EventKind) -> bool:
    return any(event.kind is kind for event in events)


def _untold_closings(events: Iterable[Event], ended: Iterable[Life]) -> list[Event]:
    """The closings that no event tells, known from the thing itself."""
    told = {event.time for event in events if event.kind in CLOSINGS}
    ends = [life.interval.end for life in ended]
    return [Event(kind=EventKind.CLOSED, time=end) for end in ends if end not in told]


def _block(item: WorkItem, kind: EventKind, time: datetime, causes: Sequence[EventKind]) -> Event:
    """The beginning or end of a blocking, by whom and because of what, where that is told."""
    cause = next((e for e in item.history if e.time == time and e.kind in causes), None)
    if cause is None:
        return Event(kind=kind, time=time)
    return Event(kind=kind, time=time, actor=cause.actor, subject=cause.subject)


def _history(
    owner: str, created_at: datetime | None, events: Iterable[Event]
) -> tuple[Happening, ...]:
    """The events in order of time, each once: equal ones are the same event."""
    placed = [(_from(created_at, event.time), event) for event in dict.fromkeys(events)]
    placed.sort(key=lambda each: each[0])
    taken: dict[str, int] = {}
    return tuple(
        Happening(event=event, time=time, reference=_free(_reference(owner, event), taken))
        for time, event in placed
    )


def _free(reference: str, taken: dict[str, int]) -> str:
    """The reference, or from the second event of that name on with a number that nobody has."""
    number, found = taken.get(reference, 0), reference
    while number and (found := f"{reference}:{number + 1}") in taken:
        number += 1
    taken[reference] = number + 1
    taken.setdefault(found, 1)
    return found


def _from(created_at: datetime | None, time: datetime) -> datetime:
    return time if created_at is None else max(created_at, time)


def _reference(owner: str, event: Event) -> str:
    subject = event.subject[:_LONGEST_SUBJECT].encode(errors="replace").decode()
    named = event.id[:_LONGEST_SUBJECT] or identity.moment(event.time, subject)
    return identity.event_reference(owner, event.kind.value, named)


def _closings(history: Sequence[Happening], life: Life) -> list[Happening]:
    """The closings at the end of a life: its first, and what tells of the same once more."""
    found: list[Happening] = []
    for each in history:
        if each.time < life.interval.end:
            continue
        if each.time - life.interval.end > _TOLD_TWICE:
            break
        if each.event.kind is EventKind.REOPENED and found:
            break
        if each.event.kind in CLOSINGS:
            found.append(each)
    return found


def _end(history: Sequence[Happening], life: Life) -> datetime:
    return max((each.time for each in _closings(history, life)), default=life.interval.end)


# Which events of a history one event of GitHub told of.
#
# The events that start workflows carry no id and no time for most of what happens. So the thing's
# history is read again and searched for what was told.

# GitHub updates the time of a thing and writes its event one after the other.
_APART = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What an event of GitHub tells of.

    ``id`` is the number of a comment, review or status, or the sha of the last commit; ``subject``
    the label, assignee or reviewer; ``time`` when it was at the latest. ``before`` is the commit
    that a push came after.
    """

    kind: EventKind
    time: datetime | None = None
    id: str = ""
    subject: str = ""
    before: str = ""


def find_told(telling: Telling, events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events that were told of, none where the history lacks them.

    Mostly it is one. An opening and a push bring commits, a merge is told as a closing too.
    """
    history = sorted(events, key=lambda event: event.time)
    if telling.kind is EventKind.COMMITTED:
        return _pushed(telling, history)
    if telling.id:
        return _once(e for e in history if (e.kind, e.id) == (telling.kind, telling.id))
    found = _newest(telling, history)
    return () if found is None else (found, *_with(found, history))


def _with(found: Event, history: Iterable[Event]) -> Iterator[Event]:
    """What no event of GitHub's own tells of: a merge's closing, the commits before an opening."""
    for each in history:
        closing = each.kind is EventKind.CLOSED and abs(each.time - found.time) <= _APART
        if found.kind is EventKind.MERGED and closing:
            yield each
        earlier = each.kind is EventKind.COMMITTED and each.time <= found.time
        if found.kind is EventKind.CREATED and earlier:
            yield each


def _pushed(telling: Telling, history: Sequence[Event]) -> tuple[Event, ...]:
    """The commits after the one before the push; of another history, the push and its last."""
    commits = [event for event in history if event.kind is EventKind.COMMITTED]
    shas = [event.id for event in commits]
    if telling.id not in shas:
        return ()
    last = shas.index(telling.id)
    if telling.before in shas[:last]:
        return tuple(commits[shas.index(telling.before) + 1 : last + 1])
    forced = Telling(kind=EventKind.FORCE_PUSHED, time=telling.time)
    push = _newest(forced, history)
    return (commits[last],) if push is None else (push, commits[last])


def _newest(telling: Telling, history: Sequence[Event]) -> Event | None:
    """The last event of that kind up to the time of the telling, else the first after it."""
    alike = [e for e in history if e.kind is telling.kind and e.subject == telling.subject]
    if telling.time is None:
        return alike[-1] if alike else None
    until = telling.time + _APART
    before = [event for event in alike if event.time <= until]
    return before[-1] if before else next(iter(alike), None)


def _once(found: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(found)[:1]
