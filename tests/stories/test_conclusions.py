"""How runs, jobs and steps ended: result, status and the likely cause."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import NO_RUNNER, NULL_RUNNER, World, annotation, job, step
from tests.support.program import Program

SUPERSEDED = "Canceling since a higher priority waiting request for 'ci-main' exists"
RESULT = "cicd.pipeline.result"
JOB_RESULT = "cicd.pipeline.task.run.result"


@pytest.mark.parametrize(
    ("conclusion", "result", "status", "error"),
    [
        ("success", "success", "UNSET", None),
        ("neutral", "success", "UNSET", None),
        ("failure", "failure", "ERROR", "failure"),
        ("timed_out", "timeout", "ERROR", "timeout"),
        ("cancelled", "cancellation", "UNSET", None),
        ("skipped", "skip", "UNSET", None),
    ],
)
def test_only_failures_errors_and_timeouts_are_errors(
    program: Program,
    world: World,
    receiver: Receiver,
    conclusion: str,
    result: str,
    status: str,
    error: str | None,
) -> None:
    """The conventions' result stands beside GitHub's own word; the status follows from it."""
    program.export(world.run(conclusion=conclusion, jobs=[job("test", conclusion)]))
    run, of_job = receiver.span("RUN CI"), receiver.span("test")
    assert (run.attributes[RESULT], run.status) == (result, status)
    assert (of_job.attributes[JOB_RESULT], of_job.status) == (result, status)
    assert run.attributes.get("error.type") == of_job.attributes.get("error.type") == error
    assert of_job.attributes["github.job.conclusion"] == conclusion


def test_a_run_that_could_not_start_is_one_span(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A startup failure has no jobs; its trace is the run alone, as an error."""
    run = world.run(conclusion="startup_failure", jobs=[], updated_at="2026-11-24T03:43:09Z")
    result = program.export(run)
    (span,) = receiver.spans
    assert (span.status, span.attributes[RESULT]) == ("ERROR", "error")
    assert span.attributes["error.type"] == "startup_failure"
    assert (result.warnings, result.outputs["status"]) == ([], "exported")


def test_a_run_cancelled_by_a_newer_one_says_so(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The annotation of the concurrency group becomes `flow.cancelled.reason`."""
    run = world.run(jobs=[job("test", "cancelled", annotations=[annotation(SUPERSEDED)])])
    program.export(run)
    for name in ("RUN CI", "test"):
        assert receiver.span(name).attributes["flow.cancelled.reason"] == "superseded"
        assert receiver.span(name).status == "UNSET"


def test_a_run_cancelled_by_hand_gives_no_reason(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nothing is guessed where no annotation tells."""
    said = annotation("The operation was canceled.")
    program.export(world.run(jobs=[job("test", "cancelled", annotations=[said])]))
    assert "flow.cancelled.reason" not in receiver.span("RUN CI").attributes


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("The self-hosted runner: rack-3 lost communication with the server.", "runner_lost"),
        ("The runner has received a shutdown signal.", "runner_lost"),
        ("Process completed with exit code 137.", "out_of_memory"),
        ("FATAL ERROR: JavaScript heap out of memory", "out_of_memory"),
        ("No space left on device : '/home/runner/work'", "no_space"),
        ("Process completed with exit code 1.", "failure"),
    ],
)
def test_annotations_tell_why_a_job_failed(
    program: Program, world: World, receiver: Receiver, message: str, error: str
) -> None:
    """The runner's words become the `error.type` of run, job and failed step."""
    steps = [step("Checkout"), step("Test", conclusion="failure")]
    program.export(
        world.run(jobs=[job("test", "failure", steps=steps, annotations=[annotation(message)])])
    )
    for name in ("RUN CI", "test", "Test"):
        assert receiver.span(name).attributes["error.type"] == error
        assert receiver.span(name).status == "ERROR"
    assert receiver.span("test").message == message
    assert receiver.span("Checkout").status == "UNSET"


