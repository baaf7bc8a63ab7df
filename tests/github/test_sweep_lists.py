"""What ended in a time, for the sweep: pull requests, issues and deployments."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, deployment_status, sha_of
from tests.support.clients import SHOP, client_of

from flow_telemetry.errors import AccessDeniedError
from flow_telemetry.github.client import RequestBudget
from flow_telemetry.github.sweep import closed_changes, closed_issues, ended_deployments
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.model import Change
from flow_telemetry.rules.intervals import Interval

DAY = datetime(2026, 11, 24, tzinfo=timezone.utc)


def at(hour: float) -> datetime:
    """Return an hour of the day."""
    return DAY + timedelta(hours=hour)


def changes(github: FakeGitHub, budget: RequestBudget | None = None) -> PaginatedList[Change]:
    """Read what was closed from ten to eleven."""
    with client_of(github, budget) as client:
        return closed_changes(client, SHOP, Interval(at(10), at(11)))


def numbers(found: PaginatedList[Change]) -> list[int]:
    """Return the numbers of pull requests."""
    return [change.number for change in found.items]


def test_merged_and_closed_pull_requests_are_found(world: World, github: FakeGitHub) -> None:
    """In order of their end; one that ends at the end of the time belongs to the next."""
    world.pull_request(1, closed_at=at(10.5))
    world.pull_request(2, merged_at=at(10), author="dependabot[bot]")
    world.pull_request(3, merged_at=at(11))
    world.pull_request(4, merged_at=at(9.99))
    world.pull_request(5, updated_at=at(10.5))
    found = changes(github)
    assert (numbers(found), found.complete) == ([2, 1], True)
    assert len(github.paths) == 1


def test_what_was_only_commented_on_did_not_end(world: World, github: FakeGitHub) -> None:
    """A word after the closing updates a pull request, and closes it no second time."""
    world.pull_request(1, merged_at=at(4), updated_at=at(10.5))
    world.pull_request(2, merged_at=at(10.5), updated_at=at(20))
    assert numbers(changes(github)) == [2]


def test_the_walk_ends_where_the_time_begins(world: World) -> None:
    """Thousands that were closed before cost nothing."""
    for number in range(1, 251):
        world.pull_request(number, merged_at=at(number / 25))
    with FakeGitHub(world) as github:
        assert numbers(changes(github)) == [250]
        assert len(github.paths) == 1


def test_what_moves_while_the_list_is_read_is_not_lost(world: World) -> None:
    """A comment takes a pull request to the front, behind the reader's back."""
    for number in range(1, 151):
        world.pull_request(number, merged_at=at(10) + timedelta(seconds=number))

    def comment(count: int, path: str) -> None:
        if count == 2:
            world.pull_request(1, merged_at=at(10) + timedelta(seconds=1), updated_at=at(12))

    with FakeGitHub(world) as github:
        github.on_request = comment
        found = changes(github)
    assert sorted(numbers(found)) == list(range(1, 151))
    assert found.complete


def test_a_budget_that_ends_is_told(world: World) -> None:
    """What was read stays, so that it can be sent."""
    for number in range(1, 151):
        world.pull_request(number, merged_at=at(10) + timedelta(seconds=number))
    with FakeGitHub(world) as github:
        found = changes(github, RequestBudget(1))
    assert (len(found.items), found.complete) == (100, False)


def test_issues_are_found_without_pull_requests(world: World, github: FakeGitHub) -> None:
    """Both are in GitHub's list of issues."""
    world.pull_request(1, merged_at=at(10.1))
    world.issue(2, closed_at=at(10.7))
    world.issue(3, closed_at=at(10.2))
    world.issue(4, closed_at=at(11))
    world.issue(5, closed_at=at(3))
    world.issue(6)
    with client_of(github) as client:
        found = closed_issues(client, SHOP, Interval(at(10), at(11)))
    assert (found.items, found.complete) == ((3, 2), True)


def deployed(world: World, *states: str, hour: float, after: float = 60) -> int:
    """Let a deployment take states, each so many seconds after the one before."""
    statuses = [deployment_status(state, after=after) for state in states]
    return world.deployment(sha=sha_of("a"), created_at=at(hour), statuses=statuses).id


def test_deployments_that_ended_are_found(world: World, github: FakeGitHub) -> None:
    """By their first end, whatever came after it; with their statuses."""
    expected = [
        deployed(world, "in_progress", "success", hour=10),
        deployed(world, "failure", hour=10),
        deployed(world, "queued", "success", hour=-200, after=378060),
    ]
    deployed(world, "in_progress", hour=10)
    deployed(world, hour=10)
    deployed(world, "success", hour=11)
    deployed(world, "success", "inactive", hour=9.5, after=1000)
    with client_of(github) as client:
        found = ended_deployments(client, SHOP, Interval(at(10), at(11)))
    assert [each.id for each in found.items] == expected
    assert [each.state for each in found.items[2].statuses] == ["queued", "success"]
    assert found.complete


def test_deployments_beyond_the_budget_are_told(world: World, github: FakeGitHub) -> None:
    """Without its statuses nobody knows whether one ended."""
    deployed(world, "success", hour=10)
    deployed(world, "success", hour=10)
    with client_of(github, RequestBudget(2)) as client:
        found = ended_deployments(client, SHOP, Interval(at(10), at(11)))
    assert (found.items, found.complete) == ((), False)


@pytest.mark.parametrize(
    ("denied", "read"),
    [
        ({"pull_requests=read"}, closed_changes),
        ({"issues=read", "pull_requests=read"}, closed_issues),
        ({"deployments=read"}, ended_deployments),
    ],
)
def test_what_may_not_be_read_is_an_error(world: World, denied: set[str], read: Any) -> None:
    """A sweep that saw nothing must not believe that there was nothing."""
    fake = FakeGitHub(world, denied=denied)
    refused = pytest.raises(AccessDeniedError, match="add `")
    with fake as github, client_of(github) as client, refused:
        read(client, SHOP, Interval(at(10), at(11)))
