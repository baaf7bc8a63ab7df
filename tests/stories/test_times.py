"""Times as GitHub gave them, to the second, and waits told apart from work."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from tests.fakes.plans import StepPlan
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.fakes.world import ZERO_TIME, World, deployment_status, job, sha_of, step
from tests.support.program import Program

CREATED = "2026-11-24T03:00:00Z"


def clock(nanoseconds: int) -> str:
    """Return the time of day of a span's bound, to the second, which is all that GitHub gives.

    The microseconds put spans in order.
    """
    assert nanoseconds % 1_000_000_000 < 1_000_000 * 10
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc).strftime("%H:%M:%S")


def bounds(span: SpanRecord) -> tuple[str, str]:
    """Return the times of day at which a span begins and ends."""
    return clock(span.start), clock(span.end)


def waits(receiver: Receiver, owner: str) -> list[tuple[str, str]]:
    """Return the bounds of the queued spans below the span of that name."""
    parent = receiver.span(owner).span_id
    return [bounds(s) for s in receiver.spans_named("queued") if s.parent_span_id == parent]


def test_a_job_is_queued_from_its_creation_to_its_first_step(
    program: Program, world: World, receiver: Receiver
) -> None:
    """`started_at` can be the time of queueing: the first step's start is the truth."""
    late = job(
        "test", after=1, queued=0, started_at="2026-11-24T03:00:02Z", steps=[step("x", 5, after=20)]
    )
    program.export(world.run(created_at=CREATED, jobs=[late]))
    assert waits(receiver, "test") == [("03:00:01", "03:00:22")]
    assert bounds(receiver.span("test")) == ("03:00:01", "03:00:27")


def test_a_run_is_queued_until_the_first_step_of_its_first_job(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Of several jobs the one that began first ends the run's waiting."""
    jobs = [job("slow", queued=50, steps=[step("x")]), job("fast", queued=4, steps=[step("y")])]
    program.export(world.run(created_at=CREATED, jobs=jobs))
    assert waits(receiver, "RUN CI") == [("03:00:00", "03:00:04")]


def test_no_wait_is_negative_or_empty(program: Program, world: World, receiver: Receiver) -> None:
    """A job that began at once, or a second before GitHub says that it was made, did not wait."""
    jobs = [
        job("at once", queued=0, steps=[step("x", 5)]),
        job("before", after=3, queued=0, steps=[step("y", 5, after=-1)]),
    ]
    program.export(world.run(jobs=jobs))
    assert receiver.spans_named("queued") == []
    assert min(s.end - s.start for s in receiver.spans) >= 0


def test_a_run_ends_with_its_last_job(program: Program, world: World, receiver: Receiver) -> None:
    """`updated_at` moves for days after the end, when labels or artifacts change."""
    jobs = [job("a", queued=1, seconds=60), job("b", queued=1, seconds=20)]
    program.export(world.run(created_at=CREATED, updated_at="2026-11-27T00:00:00Z", jobs=jobs))
    assert bounds(receiver.span("RUN CI")) == ("03:00:00", "03:01:01")


def test_a_run_without_jobs_ends_when_it_was_last_changed(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Where no job can tell, `updated_at` serves."""
    run = world.run(
        created_at=CREATED, updated_at="2026-11-24T03:00:07Z", conclusion="startup_failure", jobs=[]
    )
    program.export(run)
    assert bounds(receiver.span("RUN CI")) == ("03:00:00", "03:00:07")


def test_a_step_outside_its_job_is_moved_into_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A first step may start a second before its job, a last one end after it."""
    early = job(
        "test",
        created_at="2026-11-24T03:00:05Z",
        started_at="2026-11-24T03:00:06Z",
        completed_at="2026-11-24T03:00:20Z",
        steps=[
            step("Set up job", started_at="2026-11-24T03:00:04Z"),
            step("Test", completed_at="2026-11-24T03:00:21Z"),
        ],
    )
    program.export(world.run(created_at=CREATED, jobs=[early]))
    assert bounds(receiver.span("test")) == ("03:00:05", "03:00:20")
    assert clock(receiver.span("Set up job").start) == "03:00:05"
    assert clock(receiver.span("Test").end) == "03:00:20"


def test_completion_before_the_start_becomes_the_start(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Neither a job nor a step ends before it began."""
    odd = job(
        "odd",
        created_at="2026-11-24T03:00:10Z",
        completed_at="2026-11-24T03:00:01Z",
        steps=[step("Backwards", -5)],
    )
    program.export(world.run(created_at=CREATED, jobs=[odd]))
    assert receiver.span("Backwards").seconds == 0
    assert bounds(receiver.span("odd")) == ("03:00:10", "03:00:10")


@pytest.mark.parametrize(
    "timeless",
    [
        step("Timeless", started_at=None, completed_at=None),
        step("Timeless", started_at=ZERO_TIME, completed_at=ZERO_TIME),
        step("Timeless", conclusion="skipped", started_at=None, completed_at=None),
    ],
    ids=["null", "zero", "skipped"],
)
def test_a_step_without_times_stands_where_the_one_before_ended(
    program: Program, world: World, receiver: Receiver, timeless: StepPlan
) -> None:
    """Null and Go's zero time are no time: nothing begins in the year 1."""
    steps = [step("Before", 7), timeless, step("After", 3)]
    program.export(world.run(created_at=CREATED, jobs=[job("test", queued=2, steps=steps)]))
    assert bounds(receiver.span("Timeless")) == ("03:00:09", "03:00:09")
    assert [line.strip() for line in receiver.tree()][-3:] == ["Before", "Timeless", "After"]


def test_steps_of_equal_times_keep_the_order_of_their_numbers(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Within one second GitHub's numbers are the only order there is."""
    names = [f"step {n}" for n in range(8)]
    program.export(world.run(jobs=[job("quick", steps=[step(name, 0) for name in names])]))
    assert [s.name for s in receiver.spans if s.name.startswith("step")] == names


def test_waiting_for_an_approval_is_told_apart_from_waiting_for_a_runner(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The deployment's statuses say how long people took; the rest of the wait is the runner's."""
    run = world.run(created_at=CREATED, jobs=[job("deploy", queued=600, steps=[step("Ship")])])
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(
        sha=sha_of("ship"),
        created_at=CREATED,
        statuses=[
            deployment_status("waiting", after=0, log_url=log),
            deployment_status("queued", after=580, log_url=log),
            deployment_status("in_progress", after=20, log_url=log),
        ],
    )
    program.export(run)
    assert bounds(receiver.span("waiting for approval")) == ("03:00:00", "03:09:40")
    assert waits(receiver, "deploy") == [("03:09:40", "03:10:00")]
