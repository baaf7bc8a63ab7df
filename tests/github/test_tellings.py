"""The one thing that an event of GitHub tells of, found again in the history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.support.recorded import NO_RECORDED_DATA, RECORDED

from flow_telemetry.github.webhook import read_webhook_event
from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.timeline import WebhookEvent, find_webhook_events

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
CHANGE = {"number": 7, "updated_at": "2026-11-24T12:00:00Z"}


@pytest.mark.parametrize(
    ("name", "payload", "telling"),
    [
        ("pull_request", {"action": "opened"}, WebhookEvent(kind=EventKind.CREATED)),
        ("pull_request_target", {"action": "reopened"}, WebhookEvent(kind=EventKind.REOPENED)),
        (
            "pull_request",
            {"action": "labeled", "label": {"name": "bug"}},
            WebhookEvent(kind=EventKind.LABELED, subject="bug"),
        ),
        (
            "pull_request",
            {"action": "unassigned", "assignee": {"login": "bob"}},
            WebhookEvent(kind=EventKind.UNASSIGNED, subject="bob"),
        ),
        (
            "pull_request",
            {"action": "review_requested", "requested_team": {"slug": "platform"}},
            WebhookEvent(kind=EventKind.REVIEW_REQUESTED, subject="platform"),
        ),
        (
            "pull_request",
            {"action": "synchronize", "before": "b4", "after": "c0ffee"},
            WebhookEvent(kind=EventKind.COMMITTED, id="c0ffee", before="b4"),
        ),
        ("pull_request", {"action": "enqueued"}, WebhookEvent(kind=EventKind.QUEUED)),
        ("pull_request", {"action": "dequeued"}, WebhookEvent(kind=EventKind.DEQUEUED)),
        (
            "pull_request",
            {"action": "converted_to_draft"},
            WebhookEvent(kind=EventKind.CONVERTED_TO_DRAFT),
        ),
    ],
)
def test_what_happens_to_a_pull_request_is_told(
    name: str, payload: dict[str, Any], telling: WebhookEvent
) -> None:
    """Its time is that of the pull request, as of then."""
    found = read_webhook_event(name, {"pull_request": CHANGE, **payload})
    assert found == replace(telling, time=NOON)


def test_a_closing_with_a_merge_is_the_merge() -> None:
    """GitHub calls both closed."""
    payload = {"action": "closed", "pull_request": {**CHANGE, "merged": True}}
    assert read_webhook_event("pull_request", payload) == WebhookEvent(
        kind=EventKind.MERGED, time=NOON
    )


@pytest.mark.parametrize(
    ("name", "payload", "kind"),
    [
        ("issue_comment", {"action": "created", "comment": {"id": 5}}, EventKind.COMMENTED),
        (
            "pull_request_review_comment",
            {"action": "created", "comment": {"id": 5}},
            EventKind.COMMENTED,
        ),
        ("pull_request_review", {"action": "submitted", "review": {"id": 5}}, EventKind.REVIEWED),
        (
            "pull_request_review",
            {"action": "dismissed", "review": {"id": 5}},
            EventKind.REVIEW_DISMISSED,
        ),
        (
            "deployment_status",
            {"action": "created", "deployment_status": {"id": 5}},
            EventKind.STATUS_CHANGED,
        ),
    ],
)
def test_what_has_a_number_is_told_by_it(
    name: str, payload: dict[str, Any], kind: EventKind
) -> None:
    """Nothing else of it matters."""
    assert read_webhook_event(name, payload) == WebhookEvent(kind=kind, id="5")


def test_an_issue_and_a_deployment_are_told() -> None:
    """By their own times."""
    issue = {"action": "closed", "issue": {"updated_at": "2026-11-24T12:00:00Z"}}
    assert read_webhook_event("issues", issue) == WebhookEvent(kind=EventKind.CLOSED, time=NOON)
    made = {"action": "created", "deployment": {"created_at": "2026-11-24T12:00:00Z"}}
    assert read_webhook_event("deployment", made) == WebhookEvent(kind=EventKind.CREATED, time=NOON)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("push", {"after": "c0ffee"}),
        ("pull_request", {"action": "edited"}),
        ("pull_request", {}),
        ("issues", {"action": "pinned"}),
        ("issue_comment", {"action": "edited", "comment": {"id": 5}}),
        ("issue_comment", {"action": "created", "comment": None}),
        ("pull_request_review", {"action": "edited", "review": {"id": 5}}),
    ],
)
def test_what_is_not_sent_is_not_told(name: str, payload: dict[str, Any]) -> None:
    """Other events, other actions and damaged payloads."""
    assert read_webhook_event(name, payload) is None


@pytest.mark.skipif(not RECORDED.is_dir(), reason=NO_RECORDED_DATA)
@pytest.mark.parametrize(
    ("file", "name", "told"),
    [
        (
            "webhook-issue-comment-added.json",
            "issue_comment",
            Event(
                kind=EventKind.COMMENTED,
                time=datetime(2022, 5, 16, 0, 20, 21, tzinfo=timezone.utc),
                id="492700400",
            ),
        ),
        (
            "webhook-pull-request-opened.json",
            "pull_request",
            Event(
                kind=EventKind.CREATED,
                time=datetime(2022, 5, 15, 19, 38, 2, tzinfo=timezone.utc),
            ),
        ),
        (
            "webhook-pull-request-closed.json",
            "pull_request",
            Event(
                kind=EventKind.CLOSED,
                time=datetime(2022, 5, 17, 9, 22, 12, tzinfo=timezone.utc),
            ),
        ),
        (
            "webhook-pull-request-review-submitted.json",
            "pull_request_review",
            Event(
                kind=EventKind.REVIEWED,
                time=datetime(2019, 5, 15, 15, 20, 38, tzinfo=timezone.utc),
                id="237895671",
            ),
        ),
    ],
)
def test_a_recorded_event_tells_of_one_thing(file: str, name: str, told: Event) -> None:
    """What GitHub sent leads to the event of the history, and to no other like it."""
    payload = json.loads((RECORDED / file).read_text(encoding="utf-8"))
    decoys = [
        replace(told, id="1" if told.id else "", time=told.time.replace(year=told.time.year + n))
        for n in (-1, 1)
    ]
    event = read_webhook_event(name, payload)
    assert event is not None
    assert find_webhook_events(event, [decoys[0], told, decoys[1]]) == (told,)
