"""What a deployment delivers: the pull requests merged since the environment's previous one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes import records
from tests.fakes.faults import altered, status
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, deployment_status, sha_of
from tests.support.clients import SHOP, client_of

from flow_telemetry.errors import AccessDeniedError, NotFoundError, UnavailableError
from flow_telemetry.github.deliveries import with_deliveries
from flow_telemetry.github.deployments import read_deployment
from flow_telemetry.model import Deployment
from flow_telemetry.rules.flow import find_restoration

SUCCESS = (deployment_status("in_progress"), deployment_status("success", after=60))
FAILURE = (deployment_status("in_progress"), deployment_status("failure", after=60))


def at(hour: int) -> str:
    """Return an hour of the day on which everything happens."""
    return f"2026-11-24T{hour:02}:00:00Z"


def commits(world: World, *names: str, after: str | None = None) -> None:
    """Add commits by their names, each on the one before."""
    world.history(*(sha_of(name) for name in names), after=sha_of(after) if after else None)


def merged(world: World, number: int, *, hour: int, commit: str, **facts: Any) -> None:
    """Merge a pull request as one commit of the default branch."""
    world.pull_request(
        number, branch=f"b{number}", merged_at=at(hour), merge_commit_sha=sha_of(commit), **facts
    )


def deployed(
    world: World,
    commit: str,
    *,
    hour: int,
    statuses: Any = SUCCESS,
    environment: str = "production",
) -> records.Deployment:
    """Deploy a commit."""
    return world.deployment(environment, sha=sha_of(commit), created_at=at(hour), statuses=statuses)


def delivery(github: FakeGitHub, made: records.Deployment) -> Deployment:
    """Read a deployment and what it delivers."""
    with client_of(github) as client:
        return with_deliveries(client, read_deployment(client, SHOP, made.id))


def numbers(found: Deployment) -> list[int]:
    """Return the numbers of the pull requests that a deployment delivers."""
    return [change.number for change in found.delivers]


@pytest.fixture
def story(world: World) -> World:
    """Three merges, one an hour from one o'clock on: a, b and c on top of base."""
    commits(world, "base", "a", "b", "c")
    for number, commit in ((1, "a"), (2, "b"), (3, "c")):
        merged(world, number, hour=number, commit=commit)
    return world


def test_it_delivers_what_was_merged_since_the_previous_success(
    story: World, github: FakeGitHub
) -> None:
    """Every pull request between the two deployed commits, and no other."""
    deployed(story, "a", hour=4)
    found = delivery(github, deployed(story, "c", hour=5))
    assert numbers(found) == [2, 3]
    assert found.delivers_complete
    second = found.delivers[0]
    assert (second.title, second.state) == ("Add the feature", "closed")
    assert (second.merge_commit, second.base_branch) == (sha_of("b"), "main")
    assert (second.head_branch, second.head_repository) == ("b2", "acme/shop")
    assert second.url == "https://github.com/acme/shop/pull/2"


def test_a_delivery_takes_five_requests(story: World, github: FakeGitHub) -> None:
    """However many pull requests are delivered: two for the deployment, three for those."""
    deployed(story, "base", hour=1)
    assert numbers(delivery(github, deployed(story, "c", hour=5))) == [1, 2, 3]
    assert len(github.paths) == 5


@pytest.mark.parametrize("between", [FAILURE, [deployment_status("in_progress")], ()])
def test_deployments_without_success_deliver_for_the_next_one(
    story: World, github: FakeGitHub, between: Any
) -> None:
    """One that failed, or never ended, left the environment as it was."""
    deployed(story, "a", hour=4)
    deployed(story, "b", hour=5, statuses=between)
    assert numbers(delivery(github, deployed(story, "c", hour=6))) == [2, 3]


