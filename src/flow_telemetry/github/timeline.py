"""What happened to a pull request or an issue: GitHub's timeline as events.

https://docs.github.com/en/rest/using-the-rest-api/issue-event-types: each kind has fields of its
own, the time's included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import parse_actor
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Actor, Event, EventKind, ReviewState

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
_REVIEWS = {state.value: state for state in ReviewState}
_REVIEW_REQUESTS = (EventKind.REVIEW_REQUESTED, EventKind.REVIEW_REQUEST_REMOVED)
_ASSIGNMENTS = (EventKind.ASSIGNED, EventKind.UNASSIGNED)
_LABELS = (EventKind.LABELED, EventKind.UNLABELED)
# What GitHub calls a thread of comments on lines, in a change or in one of its commits.
_THREADS = ("line-commented", "commit-commented")
# Until the event before it is known.
_UNKNOWN = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TOLD = 80


def read_timeline(
    client: GitHubClient, repository: str, number: int
) -> tuple[tuple[Event, ...], bool]:
    """Return the events of a pull request or issue of `owner/name`, and whether those are all.

    Raises:
        SourceError, DeadlineExceeded: it cannot be read.
    """
    path = f"/repos/{repository}/issues/{number}/timeline"
    listing = client.list_all(path, None, f"the timeline of {repository}#{number}")
    passed = passed_by(listing.items)
    if passed:
        counted = ", ".join(f"{name} {count}" for name, count in sorted(passed.items()))
        client.log.debug(f"events of {repository}#{number} that no span needs: {counted[:_TOLD]}")
    return parse_timeline(listing.items), listing.complete


def parse_timeline(items: Iterable[Any]) -> tuple[Event, ...]:
    """Return the events of a timeline in order of time; those of one time keep GitHub's order.

    A dismissed review says again what it said before the dismissal. What has no time has that of
    the event before it, or after it where it is the first. Kinds that are not known are passed by.
    """
    objects = [each for item in items if isinstance(item, dict) for each in _single(item)]
    said = _before_dismissal(objects)
    found = [event for item in objects if (event := _event(item, said))]
    first = next((event.time for event in found if event.time_told), None)
    return () if first is None else tuple(sorted(_timed(found, first), key=lambda e: e.time))


def _single(item: Payload) -> Iterator[Payload]:
    """The item; of comments on lines each one, since GitHub gives those of a thread together."""
    if read.text(item, "event") not in _THREADS:
        yield item
        return
    for comment in read.children(item, "comments"):
        yield {**comment, "event": item["event"]}


def _timed(events: Iterable[Event], first: datetime) -> Iterator[Event]:
    """The events, those without a time at the time of the one before."""
    previous = first
    for event in events:
        previous = event.time if event.time_told else previous
        yield event if event.time_told else replace(event, time=previous)


def passed_by(items: Iterable[Any]) -> Mapping[str, int]:
    """Return how many items there are of each kind that is not known."""
    kinds = (read.text(item, "event") or "unnamed" for item in items if isinstance(item, dict))
    return Counter(kind for kind in kinds if kind not in _KINDS)


def _event(item: Payload, said: Mapping[str, ReviewState]) -> Event | None:
    kind = _KINDS.get(read.text(item, "event") or "")
    if kind is None:
        return None
    time = _time(kind, item)
    identifier = _identifier(kind, item)
    review = None
    if kind is EventKind.REVIEWED:
        review = said.get(identifier, _REVIEWS.get((read.text(item, "state") or "").lower()))
        if review is None:  # One that its author has not sent yet.
            return None
    return Event(
        kind=kind,
        time=time or _UNKNOWN,
        time_told=time is not None,
        actor=_actor(item),
        id=identifier,
        subject=subject_of(kind, item),
        review=review,
        result=(read.text(item, "state_reason") or "") if kind is EventKind.CLOSED else "",
    )


def _time(kind: EventKind, item: Payload) -> datetime | None:
    if kind is EventKind.COMMITTED:
        committed = read.time(read.child(item, "committer"), "date")
        return committed or read.time(read.child(item, "author"), "date")
    if kind is EventKind.REVIEWED:
        return read.time(item, "submitted_at")
    return read.time(item, "created_at")


def _actor(item: Payload) -> Actor | None:
    """Reviews and comments name their author as `user`; a commit knows no account."""
    return parse_actor(item.get("actor")) or parse_actor(item.get("user"))


def _identifier(kind: EventKind, item: Payload) -> str:
    if kind is EventKind.COMMITTED:
        return read.text(item, "sha") or ""
    if kind is EventKind.REVIEW_DISMISSED:
        return _digits(read.child(item, "dismissed_review"), "review_id")
    if kind in (EventKind.REVIEWED, EventKind.COMMENTED):
        return _digits(item, "id")
    return ""


def _digits(payload: Payload, key: str) -> str:
    number = read.number(payload, key)
    return "" if number is None else str(number)


def subject_of(kind: EventKind, item: Payload) -> str:
    """Return the label, assignee or reviewer that an item, or an event of GitHub, is about."""
    if kind in _LABELS:
        return read.text(read.child(item, "label"), "name") or ""
    if kind in _ASSIGNMENTS:
        return read.text(read.child(item, "assignee"), "login") or ""
    if kind in _REVIEW_REQUESTS:
        team = read.child(item, "requested_team")
        reviewer = read.text(read.child(item, "requested_reviewer"), "login")
        return reviewer or read.text(team, "slug") or read.text(team, "name") or ""
    return ""


def _before_dismissal(items: Iterable[Payload]) -> dict[str, ReviewState]:
    """What each dismissed review had said: GitHub keeps that with the dismissal only."""
    said: dict[str, ReviewState] = {}
    for item in items:
        dismissed = read.child(item, "dismissed_review")
        state = _REVIEWS.get((read.text(dismissed, "state") or "").lower())
        if state is not None:
            said[_digits(dismissed, "review_id")] = state
    return said
