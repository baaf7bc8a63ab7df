"""Facts where queries look: one span has everything that a query for it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World, annotation, job, sha_of, step
from tests.support import references
from tests.support.program import Program

TASK = "cicd.pipeline.task."
RESULT = "flow.job.result"


def of_type(receiver: Receiver, kind: str) -> list[SpanRecord]:
    """Return the received spans of a kind."""
    return [span for span in receiver.spans if span.attributes["flow.entity.type"] == kind]


def found(receiver: Receiver, wanted: Mapping[str, Any]) -> list[SpanRecord]:
    """Return the spans that have all of these attributes, as a query of a backend finds them."""
    return [span for span in receiver.spans if wanted.items() <= span.attributes.items()]


def push(world: World, **facts: Any) -> Any:
    """Return a run of the default branch: one job that waited, with two steps."""
    steps = [step("Checkout", 2), step("Run pytest", 30, "failure")]
    jobs = [job("lint", steps=[step("Ruff", 3)]), job("test", "failure", queued=7, steps=steps)]
    return world.run(jobs=jobs, **facts)


def test_a_query_for_a_job_of_a_workflow_and_branch_finds_jobs_and_nothing_else(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its steps and waits do not have the attributes of a task."""
    program.export(push(world))
    query = {
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.task.name": "test",
        "vcs.ref.head.name": "main",
    }
    assert [span.attributes["flow.entity.type"] for span in found(receiver, query)] == ["job"]
    of_tasks = {s.span_id for s in receiver.spans if any(n.startswith(TASK) for n in s.attributes)}
    assert of_tasks == {span.span_id for span in of_type(receiver, "job")}
    required = {f"{TASK}name", f"{TASK}run.id", f"{TASK}run.url.full", f"{TASK}run.result"}
    assert all(required <= span.attributes.keys() for span in of_type(receiver, "job"))


