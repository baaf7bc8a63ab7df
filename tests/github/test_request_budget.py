"""What reads much asks within a budget, and leaves the last of the rate limit to others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.faults import Answer, status
from tests.fakes.github import FakeGitHub, graphql_rate_limit, secondary_rate_limit
from tests.fakes.world import World
from tests.support.clients import client_of

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.rate_limit import RateLimits, RequestBudget
from flow_telemetry.model.api_usage import Api, ApiUsage

# 1 list of issues, 100 of sub-issues, and 10,000 of labels are 10,101 requests: 101 points.
DEEP = """
query Deep {
  repository(owner: "acme", name: "shop") {
    issues(first: 100) { nodes { subIssues(first: 100) { nodes { labels(first: 5) { totalCount }
    } } } }
  }
}
"""
VIEWER = "query Viewer { viewer { login } }"


def ask(client: GitHubClient) -> None:
    """Ask for the repository as it is now."""
    client.fresh.get("/repos/acme/shop", "repository acme/shop")


def query(client: GitHubClient, text: str = VIEWER) -> None:
    """Ask GraphQL, without a look at what is known."""
    client.fresh.query(text, "the viewer")


def headers(left: int, *, limit: int = 1000, reset: int = 3600) -> dict[str, str]:
    """Return the headers of a response about GraphQL's limit."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-reset": str(reset),
        "x-ratelimit-resource": "graphql",
    }


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


def test_queries_near_their_limit_do_not_stop_the_rest(world: World) -> None:
    """GraphQL has a limit of its own: what needs REST alone can still be read, and conversely."""
    fake = FakeGitHub(world, rate_limit=60, point_limit=20)
    with fake as github, client_of(github, RequestBudget()) as client:
        for _ in range(19):
            query(client)
        for _ in range(55):
            with pytest.raises(BudgetExceeded, match=r"for GraphQL is nearly used up.*after \d\d:"):
                query(client)
            ask(client)
        with pytest.raises(BudgetExceeded, match="for REST is nearly used up"):
            ask(client)
    assert github.used == {"graphql": 19, "core": 55}


def test_a_query_costs_its_points(world: World) -> None:
    """One for every hundred lists that GitHub may have to read for it, and at least one."""
    world.issue(1, "Pay by card")
    with FakeGitHub(world, point_limit=5000) as github, client_of(github) as client:
        query(client)
        query(client, DEEP)
        query(client)
        (graphql,) = client.limits.usage()
    assert github.used["graphql"] == 1 + 101 + 1
    assert (graphql.api, graphql.requests, graphql.points) == (Api.GRAPHQL, 3, 103)
    assert graphql.rate_limit is not None
    assert (graphql.rate_limit.limit, graphql.rate_limit.left) == (5000, 4897)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (graphql_rate_limit(x_ratelimit_remaining="0", x_ratelimit_reset="4102444800"), "GraphQL"),
        (graphql_rate_limit(retry_after="3600"), ""),
    ],
    ids=["limit of the hour", "secondary limit"],
)
def test_a_refusal_because_of_the_hour_is_that_of_one_api(
    github: FakeGitHub, answer: Answer, told: str
) -> None:
    """The secondary limits are common to both."""
    github.script("/graphql", answer, times=None)
    # GitHub's own headers would say that enough is left.
    github.rate_limit = None
    with client_of(github, RequestBudget()) as client:
        with pytest.raises(
            BudgetExceeded, match=rf"asks to wait \d+ s \(rate limit( of {told})?\)"
        ):
            query(client)
        if told:
            ask(client)
        else:
            with pytest.raises(BudgetExceeded, match="3600 s"):
                ask(client)
    assert len(github.paths) == (2 if told else 1)


def test_the_points_of_a_single_query_are_not_known(github: FakeGitHub) -> None:
    """The first response says what is left after it, and not before."""
    with client_of(github) as client:
        query(client)
        (graphql,) = client.limits.usage()
    assert (graphql.requests, graphql.points) == (1, None)


@given(left=st.lists(st.integers(0, 1000), min_size=2, max_size=8), data=st.data())
def test_responses_count_in_whatever_order_they_come(left: list[int], data: st.DataObject) -> None:
    """Eight requests are under way at once, and the end of the hour varies by a second."""
    limits = RateLimits()
    for number in data.draw(st.permutations(left)):
        limits.count(Api.GRAPHQL)
        limits.note(Api.GRAPHQL, headers(number, reset=3600 + data.draw(st.integers(-2, 2))))
    known = limits.of(Api.GRAPHQL)
    assert known is not None
    assert known.left == min(left)
    (usage,) = limits.usage()
    assert usage.points == max(len(left), max(left) - min(left) + 1)


def test_points_of_two_hours_add_up() -> None:
    """Each has its own count from GitHub; a sweep may begin before the full hour."""
    limits = RateLimits()
    for left, reset in ((900, 3600), (890, 3601), (995, 7200), (990, 7199)):
        limits.count(Api.GRAPHQL)
        limits.note(Api.GRAPHQL, headers(left, reset=reset))
    (usage,) = limits.usage()
    assert (usage.points, limits.used(Api.GRAPHQL)) == (11 + 6, 6)


@pytest.mark.parametrize(
    "damaged",
    [
        {"x-ratelimit-remaining": "many"},
        {"x-ratelimit-reset": "-1"},
        {"x-ratelimit-limit": ""},
        # Another limit than that of queries, such as that of a search.
        {"x-ratelimit-resource": "search"},
    ],
)
def test_headers_of_another_kind_say_nothing(damaged: dict[str, str]) -> None:
    """A proxy may have removed or changed them."""
    limits = RateLimits()
    limits.count(Api.GRAPHQL)
    limits.note(Api.GRAPHQL, headers(5) | damaged)
    assert limits.usage() == (ApiUsage(api=Api.GRAPHQL, requests=1),)


def test_an_hour_that_never_ends_is_a_date() -> None:
    """The time of a message is of the calendar, whatever the server sends."""
    limits = RateLimits()
    limits.note(Api.GRAPHQL, headers(5, reset=10**18))
    known = limits.of(Api.GRAPHQL)
    assert known is not None
    assert known.reset_at.year == 2286


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
