"""The action as a step of the run that it sends, while the run still goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import Runner, World, annotation, carried_over, job, step
from tests.stories.points import by
from tests.support.program import Program

OURS = "Export telemetry"
# Enough to look at GitHub a second time, where what is waited for never comes.
SHORT = 4


def going_on(name: str, *before: str, **facts: Any) -> JobPlan:
    """Return a job that has run the steps before ours, and now runs ours."""
    steps = [*(step(each, 5) for each in before), step(OURS, conclusion=None)]
    return job(name, None, **{"steps": steps, **facts})


def test_a_last_job_sends_everything_up_to_its_last_ended_step(
    program: Program, world: World, receiver: Receiver
) -> None:
    """All jobs leave; our own step is left out; run, own job and their waits are partial."""
    own = going_on("telemetry", "Set up job", "Checkout", after=40)
    run = world.run(jobs=[job("build", steps=[step("Compile", 30)]), own])
    result = program.inside(run, "telemetry")
    assert (result.status, result.outputs["status"], result.warnings) == (0, "exported", [])
    assert [line.strip() for line in receiver.tree() if "queued" not in line] == [
        "RUN CI", "build", "Compile", "telemetry", "Set up job", "Checkout"
    ]  # fmt: skip
    partial = {s.name for s in receiver.spans if s.attributes.get("flow.partial")}
    assert partial == {"RUN CI", "telemetry", "queued"}


def test_a_partial_span_ends_with_the_last_step_and_never_with_the_clock(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Whenever the same step is run again, the times are the same."""
    program.inside(world.run(jobs=[going_on("test", "Run pytest")]), "test")
    of_step = receiver.span("Run pytest")
    assert receiver.span("test").end == receiver.span("RUN CI").end == of_step.end


