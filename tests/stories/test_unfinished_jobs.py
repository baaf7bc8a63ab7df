"""A run that has ended with jobs that GitHub left queued or in progress."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import NULL_RUNNER, World, job, step
from tests.stories.points import by, names
from tests.support.program import Program

TASK = "cicd.pipeline.task.name"
# Enough to look at GitHub a second time, where what is waited for never comes.
SHORT = 4


def unfinished() -> list[JobPlan]:
    """One job that ended, one that stopped in its second step, and one that never began."""
    stopped = [step("Set up job", 3), step("Run pytest", 20), step("Upload", conclusion=None)]
    return [
        job("build", seconds=30),
        job("test", None, queued=6, steps=stopped),
        job("gpu", None, status="queued", runner=NULL_RUNNER, after=5),
    ]


def ended(world: World, ago: timedelta) -> Run:
    """A run that ended so long ago."""
    # Not the time of the import: a suite can take longer than a run may change.
    end = datetime.now(timezone.utc).replace(microsecond=0) - ago
    return world.run(
        created_at=end - timedelta(minutes=2),
        updated_at=end,
        status="completed",
        conclusion="failure",
        jobs=unfinished(),
    )


def test_they_are_sent_up_to_their_last_ended_step(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Ten minutes after its end a run changes no more: one look, and all of it leaves."""
    result = program.export(ended(world, timedelta(minutes=11)))
    assert len([path for path in github.paths if "/jobs" in path]) == 1
    test, gpu = receiver.span("test"), receiver.span("gpu")
    assert (test.seconds, gpu.seconds) == (29, 0)
    assert test.attributes["flow.incomplete"] == "in_progress"
    assert gpu.attributes["flow.incomplete"] == "queued"
    assert "flow.incomplete" not in receiver.span("build").attributes
    for span in (test, gpu):
        assert span.status == "UNSET"
        assert not {"cicd.pipeline.task.run.result", "flow.partial"} & set(span.attributes)
    assert [s.name for s in receiver.spans if s.parent_span_id == test.span_id] == [
        *("queued", "Set up job", "Run pytest")
    ]
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert any("`test`, `gpu`" in notice for notice in result.notices)


def test_they_have_no_count_and_no_duration(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Only what is known is measured: how long the one that began had waited."""
    program.export(ended(world, timedelta(minutes=11)))
    assert set(by(receiver, "flow.job.count", TASK)) == {"build"}
    assert set(by(receiver, "flow.job.duration", TASK)) == {"build"}
    assert by(receiver, "flow.job.queue_time", TASK) == {"build": 2, "test": 6}


def test_a_run_that_just_ended_is_looked_at_a_few_times(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """GitHub may show their ends seconds late; only the list of jobs is read again."""
    run = ended(world, timedelta(seconds=5))

    def end(count: int, path: str) -> None:
        if len([p for p in github.paths if "/jobs" in p]) == 2:
            for name in ("test", "gpu"):
                world.change_job(run, name, status="completed", conclusion="failure")

    github.on_request = end
    program.export(run)
    assert len([path for path in github.paths if "/attempts/1" in path]) == 3
    assert "flow.incomplete" not in receiver.span("test").attributes
    assert receiver.span("gpu").attributes["github.job.conclusion"] == "failure"


def test_without_a_sweep_its_event_sends_them_after_the_wait(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nothing else would."""
    result = program.export(ended(world, timedelta(seconds=5)), timeout=SHORT)
    assert result.outputs["status"] == "exported"
    assert receiver.span("gpu").attributes["flow.incomplete"] == "queued"


@pytest.mark.parametrize("swept", [True, False])
def test_if_a_sweep_follows_the_event_leaves_the_run_to_it(
    program: Program, world: World, receiver: Receiver, swept: bool
) -> None:
    """The event's own run fails then, so that the sweep does not take the run for sent."""
    run = ended(world, timedelta(seconds=5))
    result = program.export(run, since="last", sweep_runs=swept, fail_on_error=True, timeout=SHORT)
    assert result.status == (1 if swept else 0)
    assert (receiver.spans == []) is swept


def test_a_sweep_sends_it_with_all_of_its_jobs(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Half an hour later."""
    ended(world, timedelta(minutes=30))
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "1d", "--sweep-runs"),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0, result.stderr
    jobs = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "job"]
    assert {span.attributes.get("flow.incomplete") for span in jobs} == {
        *(None, "queued", "in_progress")
    }
    assert not names(receiver, "flow.run.retries")