def test_what_was_deployed_before_is_read(story: World, github: FakeGitHub) -> None:
    """So that it is known how long the environment lacked what a failed one was to bring."""
    deployed(story, "base", hour=3)
    deployed(story, "a", hour=4)
    failed = deployed(story, "b", hour=5, statuses=FAILURE)
    found = delivery(github, deployed(story, "c", hour=6))
    assert [each.sha for each in found.before] == [sha_of(c) for c in ("b", "a", "base")]
    restored = find_restoration(found, found.before)
    assert restored
    assert restored[0].reference == f"github.com/acme/shop/deployments/{failed.id}"
    assert restored[1].seconds == 3600


def test_a_replaced_deployment_had_succeeded(story: World, github: FakeGitHub) -> None:
    """GitHub marks the previous one as inactive, which it is from then on."""
    deployed(story, "a", hour=4, statuses=[*SUCCESS, deployment_status("inactive", after=7200)])
    assert numbers(delivery(github, deployed(story, "b", hour=6))) == [2]


def test_other_environments_count_for_nothing(story: World, github: FakeGitHub) -> None:
    """What staging has seen is new to production."""
    deployed(story, "a", hour=3)
    deployed(story, "b", hour=4, environment="staging")
    assert numbers(delivery(github, deployed(story, "c", hour=5))) == [2, 3]


def test_the_first_deployment_delivers_its_own_commit(story: World, github: FakeGitHub) -> None:
    """All the history before was not delivered by it."""
    found = delivery(github, deployed(story, "b", hour=5))
    assert (numbers(found), found.delivers_complete) == ([2], True)


@pytest.mark.parametrize("commit", ["a", "c"])
def test_a_rollback_or_repeat_delivers_nothing(
    story: World, github: FakeGitHub, commit: str
) -> None:
    """An older commit, or the same one again, brings nothing new."""
    deployed(story, "c", hour=4)
    found = delivery(github, deployed(story, commit, hour=5))
    assert (found.delivers, found.delivers_complete) == ((), True)


def test_after_a_hotfix_of_a_branch_the_merges_are_new(story: World, github: FakeGitHub) -> None:
    """Where histories part, what the environment did not have yet is delivered."""
    commits(story, "hotfix", after="a")
    deployed(story, "hotfix", hour=4)
    assert numbers(delivery(github, deployed(story, "c", hour=5))) == [2, 3]


def test_a_delivery_read_later_is_the_same(story: World, github: FakeGitHub) -> None:
    """Neither later deployments nor a later merge of the deployed branch change it."""
    commits(story, "wip", after="c")
    deployed(story, "b", hour=4)
    preview = deployed(story, "wip", hour=5)
    story.pull_request(4, branch="wip", sha=sha_of("wip"))
    before = delivery(github, preview)
    story.pull_request(4, branch="wip", sha=sha_of("wip"), merged_at=at(6))
    deployed(story, "wip", hour=7)
    assert numbers(before) == [3]
    assert delivery(github, preview) == before


def test_of_two_side_by_side_each_compares_with_what_was_there_before(
    story: World, github: FakeGitHub
) -> None:
    """One that was made earlier but succeeded later is not the previous one."""
    deployed(story, "a", hour=4)
    slow = [deployment_status("in_progress"), deployment_status("success", after=7200)]
    deployed(story, "b", hour=5, statuses=slow)
    assert numbers(delivery(github, deployed(story, "c", hour=6))) == [2, 3]


def test_only_merges_into_the_default_branch_are_delivered(
    world: World, github: FakeGitHub
) -> None:
    """A merge into a release branch is delivered with that branch's own merge."""
    commits(world, "base", "a", "b")
    merged(world, 1, hour=1, commit="a", into="release")
    merged(world, 2, hour=2, commit="b", commits=[sha_of("a")])
    deployed(world, "base", hour=3)
    assert numbers(delivery(github, deployed(world, "b", hour=4))) == [2]


