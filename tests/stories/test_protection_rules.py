"""Waits of jobs for the protection rules of their environments, each kind under its own name."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import NULL_RUNNER, World, deployment_status, job, sha_of
from tests.stories.points import by, names, value
from tests.support.program import Program

CREATED = datetime(2026, 11, 24, 3, tzinfo=timezone.utc)
STATE, DURATION = "cicd.pipeline.run.state", "cicd.pipeline.run.duration"
MINUTE = 60


def deploying(
    world: World, waited: float, *, runner: float = 9, after: float = 0, **facts: Any
) -> Run:
    """A run whose job `deploy` waits for a rule of `production`, then for a runner."""
    build = [job("build", queued=2, seconds=after - 2)] if after else []
    deploy = job("deploy", after=after, queued=waited + runner, seconds=60)
    run = world.run(created_at=CREATED, jobs=[*build, deploy], **facts)
    add_wait(world, run, "deploy", waited)
    return run


def add_wait(world: World, run: Run, name: str, waited: float, *then: str) -> None:
    """Add the deployment of a job, which waits from the job's creation."""
    of_job = run.job(name)
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{of_job.id}"
    states = then or ("queued", "in_progress", "success")
    later = [deployment_status(state, after=waited, log_url=log) for state in states[:1]]
    later += [deployment_status(state, after=20, log_url=log) for state in states[1:]]
    world.deployment(
        sha=sha_of("ship"),
        created_at=of_job.created_at,
        statuses=[deployment_status("waiting", after=0, log_url=log), *later],
    )


def waits(receiver: Receiver) -> dict[str, float]:
    """The names and seconds of the waits of the job `deploy`."""
    parent = receiver.span("deploy").span_id
    kinds = ("approval", "queued")
    found = [s for s in receiver.spans if s.attributes["flow.entity.type"] in kinds]
    return {span.name: span.seconds for span in found if span.parent_span_id == parent}


