"""What happened leaves as records of events, once, with the export that is about its thing."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import (
    World,
    annotation,
    deployment_status,
    happened,
    job,
    sha_of,
    step,
)
from tests.stories.worlds import BASE, BEFORE, deployed
from tests.support import closings, references
from tests.support.program import Program

PULL = references.pull(123)
ISSUE = f"{references.SHOP}/issues/17"
OPENED, MERGED = "2026-11-02T08:00:00Z", "2026-11-04T08:00:00Z"
FIRST, MERGE = sha_of("one"), sha_of("merge of 123")
TIMELINE = (
    happened("committed", at="2026-11-02T07:50:00Z", subject=FIRST),
    happened("labeled", at="2026-11-02T08:10:00Z", subject="money"),
    happened("review_requested", at="2026-11-02T09:00:00Z", subject="bob"),
    happened("commented", at="2026-11-02T10:00:00Z", by="bob", id=4001),
    happened("reviewed", at="2026-11-03T08:00:00Z", by="bob", review="approved", id=4002),
)
AFTERWARDS = happened("commented", at="2026-11-05T10:00:00Z", by="carol", id=4003)
NAMES = [
    "flow.change.committed",
    "flow.change.created",
    "flow.change.labeled",
    "flow.change.review_requested",
    "flow.change.commented",
    "flow.change.reviewed",
    "flow.change.merged",
    "flow.change.closed",
]


@pytest.fixture
def merged(world: World) -> None:
    """Alice's pull request 123, approved by bob and merged after two days."""
    world.history(BASE, MERGE)
    world.pull_request(
        123,
        opened_at=OPENED,
        merged_at=MERGED,
        merge_commit_sha=MERGE,
        timeline=(*TIMELINE, AFTERWARDS),
    )


def names(receiver: Receiver) -> list[str]:
    """The names of the events that the backend has, in order of time."""
    return [event.event_name for event in sorted(receiver.events, key=lambda e: e.time)]


@pytest.mark.usefixtures("merged")
def test_the_events_of_a_pull_request_leave_with_it(program: Program, receiver: Receiver) -> None:
    """All at once, in its trace and at its span, each named by its flow reference."""
    result = closings.pull_request(program, 123)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert len(receiver.requests_to("logs")) == 1
    assert sorted(names(receiver)) == sorted(NAMES)
    span = receiver.span("pull request #123")
    assert {(e.trace_id, e.span_id) for e in receiver.events} == {(span.trace_id, span.span_id)}
    assert {e.attributes["flow.reference"] for e in receiver.events} == {PULL}
    assert {e.attributes["log.record.uid"].removeprefix(PULL) for e in receiver.events} == {
        f"#event:committed:{FIRST}",
        f"#event:created:{OPENED}",
        "#event:labeled:2026-11-02T08:10:00Z:money",
        "#event:review_requested:2026-11-02T09:00:00Z:bob",
        "#event:commented:4001",
        "#event:reviewed:4002",
        f"#event:merged:{MERGED}",
        f"#event:closed:{MERGED}",
    }
    (review,) = receiver.events_named("flow.change.reviewed")
    assert review.attributes["flow.change.review.state"] == "approved"
    assert review.attributes["flow.actor.login"] == "bob"
    assert (review.severity, review.severity_text) == ("INFO", "INFO")
    assert {event.attributes["event.name"] for event in receiver.events} == set(NAMES)


@pytest.mark.usefixtures("merged")
def test_the_bodies_tell_the_story_of_a_pull_request(program: Program, receiver: Receiver) -> None:
    """A line for each event, as a person reads them in a store of logs."""
    closings.pull_request(program, 123)
    told = [event.body for event in sorted(receiver.events, key=lambda event: event.time)]
    change = "pull request #123"
    assert told == [
        f'alice opened {change} "Add the feature" (acme/shop)',
        f"commit {FIRST[:7]} was added to {change} (acme/shop)",
        f'alice added the label "money" to {change} (acme/shop)',
        f"alice requested a review of {change} from bob (acme/shop)",
        f"bob commented on {change} (acme/shop)",
        f"bob approved {change} (acme/shop)",
        f'alice merged {change} "Add the feature" (acme/shop)',
        f"alice closed {change} (acme/shop)",
    ]


