"""The words of the runner and of GitHub itself decide why a job failed, before its conclusion."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.fakes.plans import AnnotationPlan, JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import NULL_RUNNER, World, annotation, carried_over, job, step
from tests.stories.points import by, names
from tests.support import closings
from tests.support.program import Program

RESULT = "cicd.pipeline.result"
JOB_RESULT = "cicd.pipeline.task.run.result"
SYSTEM, COMPONENT, ERROR = "cicd.system.errors", "cicd.system.component", "error.type"

TOO_LONG = (
    "The job running on runner GitHub Actions 12 has exceeded the maximum execution time of 30 "
    "minutes."
)
CANCELLED = "The operation was canceled."
BY_HAND = "The run was canceled by @alice."
LOST = (
    "The self-hosted runner: rack-3 lost communication with the server. Verify the machine is "
    "running and has a healthy network connection."
)
SHUTDOWN = (
    "The runner has received a shutdown signal. This can happen when the runner service is "
    "stopped, or a manually started runner is canceled."
)
NOT_ACQUIRED = "The job was not acquired by Runner of type hosted even after multiple attempts"
NO_RUNNER_FOR_A_DAY = (
    "The job has exceeded the maximum execution time while awaiting a runner for 24h0m0s"
)
NOBODY_ONLINE = (
    "This request was automatically failed because there were no enabled runners online to process "
    "the request for more than 1 days."
)
PAYMENT = (
    "The job was not started because recent account payments have failed or your spending limit "
    "needs to be increased. Please check the 'Billing & plans' section in your settings"
)
INTERNAL = "GitHub Actions has encountered an internal error when running your job."
DISCONNECTED = (
    "The hosted runner encountered an error while running your job. (Error Type: Disconnect)."
)


def ended(conclusion: str, *said: str, name: str = "test", **facts: object) -> JobPlan:
    """A job that ended so, about which the runner said this."""
    steps = [step("Set up job", 2), step("Run pytest", 5, conclusion)]
    annotations = [annotation(message) for message in said]
    return job(name, conclusion, **{"steps": steps, "annotations": annotations, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize("conclusion", ["cancelled", "failure", "timed_out"])
def test_a_job_beyond_its_time_limit_timed_out(
    program: Program, world: World, receiver: Receiver, conclusion: str
) -> None:
    """GitHub concludes it as cancelled, and the run too."""
    stopped = ended(conclusion, TOO_LONG, CANCELLED)
    result = program.export(world.run(jobs=[job("build"), stopped]))
    run, test = receiver.span("RUN CI"), receiver.span("test")
    assert (test.attributes[JOB_RESULT], test.status) == ("timeout", "ERROR")
    assert (run.attributes[RESULT], run.status) == ("timeout", "ERROR")
    assert run.attributes[ERROR] == test.attributes[ERROR] == "timeout"
    assert test.message == TOO_LONG
    assert test.attributes["github.job.conclusion"] == conclusion
    assert by(receiver, "flow.run.count", RESULT) == {"timeout": 1}
    assert by(receiver, "cicd.pipeline.run.errors", ERROR) == {"timeout": 1}
    assert not names(receiver, SYSTEM)
    assert "⌛ CI: timed out" in result.summary


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # The others of a matrix are cancelled because one took too long.
        ([ended("cancelled", CANCELLED, name="other", seconds=60)], "timeout"),
        ([ended("cancelled", BY_HAND, name="other", seconds=60)], "cancellation"),
        (
            [
                ended(
                    "cancelled",
                    "Canceling since a higher priority waiting request for 'ci' exists",
                    name="other",
                    seconds=60,
                )
            ],
            "cancellation",
        ),
        # A job that was cancelled before the other took too long.
        ([ended("cancelled", CANCELLED, name="other", seconds=5)], "cancellation"),
    ],
)
def test_a_run_that_was_cancelled_otherwise_stays_cancelled(
    program: Program,
    world: World,
    receiver: Receiver,
    others: Sequence[JobPlan],
    expected: str,
) -> None:
    """By people, by a newer run, or before the job took too long."""
    stopped = ended("cancelled", TOO_LONG, seconds=30)
    program.export(world.run(conclusion="cancelled", jobs=[stopped, *others]))
    assert receiver.span("RUN CI").attributes[RESULT] == expected
    assert receiver.span("test").attributes[JOB_RESULT] == "timeout"
    assert receiver.span("other").attributes[JOB_RESULT] == "cancellation"


@pytest.mark.parametrize("conclusion", ["cancelled", "failure"])
@pytest.mark.parametrize(
    ("said", "error", "component"),
    [
        ((LOST,), "runner_lost", "agent"),
        ((DISCONNECTED,), "runner_lost", "agent"),
        ((SHUTDOWN, "Process completed with exit code 143."), "runner_lost", "agent"),
        (("Process completed with exit code 143.", SHUTDOWN), "runner_lost", "agent"),
        ((NOT_ACQUIRED,), "runner_unavailable", "scheduler"),
        ((NO_RUNNER_FOR_A_DAY,), "runner_unavailable", "scheduler"),
        ((NOBODY_ONLINE,), "runner_unavailable", "scheduler"),
        ((PAYMENT,), "billing", "github"),
        ((INTERNAL,), "internal_error", "github"),
    ],
)
def test_what_the_code_did_not_cause_is_an_error_of_the_system(
    program: Program,
    world: World,
    receiver: Receiver,
    conclusion: str,
    said: tuple[str, ...],
    error: str,
    component: str,
) -> None:
    """Whatever GitHub concludes; it counts by the part of the system that failed."""
    program.export(world.run(jobs=[ended(conclusion, *said)]))
    for name, attribute in (("RUN CI", RESULT), ("test", JOB_RESULT)):
        span = receiver.span(name)
        assert (span.attributes[attribute], span.status) == ("error", "ERROR")
        assert span.attributes[ERROR] == error
    assert by(receiver, SYSTEM, COMPONENT, ERROR) == {(component, error): 1}
    assert by(receiver, "cicd.pipeline.run.errors", ERROR) == {error: 1}


@pytest.mark.parametrize(
    "said",
    [
        annotation("AssertionError: fails when out of memory", path="tests/test_cart.py"),
        annotation("out of memory", path="tests/test_cart.py"),
        annotation("test_full_disk: expected 'No space left on device'"),
        annotation("test_oom: the worker ran out of memory"),
        annotation("Process completed with exit code 137.", level="warning"),
        annotation("lost communication with the server is not handled", path="src/net.py"),
        annotation(LOST, path="src/net.py"),
        annotation(TOO_LONG, level="notice"),
    ],
)
def test_texts_of_tests_and_linters_are_no_cause(
    program: Program, world: World, receiver: Receiver, said: AnnotationPlan
) -> None:
    """Only failures on `.github` are the runner's own, and its texts begin as they do."""
    own = annotation("Process completed with exit code 1.")
    steps = [step("Run pytest", 5, "failure")]
    program.export(world.run(jobs=[job("test", "failure", steps=steps, annotations=[said, own])]))
    for name in ("RUN CI", "test", "Run pytest"):
        assert receiver.span(name).attributes[ERROR] == "failure"
    assert not names(receiver, SYSTEM)