def test_every_span_of_a_run_has_its_workflow_and_branch(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Steps of CI on the default branch are found without a join."""
    program.export(push(world))
    facts = {
        "cicd.pipeline.name": "CI",
        "vcs.ref.head.name": "main",
        "flow.branch": "default",
        "github.repository": "acme/shop",
    }
    assert len(found(receiver, facts)) == len(receiver.spans) == 9
    steps = {s.attributes["flow.step.name"]: s.attributes for s in of_type(receiver, "step")}
    assert {name: s["flow.step.result"] for name, s in steps.items()} == {
        "Ruff": "success",
        "Checkout": "success",
        "Run pytest": "failure",
    }
    test = receiver.span("test").attributes
    for name in ("Checkout", "Run pytest"):
        assert steps[name]["flow.job.name"] == "test"
        assert steps[name]["flow.job.id"] == test["cicd.pipeline.task.run.id"]
        assert "cicd.pipeline.result" not in steps[name]


def test_every_way_of_exporting_a_run_sends_equal_spans(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Also the default branch, which the command line does not have from an event."""
    run = push(world)
    program.export(run)
    by_event = receiver.spans
    receiver.requests.clear()
    program.command(
        "export", "run", "--repo=acme/shop", f"--run-id={run.id}", f"--otlp-endpoint={receiver.url}"
    )
    assert receiver.spans == by_event


def test_a_run_of_another_branch_or_tag_says_so(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The word of metrics, and the conventions' type of the ref."""
    world.tags.add("v1.2.0")
    for event, branch in (("push", "v1.2.0"), ("push", "other"), ("pull_request", "main")):
        program.export(world.run(event=event, branch=branch, jobs=[job("test")]))
    kinds = [
        (s.attributes["flow.branch"], s.attributes["vcs.ref.head.type"])
        for s in of_type(receiver, "run")
    ]
    assert kinds == [("tag", "tag"), ("other", "branch"), ("other", "branch")]


def test_waits_have_the_result_of_what_waited(
    program: Program, world: World, receiver: Receiver
) -> None:
    """That of a job has never the run's."""
    program.export(push(world))
    parents = {s.span_id: s.attributes["flow.entity.type"] for s in receiver.spans}
    waits = {
        (parents[s.parent_span_id], s.attributes.get("flow.job.name")): s.attributes
        for s in of_type(receiver, "queued")
    }
    assert waits["job", "lint"][RESULT] == "success"
    assert waits["job", "test"][RESULT] == "failure"
    assert waits["run", None]["cicd.pipeline.result"] == "failure"
    assert "cicd.pipeline.result" not in waits["job", "test"]
    assert RESULT not in waits["run", None]


def test_waits_of_what_goes_on_have_no_result(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The own job may fail after the export, and the run with it."""
    ours = [step("Compile", 5), step("Export telemetry", conclusion=None)]
    run = world.run(jobs=[job("build"), job("last", None, steps=ours)])
    program.inside(run, "last")
    of_job = {s.attributes.get("flow.job.name"): s.attributes for s in of_type(receiver, "queued")}
    assert of_job["build"][RESULT] == "success"
    assert {RESULT, "flow.partial"} & of_job["last"].keys() == {"flow.partial"}
    assert {"cicd.pipeline.result", "flow.partial"} & of_job[None].keys() == {"flow.partial"}


def test_labels_of_the_runner_are_one_text_on_job_and_queue(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Stores keep lists as JSON, in which no query finds a label."""
    program.export(world.run(jobs=[job("test", labels=("self-hosted", "linux"), queued=5)]))
    labels = ("self-hosted", "linux")
    for span in (receiver.span("test"), receiver.spans_named("queued")[-1]):
        assert tuple(span.attributes["github.job.labels"]) == labels
        assert span.attributes["flow.runner.labels"] == "self-hosted,linux"


def test_a_failed_run_names_its_first_failed_job(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With the message of that job; a list of runs then tells what happened."""
    why = "Process completed with exit code 1."
    failed = job(
        "test (3.12)",
        "failure",
        steps=[step("Run pytest", 9, "failure")],
        annotations=[annotation(why, path=".github")],
    )
    later = job("test (3.14)", "failure", after=60, steps=[step("Run pytest", 9, "failure")])
    program.export(world.run(jobs=[later, failed]))
    assert receiver.span("RUN CI").message == f"test (3.12): {why}"


def test_the_message_of_a_failed_run_is_bounded_and_redacted(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As every other text."""
    token = "ghp_" + "a1B2" * 9
    text = f"could not log in with {token} " + "x" * 5_000
    failed = job("test", "failure", annotations=[annotation(text, path=".github")])
    program.export(world.run(jobs=[failed]))
    message = receiver.span("RUN CI").message
    assert message.startswith("test: could not log in with ***")
    assert token not in message
    assert len(message.encode()) <= 2048


def test_a_run_without_a_failed_job_says_how_it_ended(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A mistake in the workflow has no job."""
    program.export(world.run(conclusion="startup_failure", jobs=[]))
    assert receiver.span("RUN CI").message == "the run ended with startup_failure"


def attempt_links(receiver: Receiver) -> list[tuple[str, str]]:
    """Return the targets of links to an attempt before."""
    return [
        (link.trace_id, link.span_id)
        for span in receiver.spans
        for link in span.links
        if link.attributes["flow.link"] == "attempt"
    ]


def test_a_re_run_links_to_the_attempt_before_in_another_trace(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Without a pull request each attempt is a trace of its own."""
    first = push(world, event="schedule")
    program.export(world.rerun(first))
    before = references.run_of(first)
    assert attempt_links(receiver) == [(references.trace_id(before), references.span_id(before))]


def test_attempts_in_one_trace_have_no_link(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Some backends draw a link within a trace like a parent."""
    world.pull_request(123)
    first = push(world, event="pull_request", branch="feature")
    program.export(world.rerun(first))
    assert attempt_links(receiver) == []


def test_a_run_of_a_merge_queue_has_its_base(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The branch of the queue names both, so that they are the same at any time."""
    world.pull_request(123)
    base = sha_of("base")
    branch = events.queue_branch(123, base)
    program.export(world.run(event="merge_group", branch=branch, jobs=[job("test")]))
    span = receiver.span("RUN CI").attributes
    assert (span["vcs.ref.base.name"], span["vcs.ref.base.revision"]) == ("main", base)


def test_a_run_of_a_pull_request_has_no_base_that_can_change(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The base of a pull request moves, and a run that is sent again would have another one."""
    world.pull_request(123)
    program.export(push(world, event="pull_request", branch="feature"))
    assert not [name for name in receiver.span("RUN CI").attributes if name.startswith("vcs.ref.b")]


def test_a_largest_run_loses_no_attribute(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A second attempt that failed, of a pull request of a story of an epic."""
    world.issue(4, type="Epic")
    world.issue(5, type="Story", parent=4)
    world.pull_request(123, closes=[5])
    first = push(
        world,
        event="pull_request",
        branch="feature",
        title="Round once",
        facts={
            "referenced_workflows": [
                {"path": "acme/ci/.github/workflows/x.yml@v1", "sha": sha_of("x"), "ref": "v1"}
            ]
        },
    )
    program.export(world.rerun(first))
    for span in receiver.spans:
        assert len(span.attributes) <= 32
    # The last of its attributes, and the last of its largest job.
    of_run, of_job = receiver.span("RUN CI").attributes, receiver.span("test").attributes
    assert "github.run.previous_attempt.reference" in of_run
    assert "github.workflow.referenced" in of_run
    assert "flow.feature.key" in of_run
    assert "github.job.conclusion" in of_job


def test_no_request_is_made_for_the_branch_of_a_pull_request(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """It is another branch, by any name."""
    world.pull_request(123)
    program.export(push(world, event="pull_request", branch="feature"))
    assert not [request for request in github.requests if b"RefKind" in request.body]


@pytest.mark.parametrize("signals", ["traces", "traces,events,metrics"])
def test_the_branch_does_not_depend_on_the_signals(
    program: Program, world: World, receiver: Receiver, signals: str
) -> None:
    """A repeated span is equal, whatever else is sent."""
    world.tags.add("v1.2.0")
    program.export(world.run(branch="v1.2.0", jobs=[job("test")]), signals=signals)
    assert {span.attributes["flow.branch"] for span in receiver.spans} == {"tag"}
