"""The event payload: what it is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flow_telemetry.errors import PayloadError
from flow_telemetry.github.payloads import parse_run
from flow_telemetry.github.runs import RunAddress
from flow_telemetry.github.timeline import subject_of
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Change, Event, EventKind, Run
from flow_telemetry.rules.timeline import Telling, find_told

# The payload of the event that started the workflow, as the runner keeps it in a file.
#
# It tells what an export is about and saves requests; it decides nothing about a trace.


def read_event(path: str | None) -> Payload:
    """Return the payload; an empty one where there is no file.

    Raises:
        PayloadError: the file is damaged.
    """
    if path is None or not Path(path).is_file():
        return {}
    try:
        found: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PayloadError(
            f"the event's payload (GITHUB_EVENT_PATH) cannot be read: {type(error).__name__}"
        ) from None
    return found if isinstance(found, dict) else {}


def completed_run(event: Payload) -> RunAddress | None:
    """Return the run that a `workflow_run` event tells of; None for other events.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
    """
    run = read.child(event, "workflow_run")
    run_id = read.number(run, "id")
    repository = read.text(read.child(event, "repository"), "full_name")
    if run_id is None or repository is None:
        return None
    return RunAddress(repository=repository, run_id=run_id, attempt=read.number(run, "run_attempt"))


def closed_change(event: Payload) -> int | None:
    """Return the number of the pull request whose closing an event tells; None for others.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
    """
    if read.text(event, "action") != "closed":
        return None
    return read.number(read.child(event, "pull_request"), "number")


def closed_issue(event: Payload) -> int | None:
    """Return the number of the issue whose closing an event tells; None for others.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#issues
    """
    if read.text(event, "action") != "closed":
        return None
    return read.number(read.child(event, "issue"), "number")


def finished_deployment(event: Payload) -> int | None:
    """Return the id of the deployment that a `deployment_status` event tells has ended.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
    """
    state = read.text(read.child(event, "deployment_status"), "state")
    if state not in ("success", "failure", "error"):
        return None
    return read.number(read.child(event, "deployment"), "id")


_BRANCH = "refs/heads/"

# The events of a pull request, and which of their actions can end a phase of it.
CHANGE_EVENTS = ("pull_request", "pull_request_target", "pull_request_review")
_MOVING_ACTIONS = frozenset(
    {
        *("opened", "closed", "reopened", "synchronize", "ready_for_review", "converted_to_draft"),
        *("review_requested", "submitted", "dismissed", "enqueued", "dequeued"),
    }
)


def changed_at(event: Payload) -> tuple[int, datetime] | None:
    """Return the pull request that an event may have moved to another phase, and when.

    None for other events. https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    change = read.child(event, "pull_request")
    number, instant = read.number(change, "number"), read.time(change, "updated_at")
    review = read.time(read.child(event, "review"), "submitted_at")
    if read.text(event, "action") not in _MOVING_ACTIONS or not number:
        return None
    known = [each for each in (instant, review) if each is not None]
    return (number, min(known)) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """The pull request or issue that an event is about."""

    number: int
    is_change: bool


def thing_told_of(event: Payload) -> Thing | None:
    """Return the pull request or issue that an event is about; None for other events.

    Comments on pull requests come as comments on issues that are pull requests.
    """
    change, issue = read.child(event, "pull_request"), read.child(event, "issue")
    number = read.number(change or issue, "number")
    if not number:
        return None
    return Thing(number=number, is_change=bool(change or read.child(issue, "pull_request")))


def default_branch(event: Payload) -> str | None:
    """Return the default branch of the repository that an event is of."""
    return read.text(read.child(event, "repository"), "default_branch")


def pushed_from(event: Payload) -> str | None:
    """Return the commit before a push; None for a branch that was new."""
    before = read.text(event, "before")
    return before if before and before.strip("0") else None


def handed_on(event: Payload) -> str | None:
    """Return the `traceparent` that a dispatch handed on to the run that it started.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#repository_dispatch
    """
    for holder in ("inputs", "client_payload"):
        found = read.text(read.child(event, holder), "traceparent")
        if found:
            return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an event says of a run, without its jobs, and of the pull request that it is of.

    It may be late, forged or of another server's making: a guess of what will be asked for.
    """

    run: Run
    change: Change | None = None


def told_run(name: str, event: Payload) -> Told | None:
    """Return what an event of that name says of the run that it tells of, or that it started.

    None where it says too little.
    """
    facts = _facts_of_run(name, event)
    try:
        run = None if facts is None else parse_run(facts, where="the event")
    except PayloadError:
        run = None
    if facts is None or run is None:
        return None
    listed = [read.number(each, "number") for each in read.children(facts, "pull_requests")]
    alone = listed[0] if len(listed) == 1 else None
    change = Change(repository=run.repository, number=alone) if alone else None
    return Told(run=run, change=change)


def _facts_of_run(name: str, event: Payload) -> Payload | None:
    """A run as the API would give it: of the event's own words, or made of them."""
    if name == "workflow_run":
        return read.child(event, "workflow_run")
    repository, change = read.child(event, "repository"), read.child(event, "pull_request")
    of_any = {"id": 0, "event": name, "repository": repository}
    if name in CHANGE_EVENTS:
        head = read.child(change, "head")
        return {
            **of_any,
            "created_at": change.get("created_at"),
            "head_branch": head.get("ref"),
            "head_repository": head.get("repo"),
            "pull_requests": [change],
        }
    ref = read.text(event, "ref") or ""
    if name == "push" and ref.startswith(_BRANCH):
        return {
            **of_any,
            "created_at": read.child(event, "head_commit").get("timestamp"),
            "head_branch": ref.removeprefix(_BRANCH),
            "head_sha": event.get("after"),
            "head_repository": repository,
        }
    return None


# What an event of GitHub tells of: the one thing that happened and started the workflow.
#
# https://docs.github.com/en/webhooks/webhook-events-and-payloads

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