def test_people_who_approve_are_waited_for(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The wait for people is one thing, that for a runner another."""
    result = program.export(deploying(world, 97))
    assert waits(receiver) == {"waiting for approval": 97, "queued": 9}
    span = receiver.span("waiting for approval")
    assert span.attributes["flow.protection.rule"] == "approval"
    assert value(receiver, "flow.job.approval_time") == 97
    assert value(receiver, "flow.job.queue_time") == 9
    assert not names(receiver, "flow.job.protection_time")
    assert "9s for runners and 1m 37s for approvals" in result.summary


@pytest.mark.parametrize("reviewed", [True, False])
def test_a_wait_timer_is_no_approval(
    program: Program, world: World, receiver: Receiver, reviewed: bool
) -> None:
    """Even if people approved too: the job went on when the timer had run down."""
    world.environment("production", reviewers=reviewed, timer=30)
    run = deploying(world, 30 * MINUTE + 4)
    if reviewed:
        world.review("production", run=run.id)
    result = program.export(run)
    assert waits(receiver) == {"waiting for wait timer": 1804, "queued": 9}
    assert not names(receiver, "flow.job.approval_time")
    assert by(receiver, "flow.job.protection_time", "flow.protection.rule") == {"timer": 1804}
    assert "30m 4s for other protection rules" in result.summary


def test_people_who_take_longer_than_the_timer_are_the_wait(
    program: Program, world: World, receiver: Receiver
) -> None:
    """All rules of an environment hold a job at once; the longest one counts."""
    world.environment("production", timer=30)
    program.export(deploying(world, 90 * MINUTE))
    assert waits(receiver) == {"waiting for approval": 5400, "queued": 9}


def test_another_system_that_holds_a_job_is_a_custom_rule(
    program: Program, world: World, receiver: Receiver
) -> None:
    """No people review this environment, and it has no timer."""
    world.environment("production", reviewers=False)
    program.export(deploying(world, 5 * MINUTE))
    assert waits(receiver) == {"waiting for custom rule": 300, "queued": 9}
    assert by(receiver, "flow.job.protection_time", "flow.protection.rule") == {"custom": 300}


def test_if_the_rules_cannot_be_read_the_wait_has_no_kind(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A notice says why; the wait is still no wait for a runner."""
    run = deploying(world, 5 * MINUTE)

    def deny(count: int, path: str) -> None:
        if len([p for p in github.paths if "graphql" in p]) == 2:
            github.denied.add("deployments=read")

    github.on_request = deny
    result = program.export(run, log_level="debug")
    assert waits(receiver) == {"waiting for protection rule": 300, "queued": 9}
    assert any("`deployments: read`" in notice for notice in result.notices)
    assert "for which rules jobs waited is unknown" in result.log


def test_the_states_of_a_run_do_not_contain_them(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The run's only job waits 97 s for people and 9 s for its runner."""
    program.export(deploying(world, 97))
    assert by(receiver, DURATION, STATE) == {"pending": 9, "executing": 60}
    parent = receiver.span("RUN CI").span_id
    (queued,) = [s for s in receiver.spans_named("queued") if s.parent_span_id == parent]
    assert queued.seconds == 9


def test_nor_does_the_time_of_execution(program: Program, world: World, receiver: Receiver) -> None:
    """Built in 200 s, approved after 41 minutes, queued for 8 s, deployed in 60 s."""
    program.export(deploying(world, 2460, runner=8, after=200))
    # Two seconds of the build's 200 are its queue.
    assert by(receiver, DURATION, STATE) == {"pending": 2, "executing": 198 + 8 + 60}


def test_while_another_job_works_the_run_executes(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Tests take 100 s of the 300 s in which the deployment waits for people."""
    jobs = [job("test", queued=0, seconds=100), job("deploy", queued=305, seconds=20)]
    run = world.run(created_at=CREATED, jobs=jobs)
    add_wait(world, run, "deploy", 300)
    program.export(run)
    assert by(receiver, DURATION, STATE) == {"pending": 0, "executing": 100 + 5 + 20}


@pytest.mark.parametrize("then", ["failure", None])
def test_a_job_that_is_refused_waited_for_people_until_its_end(
    program: Program, world: World, receiver: Receiver, then: str | None
) -> None:
    """It never waited for a runner, whether or not a last status of its deployment says so."""
    refused = job("deploy", "failure", runner=NULL_RUNNER, queued=0, seconds=600)
    run = world.run(created_at=CREATED, jobs=[refused])
    add_wait(world, run, "deploy", 600 if then else 10**6, *([then] if then else ["waiting"]))
    program.export(run)
    assert waits(receiver) == {"waiting for approval": 600}
    assert value(receiver, "flow.job.approval_time") == 600


def test_a_review_without_a_deployment_makes_the_queue_unknown(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Under `deployment: false` GitHub does not tell which job waited for people, nor how long."""
    jobs = [job("lint", queued=4), job("deploy", queued=700)]
    run = world.run(created_at=CREATED, jobs=jobs)
    world.review("production", run=run.id)
    result = program.export(run)
    assert by(receiver, "flow.job.queue_time", "cicd.pipeline.task.name") == {"lint": 4}
    assert waits(receiver) == {}
    assert any("`deployment: false`" in notice for notice in result.notices)


def test_a_long_wait_without_a_review_is_one_for_a_runner(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A busy day."""
    program.export(world.run(created_at=CREATED, jobs=[job("deploy", queued=700)]))
    assert waits(receiver) == {"queued": 700}


def test_an_unknown_wait_is_in_no_state(program: Program, world: World, receiver: Receiver) -> None:
    """The state pending would contain the wait for people."""
    world.environment("production")
    run = world.run(created_at=CREATED, jobs=[job("deploy", queued=3600, seconds=60)])
    world.review("production", run=run.id)
    program.export(run)
    assert by(receiver, DURATION, STATE) == {"executing": 60}
