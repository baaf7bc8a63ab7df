"""The webhook event that started the workflow: its run, pull request, issue or deployment.

The runner stores its payload in a file. The payload decides the subject of the export and saves
requests, but decides nothing about a trace.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flow_telemetry.errors import PayloadError
from flow_telemetry.github.payloads import parse_run
from flow_telemetry.github.runs import RunAddress
from flow_telemetry.github.timeline import subject_of
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.local_files import read_regular
from flow_telemetry.model import Change, EventKind, Run
from flow_telemetry.rules.deployments import is_final
from flow_telemetry.rules.timeline import WebhookEvent

_BRANCH = "refs/heads/"
# The events of a pull request, and those of their actions that can end one of its phases.
CHANGE_EVENTS = ("pull_request", "pull_request_target", "pull_request_review")
_MOVING_ACTIONS = frozenset(
    {
        *("opened", "closed", "reopened", "synchronize", "ready_for_review", "converted_to_draft"),
        *("review_requested", "submitted", "dismissed", "enqueued", "dequeued"),
    }
)


# GitHub's payloads have at most 25 MB.
# https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
_MOST_EVENT_BYTES = 64 * 1024 * 1024


def read_event(path: str | None) -> Payload:
    """Return the payload, or an empty one if the file does not exist.

    Raises:
        PayloadError: the file is damaged or too large.
    """
    if path is None or not Path(path).is_file():
        return {}
    try:
        event: Any = json.loads(read_regular(path, _MOST_EVENT_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise PayloadError(
            f"could not read the event's payload (GITHUB_EVENT_PATH): {type(error).__name__}"
        ) from None
    return event if isinstance(event, dict) else {}


def completed_run(event: Payload) -> RunAddress | None:
    """Return the run of a `workflow_run` event; None for other events.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
    """
    run = read.child(event, "workflow_run")
    run_id = read.number(run, "id")
    repository = read.text(read.child(event, "repository"), "full_name")
    if run_id is None or repository is None:
        return None
    return RunAddress(repository=repository, run_id=run_id, attempt=read.number(run, "run_attempt"))


def closed_change(event: Payload) -> int | None:
    """Return the number of the pull request that was closed; None for other events.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
    """
    if read.text(event, "action") != "closed":
        return None
    return read.number(read.child(event, "pull_request"), "number")


def closed_issue(event: Payload) -> int | None:
    """Return the number of the issue that was closed; None for other events.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#issues
    """
    if read.text(event, "action") != "closed":
        return None
    return read.number(read.child(event, "issue"), "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalStatus:
    """The final status that an event reports, and its deployment."""

    deployment_id: int
    status_id: int | None


def final_status(event: Payload) -> FinalStatus | None:
    """Return the final status of a deployment; None for other events.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status
    """
    status = read.child(event, "deployment_status")
    deployment = read.number(read.child(event, "deployment"), "id")
    if deployment is None or not is_final(read.text(status, "state") or ""):
        return None
    return FinalStatus(deployment_id=deployment, status_id=read.number(status, "id"))


def phase_change(event: Payload) -> tuple[int, datetime] | None:
    """Return the number of the pull request whose phase an event may have ended, and the time.

    Return None for other events.
    """
    change = read.child(event, "pull_request")
    number, updated = read.number(change, "number"), read.time(change, "updated_at")
    submitted = read.time(read.child(event, "review"), "submitted_at")
    if read.text(event, "action") not in _MOVING_ACTIONS or not number:
        return None
    times = [time for time in (updated, submitted) if time is not None]
    return (number, min(times)) if times else None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueOrChange:
    """The pull request or issue of an event."""

    number: int
    is_change: bool


def parse_issue_or_change(event: Payload) -> IssueOrChange | None:
    """Return the pull request or issue of an event; None for other events."""
    change, issue = read.child(event, "pull_request"), read.child(event, "issue")
    number = read.number(change or issue, "number")
    if not number:
        return None
    # A comment on a pull request has an issue that is marked as a pull request.
    return IssueOrChange(number=number, is_change=bool(change or read.child(issue, "pull_request")))


def default_branch(event: Payload) -> str | None:
    """Return the default branch of the event's repository."""
    return read.text(read.child(event, "repository"), "default_branch")


def commit_before_push(event: Payload) -> str | None:
    """Return the commit before a push; None for a new branch."""
    before = read.text(event, "before")
    return before if before and before.strip("0") else None


# A query for the pull requests of more commits takes GitHub long.
_MOST_PUSHED = 25


def pushed_commits(event: Payload) -> tuple[str, ...] | None:
    """Return the commits of a push without its head; None if they are many or uncertain.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
    """
    head, commits = read.text(event, "after"), list(read.children(event, "commits"))
    shas = [sha for commit in commits if (sha := read.text(commit, "id"))]
    if read.flag(event, "forced") or head not in shas or len(commits) != len(shas):
        return None
    return tuple(sha for sha in shas if sha != head) if len(shas) <= _MOST_PUSHED else None


def read_passed_traceparent(event: Payload) -> str | None:
    """Return the `traceparent` that a dispatch passed to the run that it started.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#repository_dispatch
    """
    inputs, client_payload = read.child(event, "inputs"), read.child(event, "client_payload")
    return read.text(inputs, "traceparent") or read.text(client_payload, "traceparent")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedRun:
    """A run as an event describes it, without its jobs, and its pull request.

    The event may be late, forged or from another server, so this only predicts the first requests.
    """

    run: Run
    change: Change | None = None


