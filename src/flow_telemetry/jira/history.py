"""Events from Jira's changelogs and comments, by pure functions.

An item is closed while it has a resolution or a status of category done, since teams use either. It
closes with the first entry of its changelog that begins one of the two, and reopens with the entry
that ends the last of them. Jira's `resolutiondate` is 25 to 119 ms before that entry, and it moves
if the resolution is edited later, so it counts only if no entry closed the item (imports).

A flagged item is blocked, and so is one that "is blocked by" an issue that is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.jira.parse import (
    BLOCKED_BY,
    Issue,
    SiteFields,
    Statuses,
    item_key,
    parse_actor,
    parse_people,
    parse_time,
)
from flow_telemetry.model import (
    Actor,
    Edit,
    EditedField,
    Event,
    EventKind,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.lifecycle import find_blocks

_EDITED = {"summary": EditedField.TITLE, "issuetype": EditedField.TYPE}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a changelog: the fields that were changed at once."""

    time: datetime
    number: int
    actor: Actor | None
    changes: tuple[Payload, ...]


def parse_details(
    issue: Issue,
    changelog: Sequence[Any],
    comments: Sequence[Any],
    statuses: Statuses,
    *,
    fields: SiteFields,
    blockers: Mapping[str, Sequence[Event]],
) -> WorkItem:
    """Return the item with its history, which is in order of time and lacks its creation.

    ``blockers`` have the closings and reopenings of the issues that `blocking_keys` returns.
    Comments have only an author and a time. ``history_complete`` is left as it is.
    """
    entries = _parse_entries(changelog)
    statuses = statuses.with_former(_named_statuses(entries))
    authors = (take.child(entry, "author") for entry in changelog if isinstance(entry, dict))
    logins = {**issue.people, **dict(parse_people(authors))}
    events = [e for entry in entries for e in _parse_changes(entry, logins, statuses, fields)]
    closings = find_closings(issue, changelog, statuses)
    events += closings
    events += _blocks(issue, entries, blockers)
    events += _parse_comments(comments)
    closed = bool(closings) and closings[-1].kind is EventKind.CLOSED
    result = closings[-1].result if closed else ""
    return replace(
        issue.item,
        state="closed" if closed else "open",
        closed_at=closings[-1].time if closed else None,
        result=(result or issue.item.result) if closed else "",
        comments=len(comments),
        history=tuple(sorted(events, key=lambda event: event.time)),
        edits=tuple(_edits(entries)),
        status_names=statuses.names,
        blocked_by=("",) if issue.flagged else (),
        former_keys=tuple(_former_keys(issue, entries)),
        notices=tuple(_notices(issue, entries, closings, statuses)),
    )


def blocking_keys(issue: Issue, changelog: Sequence[Any]) -> tuple[str, ...]:
    """Return the keys of all issues that the issue was ever linked to as blocked by them."""
    linked = (key for entry in _parse_entries(changelog) for key, _ in _links(entry))
    return tuple(dict.fromkeys((*issue.blockers, *linked)))


def find_closings(issue: Issue, changelog: Sequence[Any], statuses: Statuses) -> list[Event]:
    """Return the closings and reopenings in order of time; changes made at once count as one."""
    entries = _parse_entries(changelog)
    resolved, done = _state_at_creation(issue, entries, statuses)
    closings = []
    for entry in entries:
        was_closed = resolved or done
        values = {}
        for change in entry.changes:
            name = _system_field(change)
            values[name] = take.text(change, "toString") or ""
            if name == "resolution":
                resolved = _is_set(change, "to")
            elif name == "status":
                done = _is_done(change, "to", statuses)
        closed = resolved or done
        if closed != was_closed:
            kind = EventKind.CLOSED if closed else EventKind.REOPENED
            result = (values.get("resolution") or values.get("status", "")) if closed else ""
            closings.append(Event(kind=kind, time=entry.time, actor=entry.actor, result=result))
    # An issue of Data Center that was created in a status of category done has no other time.
    closed_at = issue.item.closed_at or issue.item.created_at
    imported = not closings or closings[-1].kind is EventKind.REOPENED
    if imported and closed_at is not None and (resolved or done):
        # No entry closed it: an import, or an issue that was created with a resolution.
        closings.append(Event(kind=EventKind.CLOSED, time=closed_at))
    return closings


