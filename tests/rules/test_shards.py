"""Shards: each active repository in exactly one, balanced, within the limits."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.rules.shards import (
    MOST_SHARDS,
    REQUESTS_OF_SHARD,
    Activity,
    plan_shards,
)

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)


@st.composite
def organizations(draw: st.DrawFn) -> list[Activity]:
    """Draw the repositories of an organization, from quiet ones to one with most of the runs."""
    counts = st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 20_000))
    drawn = draw(
        st.lists(
            st.tuples(counts, counts, counts, counts, st.booleans(), st.integers(-1, 90)),
            max_size=150,
        )
    )
    return [
        Activity(
            repository=f"acme/repository-{number}",
            runs=runs,
            closings=closings,
            deployments=deployments,
            remaining=remaining,
            is_due=is_due,
            mark=None if days < 0 else NOW - timedelta(days=days),
        )
        for number, (runs, closings, deployments, remaining, is_due, days) in enumerate(drawn)
    ]


def allowed_beside_queries(repositories: list[Activity], left: int) -> int:
    """Return how many requests and queries make use of all that the limit of REST leaves."""
    active = [each for each in repositories if each.is_active]
    requests = sum(each.requests for each in active)
    of_rest = requests - sum(each.queries for each in active)
    return left * requests // of_rest if active else left


@given(organizations(), st.integers(1, 300))
def test_each_active_repository_is_in_exactly_one_shard(
    repositories: list[Activity], most: int
) -> None:
    shards = plan_shards(repositories, most_shards=most)
    planned = [name for shard in shards for name in shard.repositories]
    assert sorted(planned) == sorted(r.repository for r in repositories if r.is_active)
    assert all(shard.repositories for shard in shards)


@given(organizations(), st.integers(1, 300))
def test_limits_are_kept(repositories: list[Activity], most: int) -> None:
    """At most 256 jobs, at most as many as asked for, and no more than the requests call for."""
    shards = plan_shards(repositories, most_shards=most)
    total = sum(each.requests for each in repositories if each.is_active)
    assert len(shards) <= min(most, MOST_SHARDS, -(-total // REQUESTS_OF_SHARD))
    assert [shard.number for shard in shards] == list(range(1, len(shards) + 1))


@given(organizations(), st.integers(1, 300))
def test_no_shard_has_more_than_the_mean_and_one_repository(
    repositories: list[Activity], most: int
) -> None:
    by_name = {each.repository: each for each in repositories}
    shards = plan_shards(repositories, most_shards=most)
    total = sum(shard.requests for shard in shards)
    for shard in shards:
        requests = [by_name[name].requests for name in shard.repositories]
        assert shard.requests == sum(requests)
        assert shard.requests <= total / len(shards) + max(requests)


@given(organizations(), st.integers(0, 15_000))
def test_budgets_share_what_the_rate_limit_leaves(repositories: list[Activity], left: int) -> None:
    """In proportion to the requests; each shard may send one, or it could not begin.

    The limit is that of REST: beside as many requests the budgets have room for the queries.
    """
    shards = plan_shards(repositories, requests_left=left)
    total = sum(shard.requests for shard in shards)
    allowed = allowed_beside_queries(repositories, left)
    assert sum(shard.budget for shard in shards) <= allowed + len(shards)
    for shard in shards:
        assert shard.budget == max(1, min(allowed, 3 * total) * shard.requests // total)


@given(organizations())
def test_a_part_of_the_requests_are_queries(repositories: list[Activity]) -> None:
    """Of a repository without much to export almost half are; of one with many runs, few."""
    for each in repositories:
        assert 0 < each.queries < each.requests / 2
    idle, busy = Activity(repository="acme/idle"), Activity(repository="acme/busy", runs=1_000)
    assert idle.queries / idle.requests > 0.4
    assert busy.queries / busy.requests < 0.1


@given(organizations())
def test_the_oldest_mark_comes_first(repositories: list[Activity]) -> None:
    """So that a budget that ends leaves no repository out twice."""
    by_name = {each.repository: each for each in repositories}
    for shard in plan_shards(repositories):
        marks = [by_name[name].mark or NOW + timedelta(days=1) for name in shard.repositories]
        assert marks == sorted(marks)


@given(organizations())
def test_the_plan_depends_on_the_activity_only(repositories: list[Activity]) -> None:
    """Not on the order in which GitHub lists repositories."""
    assert plan_shards(repositories) == plan_shards(reversed(repositories))


def test_a_quiet_organization_has_no_shard() -> None:
    assert plan_shards([Activity(repository="acme/quiet")]) == ()


@given(organizations(), st.integers(0, 20_000))
def test_a_limit_that_is_too_small_makes_no_further_shards(
    repositories: list[Activity], left: int
) -> None:
    """Each shard ends within a list, whose requests are wasted then."""
    shards = plan_shards(repositories, requests_left=left)
    allowed = allowed_beside_queries(repositories, left)
    assert len(shards) <= max(1, -(-allowed // REQUESTS_OF_SHARD))


def test_a_list_of_many_runs_costs_more() -> None:
    """A busy repository has pages of runs that ended before, and jobs that are active."""
    quiet = Activity(repository="acme/quiet", runs=5, runs_a_day=100)
    busy = Activity(repository="acme/busy", runs=5, runs_a_day=2_000)
    due = Activity(repository="acme/due", runs=5, runs_a_day=2_000, is_due=True, listed_days=36)
    assert quiet.requests < 25
    assert busy.requests > quiet.requests + 100
    assert due.requests >= busy.requests + 700
