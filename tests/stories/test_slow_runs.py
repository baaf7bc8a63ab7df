"""Why a run was slow: its time beside those of earlier runs, and where the difference went."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.faults import Answer
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, carried_over, job, step
from tests.support.program import Program, Result

NOW = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=2)
SLOW = "flow.run.slow"
LIST = "/repos/acme/shop/actions/workflows/"


def matrix(
    install: float = 60,
    pytest: float = 240,
    queued: float = 5,
    pythons: tuple[str, ...] = ("3.12",),
) -> list[JobPlan]:
    """Jobs of a matrix: five minutes, if they are not told to take longer."""
    return [
        job(
            f"test ({python})",
            queued=queued,
            steps=[
                step("Set up job", 2),
                step("Install dependencies", install),
                step("Run pytest", pytest),
            ],
        )
        for python in pythons
    ]


def history(world: World, runs: int = 20, **facts: Any) -> list[Run]:
    """Successful runs on the default branch, one each hour, the newest a day ago."""
    known = {"branch": "main", "event": "push", "jobs": matrix(), **facts}
    return [
        world.run(created_at=NOW - timedelta(hours=24 + number), **known)
        for number in reversed(range(runs))
    ]


def of_change(world: World, **facts: Any) -> Run:
    """A run of pull request #123."""
    world.pull_request(123)
    known = {"branch": "feature", "event": "pull_request", "created_at": NOW, **facts}
    return world.run(**known)


def shown(result: Result) -> str:
    """The summary without its escapes."""
    return result.summary.replace("\\", "")


def test_a_slow_run_says_where_its_time_went(
    program: Program, world: World, receiver: Receiver
) -> None:
    """In the summary and in an event, beside the median of its workflow on the main branch."""
    history(world)
    run = of_change(world, jobs=matrix(install=560, queued=55))
    result = program.export(run)
    assert (
        "**CI took 14m 17s, usually 5m 7s** (median of the last 20 successful runs on `main`): "
        "+8m 20s in `test (3.12)` › `Install dependencies`, +50s waiting for runners."
    ) in shown(result)
    (record,) = receiver.events_named(SLOW)
    assert record.body == (
        '"CI" took 14m 17s, usually 5m 7s: +8m 20s in test (3.12) › Install dependencies, +50s '
        "waiting for runners (acme/shop)"
    )
    assert record.attributes["flow.run.duration"] == 857
    assert record.attributes["flow.run.usual_duration"] == 307
    assert record.attributes["flow.run.compared_runs"] == 20
    assert record.attributes["flow.run.compared_branch"] == "main"
    span = receiver.span("RUN CI")
    assert (record.span_id, record.time) == (span.span_id, span.end // 10**9 * 10**9)
    assert not any("compared" in name for name in span.attributes)


def test_jobs_are_read_of_five_runs_and_only_of_a_slow_run(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """One request tells whether it was slow."""
    history(world)
    fast = of_change(world, jobs=[job("test", "failure", steps=[step("Run pytest", 9, "failure")])])
    program.export(fast)
    lists = [request for request in github.requests if request.path.startswith(LIST)]
    assert len(lists) == 1
    assert sum(request.path.endswith("/jobs") for request in github.requests) == 1
    before = len(github.requests)
    program.export(world.run(branch="main", created_at=NOW, jobs=matrix(install=900)))
    assert sum(r.path.endswith("/jobs") for r in github.requests[before:]) == 1 + 5


@pytest.mark.parametrize(
    ("compare", "minutes", "asked"),
    [("auto", 9, 0), ("auto", 11, 1), ("on", 1, 1), ("off", 11, 0)],
)
def test_runs_are_compared_that_people_ask_about(
    program: Program, world: World, github: FakeGitHub, compare: str, minutes: int, asked: int
) -> None:
    """Those that failed or took ten minutes, all, or none."""
    history(world, runs=5, jobs=[job("build", steps=[step("Build", 60 * minutes)])])
    run = of_change(world, jobs=[job("build", steps=[step("Build", 60 * minutes)])])
    result = program.export(run, compare=compare)
    assert sum(request.path.startswith(LIST) for request in github.requests) == asked
    assert ("usually" in result.summary) is bool(asked)


def test_a_failed_run_says_when_its_workflow_succeeded_last(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It was not slow, so there is no event and no request for jobs."""
    newest = history(world)[-1]
    run = of_change(world, jobs=[job("test", "failure", steps=[step("Run pytest", 9, "failure")])])
    text = shown(program.export(run))
    assert "CI took 11s, usually 5m 7s (median of the last 20 successful runs on `main`)." in text
    assert f"It last succeeded there in [run {newest.run_number}](<" in text
    assert receiver.events_named(SLOW) == []


def test_a_workflow_without_runs_on_the_main_branch_is_compared_with_its_kind(
    program: Program, world: World
) -> None:
    """A workflow of pull requests is compared with those of all pull requests."""
    history(world, branch="other", event="pull_request")
    text = shown(program.export(of_change(world, jobs=matrix(install=700))))
    assert "successful runs by `pull_request`): +10m 40s in `test (3.12)`" in text


def test_few_runs_are_no_measure(program: Program, world: World, receiver: Receiver) -> None:
    """Nothing is usual after four runs; later attempts, and other workflows, do not count."""
    history(world, runs=4)
    again = history(world, runs=2)
    for run in again:
        world.rerun(run)
    history(world, workflow="Release")
    result = program.export(of_change(world, jobs=matrix(install=700)))
    assert "usually" not in result.summary
    assert receiver.events_named(SLOW) == []


def test_a_slow_step_of_a_matrix_is_named_once(program: Program, world: World) -> None:
    """With the number of its other jobs; a new value of the matrix is compared with the others."""
    history(world, jobs=matrix(pythons=("3.11", "3.12")))
    jobs = [*matrix(pytest=900, pythons=("3.11", "3.12")), *matrix(900, 900, 5, ("3.15",))]
    text = shown(program.export(of_change(world, jobs=jobs)))
    assert (
        "+14m in `test (3.15)` › `Install dependencies`, "
        "+11m in `test (3.15)` › `Run pytest` (and in 2 other jobs like it)."
    ) in text


def test_a_new_job_and_a_new_step_are_called_new(program: Program, world: World) -> None:
    """Nothing usual can be told of them."""
    history(world)
    tests = matrix()[0]
    more = job("end to end", after=310, steps=[step("Run browsers", 600)])
    text = shown(program.export(of_change(world, jobs=[tests, more])))
    assert "+10m in `end to end` (new)." in text


def test_a_part_of_a_run_is_not_compared(program: Program, world: World) -> None:
    """A later attempt with jobs of the first one is no whole run."""
    history(world)
    jobs = [*matrix(), job("lint", "failure", steps=[step("Run mypy", 9, "failure")])]
    first = of_change(world, jobs=jobs)
    again = world.rerun(
        first, jobs=[carried_over(first.job("test (3.12)")), job("lint", "failure")]
    )
    assert "usually" not in program.export(again).summary


def test_history_that_cannot_be_read_costs_the_comparison_only(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Nobody is warned of it."""
    history(world)
    github.script(
        lambda request: request.path.startswith(LIST), lambda *_: Answer(status=404), times=None
    )
    result = program.export(of_change(world, jobs=matrix(install=700)))
    assert receiver.span("RUN CI").seconds > 0
    assert "usually" not in result.summary
    assert result.warnings == []
