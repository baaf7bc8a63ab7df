"""A changelog and comments to events. Pure: no request is made here.

An item is closed while it has a resolution or a status of category done: teams use either. So it
closes when the first of the two begins and reopens when the last of them ends. Blocked is what
Jira calls flagged; that field is known by its name only, which is "Flagged" in an English Jira.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.jira.parse import Issue, Statuses, actor, people, time
from flow_telemetry.model import Actor, Event, EventKind, StatusCategory


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a changelog: what somebody changed at once."""

    time: datetime
    actor: Actor | None
    changes: tuple[Payload, ...]


@dataclass(slots=True)
class _Openness:
    """What keeps an item closed, if anything does."""

    resolved: bool
    done: bool

    @property
    def closed(self) -> bool:
        return self.resolved or self.done


def parse_history(
    issue: Issue, changelog: Sequence[Any], comments: Sequence[Any], statuses: Statuses
) -> tuple[Event, ...]:
    """Return everything that happened to an item, in order of time.

    The last closing is at the item's ``closed_at``, where Jira gives one. Its creation is no event
    here: the item says it. Of comments, only who and when.
    """
    known = {**issue.people, **dict(people(_authors(changelog)))}
    entries = sorted(_entries(changelog), key=lambda entry: entry.time)
    events = [event for entry in entries for event in _changes(entry, known)]
    events += _closings(issue, entries, statuses)
    events += _comments(comments)
    return tuple(sorted(events, key=lambda event: event.time))


def last_closing(history: Iterable[Event]) -> datetime | None:
    """Return when an item was closed, if nothing reopened it."""
    last = None
    for event in history:
        if event.kind is EventKind.CLOSED:
            last = event.time
        elif event.kind is EventKind.REOPENED:
            last = None
    return last


def _entries(changelog: Iterable[Any]) -> Iterator[_Entry]:
    for entry in changelog:
        at = time(entry, "created") if isinstance(entry, dict) else None
        if at is not None:
            author = actor(take.child(entry, "author"))
            yield _Entry(at, author, tuple(take.children(entry, "items")))


def _authors(changelog: Iterable[Any]) -> Iterator[Payload]:
    return (take.child(entry, "author") for entry in changelog if isinstance(entry, dict))


def _changes(entry: _Entry, known: Mapping[str, str]) -> Iterator[Event]:
    for change in entry.changes:
        read = _READERS.get(_field(change))
        for kind, subject, before in read(change, known) if read else ():
            yield Event(
                kind=kind, time=entry.time, actor=entry.actor, subject=subject, before=before
            )


def _field(change: Payload) -> str:
    """The field's name; of custom fields, which may be named like Jira's own, only the flag's."""
    name = (take.text(change, "field") or "").lower()
    return name if (change.get("fieldtype") == "custom") == (name == "flagged") else ""


_Told = Iterator[tuple[EventKind, str, str]]


def _status(change: Payload, _: Mapping[str, str]) -> _Told:
    after, before = take.text(change, "toString"), take.text(change, "fromString")
    if after:
        yield EventKind.STATUS_CHANGED, after, before or ""


def _assignee(change: Payload, known: Mapping[str, str]) -> _Told:
    before, after = _person(change, "from", known), _person(change, "to", known)
    if before and before != after:
        yield EventKind.UNASSIGNED, before, ""
    if after and before != after:
        yield EventKind.ASSIGNED, after, ""


def _person(change: Payload, side: str, known: Mapping[str, str]) -> str:
    person_id, shown = take.text(change, side), take.text(change, f"{side}String")
    if person_id and person_id in known:
        return known[person_id]
    return next((name for name in (shown, person_id) if name and "@" not in name), "")


def _labels(change: Payload, _: Mapping[str, str]) -> _Told:
    before = (take.text(change, "fromString") or "").split()
    after = (take.text(change, "toString") or "").split()
    for label in dict.fromkeys(before):
        if label not in after:
            yield EventKind.UNLABELED, label, ""
    for label in dict.fromkeys(after):
        if label not in before:
            yield EventKind.LABELED, label, ""


def _flag(change: Payload, _: Mapping[str, str]) -> _Told:
    before, after = take.text(change, "fromString"), take.text(change, "toString")
    if bool(before) != bool(after):
        yield EventKind.BLOCKED if after else EventKind.UNBLOCKED, "", ""


_READERS: dict[str, Callable[[Payload, Mapping[str, str]], _Told]] = {
    "status": _status,
    "assignee": _assignee,
    "labels": _labels,
    "flagged": _flag,
}


def _closings(issue: Issue, entries: Sequence[_Entry], statuses: Statuses) -> list[Event]:
    """The closings and reopenings; several changes made at once count as one."""
    state = _at_creation(issue, entries, statuses)
    closings = []
    for entry in entries:
        before = state.closed
        for change in entry.changes:
            _apply(change, state, statuses)
        if state.closed != before:
            kind = EventKind.CLOSED if state.closed else EventKind.REOPENED
            result = _result(entry) if state.closed else ""
            closings.append(Event(kind=kind, time=entry.time, actor=entry.actor, result=result))
    return _ending_as_told(issue, closings)


def _result(entry: _Entry) -> str:
    """The resolution that an entry set, else the status."""
    told = {_field(change): take.text(change, "toString") or "" for change in entry.changes}
    return told.get("resolution") or told.get("status", "")


def _at_creation(issue: Issue, entries: Sequence[_Entry], statuses: Statuses) -> _Openness:
    """What the first change replaced; without any, it has always been as it is."""
    changes = [change for entry in entries for change in entry.changes]
    resolution = next((c for c in changes if _field(c) == "resolution"), None)
    status = next((c for c in changes if _field(c) == "status"), None)
    done = issue.item.category is StatusCategory.DONE
    return _Openness(
        resolved=issue.resolved if resolution is None else _is_set(resolution, "from"),
        done=done if status is None else _is_done(status, "from", statuses),
    )


def _apply(change: Payload, state: _Openness, statuses: Statuses) -> None:
    if _field(change) == "resolution":
        state.resolved = _is_set(change, "to")
    elif _field(change) == "status":
        state.done = _is_done(change, "to", statuses)


def _is_set(change: Payload, side: str) -> bool:
    return bool(take.text(change, side) or take.text(change, f"{side}String"))


def _is_done(change: Payload, side: str, statuses: Statuses) -> bool:
    category = statuses.category(take.text(change, side), take.text(change, f"{side}String"))
    return category is StatusCategory.DONE


def _ending_as_told(issue: Issue, closings: list[Event]) -> list[Event]:
    """The closings, the last of them when the item itself says that it was closed.

    The two differ by milliseconds, or by the time between a resolution and its status. Issues that
    were imported have no change that closed them.
    """
    closed_at = issue.item.closed_at
    if closed_at is None:
        return closings
    if not closings or closings[-1].kind is EventKind.REOPENED:
        return [*closings, Event(kind=EventKind.CLOSED, time=closed_at)]
    earlier = closings[-2].time if len(closings) > 1 else None
    if earlier is not None and closed_at < earlier:
        return closings
    return [*closings[:-1], replace(closings[-1], time=closed_at)]


def _comments(comments: Iterable[Any]) -> Iterator[Event]:
    for comment in comments:
        at = time(comment, "created") if isinstance(comment, dict) else None
        if at is not None:
            yield Event(
                kind=EventKind.COMMENTED,
                time=at,
                actor=actor(take.child(comment, "author")),
                id=take.text(comment, "id") or "",
            )
