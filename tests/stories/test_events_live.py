"""`events: live` sends the one record of what started the workflow, when it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes import events, issues
from tests.fakes.github import FakeGitHub
from tests.fakes.logs import LogEntry
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, happened, job
from tests.support import closings, leaks, references
from tests.support.program import Program, Result

OPENED, MERGED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"
CANARY = "canary-in-a-body"
COMMENT, REVIEW, OTHER = 4001, 4002, 4003
TIMELINE = (
    happened("ready_for_review", at="2026-11-02T08:30:00Z"),
    happened("labeled", at="2026-11-02T09:00:00Z", subject="money"),
    happened("commented", at="2026-11-02T10:00:00Z", by="bob", id=COMMENT),
    happened("commented", at="2026-11-02T10:00:05Z", by="bob", id=OTHER),
    happened("reviewed", at="2026-11-03T08:00:00Z", by="bob", review="approved", id=REVIEW),
)
LABELS = (
    happened("labeled", at="2026-11-02T09:00:00Z", subject="money"),
    happened("labeled", at="2026-11-02T09:00:01Z", subject="risky"),
)
PULL_EVENTS: Mapping[str, tuple[str, str, str, Mapping[str, Any]]] = {
    "comment": (
        "issue_comment",
        "created",
        "2026-11-02T10:00:00Z",
        {"comment": {"id": COMMENT, "body": CANARY, "user": {"login": "bob"}}},
    ),
    "review": (
        "pull_request_review",
        "submitted",
        "2026-11-03T08:00:00Z",
        {"review": {"id": REVIEW, "body": CANARY, "submitted_at": "2026-11-03T08:00:00Z"}},
    ),
    "ready": ("pull_request", "ready_for_review", "2026-11-02T08:30:00Z", {}),
    "labeled": (
        "pull_request",
        "labeled",
        "2026-11-02T09:00:00Z",
        {"label": {"name": "money"}},
    ),
}


def told(
    program: Program,
    name: str,
    payload: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    **inputs: Any,
) -> Result:
    """Run the action on an event, in a run of a workflow that has no other job."""
    world = program.github.world
    own = world.run(workflow="Flow telemetry", event=name, jobs=closings.going_on())
    return program.inside(own, closings.OUR_JOB, environ, event=payload, events="live", **inputs)


def of_pull(world: World, event: str) -> tuple[str, dict[str, Any]]:
    """The name and the payload of an event of pull request 123, which is open at that time."""
    name, action, at, more = PULL_EVENTS[event]
    pull = world.pull_request(123, opened_at=OPENED, updated_at=at, timeline=TIMELINE)
    if name == "issue_comment":
        home = world.find_repository(world.default)
        issue: Any = issues.issue(world, home, {"id": "123"}, {})
        payload = {"issue": issue}
    else:
        payload = dict(events.pull_request(world, pull, action))
    return name, {**payload, "action": action, **more}


def of_issue(world: World, action: str, at: str, **more: Any) -> dict[str, Any]:
    """The payload of an `issues` event of issue 17."""
    home = world.find_repository(world.default)
    issue: Any = issues.issue(world, home, {"id": "17"}, {})
    return {"action": action, "issue": {**issue, "updated_at": at}, **more}


def told_apart(events_of: list[LogEntry]) -> dict[str, LogEntry]:
    """Records by their uid."""
    return {event.attributes["log.record.uid"]: event for event in events_of}


@pytest.mark.parametrize(
    ("event", "name", "uid"),
    [
        ("comment", "commented", f"commented:{COMMENT}"),
        ("review", "reviewed", f"reviewed:{REVIEW}"),
        ("ready", "ready_for_review", "ready_for_review:2026-11-02T08:30:00Z"),
        ("labeled", "labeled", "labeled:2026-11-02T09:00:00Z:money"),
    ],
)
def test_the_one_record_of_an_event_leaves(
    program: Program, world: World, receiver: Receiver, event: str, name: str, uid: str
) -> None:
    """No span, no run of ours: the record that the pull request's closing would have brought."""
    result = told(program, *of_pull(world, event))
    assert (result.warnings, result.notices) == ([], [])
    assert result.outputs["status"] == "exported"
    (live,) = receiver.events
    pull = references.pull(123)
    assert live.event_name == f"flow.change.{name}"
    assert live.attributes["log.record.uid"] == f"{pull}#event:{uid}"
    assert (live.trace_id, live.span_id) == (references.trace_id(pull), references.span_id(pull))
    assert {each.path for each in receiver.requests} == {"/v1/logs", "/v1/traces"}
    assert [span.name for span in receiver.spans] == ["pull request #123"]
    assert CANARY not in leaks.everything(result, receiver)
    assert "1 event sent" in result.summary

    world.pull_request(123, opened_at=OPENED, merged_at=MERGED, timeline=TIMELINE)
    closings.pull_request(program, 123)
    same = told_apart(receiver.events[1:])[live.attributes["log.record.uid"]]
    assert (same.time, same.event_name, same.attributes) == (
        live.time,
        live.event_name,
        live.attributes,
    )
    assert (same.trace_id, same.span_id) == (live.trace_id, live.span_id)


