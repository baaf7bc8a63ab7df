"""What reads much asks within a budget, and leaves the last of the rate limit to others."""

from __future__ import annotations

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub, secondary_rate_limit
from tests.fakes.world import World
from tests.support.clients import client_of

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.rate_limit import RequestBudget


def ask(client: GitHubClient) -> None:
    """Ask for the repository as it is now."""
    client.fresh.get("/repos/acme/shop", "repository acme/shop")


def test_no_request_is_made_beyond_the_budget(github: FakeGitHub) -> None:
    """The error names the input and what was not read."""
    budget = RequestBudget(2)
    with client_of(github, budget) as client:
        ask(client)
        assert budget.left == 1
        ask(client)
        with pytest.raises(
            BudgetExceeded, match=r"repository acme/shop was not read.*max-requests"
        ):
            ask(client)
    assert len(github.paths) == 2
    assert budget.left == 0


def test_a_request_that_is_repeated_counts_again(github: FakeGitHub) -> None:
    """GitHub counts it too."""
    github.script("/acme/shop", status(502, retry_after="0"))
    budget = RequestBudget(3)
    with client_of(github, budget) as client:
        ask(client)
    assert budget.left == 1


def test_the_last_of_the_rate_limit_is_left_to_others(world: World) -> None:
    """Without a number of its own, a budget still stops before the token is used up."""
    with FakeGitHub(world, rate_limit=20) as github, client_of(github, RequestBudget()) as client:
        for _ in range(19):
            ask(client)
        with pytest.raises(BudgetExceeded, match="rate limit"):
            ask(client)


def test_of_a_tiny_rate_limit_all_but_the_last_is_asked_for(world: World) -> None:
    """A tenth of it is less than one request; still none is refused."""
    with FakeGitHub(world, rate_limit=5) as github, client_of(github, RequestBudget()) as client:
        for _ in range(5):
            ask(client)
        with pytest.raises(BudgetExceeded, match="nearly used up"):
            ask(client)
    assert len(github.paths) == 5


@pytest.mark.parametrize("code", [403, 429])
@pytest.mark.parametrize(("seconds", "told"), [(3600, "3600 s"), (None, "60 s")])
def test_who_is_told_to_wait_long_asks_for_nothing_else(
    github: FakeGitHub, code: int, seconds: int | None, told: str
) -> None:
    """The secondary limit is of the token, so every other request would be refused as well."""
    github.script("/acme/shop", secondary_rate_limit(seconds, code), times=None)
    with client_of(github, RequestBudget()) as client:
        for _ in range(3):
            with pytest.raises(BudgetExceeded, match=f"{told}.*longer than `timeout` allows"):
                ask(client)
        assert told in client.ended
    assert len(github.paths) == 1


def test_what_can_be_waited_for_ends_nothing(github: FakeGitHub) -> None:
    """GitHub asks for a second of patience."""
    github.script("/acme/shop", secondary_rate_limit(1))
    with client_of(github, RequestBudget()) as client:
        ask(client)
        ask(client)
        assert (client.ended, client.budget_exceeded) == ("", False)


def test_a_token_that_is_not_accepted_is_not_shown_again(github: FakeGitHub) -> None:
    """It expired while much was being read."""
    github.script("/acme/shop", status(401), after=1, times=None)
    with client_of(github, RequestBudget()) as client:
        ask(client)
        for _ in range(3):
            with pytest.raises(BudgetExceeded, match="does not accept the token"):
                ask(client)
    assert len(github.paths) == 2


def test_a_new_hour_brings_a_new_rate_limit(world: World) -> None:
    """What was nearly used up before the reset counts no more after it."""
    fake = FakeGitHub(world, rate_limit=20, now=lambda: 0.0)
    with fake as github, client_of(github, RequestBudget()) as client:
        for _ in range(20):
            ask(client)
    assert len(github.paths) == 20


def test_without_a_budget_nothing_is_bounded(world: World) -> None:
    """The export of one run uses what there is, and a server may know no limits at all."""
    with FakeGitHub(world, rate_limit=1) as github, client_of(github) as client:
        ask(client)
    fake = FakeGitHub(world, rate_limit=None)
    with fake as github, client_of(github, RequestBudget()) as client:
        ask(client)
        ask(client)
    assert len(github.paths) == 2