def test_one_of_many_commits_is_delivered_once(world: World, github: FakeGitHub) -> None:
    """A pull request that was rebased onto the default branch brought several commits."""
    commits(world, "base", "one", "two", "three")
    merged(world, 1, hour=1, commit="three", commits=[sha_of("one"), sha_of("two")])
    deployed(world, "base", hour=2)
    assert numbers(delivery(github, deployed(world, "three", hour=3))) == [1]


def test_a_long_way_is_cut_and_told(world: World) -> None:
    """Of more than 250 commits the newest are looked at, 50 a request."""
    names = [f"c{number}" for number in range(301)]
    commits(world, *names)
    merged(world, 1, hour=1, commit="c1")
    merged(world, 2, hour=1, commit="c60")
    merged(world, 3, hour=1, commit="c300")
    deployed(world, "c0", hour=2)
    with FakeGitHub(world) as github:
        found = delivery(github, deployed(world, "c300", hour=3))
        assert len([path for path in github.paths if path == "/graphql"]) == 1 + 5
    assert (numbers(found), found.delivers_complete) == ([2, 3], False)


def test_a_previous_commit_that_is_gone_is_told(story: World, github: FakeGitHub) -> None:
    """After a force push GitHub cannot compare: the deployed commit's own is what is known."""
    story.deployment(sha=sha_of("gone"), created_at=at(4), statuses=SUCCESS)
    found = delivery(github, deployed(story, "b", hour=5))
    assert (numbers(found), found.delivers_complete) == ([2], False)


def test_a_success_too_far_back_is_told(story: World) -> None:
    """After 500 deployments without success the search for the previous one ends."""
    deployed(story, "a", hour=2)
    for _ in range(500):
        deployed(story, "b", hour=3, statuses=())
    with FakeGitHub(story) as github:
        found = delivery(github, deployed(story, "c", hour=4))
    assert (numbers(found), found.delivers_complete) == ([3], False)


@pytest.mark.parametrize(
    ("permission", "named"),
    [
        ("deployments=read", "Resource not accessible by integration.*flow-telemetry check"),
        ("contents=read", "add `contents: read`"),
        ("pull_requests=read", "Resource not accessible by integration.*flow-telemetry check"),
    ],
)
def test_what_may_not_be_read_is_named(story: World, permission: str, named: str) -> None:
    """GitHub's words are kept; REST names the permission, GraphQL does not."""
    deployed(story, "a", hour=4)
    made = deployed(story, "b", hour=5)
    with FakeGitHub(story, check=validate) as github, client_of(github) as client:
        found = read_deployment(client, SHOP, made.id)
        github.denied.add(permission)
        with pytest.raises(AccessDeniedError, match=named):
            with_deliveries(client, found)


def test_an_answer_with_errors_is_used_and_told(story: World, github: FakeGitHub) -> None:
    """Where GitHub gives the pull requests of some commits only, the rest is missing."""

    def lose_first(payload: Any) -> None:
        payload["data"]["nodes"][0] = None
        payload["errors"] = [{"message": "Something went wrong"}]

    deployed(story, "a", hour=4)
    made = deployed(story, "c", hour=5)
    github.script(lambda request: b"CommitChanges" in request.body, altered(lose_first))
    found = delivery(github, made)
    assert (numbers(found), found.delivers_complete) == ([3], False)


def test_a_deployment_that_is_not_there(github: FakeGitHub) -> None:
    """An unknown number is told with the repository."""
    with (
        client_of(github) as client,
        pytest.raises(NotFoundError, match="deployment 1 of acme/shop"),
    ):
        read_deployment(client, SHOP, 1)


def test_a_comparison_that_fails_is_an_error(story: World, github: FakeGitHub) -> None:
    """GitHub refuses what takes too long; that is not the same as nothing delivered."""
    deployed(story, "a", hour=4)
    made = deployed(story, "c", hour=5)
    github.script("/compare/", status(422))
    with pytest.raises(UnavailableError, match="what deployment"):
        delivery(github, made)
