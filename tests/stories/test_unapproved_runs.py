"""A run of a fork that waits for people to let it run: GitHub says completed, but it never ran."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.stories.points import by, value
from tests.support import closings
from tests.support.program import Program
from tests.support.sweeps import earlier, rewrite_ledger

CREATED = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=5)
APPROVED = CREATED + timedelta(hours=2)
JOBS = [job("test", created_at=APPROVED, queued=4, steps=[step("Run pytest", 30)])]


def unapproved(world: World) -> Run:
    """A run of a pull request from a fork, as GitHub shows it before its approval."""
    return world.run(
        event="pull_request",
        branch="feature",
        created_at=CREATED,
        updated_at=CREATED,
        conclusion="action_required",
        jobs=[],
    )


def approve(world: World, run: Run) -> Run:
    """Let the run run, as the same attempt, until its end."""
    end = APPROVED + timedelta(seconds=34)
    return world.change_run(run, jobs=JOBS, conclusion="success", updated_at=end)


def test_nothing_is_sent_until_it_has_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The event of its completion is one of its creation: a notice names what is awaited."""
    run = unapproved(world)
    result = program.export(run)
    assert (result.status, result.outputs["status"], receiver.requests) == (0, "skipped", [])
    (notice,) = result.notices
    assert f"run {run.id} of acme/shop waits until somebody" in notice
    assert (result.warnings, result.errors) == ([], [])


def test_it_is_sent_once_and_counts_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The event after the approval sends the run; its id is sent once."""
    run = unapproved(world)
    program.export(run)
    program.export(approve(world, run))
    assert [span.seconds for span in receiver.spans_named("RUN CI")] == [7234]
    assert by(receiver, "flow.run.count", "cicd.pipeline.result") == {"success": 1}
    assert receiver.points_of("flow.run.retries") == []


def test_the_time_until_the_approval_is_not_queue_time(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run waited two hours for people and four seconds for a runner."""
    program.export(approve(world, unapproved(world)))
    assert [span.seconds for span in receiver.spans_named("queued")] == [4, 4]
    assert value(receiver, "flow.job.queue_time") == 4


def test_a_sweep_sends_it_after_the_approval(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A sweep before it does not record it as exported, so the next one exports it."""
    run = unapproved(world)
    command = (
        *("sweep", "--repo", "acme/shop", "--since", "1d", "--ledger", "ledger.json"),
        *("--sweep-runs", "--otlp-endpoint", receiver.url),
    )
    first = program.command(*command)
    assert (first.status, receiver.spans) == (0, [])
    # As if that sweep had been an hour before the approval.
    rewrite_ledger(program.folder / "ledger.json", lambda ledger: earlier(ledger, hours=4))
    approve(world, run)
    second = program.command(*command)
    assert second.status == 0, second.stderr
    assert len(receiver.spans_named("RUN CI")) == 1
    third = program.command(*command)
    assert "0 things were exported" in third.stderr
    assert len(receiver.spans_named("RUN CI")) == 1


def test_a_pull_request_does_not_count_it(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A closed pull request has the runs that ran, in its own trace."""
    world.repository("mallory/shop", fork=True)
    closed = CREATED + timedelta(hours=1)
    world.pull_request(
        7, branch="feature", opened_at=CREATED - timedelta(minutes=1), closed_at=closed
    )
    unapproved(world)
    closings.pull_request(program, 7, trace_scope="run")
    assert receiver.spans_named("RUN CI") == []
    assert len(receiver.spans_named("pull request #7")) == 1


def test_a_run_that_becomes_one_while_it_is_awaited_is_not_sent(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The event may be faster than the API: it first shows the run as queued."""
    run = world.run(event="pull_request", branch="feature", status="queued", jobs=[])
    event = events.workflow_run(world, run)
    github = program.github

    def catch_up(count: int, path: str) -> None:
        if count == 3:
            world.change_run(run, status="completed", conclusion="action_required")

    github.on_request = catch_up
    result = program.action({"GITHUB_EVENT_NAME": "workflow_run"}, event=event)
    assert (result.outputs["status"], receiver.requests) == ("skipped", [])
    assert "approves it" in result.notices[0]
