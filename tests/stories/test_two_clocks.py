"""GitHub's clock says how long something waited or ran; the runner's clock divides a job's time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import NULL_RUNNER, World, carried_over, job, step
from tests.stories.job.reported import Workspace, case, suite
from tests.stories.points import by, names, value, values
from tests.support.program import Program
from tests.support.run_logs import archive_per_job, logged

CREATED = datetime(2026, 11, 24, 3, tzinfo=timezone.utc)
TASK, STATE = "cicd.pipeline.task.name", "cicd.pipeline.run.state"
DURATION = "cicd.pipeline.run.duration"
DAY = 24 * 3600


def job_by_clock(off: float, *, ended: bool = True, seconds: float = 125) -> JobPlan:
    """A job that waits 6 seconds and takes 125, on a machine whose clock is off by that much."""
    first = CREATED + timedelta(seconds=6 + off)
    steps = [
        step("Set up job", 5, started_at=first),
        step("Compile", 60, started_at=first + timedelta(seconds=5)),
        step("Run pytest", 60, started_at=first + timedelta(seconds=65)),
    ]
    if not ended:
        steps.append(step("Export telemetry", conclusion=None))
    conclusion = "success" if ended else None
    return job("test", conclusion, queued=6, seconds=seconds, steps=steps)


def assert_within(child: SpanRecord, parent: SpanRecord) -> None:
    assert parent.start <= child.start <= child.end <= parent.end, (child.name, parent.name)


HOUR = 3600
OFF = [HOUR, -HOUR, 7 * HOUR, -90, 60, 5, -5]


@pytest.mark.parametrize("off", OFF)
def test_a_clock_that_is_off_changes_no_wait_and_no_duration(
    program: Program, world: World, receiver: Receiver, off: int
) -> None:
    """Six seconds in the queue and 125 at work, and every step within its job."""
    result = program.export(world.run(created_at=CREATED, jobs=[job_by_clock(off)]))
    test = receiver.span("test")
    assert test.seconds == 131
    assert [span.seconds for span in receiver.spans_named("queued")] == [6, 6]
    for name, seconds in (("Set up job", 5), ("Compile", 60), ("Run pytest", 60)):
        assert receiver.span(name).seconds == seconds
        assert_within(receiver.span(name), test)
    assert value(receiver, "flow.job.queue_time") == 6
    assert value(receiver, "flow.job.duration") == 125
    assert by(receiver, DURATION, STATE) == {"pending": 6, "executing": 125}
    assert "The job waited 6s for runners and ran 2m 5s: 5 % waiting." in result.summary


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_neither_does_it_inside_the_run(
    program: Program, world: World, receiver: Receiver, off: int
) -> None:
    """The job still goes on: no end tells yet that the clock is off, but its start does."""
    run = world.run(created_at=CREATED, jobs=[job_by_clock(off, ended=False)])
    program.inside(run, "test")
    test = receiver.span("test")
    assert test.seconds == 131
    assert value(receiver, "flow.job.queue_time") == 6
    assert value(receiver, "flow.job.duration") == 125
    assert_within(receiver.span("Run pytest"), test)


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_reports_by_the_runners_clock_are_of_the_right_step(
    program: Program, world: World, receiver: Receiver, off: int
) -> None:
    """A report was written by that clock, and its spans are moved with the step."""
    run = world.run(created_at=CREATED, jobs=[job_by_clock(off, ended=False)])
    workspace = Workspace(program, run)
    workspace.report("junit.xml", suite(case("adds", 2)), at=workspace.moment("Run pytest", 50))
    result = workspace.export()
    of_step, of_suite = receiver.span("Run pytest"), receiver.span("cart")
    assert of_suite.parent_span_id == of_step.span_id
    assert_within(of_suite, of_step)
    assert_within(receiver.span("shop.adds"), of_suite)
    assert result.notices == []


@pytest.mark.parametrize("off", [0, HOUR, -HOUR])
def test_log_lines_by_the_runners_clock_are_of_the_right_step(
    program: Program, world: World, receiver: Receiver, off: int
) -> None:
    """GitHub keeps one log for the job: the times of its lines tell the steps apart."""
    run = world.run(created_at=CREATED, jobs=[job_by_clock(off)])
    written = logged(
        run,
        {
            ("test", number): ["##[group]Run it", "##[endgroup]", f"line of step {number}"]
            for number in (1, 2, 3)
        },
    )
    world.logs(archive_per_job(written), run=run.id)
    program.export(run, logs="all")
    by_span = {event.span_id: event.body for event in receiver.events if not event.event_name}
    names_of_steps = ("Set up job", "Compile", "Run pytest")
    assert by_span == {
        receiver.span(name).span_id: f"line of step {number}"
        for number, name in enumerate(names_of_steps, 1)
    }


def test_steps_that_take_longer_than_their_job_are_cut(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The runner's clock was set while the job ran: eight minutes before, then right."""
    early = CREATED - timedelta(minutes=8)
    steps = [
        step("Set up job", 5, started_at=early),
        step("Run pytest", 60, started_at=CREATED + timedelta(seconds=40)),
    ]
    plan = job("test", queued=10, seconds=100, steps=steps)
    program.export(world.run(created_at=CREATED, jobs=[plan]))
    test = receiver.span("test")
    assert [span.seconds for span in receiver.spans_named("queued")] == [10, 10]
    assert receiver.span("Run pytest").seconds == 60
    for name in ("Set up job", "Run pytest"):
        assert_within(receiver.span(name), test)


