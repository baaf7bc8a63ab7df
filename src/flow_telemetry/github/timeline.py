"""Events of a pull request or an issue, from GitHub's timeline.

Every kind of event has its own fields, even for its time:
https://docs.github.com/en/rest/using-the-rest-api/issue-event-types
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import parse_actor
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Edit, EditedField, Event, EventKind, ReviewState

_KINDS = {
    "ready_for_review": EventKind.READY_FOR_REVIEW,
    "convert_to_draft": EventKind.CONVERTED_TO_DRAFT,
    "converted_to_draft": EventKind.CONVERTED_TO_DRAFT,
    "committed": EventKind.COMMITTED,
    "head_ref_force_pushed": EventKind.FORCE_PUSHED,
    "review_requested": EventKind.REVIEW_REQUESTED,
    "review_request_removed": EventKind.REVIEW_REQUEST_REMOVED,
    "reviewed": EventKind.REVIEWED,
    "review_dismissed": EventKind.REVIEW_DISMISSED,
    "commented": EventKind.COMMENTED,
    "line-commented": EventKind.COMMENTED,
    "commit-commented": EventKind.COMMENTED,
    "labeled": EventKind.LABELED,
    "unlabeled": EventKind.UNLABELED,
    "assigned": EventKind.ASSIGNED,
    "unassigned": EventKind.UNASSIGNED,
    "added_to_merge_queue": EventKind.QUEUED,
    "removed_from_merge_queue": EventKind.DEQUEUED,
    "merged": EventKind.MERGED,
    "closed": EventKind.CLOSED,
    "reopened": EventKind.REOPENED,
}
_EDITS = {
    "renamed": EditedField.TITLE,
    "issue_type_added": EditedField.TYPE,
    "issue_type_changed": EditedField.TYPE,
    "issue_type_removed": EditedField.TYPE,
    "base_ref_changed": EditedField.BASE_BRANCH,
    "automatic_base_change_succeeded": EditedField.BASE_BRANCH,
}
_REVIEWS = {state.value: state for state in ReviewState}
_REVIEW_REQUESTS = (EventKind.REVIEW_REQUESTED, EventKind.REVIEW_REQUEST_REMOVED)
_ASSIGNMENTS = (EventKind.ASSIGNED, EventKind.UNASSIGNED)
_LABELS = (EventKind.LABELED, EventKind.UNLABELED)
# Threads of comments on lines of a pull request or of one of its commits.
_THREADS = ("line-commented", "commit-commented")
# The time of an event without one, until it gets that of the event before it.
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The maximum length of a list of unknown kinds in the log.
_MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The events of a pull request or issue, and the changes of its fields.

    ``complete`` is False if GitHub returned only a part of it.
    """

    events: tuple[Event, ...]
    edits: tuple[Edit, ...]
    complete: bool


def read_timeline(client: GitHubClient, repository: str, number: int) -> Timeline:
    """Return the timeline of a pull request or issue of `owner/name`.

    Raises:
        SourceError, DeadlineExceeded: it cannot be read.
    """
    path = f"/repos/{repository}/issues/{number}/timeline"
    listed = client.list_all(path, None, f"the timeline of {repository}#{number}")
    unknown = unknown_kinds(listed.items)
    if unknown:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(unknown.items()))
        client.log.debug(f"ignored events of {repository}#{number}: {counts[:_MOST_CHARACTERS]}")
    return Timeline(
        events=parse_timeline(listed.items),
        edits=parse_edits(listed.items),
        complete=listed.complete,
    )


def parse_edits(items: Iterable[Any]) -> tuple[Edit, ...]:
    """Return the changes of titles, types and base branches, in order of time.

    REST does not name the branches.
    """
    edits = []
    for item in items:
        kind = read.text(item, "event") if isinstance(item, dict) else None
        field, time = _EDITS.get(kind or ""), read.time(item, "created_at") if kind else None
        if field is not None and time is not None:
            edits.append(Edit(field=field, time=time, before=_value_before(field, item)))
    return tuple(sorted(edits, key=lambda edit: edit.time))


def _value_before(field: EditedField, item: Payload) -> str | None:
    if field is EditedField.TITLE:
        return read.text(read.child(item, "rename"), "from")
    if field is EditedField.TYPE:
        # An issue without a type has no name of a type.
        return read.text(read.child(item, "prev_issue_type"), "name") or ""
    return None