def test_a_step_beyond_its_time_limit_timed_out(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`timeout-minutes` of a step fails the job, as GitHub says; the runner says why."""
    said = "The action 'Run pytest' has timed out after 5 minutes."
    program.export(world.run(jobs=[ended("failure", said)]))
    assert receiver.span("Run pytest").attributes[ERROR] == "timeout"
    assert receiver.span("test").attributes[JOB_RESULT] == "timeout"


@pytest.mark.parametrize(
    ("failed", "said", "result", "component"),
    [
        ("Set up job", "Failed to download archive 'https://x'.", "error", "github"),
        ("Set up job", "Failed to resolve action download info.", "error", "github"),
        ("Set up job", "An action could not be found at the URI 'https://x'", "failure", None),
        ("Set up job", "Unable to resolve action `acme/x@v9`", "failure", None),
        ("Initialize containers", "Docker pull failed with exit code 1", "error", "agent"),
    ],
)  # fmt: skip
def test_a_job_that_failed_before_its_steps_failed_in_its_setup(
    program: Program,
    world: World,
    receiver: Receiver,
    failed: str,
    said: str,
    result: str,
    component: str | None,
) -> None:
    """By its structure; who is to blame the text says."""
    steps = [step("Set up job", 3, "failure")]
    if failed != "Set up job":
        steps = [step("Set up job", 3), step(failed, 4, "failure")]
    steps.append(step("Run pytest", conclusion="skipped"))
    program.export(world.run(jobs=[ended("failure", said, steps=steps)]))
    test = receiver.span("test")
    assert (test.attributes[ERROR], test.attributes[JOB_RESULT]) == ("setup_failed", result)
    assert receiver.span(failed).attributes[ERROR] == "setup_failed"
    expected = {(component, "setup_failed"): 1} if component else {}
    assert by(receiver, SYSTEM, COMPONENT, ERROR) == expected


def test_a_step_of_the_users_that_fails_first_is_no_failed_setup(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nor is a step of the user's that has such a name, after another one ran."""
    steps = [step("Set up job"), step("Compile"), step("Initialize containers", 2, "failure")]
    program.export(world.run(jobs=[ended("failure", "exit code 1", steps=steps)]))
    assert receiver.span("test").attributes[ERROR] == "failure"


def test_a_run_whose_jobs_never_began_had_no_runner(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub says that the run failed and all of its jobs were cancelled."""
    jobs = [job(name, "cancelled", runner=NULL_RUNNER, queued=0, seconds=90) for name in "ab"]
    program.export(world.run(conclusion="failure", jobs=jobs))
    run = receiver.span("RUN CI")
    assert (run.attributes[ERROR], run.attributes[RESULT]) == ("runner_unavailable", "error")
    assert by(receiver, SYSTEM, COMPONENT, ERROR) == {("scheduler", "runner_unavailable"): 1}


def test_the_code_counts_more_than_the_system(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A run with a failed test and a lost runner is a failure; each job has its own cause."""
    jobs = [ended("failure", LOST, name="far"), ended("failure", "Process exited")]
    program.export(world.run(jobs=jobs))
    run = receiver.span("RUN CI")
    assert (run.attributes[RESULT], run.attributes[ERROR]) == ("failure", "failure")
    assert by(receiver, "flow.job.count", JOB_RESULT) == {"error": 1, "failure": 1}


def test_the_trace_of_a_pull_request_says_the_same_of_its_runs(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Its own export reads the runs again: results, causes and waits are those of before."""
    world.pull_request(
        7, opened_at="2026-11-24T06:00:00Z", closed_at="2026-11-24T08:00:00Z", branch="cart"
    )
    run = world.run(
        event="pull_request",
        branch="cart",
        created_at="2026-11-24T06:00:05Z",
        jobs=[ended("cancelled", TOO_LONG)],
    )
    program.export(run)
    closings.pull_request(program, 7, trace_scope="run")
    runs, jobs = receiver.spans_named("RUN CI"), receiver.spans_named("test")
    assert [span.attributes[RESULT] for span in runs] == ["timeout", "timeout"]
    assert [span.attributes[ERROR] for span in (*runs, *jobs)] == ["timeout"] * 3


def test_a_carried_over_job_counts_with_its_cause(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One job is run again; another one had taken too long in the first attempt."""
    first = world.run(jobs=[ended("cancelled", TOO_LONG, name="slow"), ended("failure")])
    again = [carried_over(first.job("slow")), ended("success")]
    program.export(world.rerun(first, jobs=again, conclusion="cancelled"))
    run = receiver.span("RUN CI")
    assert (run.attributes[RESULT], run.attributes[ERROR]) == ("timeout", "timeout")
    assert receiver.spans_named("slow") == []


def test_a_system_error_of_a_carried_over_job_counts_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It was counted with the attempt that ran the job."""
    lost = job("lost", "failure", annotations=[annotation(LOST)])
    first = world.run(conclusion="failure", jobs=[lost, job("test", "failure")])
    program.export(first)
    again = [carried_over(first.job("lost")), job("test")]
    program.export(world.rerun(first, jobs=again, conclusion="failure"))
    assert by(receiver, SYSTEM, ERROR) == {"runner_lost": 1}


@pytest.mark.parametrize(
    "before", ["Set up runner", "Build acme/tool@v1", "Pull ghcr.io/acme/tool:1"]
)
def test_preparations_of_the_runner_are_no_steps_of_the_user(
    program: Program, world: World, receiver: Receiver, before: str
) -> None:
    """Its start hook, and the images of docker actions, come before the containers of the job."""
    steps = [step("Set up job"), step(before), step("Initialize containers", 2, "failure")]
    program.export(world.run(conclusion="failure", jobs=[job("test", "failure", steps=steps)]))
    assert receiver.span("test").attributes[ERROR] == "setup_failed"
