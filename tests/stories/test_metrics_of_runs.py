"""A run that ended is measured: how long, how it waited, what failed, how often it was retried."""

from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import NO_RUNNER, World, annotation, carried_over, job, step
from tests.stories.points import by, names, of_things, series, value, values
from tests.support import closings
from tests.support.program import Program

DURATION = "cicd.pipeline.run.duration"
STATE, RESULT, ERROR = "cicd.pipeline.run.state", "cicd.pipeline.result", "error.type"
TASK, TASK_RESULT = "cicd.pipeline.task.name", "cicd.pipeline.task.run.result"


def test_a_run_is_measured_by_state(program: Program, world: World, receiver: Receiver) -> None:
    """Five seconds until its first job has a runner, then until the last one is done."""
    run = world.run(
        jobs=[
            job("build", queued=5, steps=[step("Compile", 30)]),
            job("test", after=10, queued=15, steps=[step("Run pytest", 60)]),
        ]
    )
    result = program.export(run)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert by(receiver, DURATION, STATE) == {"pending": 5, "executing": 80}
    assert by(receiver, "flow.run.count", RESULT) == {"success": 1}
    assert by(receiver, "flow.job.queue_time", TASK) == {"build": 5, "test": 15}
    assert by(receiver, "flow.job.duration", TASK) == {"build": 30, "test": 60}
    assert by(receiver, "flow.job.billable_time", "os.type") == {"linux": 2}
    assert not names(receiver, "flow.run.retries") | names(receiver, "cicd.pipeline.run.errors")
    assert {point.unit for point in receiver.points_of(DURATION)} == {"s"}
    assert {point.resource["service.name"] for point in of_things(receiver)} == {"github-actions"}