@pytest.mark.usefixtures("merged")
def test_the_record_of_a_merge_says_what_the_span_says(
    program: Program, receiver: Receiver
) -> None:
    """A backend that refuses the span, days old, still learns where the time went."""
    closings.pull_request(program, 123)
    (merge,) = receiver.events_named("flow.change.merged")
    span = receiver.span("open until merged")
    for name in ("vcs.change.title", "vcs.change.state", "flow.change.author"):
        assert merge.attributes[name] == span.attributes[name]
    assert merge.attributes["flow.change.duration"] == 2 * 86_400
    phases = {
        name: value
        for name, value in merge.attributes.items()
        if name.endswith(".duration") and not name.startswith("flow.time.")
    }
    assert phases == {
        "flow.change.duration": 172_800,
        "flow.change.phase.awaiting_review.duration": 86_400,
        "flow.change.phase.awaiting_merge.duration": 86_400,
    }
    (closing,) = receiver.events_named("flow.change.closed")
    assert "flow.change.duration" not in closing.attributes


@pytest.mark.usefixtures("merged")
def test_a_pull_request_that_goes_along_brings_no_events(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its span goes along with the run of its merge; its events wait for its own export."""
    run = world.run(event="push", sha=MERGE, created_at="2026-11-04T08:00:05Z", jobs=[job("ci")])
    program.export(run)
    assert receiver.span("open until merged").seconds == 2 * 86_400
    assert receiver.events == []
    closings.pull_request(program, 123)
    assert len(receiver.events) == len(NAMES)


@pytest.mark.usefixtures("merged")
def test_a_repeat_is_equal_but_for_when_it_was_read(program: Program, receiver: Receiver) -> None:
    """The same ids, times and facts, so that a backend can drop it by `log.record.uid`."""
    closings.pull_request(program, 123)
    first = list(receiver.events)
    closings.pull_request(program, 123)
    again = receiver.events[len(first) :]
    assert [(e.event_name, e.time, e.span_id, e.attributes) for e in again] == [
        (e.event_name, e.time, e.span_id, e.attributes) for e in first
    ]


def test_a_reopened_pull_request_tells_only_what_is_new(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What left with the first closing does not leave with the second."""
    closed, reopened = "2026-11-03T08:00:00Z", "2026-11-03T09:00:00Z"
    world.pull_request(
        123, opened_at=OPENED, closed_at=closed, timeline=(happened("closed", at=closed),)
    )
    closings.pull_request(program, 123)
    assert names(receiver) == ["flow.change.created", "flow.change.closed"]
    world.pull_request(
        123,
        opened_at=OPENED,
        merged_at=MERGED,
        timeline=(
            happened("closed", at=closed),
            happened("reopened", at=reopened),
            happened("merged", at=MERGED),
            happened("closed", at=MERGED),
        ),
    )
    closings.pull_request(program, 123)
    assert names(receiver)[2:] == [
        "flow.change.reopened",
        "flow.change.merged",
        "flow.change.closed",
    ]
    assert receiver.events_named("flow.change.merged")[0].attributes["flow.life"] == 2


def test_the_events_of_a_work_item_leave_with_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Though the trace of a change has no span for it: they stand at that of the feature trace."""
    world.issue(
        17,
        "Let people pay",
        type="Story",
        opened_at=OPENED,
        closed_at=MERGED,
        timeline=[
            happened("assigned", at="2026-11-02T09:00:00Z", subject="alice"),
            happened("labeled", at="2026-11-02T10:00:00Z", subject="blocked"),
            happened("unlabeled", at="2026-11-02T14:00:00Z", subject="blocked"),
            happened("commented", at="2026-11-03T09:00:00Z", by="bob", id=4009),
        ],
    )
    result = closings.issue(program, "acme/shop#17")
    assert result.warnings == []
    assert sorted(names(receiver)) == sorted(
        [
            *(
                f"flow.work_item.{kind}"
                for kind in (
                    *("created", "assigned", "labeled", "blocked", "unlabeled", "unblocked"),
                    *("commented", "closed"),
                )
            ),
            "flow.feature.ended",
        ]
    )
    root = references.trace_id(ISSUE), references.span_id(ISSUE)
    assert {(e.trace_id, e.span_id) for e in receiver.events} == {root}
    (closing,) = receiver.events_named("flow.work_item.closed")
    assert closing.attributes["log.record.uid"] == f"{ISSUE}#event:closed:{MERGED}"
    assert closing.attributes["flow.work_item.duration"] == 2 * 86_400
    assert closing.attributes["flow.work_item.blocked.duration"] == 4 * 3600


@pytest.mark.usefixtures("merged")
def test_the_record_of_a_deployment_names_what_its_numbers_were_made_of(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The lead time of each pull request it delivers, from its first commit."""
    world.deployment(sha=BASE, created_at=BEFORE, statuses=[deployment_status("success")])
    run, made = deployed(world, MERGE, "2026-11-05T08:00:00Z")
    result = program.export(run)
    assert result.warnings == []
    assert names(receiver) == [
        "flow.deployment.created",
        "flow.deployment.status_changed",
        "flow.change.delivered",
        "flow.deployment.status_changed",
    ]
    success = receiver.events_named("flow.deployment.status_changed")[-1]
    reference = f"{references.SHOP}/deployments/{made.id}"
    status = made.statuses[-1]
    assert success.attributes["log.record.uid"] == f"{reference}#event:status_changed:{status.id}"
    assert success.attributes["flow.reference"] == reference
    assert success.trace_id == references.trace_id(PULL)
    assert success.span_id == references.span_id(PULL, f"{reference}#delivers:{PULL}")
    assert success.attributes["flow.deployment.changes"] == ["123"]
    assert success.body.endswith(f"of {MERGE[:7]} to production succeeded (acme/shop)")
    (delivered,) = receiver.events_named("flow.change.delivered")
    assert (delivered.trace_id, delivered.span_id) == (success.trace_id, success.span_id)
    assert delivered.attributes["log.record.uid"] == f"{PULL}#event:delivered:{made.id}"
    assert delivered.attributes["flow.deployment.lead_time"] > 3 * 86_400
    assert delivered.attributes["flow.change.first_commit.revision"] == FIRST
    assert delivered.attributes["flow.change.first_commit.time"] == "2026-11-02T07:50:00Z"


def test_the_failures_of_a_job_are_events_of_its_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each failure annotation, at the end of its job; warnings are no failures."""
    run = world.run(
        jobs=[
            job(
                "test",
                "failure",
                steps=[step("Run pytest", 20, "failure")],
                annotations=[
                    annotation("assert 1 == 2"),
                    annotation("old Node", level="warning"),
                ],
            )
        ]
    )
    program.export(run)
    (event,) = receiver.events
    assert event.event_name == "flow.run.annotated"
    assert event.attributes["github.annotation.message"] == "assert 1 == 2"
    assert event.attributes["cicd.pipeline.task.run.id"] == str(run.job("test").id)
    span = receiver.span("Run pytest")
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)
    assert (event.severity, event.severity_text) == ("ERROR", "ERROR")
    assert event.body == (
        'error in step "Run pytest" of job "test" of "CI": assert 1 == 2 (acme/shop)'
    )
    # A span may end some microseconds later, to put it in order.
    assert event.time == receiver.span("test").end // 10**9 * 10**9


@pytest.mark.usefixtures("merged")
def test_without_events_none_leaves(program: Program, receiver: Receiver) -> None:
    """`events: none` sends spans and metrics as before."""
    result = closings.pull_request(program, 123, events="none")
    assert result.outputs["status"] == "exported"
    assert receiver.spans
    assert receiver.metrics
    assert receiver.requests_to("logs") == []


NO_OTHERS = {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}


@pytest.mark.usefixtures("merged")
@pytest.mark.parametrize(("inputs", "environ"), [({"signals": "traces"}, {}), ({}, NO_OTHERS)])
def test_traces_alone_cost_as_many_requests_as_all_signals(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    inputs: dict[str, str],
    environ: dict[str, str],
) -> None:
    """The backend gets no others; when a delivered change began is on its span, so it is read."""
    world.deployment(sha=BASE, created_at=BEFORE, statuses=[deployment_status("success")])
    run, _ = deployed(world, MERGE, "2026-11-05T08:00:00Z")
    closings.pull_request(program, 123, signals="traces")
    before = len(github.requests)
    program.export(run, environ, **inputs)
    alone = github.paths[before:]
    assert {each.path for each in receiver.requests} == {"/v1/traces"}
    program.export(run)
    with_all = github.paths[before + len(alone) :]
    assert sorted(with_all) == sorted(alone)
