"""Deployments whose lists are long, cut or gone on GitHub."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, sha_of
from tests.stories.points import by, names, value
from tests.stories.test_four_keys import (
    BASE,
    ONE,
    STATUS,
    THREE,
    TWO,
    delivered,
    elsewhere,
    hour,
    merged,
    status_event,
)
from tests.stories.worlds import deployed
from tests.support.program import Program

FOUR = datetime(2025, 11, 5, 4, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def merges(world: World) -> None:
    """Three merged pull requests; the base was deployed before."""
    world.history(BASE, ONE, TWO, THREE)
    elsewhere(world, BASE, hour(0))
    for number, sha in ((1, ONE), (2, TWO), (3, THREE)):
        merged(world, number, sha, number)


def minutes(number: int) -> str:
    return (FOUR + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("apart", [0, 60])
def test_a_deployment_is_not_its_own_predecessor(
    program: Program, world: World, receiver: Receiver, apart: int
) -> None:
    """GraphQL has no id above 32 bits, and cuts the list of an app that reports every minute."""
    statuses = [deployment_status("success", after=60)]
    statuses += [deployment_status("success", after=apart) for _ in range(44)]
    made = world.deployment(sha=ONE, created_at=hour(4), statuses=statuses, id=3_000_000_001)
    status_event(program, made, 0)
    assert delivered(receiver) == ["1"]


def test_many_nightly_uses_hide_nothing(program: Program, world: World, receiver: Receiver) -> None:
    """Each is told from a deployment by the event of its run."""
    for number in range(25):
        deployed(world, TWO, minutes(number), event="schedule")
    program.export(deployed(world, THREE, hour(8))[0])
    assert delivered(receiver) == ["1", "2", "3"]


def test_a_notice_says_if_there_are_too_many_of_them(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The runs of a hundred are read."""
    for number in range(102):
        deployed(world, TWO, minutes(number), event="schedule")
    result = program.export(deployed(world, THREE, hour(8))[0])
    (notice,) = (each for each in result.notices if "were not read" in each)
    assert "of 1 earlier deployment to production" in notice
    assert "`deployment-environments`" in notice
    assert delivered(receiver)


def test_many_cancelled_deployments_need_no_repair(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub has them as failures; their jobs were cancelled."""
    for number in range(12):
        deployed(world, ONE, minutes(5 * number), "cancelled")
    program.export(deployed(world, ONE, hour(8))[0])
    assert not names(receiver, "flow.deployment.restore_time")
    assert not names(receiver, "flow.deployment.remediations")


def test_a_commit_that_is_gone_takes_few_requests(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """After a force push GitHub can compare it with none of the earlier ones."""
    for number in range(60):
        elsewhere(world, sha_of(f"gone {number}"), f"2025-11-05T00:{number:02}:30Z")
    status_event(program, elsewhere(world, sha_of("gone"), hour(4), "failure"))
    assert value(receiver, "flow.deployment.count") == 1
    assert len(github.paths) < 20


def test_an_unreadable_run_leaves_the_end_open(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """A cancelled deployment would be sent as a failure for good."""
    run, made = deployed(world, ONE, hour(4), "cancelled")
    broken = [f"/actions/runs/{run.id}"]
    github.script(lambda r: any(path in r.path for path in broken), status(500), times=None)
    status_event(program, made)
    assert not names(receiver, "flow.deployment.failures")
    broken.clear()
    status_event(program, made)
    assert by(receiver, "flow.deployment.count", STATUS) == {"cancelled": 1}


def test_without_its_pull_requests_a_deployment_counts(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The token's permissions will not change; a warning says so."""
    world.deployments.clear()
    github.script("/pulls", status(403), times=9)
    status_event(program, elsewhere(world, ONE, hour(4), "failure"))
    assert value(receiver, "flow.deployment.count") == 1
    assert value(receiver, "flow.deployment.failures") == 1
    assert not names(receiver, "flow.deployment.changes")