def test_a_job_that_never_got_a_runner_has_the_longest_wait(
    program: Program, world: World, receiver: Receiver
) -> None:
    """After a day GitHub ends it: span and metric cover all of that time, for the run as well."""
    said = job("gpu", "cancelled", runner=NULL_RUNNER, queued=0, seconds=DAY, labels=["gpu"])
    result = program.export(world.run(created_at=CREATED, jobs=[said]))
    assert [span.seconds for span in receiver.spans_named("queued")] == [DAY, DAY]
    assert receiver.span("gpu").seconds == receiver.span("RUN CI").seconds == DAY
    assert value(receiver, "flow.job.queue_time") == DAY
    assert by(receiver, DURATION, STATE) == {"pending": DAY}
    assert not names(receiver, "flow.job.duration") | names(receiver, "flow.job.billable_time")
    assert "100 % waiting" in result.summary


@pytest.mark.parametrize(
    "plan",
    [
        job("docs", "skipped", queued=0, seconds=90),
        # A check run that an action made, which GitHub lists as a job.
        job("Test Report", "failure", runner=NULL_RUNNER, labels=(), queued=0, seconds=90),
        job("Test Report", "success", runner=NULL_RUNNER, labels=(), queued=0, seconds=90),
    ],
    ids=["skipped", "failed report", "report"],
)
def test_what_waits_for_no_runner_has_no_queue(
    program: Program, world: World, receiver: Receiver, plan: JobPlan
) -> None:
    """Neither as a span nor as a metric."""
    program.export(world.run(created_at=CREATED, jobs=[plan]))
    assert receiver.spans_named("queued") == []
    assert not names(receiver, "flow.job.queue_time")


def test_what_comes_before_the_first_job_is_no_queue(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run waited ten minutes for its concurrency group: pending, but not for a runner."""
    jobs = [job("build", after=600, queued=4, seconds=30), job("test", after=634, queued=9)]
    program.export(world.run(created_at=CREATED, jobs=jobs))
    (of_run, *_) = receiver.spans_named("queued")
    assert of_run.parent_span_id == receiver.span("RUN CI").span_id
    assert of_run.seconds == 4
    assert by(receiver, DURATION, STATE)["pending"] == 604
    assert values(receiver, "flow.job.queue_time") == [4, 9]


def test_on_an_old_server_a_later_attempt_has_no_queue_of_its_own(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Without `run_started_at` nothing tells when the second attempt started."""
    first = world.run(created_at=CREATED, jobs=[job("build"), job("test", "failure")])
    again = world.rerun(
        first,
        after=5 * HOUR,
        jobs=[carried_over(first.job("build"), run_attempt=1), job("test", queued=3, seconds=20)],
        lacks=["run_started_at"],
    )
    program.export(again)
    run = receiver.span("RUN CI")
    assert run.seconds == 23
    queued = receiver.spans_named("queued")
    assert [(span.parent_span_id, span.seconds) for span in queued] == [
        (receiver.span("test").span_id, 3)
    ]
    assert by(receiver, DURATION, STATE) == {"executing": 20}
    assert value(receiver, "flow.job.queue_time") == 3


def test_on_an_old_server_a_first_attempt_starts_with_its_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """There, the creation of the run is its start."""
    run = world.run(
        created_at=CREATED, jobs=[job("test", queued=3, seconds=20)], lacks=["run_started_at"]
    )
    program.export(run)
    assert by(receiver, DURATION, STATE) == {"pending": 3, "executing": 20}
