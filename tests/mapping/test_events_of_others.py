"""What happened to work items, deployments and runs, as the records that a backend gets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.mapping.records import OBSERVED, OF_THE_SPAN, RESOURCE, TRACING, assert_valid_records
from tests.rules.builders import OPENING, SHOP, at, change, event, item, moved
from tests.rules.test_deliveries import deployment

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.events import deployment_events, item_events, place_item_events
from flow_telemetry.mapping.items import item_spans
from flow_telemetry.mapping.placement import Ancestry, Tracing, place
from flow_telemetry.mapping.runs import run_events, run_spans
from flow_telemetry.model import (
    Actor,
    Annotation,
    Deployment,
    DeploymentStatus,
    EventKind,
    Job,
    JobOutcome,
    Lineage,
    Result,
    Run,
    Step,
    WorkItem,
)
from flow_telemetry.rules.lifecycle import find_blocked_intervals
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import LogRecord, Severity

EPIC = item("ACME-42", kind="Epic")


def records_of(story: WorkItem) -> list[LogRecord]:
    """Return the records that leave with the closing of an item, each of them valid."""
    placement = place_item_events(story, Lineage(items=(story, EPIC)), TRACING)
    blocked = find_blocked_intervals(story, ())
    records = list(item_events(story, placement, RESOURCE, OBSERVED, blocked=blocked))
    assert_valid_records(records, placement.trace)
    return records


def test_a_change_of_status_says_from_what_to_what() -> None:
    """And what the new one means."""
    _, record, _ = records_of(item("ACME-57", moved(5, "To Do", "Doing"), closed=9))
    assert record.event_name == "flow.work_item.status_changed"
    assert record.attributes == {
        "event.name": "flow.work_item.status_changed",
        "log.record.uid": "jira/ACME-57#event:status_changed:2026-11-24T09:05:00Z:Doing",
        "flow.reference": "jira/ACME-57",
        "flow.work_item.key": "ACME-57",
        "flow.feature.key": "ACME-42",
        "flow.work_item.status": "Doing",
        "flow.work_item.status.category": "in_progress",
        "flow.work_item.status.before": "To Do",
    }


def test_the_closing_of_an_item_says_where_its_time_went() -> None:
    """10 minutes to do, 90 in progress, 40 of those blocked."""
    flag = replace(event(20, EventKind.BLOCKED, "acme/shop#3"), actor=Actor(login="bob"))
    story = item(
        "ACME-57",
        moved(10, "To Do", "Doing"),
        flag,
        event(60, EventKind.UNBLOCKED, "acme/shop#3"),
        closed=100,
    )
    _, _, blocked, unblocked, closing = records_of(story)
    assert blocked.event_name == "flow.work_item.blocked"
    assert blocked.attributes["flow.work_item.blocked.by"] == "acme/shop#3"
    assert unblocked.event_name == "flow.work_item.unblocked"
    durations = {k: v for k, v in closing.attributes.items() if k.endswith(".duration")}
    assert durations == {
        "flow.work_item.duration": 6000.0,
        "flow.work_item.to_do.duration": 600.0,
        "flow.work_item.in_progress.duration": 5400.0,
        "flow.work_item.blocked.duration": 2400.0,
    }
    placement = place_item_events(story, Lineage(items=(story, EPIC)), TRACING)
    span = next(iter(item_spans(story, placement, RESOURCE)))
    said = {k: v for k, v in span.attributes.items() if k not in OF_THE_SPAN}
    assert said.items() <= closing.attributes.items()


def test_the_creation_of_an_item_has_its_type_and_title() -> None:
    """What it is about is known from the first record on."""
    created, _ = records_of(replace(item("ACME-57", closed=9), title="Pay in euro"))
    assert created.event_name == "flow.work_item.created"
    assert created.attributes["flow.work_item.type"] == "Story"
    assert created.attributes["flow.work_item.title"] == "Pay in euro"


@pytest.mark.parametrize(
    ("scope", "root"),
    [
        (TraceScope.RUN, "jira/ACME-42"),
        (TraceScope.CHANGE, "jira/ACME-42"),
        (TraceScope.ITEM, "jira/ACME-57"),
        (TraceScope.FEATURE, "jira/ACME-42"),
    ],
)
def test_an_item_s_records_stand_where_its_span_is(scope: TraceScope, root: str) -> None:
    """In the live trace, or in the feature trace where no live trace holds items."""
    story = item("ACME-57", closed=9)
    placement = place_item_events(story, Lineage(items=(story, EPIC)), Tracing(scope=scope))
    assert placement.trace == TraceIdentity(root=root)
    assert placement.trace_id == placement.trace.trace_id


def test_a_deployment_is_told_once_in_the_trace_of_a_change() -> None:
    """Its creation, each state in GitHub's word, and what it delivers; nothing after its end."""
    pull = change(closed=9)
    statuses = [("in_progress", 2), ("success", 4), ("inactive", 90)]
    made = Deployment(
        repository=SHOP,
        id=77,
        environment="production",
        sha="c0ffee",
        ref="main",
        created_at=at(1),
        creator=Actor(login="bob"),
        statuses=tuple(
            DeploymentStatus(state=state, time=at(minute), id=70 + minute)
            for state, minute in statuses
        ),
        delivers=(pull, replace(pull, number=8)),
    )
    ancestry = Ancestry(change=pull)
    placement = place(made.reference, ancestry, TRACING)
    records = list(deployment_events(made, pull, placement, RESOURCE, OBSERVED))
    assert_valid_records(records, TraceIdentity(root=pull.reference))
    created, running, success = records
    assert created.event_name == "flow.deployment.created"
    assert created.attributes["flow.actor.login"] == "bob"
    assert created.span_id == placement.span_id(f"{made.reference}#delivers:{pull.reference}")
    assert running.attributes["github.deployment.state"] == "in_progress"
    assert "deployment.status" not in running.attributes
    assert success.event_name == "flow.deployment.status_changed"
    assert success.attributes["deployment.status"] == "succeeded"
    assert success.attributes["flow.deployment.changes"] == ("7", "8")
    assert str(success.attributes["log.record.uid"]).endswith("/77#event:status_changed:74")


