"""Runs that wait until their first job is created: for their concurrency group, or for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.points import by
from tests.support.program import Program

CREATED = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=5)
LET_IN = CREATED + timedelta(minutes=20)
REASON = "flow.cancelled.reason"


def replaced(world: World, *, newer_after: float | None = 1790, **changes: Any) -> Run:
    """A run that waited for half an hour, and that a newer run replaced before it had a job."""
    end = CREATED + timedelta(minutes=30)
    run = world.run(
        branch="main", created_at=CREATED, updated_at=end, conclusion="cancelled", jobs=[]
    )
    if newer_after is not None:
        created = CREATED + timedelta(seconds=newer_after)
        newer = {"branch": "main", "created_at": created, "jobs": [job("test")]}
        world.run(**{**newer, **changes})
    return run


def test_a_run_in_a_concurrency_group_waits_to_start(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Twenty minutes for its group, five seconds for a runner: two spans, and one state."""
    jobs = [job("test", created_at=LET_IN, queued=5, steps=[step("Run pytest", 30)])]
    result = program.export(world.run(created_at=CREATED, jobs=jobs))
    wait, run = receiver.span("waiting to start"), receiver.span("RUN CI")
    assert wait.seconds == 1200
    assert (wait.parent_span_id, wait.start) == (run.span_id, run.start)
    assert wait.attributes["flow.entity.type"] == "start_wait"
    assert (
        wait.attributes["flow.reference"] == f"{run.attributes['flow.reference']}#waiting:start:1"
    )
    assert [span.seconds for span in receiver.spans_named("queued")] == [5, 5]
    durations = by(receiver, "cicd.pipeline.run.duration", "cicd.pipeline.run.state")
    assert durations == {"pending": 1205, "executing": 30}
    assert "The run waited 20m to start. The job waited 5s for runners" in result.summary


def test_the_first_attempt_starts_with_the_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub moves `run_started_at` of a run when people let it run."""
    jobs = [job("test", created_at=LET_IN, queued=5)]
    program.export(world.run(created_at=CREATED, run_started_at=LET_IN, jobs=jobs))
    assert receiver.span("waiting to start").seconds == 1200
    assert receiver.span("RUN CI").seconds >= 1205


def test_four_seconds_are_no_wait(program: Program, world: World, receiver: Receiver) -> None:
    """GitHub takes a moment to create the jobs of a run."""
    jobs = [job("test", created_at=CREATED + timedelta(seconds=4), queued=2)]
    program.export(world.run(created_at=CREATED, jobs=jobs))
    assert receiver.spans_named("waiting to start") == []
    assert receiver.spans_named("queued")[0].seconds == 6


def test_a_run_that_a_newer_one_replaced_says_so(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It has no job, so nothing but the newer run shows why it was cancelled."""
    result = program.export(replaced(world))
    run = receiver.span("RUN CI")
    assert (run.attributes[REASON], run.status) == ("superseded", "UNSET")
    assert receiver.span("waiting to start").seconds == 1800
    assert by(receiver, "cicd.pipeline.run.duration", "cicd.pipeline.run.state") == {
        "pending": 1800
    }
    assert by(receiver, "flow.run.count", "cicd.pipeline.result") == {"cancellation": 1}
    assert "The run waited 30m to start." in result.summary


@pytest.mark.parametrize(
    "changes",
    [
        {"newer_after": None},
        {"newer_after": 1700},
        {"newer_after": 1801},
        {"branch": "other"},
        {"path": ".github/workflows/deploy.yml", "workflow": "Deploy"},
    ],
    ids=["alone", "long before", "after the end", "another branch", "another workflow"],
)
def test_a_run_cancelled_for_another_reason_gives_none(
    program: Program, world: World, receiver: Receiver, changes: dict[str, Any]
) -> None:
    """People can cancel a run that waits, too."""
    program.export(replaced(world, **changes))
    run = receiver.span("RUN CI")
    assert REASON not in run.attributes
    assert run.attributes["cicd.pipeline.result"] == "cancellation"


def test_a_sweep_finds_the_newer_run_in_its_list(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It takes no further request for it."""
    replaced(world)
    result = program.command(
        *("sweep", "--repo", "acme/shop", "--since", "1d", "--sweep-runs"),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0, result.stderr
    reasons = [span.attributes.get(REASON) for span in receiver.spans_named("RUN CI")]
    assert sorted(map(str, reasons)) == ["None", "superseded"]
    lists = [r for r in program.github.requests if r.path.endswith("/acme/shop/actions/runs")]
    recent, older = (r.query["created"].split("..") for r in lists if "created" in r.query)
    assert recent[0] <= older[1] < recent[1]
