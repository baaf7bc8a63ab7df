"""Which events of a history one event of GitHub told of.

The events that start workflows carry no id and no time for most of what happens. So the thing's
history is read again and searched for what was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import Event, EventKind

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