def _parse_entries(changelog: Iterable[Any]) -> list[_Entry]:
    """Return the entries in order of time; those of one instant are in order of their ids."""
    entries = []
    for entry in changelog:
        created = parse_time(entry, "created") if isinstance(entry, dict) else None
        if created is not None:
            entry_id = take.text(entry, "id") or ""
            number = int(entry_id) if entry_id.isascii() and entry_id.isdigit() else 0
            author = parse_actor(take.child(entry, "author"))
            entries.append(_Entry(created, number, author, tuple(take.children(entry, "items"))))
    return sorted(entries, key=lambda entry: (entry.time, entry.number))


def _parse_changes(
    entry: _Entry, logins: Mapping[str, str], statuses: Statuses, fields: SiteFields
) -> Iterator[Event]:
    for change in entry.changes:
        event = Event(kind=EventKind.STATUS_CHANGED, time=entry.time, actor=entry.actor)
        before, after = take.text(change, "fromString"), take.text(change, "toString")
        name = _system_field(change)
        if name == "status" and after and not _is_unchanged(change):
            yield replace(
                event,
                subject=after,
                before=before or "",
                category=statuses.category(take.text(change, "to"), after),
                category_before=statuses.category(take.text(change, "from"), before),
                status_id=take.text(change, "to") or "",
                status_id_before=take.text(change, "from") or "",
            )
        elif name == "assignee":
            yield from _assignments(event, change, logins)
        elif name == "labels":
            yield from _labels(event, (before or "").split(), (after or "").split())
        elif fields.is_flag(change) and bool(before) != bool(after):
            yield replace(event, kind=EventKind.BLOCKED if after else EventKind.UNBLOCKED)


def _named_statuses(entries: Iterable[_Entry]) -> Iterator[tuple[str, str]]:
    """Yield the ids of the statuses in a changelog with the names that they had then."""
    for entry in entries:
        for change in entry.changes:
            if _system_field(change) == "status":
                for side in ("from", "to"):
                    status_id = take.text(change, side)
                    name = take.text(change, f"{side}String")
                    if status_id and name:
                        yield status_id, name


def _edits(entries: Iterable[_Entry]) -> Iterator[Edit]:
    """Yield the changes of the title and the type."""
    for entry in entries:
        for change in entry.changes:
            field = _EDITED.get(_system_field(change))
            if field is not None:
                before = take.text(change, "fromString") or ""
                yield Edit(field=field, time=entry.time, before=before)


def _is_unchanged(change: Payload) -> bool:
    """Whether a change sets the value that was there: by id if both are there, else by name."""
    ids = take.text(change, "from"), take.text(change, "to")
    if all(ids):
        return ids[0] == ids[1]
    return take.text(change, "fromString") == take.text(change, "toString")


def _system_field(change: Payload) -> str:
    """Return the name of one of Jira's own fields in lower case, empty for a custom field.

    A custom field may have the name of one of Jira's own.
    """
    custom = take.text(change, "fieldtype") == "custom"
    return "" if custom else (take.text(change, "field") or "").lower()


def _assignments(event: Event, change: Payload, logins: Mapping[str, str]) -> Iterator[Event]:
    before, after = _person(change, "from", logins), _person(change, "to", logins)
    if before and before != after:
        yield replace(event, kind=EventKind.UNASSIGNED, subject=before)
    if after and before != after:
        yield replace(event, kind=EventKind.ASSIGNED, subject=after)


def _person(change: Payload, side: str, logins: Mapping[str, str]) -> str:
    person_id, display_name = take.text(change, side), take.text(change, f"{side}String")
    if person_id and person_id in logins:
        return logins[person_id]
    # An e-mail address is never exported.
    return next((name for name in (display_name, person_id) if name and "@" not in name), "")


