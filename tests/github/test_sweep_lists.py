"""Closings and updated deployments of a repository, for the sweep."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.faults import altered
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, deployment_status, happened, sha_of
from tests.support.clients import SHOP, client_of

from flow_telemetry.errors import AccessDeniedError, BudgetExceeded, SourceError
from flow_telemetry.github.rate_limit import RequestBudget
from flow_telemetry.github.sweep import (
    Closed,
    closed_changes,
    closed_issues,
    updated_deployments,
)
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.model import Deployment
from flow_telemetry.rules.intervals import Interval

DAY = datetime(2026, 11, 24, tzinfo=timezone.utc)


def at(hour: float) -> datetime:
    """Return an hour of the day."""
    return DAY + timedelta(hours=hour)


def changes(github: FakeGitHub, budget: RequestBudget | None = None) -> PaginatedList[Closed]:
    """Read the closings of pull requests that were updated since ten."""
    with client_of(github, budget) as client:
        return closed_changes(client, SHOP, at(10))


def numbers(found: PaginatedList[Closed]) -> list[int]:
    """Return the numbers of pull requests or issues."""
    return [each.number for each in found.items]


def test_merged_and_closed_pull_requests_are_found(world: World, github: FakeGitHub) -> None:
    """By their last update, with the time of the closing; an open one has none."""
    world.pull_request(1, closed_at=at(10.5))
    world.pull_request(2, merged_at=at(10), author="dependabot[bot]")
    world.pull_request(3, merged_at=at(11))
    world.pull_request(4, merged_at=at(9.99))
    world.pull_request(5, updated_at=at(10.5))
    found = changes(github)
    assert found.items == (Closed(1, (at(10.5),)), Closed(2, (at(10),)), Closed(3, (at(11),)))
    assert found.complete
    assert len(github.paths) == 2


def test_each_closing_of_a_pull_request_is_found(world: World, github: FakeGitHub) -> None:
    """Also those of one that was opened again, which the list shows as open or with its last."""
    first = (happened("closed", at=at(7)), happened("reopened", at=at(8)))
    world.pull_request(1, timeline=first, merged_at=at(10.5))
    world.pull_request(2, timeline=first, updated_at=at(10.2))
    found = changes(github)
    assert found.items == (Closed(1, (at(7), at(10.5))), Closed(2, (at(7),)))


def test_an_update_after_the_closing_shows_the_old_closing(
    world: World, github: FakeGitHub
) -> None:
    """The caller looks at the time of the closing: a comment does not close anything."""
    world.pull_request(1, merged_at=at(4), updated_at=at(10.5))
    world.pull_request(2, merged_at=at(10.5), updated_at=at(20))
    assert changes(github).items == (Closed(1, (at(4),)), Closed(2, (at(10.5),)))


def test_the_list_is_read_back_to_the_start_of_the_window(world: World) -> None:
    """Thousands that were closed before cost nothing."""
    for number in range(1, 251):
        world.pull_request(number, merged_at=at(number / 25))
    with FakeGitHub(world) as github:
        assert numbers(changes(github)) == [250]
        assert len(github.paths) == 2


def test_the_closings_of_many_are_requested_in_groups(world: World) -> None:
    """Fifty in a query, so that no query is too expensive for GitHub."""
    for number in range(1, 61):
        world.pull_request(number, merged_at=at(10) + timedelta(seconds=number))
    with FakeGitHub(world) as github:
        assert numbers(changes(github)) == list(range(1, 61))
        assert len(github.paths) == 3


def test_a_pull_request_that_moves_during_the_reading_is_found(world: World) -> None:
    """A comment takes a pull request to the front, to a page that was read already."""
    for number in range(1, 151):
        world.pull_request(number, merged_at=at(10) + timedelta(seconds=number))

    def comment(count: int, path: str) -> None:
        if count == 2:
            world.pull_request(1, merged_at=at(10) + timedelta(seconds=1), updated_at=at(12))

    with FakeGitHub(world) as github:
        github.on_request = comment
        found = changes(github)
    assert numbers(found) == list(range(1, 151))
    assert found.complete


def test_a_budget_that_ends_before_the_closings_are_known_is_an_error(world: World) -> None:
    """Without their closings none of the listed pull requests can be exported."""
    for number in range(1, 151):
        world.pull_request(number, merged_at=at(10) + timedelta(seconds=number))
    ended = pytest.raises(BudgetExceeded, match="closed was not read")
    with FakeGitHub(world) as github, ended:
        changes(github, RequestBudget(1))


def test_a_pull_request_that_was_deleted_meanwhile_is_found_by_its_list(
    world: World, github: FakeGitHub
) -> None:
    """GraphQL does not know it any more; the others are not lost with it."""
    world.pull_request(1, merged_at=at(10.1))
    world.pull_request(2, merged_at=at(10.2))
    github.script(
        "/graphql", altered(lambda payload: payload["data"]["repository"].update(n1=None))
    )
    assert numbers(changes(github)) == [1, 2]


def test_closings_that_are_all_unknown_are_an_error(world: World, github: FakeGitHub) -> None:
    """The token may see the list, and not the pull requests."""
    world.pull_request(1, merged_at=at(10.1))
    github.script(
        "/graphql", altered(lambda payload: payload["data"]["repository"].update(n1=None))
    )
    with pytest.raises(SourceError, match="were closed"):
        changes(github)


def test_issues_are_found_without_pull_requests(world: World, github: FakeGitHub) -> None:
    """Both are in GitHub's list of issues; a reopened issue has its earlier closing."""
    again = [
        happened(kind, at=at(hour))
        for kind, hour in (("closed", 2), ("reopened", 3), ("closed", 10.2))
    ]
    world.pull_request(1, merged_at=at(10.1))
    world.issue(2, closed_at=at(10.7))
    world.issue(3, closed_at=at(10.2), timeline=again)
    world.issue(5, closed_at=at(3))
    world.issue(6)
    with client_of(github) as client:
        found = closed_issues(client, SHOP, at(10))
    assert found.items == (Closed(2, (at(10.7),)), Closed(3, (at(2), at(10.2))))
    assert found.complete