def parse_described_run(name: str, event: Payload) -> DescribedRun | None:
    """Return the run that an event describes or started; None if the event has too few fields."""
    fields = _run_fields(name, event)
    if fields is None:
        return None
    try:
        run = parse_run(fields, where="the event")
    except PayloadError:
        return None
    run = replace(run, default_branch=default_branch(event))
    numbers = [read.number(pull, "number") for pull in read.children(fields, "pull_requests")]
    number = numbers[0] if len(numbers) == 1 else None
    change = Change(repository=run.repository, number=number) if number else None
    return DescribedRun(run=run, change=change)


def _run_fields(name: str, event: Payload) -> Payload | None:
    """Return a run in the format of the REST API, as far as the event describes it."""
    if name == "workflow_run":
        return read.child(event, "workflow_run")
    repository, change = read.child(event, "repository"), read.child(event, "pull_request")
    common = {"id": 0, "event": name, "repository": repository}
    if name in CHANGE_EVENTS:
        head = read.child(change, "head")
        return {
            **common,
            "created_at": change.get("created_at"),
            "head_branch": head.get("ref"),
            "head_repository": head.get("repo"),
            "pull_requests": [change],
        }
    ref = read.text(event, "ref") or ""
    if name == "push" and ref.startswith(_BRANCH):
        return {
            **common,
            "created_at": read.child(event, "head_commit").get("timestamp"),
            "head_branch": ref.removeprefix(_BRANCH),
            "head_sha": event.get("after"),
            "head_repository": repository,
        }
    return None


# The timeline event that a webhook event reports: the one thing that started the workflow.

_ISSUE_ACTIONS = {
    "opened": EventKind.CREATED,
    "closed": EventKind.CLOSED,
    "reopened": EventKind.REOPENED,
    "labeled": EventKind.LABELED,
    "unlabeled": EventKind.UNLABELED,
    "assigned": EventKind.ASSIGNED,
    "unassigned": EventKind.UNASSIGNED,
}
_CHANGE_ACTIONS = {
    **_ISSUE_ACTIONS,
    "ready_for_review": EventKind.READY_FOR_REVIEW,
    "converted_to_draft": EventKind.CONVERTED_TO_DRAFT,
    "synchronize": EventKind.COMMITTED,
    "review_requested": EventKind.REVIEW_REQUESTED,
    "review_request_removed": EventKind.REVIEW_REQUEST_REMOVED,
    "enqueued": EventKind.QUEUED,
    "dequeued": EventKind.DEQUEUED,
}
_REVIEW_ACTIONS = {"submitted": EventKind.REVIEWED, "dismissed": EventKind.REVIEW_DISMISSED}


def read_webhook_event(name: str, payload: Payload) -> WebhookEvent | None:
    """Return what a webhook event of that name reports; None if it is not exported."""
    parse = _PARSERS.get(name)
    return parse(read.text(payload, "action") or "", payload) if parse else None


def _parse_change_event(action: str, payload: Payload) -> WebhookEvent | None:
    kind, change = _CHANGE_ACTIONS.get(action), read.child(payload, "pull_request")
    if kind is None:
        return None
    if kind is EventKind.CLOSED and read.flag(change, "merged"):
        kind = EventKind.MERGED
    pushed = kind is EventKind.COMMITTED
    return WebhookEvent(
        kind=kind,
        time=read.time(change, "updated_at"),
        id=(read.text(payload, "after") or "") if pushed else "",
        before=(read.text(payload, "before") or "") if pushed else "",
        subject=subject_of(kind, payload),
    )


def _parse_issue_event(action: str, payload: Payload) -> WebhookEvent | None:
    kind = _ISSUE_ACTIONS.get(action)
    if kind is None:
        return None
    time = read.time(read.child(payload, "issue"), "updated_at")
    return WebhookEvent(kind=kind, time=time, subject=subject_of(kind, payload))


def _parse_review_event(action: str, payload: Payload) -> WebhookEvent | None:
    kind = _REVIEW_ACTIONS.get(action)
    return kind and _with_id(kind, read.child(payload, "review"))


def _parse_comment_event(action: str, payload: Payload) -> WebhookEvent | None:
    if action != "created":
        return None
    return _with_id(EventKind.COMMENTED, read.child(payload, "comment"))


def _parse_deployment_event(_: str, payload: Payload) -> WebhookEvent | None:
    time = read.time(read.child(payload, "deployment"), "created_at")
    return WebhookEvent(kind=EventKind.CREATED, time=time)


def _parse_status_event(_: str, payload: Payload) -> WebhookEvent | None:
    return _with_id(EventKind.STATUS_CHANGED, read.child(payload, "deployment_status"))


def _with_id(kind: EventKind, entry: Payload) -> WebhookEvent | None:
    number = read.number(entry, "id")
    return None if number is None else WebhookEvent(kind=kind, id=str(number))


_PARSERS: Mapping[str, Callable[[str, Payload], WebhookEvent | None]] = {
    "pull_request": _parse_change_event,
    "pull_request_target": _parse_change_event,
    "pull_request_review": _parse_review_event,
    "pull_request_review_comment": _parse_comment_event,
    "issue_comment": _parse_comment_event,
    "issues": _parse_issue_event,
    "deployment": _parse_deployment_event,
    "deployment_status": _parse_status_event,
}
# The events that `events: live` exports.
LIVE_EVENTS = frozenset(_PARSERS)
