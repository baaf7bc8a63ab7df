"""What an event of GitHub tells of: the one thing that happened and started the workflow.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.live_events import Telling, find_told
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.timeline import subject_of
from flow_telemetry.sources.payload import Payload

_OF_BOTH = {
    "opened": EventKind.CREATED,
    "closed": EventKind.CLOSED,
    "reopened": EventKind.REOPENED,
    "labeled": EventKind.LABELED,
    "unlabeled": EventKind.UNLABELED,
    "assigned": EventKind.ASSIGNED,
    "unassigned": EventKind.UNASSIGNED,
}
_OF_CHANGES = {
    **_OF_BOTH,
    "ready_for_review": EventKind.READY_FOR_REVIEW,
    "converted_to_draft": EventKind.CONVERTED_TO_DRAFT,
    "synchronize": EventKind.COMMITTED,
    "review_requested": EventKind.REVIEW_REQUESTED,
    "review_request_removed": EventKind.REVIEW_REQUEST_REMOVED,
    "enqueued": EventKind.QUEUED,
    "dequeued": EventKind.DEQUEUED,
}
_REVIEWS = {"submitted": EventKind.REVIEWED, "dismissed": EventKind.REVIEW_DISMISSED}


def told_by(name: str, payload: Payload, events: Iterable[Event]) -> tuple[Event, ...]:
    """Return which events of a thing's history an event of GitHub told of; none for others."""
    telling = read_telling(name, payload)
    return () if telling is None else find_told(telling, events)


def read_telling(name: str, payload: Payload) -> Telling | None:
    """Return what an event of that name tells of; None where that is nothing that is sent."""
    reader = _READERS.get(name)
    return reader(read.text(payload, "action") or "", payload) if reader else None


def _of_change(action: str, payload: Payload) -> Telling | None:
    kind, change = _OF_CHANGES.get(action), read.child(payload, "pull_request")
    if kind is None:
        return None
    if kind is EventKind.CLOSED and read.flag(change, "merged"):
        kind = EventKind.MERGED
    pushed = kind is EventKind.COMMITTED
    return Telling(
        kind=kind,
        time=read.time(change, "updated_at"),
        id=(read.text(payload, "after") or "") if pushed else "",
        before=(read.text(payload, "before") or "") if pushed else "",
        subject=subject_of(kind, payload),
    )


def _of_issue(action: str, payload: Payload) -> Telling | None:
    kind = _OF_BOTH.get(action)
    if kind is None:
        return None
    time = read.time(read.child(payload, "issue"), "updated_at")
    return Telling(kind=kind, time=time, subject=subject_of(kind, payload))


def _of_review(action: str, payload: Payload) -> Telling | None:
    kind = _REVIEWS.get(action)
    return kind and _numbered(kind, read.child(payload, "review"))


def _of_comment(action: str, payload: Payload) -> Telling | None:
    if action != "created":
        return None
    return _numbered(EventKind.COMMENTED, read.child(payload, "comment"))


def _of_deployment(_: str, payload: Payload) -> Telling | None:
    time = read.time(read.child(payload, "deployment"), "created_at")
    return Telling(kind=EventKind.CREATED, time=time)


def _of_deployment_status(_: str, payload: Payload) -> Telling | None:
    return _numbered(EventKind.STATUS_CHANGED, read.child(payload, "deployment_status"))


def _numbered(kind: EventKind, thing: Payload) -> Telling | None:
    number = read.number(thing, "id")
    return None if number is None else Telling(kind=kind, id=str(number))


_READERS: Mapping[str, Callable[[str, Payload], Telling | None]] = {
    "pull_request": _of_change,
    "pull_request_target": _of_change,
    "pull_request_review": _of_review,
    "pull_request_review_comment": _of_comment,
    "issue_comment": _of_comment,
    "issues": _of_issue,
    "deployment": _of_deployment,
    "deployment_status": _of_deployment_status,
}
