"""The payload of the event that started the workflow, as the runner keeps it in a file.

It tells what an export is about and saves requests; it decides nothing about a trace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flow_telemetry.errors import PayloadError
from flow_telemetry.model import Change, Run
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.parse import parse_run
from flow_telemetry.sources.github.runs import RunAddress
from flow_telemetry.sources.payload import Payload


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