def _labels(event: Event, before: Sequence[str], after: Sequence[str]) -> Iterator[Event]:
    for label in dict.fromkeys(before):
        if label not in after:
            yield replace(event, kind=EventKind.UNLABELED, subject=label)
    for label in dict.fromkeys(after):
        if label not in before:
            yield replace(event, kind=EventKind.LABELED, subject=label)


def _state_at_creation(
    issue: Issue, entries: Sequence[_Entry], statuses: Statuses
) -> tuple[bool, bool]:
    """Return whether the item was created with a resolution, and with a status done."""
    # It is the value that the first change replaced; without a change, it is today's value.
    changes = [change for entry in entries for change in entry.changes]
    resolution = next((c for c in changes if _system_field(c) == "resolution"), None)
    status = next((c for c in changes if _system_field(c) == "status"), None)
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


# Blocks by other issues


def _links(entry: _Entry) -> Iterator[tuple[str, bool]]:
    """Yield the key of each issue that the entry links as a blocker (True) or no longer (False).

    The text of a link is "This issue is blocked by ACME-9"; the key is in `to` or `from`.
    """
    for change in entry.changes:
        if _system_field(change) != "link":
            continue
        for side, added in (("from", False), ("to", True)):
            key = item_key(take.text(change, side))
            if key and BLOCKED_BY in (take.text(change, f"{side}String") or "").lower():
                yield key, added


def _blocks(
    issue: Issue, entries: Sequence[_Entry], blockers: Mapping[str, Sequence[Event]]
) -> Iterator[Event]:
    linked: dict[str, Event] = {}
    links = [(entry, *link) for entry in entries for link in _links(entry)]
    created_at = issue.item.created_at
    for key in blockers:
        first = next((added for _, other, added in links if other == key), None)
        # The link was there from the start if its first entry removes it, or if it has none.
        if created_at is not None and (first is False or (first is None and key in issue.blockers)):
            linked[key] = Event(kind=EventKind.BLOCKED, time=created_at, subject=key)
    for entry, key, added in links:
        kind = EventKind.BLOCKED if added else EventKind.UNBLOCKED
        event = Event(kind=kind, time=entry.time, actor=entry.actor, subject=key)
        if added:
            linked.setdefault(key, event)
        elif key in linked and key in blockers:
            yield from find_blocks(linked.pop(key), event, blockers[key])
    for key, event in linked.items():
        if key in blockers:
            yield from find_blocks(event, None, blockers[key])


# Other facts of a changelog


def _former_keys(issue: Issue, entries: Iterable[_Entry]) -> Iterator[str]:
    """Yield the keys that the issue had before it was moved to other projects."""
    for entry in entries:
        for change in entry.changes:
            key = item_key(take.text(change, "fromString"))
            if _system_field(change) == "key" and key and key != issue.item.key:
                yield key


def _notices(
    issue: Issue, entries: Sequence[_Entry], closings: Sequence[Event], statuses: Statuses
) -> Iterator[str]:
    key, created_at = issue.item.key, issue.item.created_at
    if any(_state_at_creation(issue, entries, statuses)) and created_at is not None:
        yield (
            f"{key} was created with a resolution or a status of category done. Jira counts it as "
            "closed from the start, so its lead time is too short"
        )
    closed = False
    times = iter([*closings, None])
    following = next(times)
    for entry in entries:
        while following is not None and following.time <= entry.time:
            closed = following.kind is EventKind.CLOSED
            following = next(times)
        for change in entry.changes:
            if _system_field(change) != "status" or not _is_done(change, "from", statuses):
                continue
            if closed and not _is_done(change, "to", statuses):
                yield (
                    f"{key} was moved from a status of category done to another one, but kept its "
                    "resolution. Jira counts it as closed, so this rework is not measured. Clear "
                    "the resolution when an issue is reopened"
                )
                return


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