def test_without_the_signal_nothing_of_the_event_is_read(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Its record has nowhere to go; that is told, and nothing is sent in its place."""
    result = told(program, *of_pull(world, "comment"), environ={"OTEL_LOGS_EXPORTER": "none"})
    assert (result.warnings, result.notices) == ([], [])
    assert result.outputs["status"] == "skipped"
    assert not [path for path in github.paths if "/123" in path or "graphql" in path]
    assert receiver.requests == []
    assert "OTEL_LOGS_EXPORTER is none" in result.log


def test_a_label_of_an_issue_is_one_record(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Of two labels put on at once the one that is told."""
    world.issue(17, opened_at=OPENED, timeline=LABELS)
    payload = of_issue(world, "labeled", "2026-11-02T09:00:01Z", label={"name": "money"})
    result = told(program, "issues", payload)
    assert result.warnings == []
    (event,) = receiver.events
    assert event.event_name == "flow.work_item.labeled"
    assert event.attributes["flow.event.label"] == "money"
    uid = f"{references.SHOP}/issues/17#event:labeled:2026-11-02T09:00:00Z:money"
    assert event.attributes["log.record.uid"] == uid
    assert receiver.spans == []


def test_a_closing_sends_the_spans_and_no_event_twice(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The merge, told as a merge and a closing, beside the whole pull request."""
    pull = world.pull_request(
        123, opened_at=OPENED, merged_at=MERGED, updated_at=MERGED, timeline=TIMELINE
    )
    result = told(program, "pull_request", events.pull_request(world, pull, "closed"))
    assert result.warnings == []
    assert sorted(e.event_name for e in receiver.events) == [
        "flow.change.closed",
        "flow.change.merged",
    ]
    assert receiver.span("open until merged").seconds == 2 * 86_400
    (merge,) = receiver.events_named("flow.change.merged")
    assert merge.attributes["flow.change.duration"] == 2 * 86_400


def test_a_closed_issue_sends_its_closing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """And nothing of what was told before; it is its own feature, whose end comes with it."""
    world.issue(17, type="Story", opened_at=OPENED, closed_at=MERGED, timeline=LABELS)
    result = told(program, "issues", of_issue(world, "closed", MERGED), trace_scope="item")
    assert result.warnings == []
    event, ended = sorted(receiver.events, key=lambda each: each.event_name, reverse=True)
    assert event.event_name == "flow.work_item.closed"
    assert ended.event_name == "flow.feature.ended"
    assert event.span_id == receiver.span("issue acme/shop#17").span_id


def test_a_run_with_other_jobs_leaves_beside_the_event(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In a workflow that also builds, the run is worth sending."""
    name, payload = of_pull(world, "ready")
    own = world.run(event=name, branch="feature", jobs=closings.going_on(job("test")))
    program.inside(own, closings.OUR_JOB, event=payload, events="live")
    assert [e.event_name for e in receiver.events] == ["flow.change.ready_for_review"]
    assert "test" in {span.name for span in receiver.spans}


def test_what_the_history_does_not_show_yet_is_a_notice(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub's timeline may lag behind its events; the step stays green."""
    name, payload = of_pull(world, "comment")
    late = {**payload, "comment": {"id": 99_999}}
    result = told(program, name, late)
    assert (result.status, result.warnings, receiver.events) == (0, [], [])
    assert any("#123 does not show this event yet" in notice for notice in result.notices)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("issue_comment", {"action": "created"}),
        ("issue_comment", {"action": "edited", "issue": {"number": 17}, "comment": {"id": 1}}),
        ("issues", {"action": "pinned", "issue": {"number": 17}}),
    ],
)
def test_an_event_that_tells_of_nothing_is_about_the_run(
    program: Program, world: World, receiver: Receiver, name: str, payload: dict[str, Any]
) -> None:
    """As under `events: completed`: the run that the step is in."""
    world.issue(17)
    result = told(program, name, payload)
    assert result.status == 0
    assert receiver.events == []


def test_metrics_do_not_leave_with_single_events(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Those of the pull request come once, with its closing."""
    told(program, *of_pull(world, "review"))
    assert receiver.metrics == []


def test_mode_event_sends_the_record_alone_whatever_else_is_asked_for(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A workflow with other jobs, and events that leave with their subject: one record goes.

    Its span is that of the opening.
    """
    name, payload = of_pull(world, "comment")
    own = world.run(workflow="CI", event=name, jobs=closings.going_on(job("build")))
    result = program.inside(own, closings.OUR_JOB, event=payload, mode="event")
    assert (result.warnings, receiver.ended, receiver.metrics) == ([], [], [])
    (record,) = receiver.events
    assert record.event_name == "flow.change.commented"
    assert record.span_id == receiver.span("pull request #123").span_id


def test_mode_event_says_where_there_is_nothing_to_tell(program: Program, world: World) -> None:
    """A push is no event of a pull request or issue."""
    own = world.run(event="push", jobs=closings.going_on())
    (warning,) = program.inside(own, closings.OUR_JOB, event={}, mode="event").warnings
    assert "`mode` is event" in warning
