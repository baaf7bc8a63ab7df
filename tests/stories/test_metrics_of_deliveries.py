"""The four keys of DORA, over deployments of which one failed."""

from __future__ import annotations

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, happened, sha_of
from tests.stories.points import by, names, value, values
from tests.stories.worlds import deployed
from tests.support.program import Program

BASE, CART, VAT, TAXES = (sha_of(text) for text in ("base", "cart", "vat", "taxes"))
HOUR, DAY = 3600, 24 * 3600
STATUS = "deployment.status"


def merged(world: World, number: int, sha: str, begun: str, at: str) -> None:
    """A pull request whose first commit was made some time before it was opened."""
    world.pull_request(
        number,
        branch=f"branch-{number}",
        opened_at=at.replace("T10", "T08"),
        merged_at=at,
        merge_commit_sha=sha,
        commits=[sha_of(f"commit of {number}")],
        timeline=[happened("committed", at=begun, subject=sha_of(f"commit of {number}"))],
    )


@pytest.fixture
def history(world: World) -> None:
    """Three pull requests, begun a day apart; a fourth, 34, is never deployed."""
    world.history(BASE, CART, VAT, TAXES)
    world.deployment(
        sha=BASE, created_at="2025-10-31T08:00:00Z", statuses=[deployment_status("success")]
    )
    merged(world, 31, CART, "2025-11-03T10:02:15Z", "2025-11-04T10:00:00Z")
    merged(world, 32, VAT, "2025-11-04T10:02:15Z", "2025-11-05T10:00:00Z")
    merged(world, 33, TAXES, "2025-11-05T10:02:15Z", "2025-11-05T10:30:00Z")
    world.pull_request(
        34, branch="never", opened_at="2025-11-05T09:00:00Z", merged_at="2025-11-05T10:45:00Z"
    )


@pytest.mark.usefixtures("history")
def test_the_four_keys(program: Program, world: World, receiver: Receiver) -> None:
    """Cart is deployed; VAT fails, and succeeds an hour later, together with taxes."""
    for sha, at, state in (
        (CART, "2025-11-04T10:00:05Z", "success"),
        (VAT, "2025-11-05T10:00:05Z", "failure"),
        (TAXES, "2025-11-05T11:00:05Z", "success"),
    ):
        result = program.export(deployed(world, sha, at, state)[0])
        assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert by(receiver, "flow.deployment.count", STATUS) == {"succeeded": 2, "failed": 1}
    assert value(receiver, "flow.deployment.failures") == 1
    assert values(receiver, "flow.deployment.changes") == [1, 2]
    assert value(receiver, "flow.deployment.restore_time") == HOUR
    told = {
        event.attributes["vcs.change.id"]: (
            event.attributes["flow.deployment.lead_time"],
            event.attributes["flow.change.first_commit.revision"],
            event.attributes["flow.change.first_commit.time"],
        )
        for event in receiver.events_named("flow.change.delivered")
    }
    assert told == {
        "31": (DAY, sha_of("commit of 31"), "2025-11-03T10:02:15Z"),
        "32": (DAY + HOUR, sha_of("commit of 32"), "2025-11-04T10:02:15Z"),
        "33": (HOUR, sha_of("commit of 33"), "2025-11-05T10:02:15Z"),
    }
    # One point for each export: a day; 25 hours and one.
    assert values(receiver, "flow.deployment.lead_time") == [DAY, 26 * HOUR]


@pytest.mark.usefixtures("history")
def test_a_promotion_does_not_restart_the_clock(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The same commit goes to staging, and two days later to production."""
    staging = deployed(world, CART, "2025-11-04T10:00:05Z", environment="staging")
    production = deployed(world, CART, "2025-11-06T10:00:05Z")
    world.deployment(
        "staging",
        sha=BASE,
        created_at="2025-10-31T08:00:00Z",
        statuses=[deployment_status("success")],
    )
    for run, _ in (staging, production):
        program.export(run)
    assert by(receiver, "flow.deployment.lead_time", "deployment.environment.name") == {
        "staging": DAY,
        "production": 3 * DAY,
    }


@pytest.mark.usefixtures("history")
def test_what_was_deployed_before_is_delivered_once(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The same commit again is a deployment, of no pull request."""
    for at in ("2025-11-04T10:00:05Z", "2025-11-04T18:00:05Z"):
        program.export(deployed(world, CART, at)[0])
    assert by(receiver, "flow.deployment.count", STATUS) == {"succeeded": 2}
    assert value(receiver, "flow.deployment.lead_time") == DAY
    assert values(receiver, "flow.deployment.changes") == [0, 1]


@pytest.mark.usefixtures("history")
def test_a_deployment_counts_once_with_its_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The pull request that it delivers leaves without it."""
    run, _ = deployed(world, CART, "2025-11-04T10:00:05Z")
    program.command(
        *("export", "pull-request", "31", "--repository", "acme/shop"),
        *("--otlp-endpoint", receiver.url),
    )
    assert not names(receiver, "flow.deployment")
    program.export(run)
    assert value(receiver, "flow.deployment.count") == 1
    assert value(receiver, "flow.deployment.lead_time") == DAY