@pytest.mark.parametrize(
    ("states", "outcome", "severities"),
    [
        (["queued", "success"], None, [Severity.INFO] * 3),
        (["queued", "failure"], None, [Severity.INFO, Severity.INFO, Severity.ERROR]),
        (["error"], None, [Severity.INFO, Severity.ERROR]),
        (["failure"], Result.CANCELLATION, [Severity.INFO, Severity.INFO]),
    ],
)
def test_only_a_failed_deployment_is_an_error(
    states: list[str], outcome: Result | None, severities: list[Severity]
) -> None:
    """GitHub leaves `failure` on the deployment of a cancelled job."""
    made = deployment(77, 1, *((2.0 + minute, state) for minute, state in enumerate(states)))
    if outcome is not None:
        made = replace(made, outcome=JobOutcome(ended_at=at(2), result=outcome))
    placement = place(made.reference, Ancestry(), TRACING)
    records = list(deployment_events(made, None, placement, RESOURCE, OBSERVED))
    assert [record.severity for record in records] == severities


def test_a_blocked_item_is_a_warning() -> None:
    """It waits for something; that it goes on is none."""
    story = item("ACME-57", event(2, EventKind.BLOCKED), event(5, EventKind.UNBLOCKED), closed=9)
    _, blocked, unblocked, _ = records_of(story)
    assert (blocked.severity, unblocked.severity) == (Severity.WARN, Severity.INFO)


@pytest.mark.parametrize(
    ("detail", "failed", "part"),
    [
        (Detail.STEP, [2], "#step:2"),
        (Detail.STEP, [1, 2], ""),
        (Detail.STEP, [], ""),
        (Detail.JOB, [2], ""),
        (Detail.RUN, [2], None),
    ],
)
def test_a_failure_has_the_most_specific_span(
    detail: Detail, failed: list[int], part: str | None
) -> None:
    """The failed step if it is the only one, else the job; only spans that are sent."""
    run = failed_run(failed)
    (job,) = run.jobs
    placement = place(run.reference, Ancestry(), TRACING)
    (record,) = run_events(select_whole_run(run), placement, RESOURCE, OBSERVED, detail)
    spans = run_spans(select_whole_run(run), placement, RESOURCE, detail)
    assert record.span_id in {span.span_id for span in spans}
    reference = run.reference if part is None else run.job_reference(job) + part
    assert record.span_id == placement.span_id(reference)


def failed_run(failed: list[int]) -> Run:
    """Return a run with a job of two steps, of which those with these numbers failed."""
    steps = tuple(
        Step(
            number=number,
            name=f"Step {number}",
            status="completed",
            conclusion="failure" if number in failed else "success",
            started_at=OPENING,
            completed_at=at(number),
        )
        for number in (1, 2)
    )
    job = Job(
        id=31337,
        run_id=999,
        run_attempt=1,
        name="test",
        status="completed",
        conclusion="failure",
        created_at=OPENING,
        started_at=OPENING,
        completed_at=at(4),
        runner_id=5,
        steps=steps,
        annotations=(Annotation(level="failure", message="assert 1 == 2"),),
    )
    return Run(
        id=999,
        attempt=1,
        repository=SHOP,
        workflow="CI",
        status="completed",
        conclusion="failure",
        event="push",
        created_at=OPENING,
        started_at=OPENING,
        jobs=(job,),
    )


def test_failures_that_jobs_left_are_told_of_their_run() -> None:
    """Each at its job's end, equal ones once; warnings stay on the spans."""
    failures = [
        Annotation(level="failure", message="assert 1 == 2", path="test_a.py", start_line=7),
        Annotation(level="failure", message="assert 1 == 2", path="test_a.py", start_line=7),
        Annotation(level="failure", message="Process completed with exit code 1."),
        Annotation(level="warning", message="node 16 is old"),
    ]
    job = Job(
        id=31337,
        run_id=999,
        run_attempt=1,
        name="test",
        status="completed",
        conclusion="failure",
        created_at=OPENING,
        started_at=OPENING,
        completed_at=at(4),
        runner_id=5,
        annotations=tuple(failures),
    )
    run = Run(
        id=999,
        attempt=1,
        repository=SHOP,
        workflow="CI",
        status="completed",
        conclusion="failure",
        event="push",
        created_at=OPENING,
        started_at=OPENING,
        jobs=(job,),
    )
    placement = place(run.reference, Ancestry(), TRACING)
    records = list(run_events(select_whole_run(run), placement, RESOURCE, OBSERVED, Detail.STEP))
    assert_valid_records(records, placement.trace)
    first, second = records
    assert first.event_name == "flow.run.annotated"
    assert first.span_id == placement.span_id(run.job_reference(job))
    assert first.severity is Severity.ERROR
    assert first.time == int(at(4).timestamp()) * 10**9
    assert first.attributes["github.annotation.message"] == "assert 1 == 2"
    assert first.attributes["github.annotation.line"] == 7
    assert first.attributes["cicd.pipeline.task.run.id"] == "31337"
    uid = f"{run.reference}#event:annotated:2026-11-24T09:04:00Z:31337"
    assert [each.attributes["log.record.uid"] for each in records] == [uid, f"{uid}:2"]
    assert second.attributes["github.annotation.message"] == "Process completed with exit code 1."