def test_errors_count_by_what_went_wrong(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Each job that failed, by its result or what its annotation tells."""
    lost = annotation("The self-hosted runner: rack-3 lost communication with the server.")
    run = world.run(
        jobs=[
            job("build"),
            job("lint", "failure"),
            job("test", "failure", annotations=[annotation("Process completed with exit code 1.")]),
            job("slow", "timed_out"),
            job("far", "failure", annotations=[lost]),
        ]
    )
    program.export(run)
    assert by(receiver, "cicd.pipeline.run.errors", ERROR) == {
        "failure": 2,
        "timeout": 1,
        "runner_lost": 1,
    }
    assert by(receiver, "flow.job.count", TASK_RESULT) == {
        "success": 1,
        "failure": 2,
        "error": 1,
        "timeout": 1,
    }
    assert by(receiver, "cicd.system.errors", "cicd.system.component", ERROR) == {
        ("agent", "runner_lost"): 1
    }


def test_each_attempt_counts_once(program: Program, world: World, receiver: Receiver) -> None:
    """A build that was run twice: two runs, one retry, and no job measured twice."""
    first = world.run(jobs=[job("build", seconds=30), job("test", "failure", seconds=20)])
    again = [carried_over(first.job("build")), job("test", seconds=25)]
    program.export(first)
    program.export(world.rerun(first, jobs=again))
    assert by(receiver, "flow.run.count", RESULT) == {"failure": 1, "success": 1}
    assert value(receiver, "flow.run.retries") == 1
    assert values(receiver, "flow.job.duration") == [20, 25, 30]
    assert sum(values(receiver, "flow.job.count")) == 3


def test_what_never_ran_counts_and_has_no_duration(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A skipped job, one cancelled in its queue, and one that GitHub ends before its start."""
    run = world.run(
        jobs=[
            job("build", seconds=10),
            job("docs", "skipped"),
            job("deploy", "cancelled", runner=NO_RUNNER),
            job("odd", seconds=-20),
        ]
    )
    program.export(run)
    assert sum(values(receiver, "flow.job.count")) == 4
    assert "docs" not in by(receiver, "flow.job.duration", TASK)
    assert "odd" not in by(receiver, "flow.job.duration", TASK)
    assert min(point.value for point in receiver.metrics) >= 0


@pytest.mark.parametrize(
    ("event", "branch", "told"),
    [
        ("push", "main", "default"),
        ("push", "release/7", "other"),
        ("pull_request", "main", "other"),
    ],
)
def test_the_branch_is_the_default_one_or_another(
    program: Program, world: World, receiver: Receiver, event: str, branch: str, told: str
) -> None:
    """As the event's file says; a fork's branch of the same name is another."""
    program.export(world.run(event=event, branch=branch, jobs=[job("build")]))
    assert {point.attributes["flow.branch"] for point in of_things(receiver)} == {told}


def test_the_branch_is_left_out_where_the_default_one_is_not_known(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """From the command line no event tells which it is; if GitHub does not, it is not guessed."""
    run = world.run(branch="main", jobs=[job("build")])
    words = ("export", "run", "--repo", "acme/shop", "--run-id", run.id)
    program.command(*words, "--otlp-endpoint", receiver.url)
    assert by(receiver, "flow.run.count", "flow.branch") == {"default": 1}
    receiver.requests.clear()
    github.denied.add("contents=read")
    program.command(*words, "--otlp-endpoint", receiver.url)
    assert value(receiver, "flow.run.count") == 1
    assert not any("flow.branch" in point.attributes for point in receiver.metrics)


def test_one_run_counts_once_however_often_its_spans_leave(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As a subject, then with its pull request in that one's trace."""
    world.pull_request(
        7, opened_at="2026-11-24T06:00:00Z", merged_at="2026-11-24T08:00:00Z", branch="cart"
    )
    run = world.run(
        event="pull_request",
        branch="cart",
        created_at="2026-11-24T06:00:05Z",
        jobs=[job("build", seconds=30)],
    )
    program.export(run, trace_scope="run")
    closings.pull_request(program, 7, trace_scope="run")
    assert len(receiver.spans_named("RUN CI")) == 2
    assert value(receiver, "flow.run.count") == 1
    assert value(receiver, "flow.job.duration") == 30
    assert value(receiver, "flow.change.count") == 1


def test_a_change_counts_once_however_often_its_span_leaves(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With the push of its merge, then as a subject."""
    world.pull_request(
        7,
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
        merge_commit_sha="5eed" * 10,
    )
    push = world.run(sha="5eed" * 10, created_at="2026-11-24T08:00:05Z", jobs=[job("build")])
    program.export(push)
    assert len(receiver.spans_named("pull request #7")) == 1
    assert not names(receiver, "flow.change")
    closings.pull_request(program, 7)
    assert len(receiver.spans_named("pull request #7")) == 2
    assert value(receiver, "flow.change.count") == 1


def test_matrix_legs_and_branches_make_no_series(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Five branches with sixty legs on three systems each: as many series as one of them."""
    counts = []
    for number in range(5):
        legs = [
            job(
                f"test ({system}, 3.{minor}, {part})",
                labels=[system],
                queued=2,
                seconds=10 + part,
            )
            for system in ("ubuntu-latest", "windows-latest", "macos-latest")
            for minor in (10, 11, 12, 13)
            for part in range(5)
        ]
        run = world.run(event="pull_request", branch=f"branch-{number}", jobs=legs)
        program.export(run, signals="metrics")
        counts.append(len(series(of_things(receiver))))
    # Run: pending, executing, count. Job: count, duration, queue, billable time, cost, by system.
    assert counts == [3 + 5 * 3] * 5
    assert sum(values(receiver, "flow.job.count")) == 300
    hosts = {"linux", "windows", "darwin"}
    assert set(by(receiver, "flow.job.duration", "os.type")) == hosts


def test_a_job_of_its_own_measures_itself_and_not_the_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`export: job` sends one job; the run counts when it has ended."""
    run = world.run(jobs=closings.going_on(job("build", seconds=30)))
    program.inside(run, closings.OUR_JOB, export="job")
    assert set(by(receiver, "flow.job.count", TASK)) == {closings.OUR_JOB}
    assert not names(receiver, "flow.run")
