"""Events from Jira's changelogs and comments, by pure functions.

An item is closed while it has a resolution or a status of category done, since teams use either. It
closes when the first of the two begins, and reopens when the last of them ends. A flagged item is
blocked. Only the name of that field identifies it, and only an English Jira calls it "Flagged".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.jira.parse import Issue, Statuses, parse_actor, parse_people, parse_time
from flow_telemetry.model import Actor, Event, EventKind, StatusCategory


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a changelog: the fields that were changed at once."""

    time: datetime
    actor: Actor | None
    changes: tuple[Payload, ...]


# The kind, the subject and the value before.
_EventFields = Iterator[tuple[EventKind, str, str]]


def parse_history(
    issue: Issue, changelog: Sequence[Any], comments: Sequence[Any], statuses: Statuses
) -> tuple[Event, ...]:
    """Return the events of an item in order of time, without its creation.

    The last closing has the time of the item's ``closed_at``, if Jira gives one. Comments have only
    an author and a time.
    """
    authors = (take.child(entry, "author") for entry in changelog if isinstance(entry, dict))
    logins = {**issue.people, **dict(parse_people(authors))}
    entries = sorted(_parse_entries(changelog), key=lambda entry: entry.time)
    events = [event for entry in entries for event in _parse_changes(entry, logins)]
    events += _closings(issue, entries, statuses)
    events += _parse_comments(comments)
    return tuple(sorted(events, key=lambda event: event.time))


def last_closing(history: Iterable[Event]) -> datetime | None:
    """Return when an item was closed; None if it was reopened since or never closed."""
    last = None
    for event in history:
        if event.kind is EventKind.CLOSED:
            last = event.time
        elif event.kind is EventKind.REOPENED:
            last = None
    return last


def _parse_entries(changelog: Iterable[Any]) -> Iterator[_Entry]:
    for entry in changelog:
        created = parse_time(entry, "created") if isinstance(entry, dict) else None
        if created is not None:
            author = parse_actor(take.child(entry, "author"))
            yield _Entry(created, author, tuple(take.children(entry, "items")))


def _parse_changes(entry: _Entry, logins: Mapping[str, str]) -> Iterator[Event]:
    for change in entry.changes:
        parse = _PARSERS.get(_field(change))
        for kind, subject, before in parse(change, logins) if parse else ():
            yield Event(
                kind=kind, time=entry.time, actor=entry.actor, subject=subject, before=before
            )


def _field(change: Payload) -> str:
    """Return the field's name in lower case, or an empty text for a custom field but the flag."""
    # A custom field may have the name of one of Jira's own.
    name = (take.text(change, "field") or "").lower()
    return name if (change.get("fieldtype") == "custom") == (name == "flagged") else ""


def _parse_status(change: Payload, _: Mapping[str, str]) -> _EventFields:
    after, before = take.text(change, "toString"), take.text(change, "fromString")
    if after:
        yield EventKind.STATUS_CHANGED, after, before or ""


def _parse_assignee(change: Payload, logins: Mapping[str, str]) -> _EventFields:
    before, after = _person(change, "from", logins), _person(change, "to", logins)
    if before and before != after:
        yield EventKind.UNASSIGNED, before, ""
    if after and before != after:
        yield EventKind.ASSIGNED, after, ""


def _person(change: Payload, side: str, logins: Mapping[str, str]) -> str:
    person_id, display_name = take.text(change, side), take.text(change, f"{side}String")
    if person_id and person_id in logins:
        return logins[person_id]
    # An e-mail address is never exported.
    return next((name for name in (display_name, person_id) if name and "@" not in name), "")


def _parse_labels(change: Payload, _: Mapping[str, str]) -> _EventFields:
    before = (take.text(change, "fromString") or "").split()
    after = (take.text(change, "toString") or "").split()
    for label in dict.fromkeys(before):
        if label not in after:
            yield EventKind.UNLABELED, label, ""
    for label in dict.fromkeys(after):
        if label not in before:
            yield EventKind.LABELED, label, ""


def _parse_flag(change: Payload, _: Mapping[str, str]) -> _EventFields:
    before, after = take.text(change, "fromString"), take.text(change, "toString")
    if bool(before) != bool(after):
        yield EventKind.BLOCKED if after else EventKind.UNBLOCKED, "", ""


_PARSERS: dict[str, Callable[[Payload, Mapping[str, str]], _EventFields]] = {
    "status": _parse_status,
    "assignee": _parse_assignee,
    "labels": _parse_labels,
    "flagged": _parse_flag,
}


def _closings(issue: Issue, entries: Sequence[_Entry], statuses: Statuses) -> list[Event]:
    """Return the closings and reopenings; changes made at once count as one."""
    resolved, done = _state_at_creation(issue, entries, statuses)
    closings = []
    for entry in entries:
        was_closed = resolved or done
        values = {}
        for change in entry.changes:
            field = _field(change)
            values[field] = take.text(change, "toString") or ""
            if field == "resolution":
                resolved = _is_set(change, "to")
            elif field == "status":
                done = _is_done(change, "to", statuses)
        closed = resolved or done
        if closed != was_closed:
            kind = EventKind.CLOSED if closed else EventKind.REOPENED
            result = (values.get("resolution") or values.get("status", "")) if closed else ""
            closings.append(Event(kind=kind, time=entry.time, actor=entry.actor, result=result))
    return _ending_by_resolution(issue, closings)


def _state_at_creation(
    issue: Issue, entries: Sequence[_Entry], statuses: Statuses
) -> tuple[bool, bool]:
    """Return whether the item was created with a resolution, and with a status done."""
    # It is the value that the first change replaced; without a change, it is today's value.
    changes = [change for entry in entries for change in entry.changes]
    resolution = next((change for change in changes if _field(change) == "resolution"), None)
    status = next((change for change in changes if _field(change) == "status"), None)
    done = issue.item.category is StatusCategory.DONE
    return (
        issue.resolved if resolution is None else _is_set(resolution, "from"),
        done if status is None else _is_done(status, "from", statuses),
    )


def _is_set(change: Payload, side: str) -> bool:
    return bool(take.text(change, side) or take.text(change, f"{side}String"))


def _is_done(change: Payload, side: str, statuses: Statuses) -> bool:
    category = statuses.category(take.text(change, side), take.text(change, f"{side}String"))
    return category is StatusCategory.DONE


def _ending_by_resolution(issue: Issue, closings: list[Event]) -> list[Event]:
    """Return the closings, of which the last has the time of the item's ``closed_at``.

    The two times differ by milliseconds, or by the time between a resolution and its status.
    Imported issues may be closed without a change that closed them.
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


def _parse_comments(comments: Iterable[Any]) -> Iterator[Event]:
    for comment in comments:
        created = parse_time(comment, "created") if isinstance(comment, dict) else None
        if created is not None:
            yield Event(
                kind=EventKind.COMMENTED,
                time=created,
                actor=parse_actor(take.child(comment, "author")),
                id=take.text(comment, "id") or "",
            )
