"""What builds cost: by runner, for a pull request, and with prices of one's own."""

from __future__ import annotations

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import SELF_HOSTED, World, job
from tests.stories.points import by, names, value
from tests.support import closings
from tests.support.program import Program

COST, TASK = "flow.job.cost", "cicd.pipeline.task.name"


@pytest.fixture
def run(world: World) -> Run:
    """A run with jobs of 61 seconds on four kinds of runners."""
    return world.run(
        event="pull_request",
        branch="cart",
        created_at="2026-11-24T06:00:05Z",
        jobs=[
            job("linux", seconds=61, labels=["ubuntu-latest"]),
            job("windows", seconds=61, labels=["windows-2025"]),
            job("large", seconds=61, labels=["ubuntu-24.04-16core"]),
            job("rack", seconds=61, labels=["self-hosted", "rack-7"], runner=SELF_HOSTED),
            job("depot", seconds=61, labels=["depot-ubuntu-24.04-8"], runner=SELF_HOSTED),
        ],
    )


def test_jobs_of_a_private_repository_cost_what_github_asks_for(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """Two minutes each. The other provider's price is not known, so it is left out."""
    world.repository("acme/shop", private=True)
    result = program.export(run)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")
    assert by(receiver, COST, TASK) == {
        "linux": 0.012,
        "windows": 0.020,
        "large": 0.084,
        "rack": 0,
    }
    assert {point.unit for point in receiver.points_of(COST)} == {"{USD}"}
    # The minutes of a plan are another thing: those of Windows count twice.
    minutes = by(receiver, "flow.job.billable_time", TASK)
    assert minutes == {"linux": 2, "windows": 4, "large": 2}


def test_standard_runners_are_free_in_a_public_repository(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """The larger one is not."""
    program.export(run)
    assert by(receiver, COST, TASK) == {"linux": 0, "windows": 0, "large": 0.084, "rack": 0}


def test_you_say_what_other_providers_ask_for(
    program: Program, run: Run, receiver: Receiver
) -> None:
    """By a pattern of labels, also for machines of one's own."""
    prices = "depot-*=0.004\ndepot-*-8=0.016\nrack-*=0.001"
    program.export(run, prices=prices)
    costs = by(receiver, COST, TASK)
    assert (costs["depot"], costs["rack"]) == (0.032, 0.002)


@pytest.mark.parametrize("prices", ["depot-*", "depot-*=cheap", "depot-*=-1", "depot-*=nan"])
def test_a_price_that_is_none_costs_no_telemetry(
    program: Program, run: Run, receiver: Receiver, prices: str
) -> None:
    """An error in the log names the setting, and the rest is exported."""
    result = program.export(run, prices=prices)
    (error,) = result.errors
    assert "`prices`" in error
    assert (result.status, result.outputs["status"]) == (0, "exported")
    assert by(receiver, COST, TASK)["large"] == 0.084


def test_a_pull_request_costs_what_its_runs_cost(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """If they are read anyway; for the sum alone nothing is asked for."""
    world.repository("acme/shop", private=True)
    world.pull_request(
        7,
        branch="cart",
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
    )
    closings.pull_request(program, 7, prices="depot-*=0.004")
    assert not names(receiver, "flow.change.cost")
    closings.pull_request(program, 7, prices="depot-*=0.004", trace_scope="run")
    total = pytest.approx(0.012 + 0.020 + 0.084 + 0.008)
    assert value(receiver, "flow.change.cost") == total
    first, with_runs = receiver.events_named("flow.change.merged")
    assert "flow.change.cost" not in first.attributes
    assert with_runs.attributes["flow.change.cost"] == total


def test_a_sum_with_an_unknown_price_is_left_out(
    program: Program, world: World, run: Run, receiver: Receiver
) -> None:
    """It would be too low."""
    world.pull_request(
        7,
        branch="cart",
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
    )
    closings.pull_request(program, 7, trace_scope="run")
    assert names(receiver, "flow.change.count")
    assert not names(receiver, "flow.change.cost")