def deployed(world: World, *states: str, hour: float, after: float = 60) -> int:
    """Let a deployment take states, each so many seconds after the one before."""
    statuses = [deployment_status(state, after=after) for state in states]
    return world.deployment(sha=sha_of("a"), created_at=at(hour), statuses=statuses).id


def deployments(
    github: FakeGitHub, budget: RequestBudget | None = None
) -> PaginatedList[Deployment]:
    """Read the deployments created in a day, and updated since ten."""
    with client_of(github, budget) as client:
        return updated_deployments(client, SHOP, Interval(at(-12), at(11)), at(10))


def test_updated_deployments_are_found_with_their_statuses(
    world: World, github: FakeGitHub
) -> None:
    """The caller chooses by status: the list has the ones in progress too."""
    expected = [
        deployed(world, "in_progress", "success", hour=10),
        deployed(world, "failure", hour=10),
        deployed(world, "queued", "success", hour=-11, after=37860),
        deployed(world, "in_progress", hour=10),
        deployed(world, hour=10),
    ]
    deployed(world, "success", hour=11)
    deployed(world, "success", "inactive", hour=9.5, after=600)
    deployed(world, "queued", "success", hour=-13, after=45000)
    found = deployments(github)
    assert [each.id for each in found.items] == expected
    assert [status.state for status in found.items[2].statuses] == ["queued", "success"]
    assert found.complete


def test_deployments_of_a_moment_are_read_back_to_their_creation(world: World) -> None:
    """The list is sorted by creation, so older ones cost nothing."""
    for _ in range(250):
        deployed(world, "success", hour=-24)
    deployed(world, "success", hour=10)
    with FakeGitHub(world) as github:
        assert len(deployments(github).items) == 1
        assert len(github.paths) == 2


def test_deployments_whose_statuses_the_budget_cut_are_an_error(
    world: World, github: FakeGitHub
) -> None:
    """Without its statuses it is not known whether one ended."""
    deployed(world, "success", hour=10)
    deployed(world, "success", hour=10)
    with pytest.raises(BudgetExceeded):
        deployments(github, RequestBudget(2))


@pytest.mark.parametrize(
    ("denied", "read"),
    [
        ({"pull_requests=read"}, lambda client: closed_changes(client, SHOP, at(10))),
        (
            {"issues=read", "pull_requests=read"},
            lambda client: closed_issues(client, SHOP, at(10)),
        ),
        (
            {"deployments=read"},
            lambda client: updated_deployments(client, SHOP, Interval(at(10), at(11)), at(10)),
        ),
    ],
    ids=["pull requests", "issues", "deployments"],
)
def test_a_list_without_permission_is_an_error(world: World, denied: set[str], read: Any) -> None:
    """A sweep that saw nothing must not believe that there was nothing."""
    fake = FakeGitHub(world, denied=denied)
    refused = pytest.raises(AccessDeniedError, match="add `")
    with fake as github, client_of(github) as client, refused:
        read(client)