def parse_timeline(items: Iterable[Any]) -> tuple[Event, ...]:
    """Return the events of a timeline in order of time; simultaneous ones keep GitHub's order.

    A dismissed review keeps the state that it had before the dismissal. An event without a time
    gets that of the event before it, or of the event after it if it is the first. Unknown kinds
    are ignored.
    """
    objects = [each for item in items if isinstance(item, dict) for each in _split_thread(item)]
    dismissed = _dismissed_reviews(objects)
    events = [event for item in objects if (event := _parse_event(item, dismissed))]
    time = next((event.time for event in events if event.has_own_time), None)
    if time is None:
        return ()
    timed = []
    for event in events:
        time = event.time if event.has_own_time else time
        timed.append(event if event.has_own_time else replace(event, time=time))
    return tuple(sorted(timed, key=lambda event: event.time))


def unknown_kinds(items: Iterable[Any]) -> Mapping[str, int]:
    """Return the number of items of each unknown kind."""
    kinds = (read.text(item, "event") or "unnamed" for item in items if isinstance(item, dict))
    return Counter(kind for kind in kinds if kind not in _KINDS and kind not in _EDITS)


def _split_thread(item: Payload) -> Iterator[Payload]:
    """Yield each comment of a thread of comments on lines, and any other item as it is."""
    if read.text(item, "event") not in _THREADS:
        yield item
        return
    for comment in read.children(item, "comments"):
        yield {**comment, "event": item["event"]}


def _dismissed_reviews(items: Iterable[Payload]) -> dict[str, ReviewState]:
    """Return the original states of dismissed reviews, which only the dismissals have."""
    states: dict[str, ReviewState] = {}
    for item in items:
        dismissed = read.child(item, "dismissed_review")
        state = _REVIEWS.get((read.text(dismissed, "state") or "").lower())
        if state is not None:
            states[_number_text(dismissed, "review_id")] = state
    return states


def _parse_event(item: Payload, dismissed: Mapping[str, ReviewState]) -> Event | None:
    kind = _KINDS.get(read.text(item, "event") or "")
    if kind is None:
        return None
    time = _parse_time(kind, item)
    identifier = _parse_identifier(kind, item)
    review = None
    if kind is EventKind.REVIEWED:
        review = dismissed.get(identifier, _REVIEWS.get((read.text(item, "state") or "").lower()))
        # A review without a known state was not submitted yet.
        if review is None:
            return None
    return Event(
        kind=kind,
        time=time or _UNKNOWN_TIME,
        has_own_time=time is not None,
        # Reviews and comments name their author `user`; commits have neither.
        actor=parse_actor(item.get("actor")) or parse_actor(item.get("user")),
        id=identifier,
        subject=subject_of(kind, item),
        review=review,
        result=(read.text(item, "state_reason") or "") if kind is EventKind.CLOSED else "",
        authored_at=_parse_authored_at(kind, item),
    )


def _parse_time(kind: EventKind, item: Payload) -> datetime | None:
    if kind is EventKind.COMMITTED:
        committed = read.time(read.child(item, "committer"), "date")
        return committed or read.time(read.child(item, "author"), "date")
    return read.time(item, "submitted_at" if kind is EventKind.REVIEWED else "created_at")


def _parse_authored_at(kind: EventKind, item: Payload) -> datetime | None:
    if kind is not EventKind.COMMITTED:
        return None
    return read.time(read.child(item, "author"), "date")


def _parse_identifier(kind: EventKind, item: Payload) -> str:
    if kind is EventKind.COMMITTED:
        return read.text(item, "sha") or ""
    if kind is EventKind.REVIEW_DISMISSED:
        return _number_text(read.child(item, "dismissed_review"), "review_id")
    if kind in (EventKind.REVIEWED, EventKind.COMMENTED):
        return _number_text(item, "id")
    return ""


def _number_text(payload: Payload, key: str) -> str:
    number = read.number(payload, key)
    return "" if number is None else str(number)


def subject_of(kind: EventKind, item: Payload) -> str:
    """Return the label, assignee or reviewer of a timeline item or a webhook event."""
    if kind in _LABELS:
        return read.text(read.child(item, "label"), "name") or ""
    if kind in _ASSIGNMENTS:
        return read.text(read.child(item, "assignee"), "login") or ""
    if kind in _REVIEW_REQUESTS:
        team = read.child(item, "requested_team")
        reviewer = read.text(read.child(item, "requested_reviewer"), "login")
        return reviewer or read.text(team, "slug") or read.text(team, "name") or ""
    return ""