def test_failure_annotations_are_events_of_the_failed_job_and_step(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Message, file and line stand on an event at the end of what they are about."""
    said = annotation("assert 1 == 2", title="test_sum", path="tests/test_sum.py", line=7)
    steps = [step("Checkout"), step("Run pytest", conclusion="failure")]
    program.export(world.run(jobs=[job("test", "failure", steps=steps, annotations=[said])]))
    for name in ("test", "Run pytest"):
        span = receiver.span(name)
        (event,) = span.events
        assert (event.name, event.time) == ("github.annotation", span.end)
        assert event.attributes == {
            "github.annotation.level": "failure",
            "github.annotation.message": "assert 1 == 2",
            "github.annotation.title": "test_sum",
            "github.annotation.path": "tests/test_sum.py",
            "github.annotation.line": 7,
        }


def test_annotations_are_asked_for_jobs_that_did_not_succeed_only(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Failed, timed-out and cancelled jobs cost a request each; the others none."""
    ended = ("success", "failure", "timed_out", "cancelled", "skipped", "neutral")
    run = world.run(jobs=[job(conclusion, conclusion) for conclusion in ended])
    program.export(run)
    asked = sorted(path for path in github.paths if "annotations" in path)
    wanted = [run.job(name).id for name in ("failure", "timed_out", "cancelled")]
    assert [int(path.split("/")[5]) for path in asked] == sorted(wanted)


def test_without_checks_read_the_export_goes_on_and_says_so_once(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """One notice names the permission; nothing is a warning, and every span arrives."""
    github.denied.add("checks=read")
    result = program.export(world.run(jobs=[job(f"test {n}", "failure") for n in range(5)]))
    assert len([n for n in result.notices if "checks: read" in n]) == 1
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert receiver.span("test 4").attributes["error.type"] == "failure"


def test_a_step_that_may_fail_fails_alone(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Under `continue-on-error` the step is an error, its job and run are not."""
    steps = [step("Flaky", conclusion="failure"), step("Test")]
    program.export(world.run(jobs=[job("test", "success", steps=steps)]))
    assert receiver.span("Flaky").status == "ERROR"
    assert receiver.span("Flaky").attributes["error.type"] == "failure"
    assert receiver.span("test").status == receiver.span("RUN CI").status == "UNSET"


def test_a_job_that_may_fail_leaves_the_run_successful(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`continue-on-error` of a job: the run's own conclusion counts, not the worst of its jobs."""
    program.export(world.run(conclusion="success", jobs=[job("nightly python", "failure")]))
    assert receiver.span("nightly python").status == "ERROR"
    assert receiver.span("RUN CI").attributes[RESULT] == "success"


def test_skipped_jobs_and_steps_are_the_shortest_spans(
    program: Program, world: World, receiver: Receiver
) -> None:
    """What was skipped is in the trace, takes no time and waits for nothing."""
    steps = [step("Build", 5), step("Deploy", 60, "skipped")]
    program.export(world.run(jobs=[job("build", steps=steps), job("release", "skipped")]))
    assert receiver.span("Deploy").seconds == receiver.span("release").seconds == 0
    assert receiver.span("Deploy").end - receiver.span("Deploy").start == 1_000
    assert "    queued" not in receiver.tree()[receiver.tree().index("  release") :]


@pytest.mark.parametrize("runner", [NO_RUNNER, NULL_RUNNER])
def test_a_job_never_given_a_runner_has_queued_until_its_end(
    program: Program, world: World, receiver: Receiver, runner: object
) -> None:
    """A job that was cancelled while it waited did not run: all of its time is a wait."""
    waiting = job("gpu", "cancelled", runner=runner, queued=600, seconds=5)  # type: ignore[arg-type]
    program.export(world.run(jobs=[job("build"), waiting]))
    span = receiver.span("gpu")
    assert not {"cicd.worker.name", "cicd.worker.id"} & set(span.attributes)
    (queued,) = [s for s in receiver.spans_named("queued") if s.parent_span_id == span.span_id]
    assert (queued.start - span.start, queued.end) == (2_000, span.end)
    assert queued.seconds == 605