def test_the_last_step_of_the_only_job_needs_no_input(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The README's first example: one job, our step last, `if: always()`."""
    result = program.inside(world.run(jobs=[going_on("test", "Run pytest")]), "test")
    assert result.outputs["spans"] == str(len(receiver.spans)) == "5"


def test_while_another_job_is_unfinished_only_a_notice_is_given(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It names what to do: `needs`, `export: job`, or `workflow_run`; the status is skipped."""
    run = world.run(jobs=[job("slow", None, steps=[]), going_on("fast", "Test")])
    result = program.inside(run, "fast", fail_on_error=True)
    (notice,) = result.notices
    assert all(word in notice for word in ("slow", "needs", "export: job", "workflow_run"))
    assert (result.status, result.warnings, result.errors) == (0, [], [])
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])


def test_the_own_result_is_the_runners_word(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`job.status` counts for the own job, the worst of the jobs for the run."""
    run = world.run(jobs=[job("build"), going_on("test", "Run pytest")])
    program.inside(run, "test", {"FLOW_TELEMETRY_JOB_STATUS": "failure"})
    assert receiver.span("test").attributes["cicd.pipeline.task.run.result"] == "failure"
    assert receiver.span("RUN CI").attributes["cicd.pipeline.result"] == "failure"
    assert receiver.span("RUN CI").status == "ERROR"


@pytest.mark.parametrize("status", ["success", ""])
def test_a_failed_step_counts_against_a_stale_job_status(
    program: Program, world: World, receiver: Receiver, status: str
) -> None:
    """Within a composite action, and under act, `job.status` does not know of the failure yet."""
    steps = [step("Set up job", 2), step("Run pytest", 5, "failure"), step(OURS, conclusion=None)]
    run = world.run(jobs=[job("test", None, steps=steps)])
    result = program.inside(run, "test", {"FLOW_TELEMETRY_JOB_STATUS": status})
    test, whole = receiver.span("test"), receiver.span("RUN CI")
    assert (test.attributes["cicd.pipeline.task.run.result"], test.status) == ("failure", "ERROR")
    assert (whole.attributes["cicd.pipeline.result"], whole.status) == ("failure", "ERROR")
    assert by(receiver, "flow.run.count", "cicd.pipeline.result") == {"failure": 1}
    assert by(receiver, "flow.job.count", "cicd.pipeline.task.run.result") == {"failure": 1}
    assert "❌ CI: failure so far" in result.summary


def test_a_failed_step_counts_more_than_a_cancellation(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A job that fails and is cancelled then has failed; one that may fail says `success`."""
    steps = [step("Run pytest", 5, "failure"), step("Flaky", 5), step(OURS, conclusion=None)]
    run = world.run(jobs=[job("test", None, steps=steps)])
    program.inside(run, "test", {"FLOW_TELEMETRY_JOB_STATUS": "cancelled"})
    assert receiver.span("test").attributes["cicd.pipeline.task.run.result"] == "failure"


def test_the_jobs_of_earlier_attempts_count_for_the_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """One job is run again and passes; another one had failed and is carried over."""
    first = world.run(jobs=[job("lint", "failure"), job("test", "failure")])
    again = world.rerun(first, jobs=[carried_over(first.job("lint")), going_on("test", "Test")])
    program.inside(again, "test")
    assert receiver.span("test").attributes["cicd.pipeline.task.run.result"] == "success"
    assert receiver.span("RUN CI").attributes["cicd.pipeline.result"] == "failure"
    assert receiver.spans_named("lint") == []


def test_the_result_so_far_is_the_worst_of_the_jobs(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A last job that goes well does not hide one that failed."""
    run = world.run(jobs=[job("build", "failure"), going_on("telemetry", "Set up job")])
    program.inside(run, "telemetry")
    assert receiver.span("telemetry").attributes["cicd.pipeline.task.run.result"] == "success"
    assert receiver.span("RUN CI").attributes["cicd.pipeline.result"] == "failure"


CI = ".github/workflows/ci.yml"
ALLOWED = "jobs:\n  build:\n    continue-on-error: ${{ matrix.experimental }}\n"


def needs(**results: str) -> str:
    """Return the `needs` context of a job, as JSON; the outputs may be anything."""
    return json.dumps({name: {"result": r, "outputs": {"x": "y"}} for name, r in results.items()})


@pytest.mark.parametrize(
    ("result", "expected"),
    [("success", "success"), ("failure", "failure"), ("cancelled", "cancellation")],
)
def test_the_needed_jobs_tell_whether_a_failed_job_fails_the_run(
    program: Program, world: World, receiver: Receiver, result: str, expected: str
) -> None:
    """GitHub reports a job that may fail as a success there; the job keeps its own result."""
    run = world.run(jobs=[job("build", "failure"), going_on("telemetry", "Set up job")])
    program.inside(run, "telemetry", needs=needs(build=result))
    span = receiver.span("RUN CI")
    assert span.attributes["cicd.pipeline.result"] == expected
    assert receiver.span("build").attributes["cicd.pipeline.task.run.result"] == "failure"
    assert by(receiver, "flow.run.count", "cicd.pipeline.result") == {expected: 1}


@pytest.mark.parametrize(
    ("text", "reason"), [(ALLOWED, "continue-on-error"), (None, "could not be read")]
)
def test_a_failure_that_may_be_allowed_leaves_the_run_without_a_result(
    program: Program, world: World, receiver: Receiver, text: str | None, reason: str
) -> None:
    """By its workflow file; the run is not counted, and is no error."""
    run = world.run(path=CI, jobs=[job("build", "failure"), going_on("telemetry", "Set up job")])
    world.file(CI, text, at=run.sha)
    result = program.inside(run, "telemetry")
    span = receiver.span("RUN CI")
    assert "cicd.pipeline.result" not in span.attributes
    assert "error.type" not in span.attributes
    assert receiver.span("build").attributes["error.type"] == "failure"
    assert receiver.points_of("flow.run.count") == []
    assert any(reason in notice and "`needs`" in notice for notice in result.notices)
    assert "no result yet" in result.summary


def test_the_own_failure_fails_the_run_whatever_the_file_allows(
    program: Program, world: World, receiver: Receiver, github: FakeGitHub
) -> None:
    """No file is read for that."""
    run = world.run(path=CI, jobs=[job("build", "failure"), going_on("telemetry", "Set up job")])
    world.file(CI, ALLOWED, at=run.sha)
    program.inside(run, "telemetry", {"FLOW_TELEMETRY_JOB_STATUS": "failure"})
    assert receiver.span("RUN CI").attributes["cicd.pipeline.result"] == "failure"
    assert not any("/contents/" in path for path in github.paths)


def test_a_damaged_needs_is_an_error_that_does_not_show_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    result = program.inside(
        world.run(jobs=[going_on("telemetry", "Set up job")]), "telemetry", needs="{'x': 1}"
    )
    assert [text for text in result.errors if "`needs`" in text and "{'x'" not in text]
    assert result.status == 0
    assert receiver.span("RUN CI").attributes["cicd.pipeline.result"] == "success"


def test_on_a_server_without_check_run_id_the_runners_name_tells_the_job(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub Enterprise Server does not tell the job's id to the step."""
    one, two = (Runner(n, f"rack-{n}", 1, "Default") for n in (1, 2))
    run = world.run(jobs=[going_on("a", "Test", runner=one), going_on("b", "Test", runner=two)])
    program.inside(run, "b", {"FLOW_TELEMETRY_CHECK_RUN_ID": ""}, export="job")
    assert [s.name for s in receiver.spans if s.attributes["flow.entity.type"] == "job"] == ["b"]


def test_where_the_own_job_cannot_be_told_nothing_is_sent(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Two jobs on runners of one name: a clear warning, and no guess."""
    run = world.run(jobs=[going_on("a", "Test"), going_on("b", "Test")])
    result = program.inside(
        run, "b", {"FLOW_TELEMETRY_CHECK_RUN_ID": ""}, export="job", timeout=SHORT
    )
    (warning,) = result.warnings
    assert "could not determine the job of this step" in warning
    assert "GitHub Actions 12" in warning
    assert (result.status, result.outputs["status"], receiver.requests) == (0, "skipped", [])


def test_a_step_that_github_shows_late_is_waited_for(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The API lags seconds behind the runner: at first it shows the step before as running."""
    run = world.run(jobs=[going_on("test", "Checkout", "Run pytest")])
    shown = run.plan.jobs[0].steps
    late = [*shown[:1], step("Run pytest", conclusion=None), step(OURS, 0, None, status="queued")]
    world.change_job(run, "test", steps=late)

    def catch_up(count: int, path: str) -> None:
        if len([p for p in github.paths if "/jobs" in p]) == 2 and "/jobs" in path:
            world.change_job(run, "test", steps=shown)

    github.on_request = catch_up
    result = program.inside(run, "test")
    assert receiver.span("Run pytest").seconds == 5
    assert (result.outputs["status"], result.notices) == ("exported", [])


def test_a_job_that_github_lists_late_is_waited_for(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The very job that the step stands in may be missing from the first answer."""
    run = world.run(jobs=[job("build"), going_on("telemetry", "Set up job")])
    both = [replace(each.plan, id=each.id) for each in run.jobs]
    early = world.change_run(run, jobs=both[:1])
    github.on_request = lambda count, path: count == 3 and world.change_run(early, jobs=both)
    result = program.inside(run, "telemetry")
    assert result.outputs["status"] == "exported"
    assert receiver.span("Set up job").seconds == 5


def test_what_github_does_not_show_in_time_is_left_out_and_told(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The wait is bounded: the steps that are known leave, with a notice."""
    late = [step("Run pytest", conclusion=None), step(OURS, 0, None, status="queued")]
    run = world.run(jobs=[job("test", None, steps=[step("Checkout", 5), *late])])
    later = str(int(run.started_at.timestamp()) + 600)
    result = program.inside(run, "test", {"FLOW_TELEMETRY_STARTED_AT": later}, timeout=SHORT)
    assert any("did not show in time" in notice for notice in result.notices)
    assert {"Checkout"} == {s.name for s in receiver.spans} - {"RUN CI", "test", "queued"}


def test_another_run_has_to_have_ended(program: Program, world: World, receiver: Receiver) -> None:
    """From outside, a run that still goes on is refused with what to do."""
    run = world.run(jobs=[job("build", None)])
    result = program.action(run_id=run.id, timeout=SHORT)
    (warning,) = result.warnings
    assert f"run {run.id} of acme/shop is still in_progress" in warning
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])


def test_needs_decides_about_cancelled_jobs_too(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub calls a job beyond its time limit cancelled; the workflow knows whether it may be."""
    said = annotation("The job has exceeded the maximum execution time of 5m0s")
    build = job("build", "cancelled", steps=[step("x", 5, "cancelled")], annotations=[said])
    run = world.run(jobs=[build, going_on("telemetry", "Set up job")])
    program.inside(run, "telemetry", needs=needs(build="success"))
    program.inside(run, "telemetry", needs=needs(build="failure"))
    results = [s.attributes["cicd.pipeline.result"] for s in receiver.spans_named("RUN CI")]
    assert results == ["success", "timeout"]
