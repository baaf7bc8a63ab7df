"""Lists of runs, walked by windows of time, and what a workflow did since its mark."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest
from tests.fakes.faults import altered
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, job, sha_of
from tests.support.clients import client_of

from flow_telemetry.errors import NotFoundError, PayloadError
from flow_telemetry.github.rate_limit import RequestBudget
from flow_telemetry.github.runs import (
    last_successful_run,
    list_runs,
    newest_runs_of_workflow,
)
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.model import Run

BEGIN = datetime(2026, 11, 24, tzinfo=timezone.utc)
END = BEGIN + timedelta(hours=23, minutes=59, seconds=59)


def at(minute: float) -> datetime:
    """Return a minute of the day."""
    return BEGIN + timedelta(minutes=minute)


def listed(
    github: FakeGitHub, budget: RequestBudget | None = None, **query: Any
) -> PaginatedList[Run]:
    """List the runs of the day."""
    with client_of(github, budget) as client:
        return list_runs(client, "acme/shop", created_from=BEGIN, created_to=END, **query)


def ids(found: PaginatedList[Run]) -> list[int]:
    """Return the numbers of runs."""
    return [run.id for run in found.items]


def test_the_runs_of_a_time_are_listed(world: World, github: FakeGitHub) -> None:
    """Both ends belong to it; a second before and after do not."""
    inside = [world.run(created_at=time) for time in (BEGIN, at(5), END)]
    world.run(created_at=BEGIN - timedelta(seconds=1))
    world.run(created_at=END + timedelta(seconds=1))
    found = listed(github)
    assert ids(found) == [run.id for run in inside]
    assert found.complete
    assert found.items[0].created_at == BEGIN
    assert len(github.paths) == 1


def test_branch_event_and_commit_narrow_the_list(world: World, github: FakeGitHub) -> None:
    """Each of them is GitHub's own filter."""
    push = world.run(created_at=at(1), sha=sha_of("a"))
    pull = world.run(created_at=at(2), event="pull_request", branch="feature", sha=sha_of("b"))
    assert ids(listed(github, branch="feature")) == [pull.id]
    assert ids(listed(github, event="push")) == [push.id]
    assert ids(listed(github, head_sha=sha_of("b"))) == [pull.id]
    assert ids(listed(github, head_sha=sha_of("c"))) == []


def test_a_run_is_listed_by_its_latest_attempt(world: World, github: FakeGitHub) -> None:
    """However often it was run again, it is one run."""
    first = world.run(created_at=at(1), jobs=[job("test", "failure")])
    world.rerun(first, jobs=[job("test")])
    (run,) = listed(github).items
    assert (run.id, run.attempt, run.conclusion) == (first.id, 2, "success")


def test_more_than_a_thousand_runs_are_all_found(world: World) -> None:
    """GitHub ends a list at 1,000: the time is halved until its parts hold fewer."""
    for number in range(1100):
        world.run(created_at=at(number))
    with FakeGitHub(world) as github:
        found = listed(github)
    assert len(found.items) == 1100
    assert found.complete


def test_more_runs_in_one_second_than_github_lists_are_told(world: World) -> None:
    """No window is narrower than a second: what is beyond the thousand is missing."""
    for _ in range(1001):
        world.run(created_at=at(1))
    with FakeGitHub(world) as github, client_of(github) as client:
        found = list_runs(
            client, "acme/shop", created_from=at(1), created_to=at(1) + timedelta(seconds=1)
        )
    assert (len(found.items), found.complete) == (1000, False)


def test_a_budget_ends_the_walk_with_the_latest_runs(world: World) -> None:
    """What was read stays; the oldest are missing, and that is told."""
    for number in range(1001):
        world.run(created_at=at(number))
    with FakeGitHub(world) as github:
        found = listed(github, RequestBudget(9))
        assert len(github.paths) == 9
    assert not found.complete
    assert found.items
    assert found.items[-1].created_at == at(1000)


def test_a_damaged_run_is_left_out_and_told(world: World, github: FakeGitHub) -> None:
    """One without an identity does not take the others with it."""
    world.run(created_at=at(1))
    kept = world.run(created_at=at(2))
    github.script("/runs", altered(lambda payload: payload["workflow_runs"][1].update(id=None)))
    found = listed(github)
    assert (ids(found), found.complete) == ([kept.id], False)


def test_an_answer_without_a_list_is_an_error(github: FakeGitHub) -> None:
    """It says what was asked for."""
    github.script("/runs", altered(lambda payload: {"total_count": 3}))
    with pytest.raises(PayloadError, match="runs of acme/shop"):
        listed(github)


def sweeps(world: World) -> list[int]:
    """Let a workflow run each hour from one o'clock on, the last time in vain; name the runs."""
    runs = [
        world.run(
            workflow="Flow telemetry",
            event="schedule",
            created_at=at(60 * hour),
            jobs=[job("sweep", conclusion)],
        )
        for hour, conclusion in ((1, "success"), (2, "success"), (3, "failure"))
    ]
    world.run(workflow="Flow telemetry", event="issues", created_at=at(150), jobs=[job("sweep")])
    world.run(workflow="CI", event="schedule", created_at=at(155), jobs=[job("test")])
    return [run.id for run in runs]


@pytest.mark.parametrize("workflow", ["flow-telemetry.yml", ".github/workflows/flow-telemetry.yml"])
def test_a_sweep_s_mark_is_its_last_success(
    world: World, github: FakeGitHub, workflow: str
) -> None:
    """A failed sweep did not move the mark, and a re-run looks from where it stood then."""
    first, second, third = sweeps(world)

    def mark(before: datetime) -> int | None:
        with client_of(github) as client:
            run = last_successful_run(
                client, "acme/shop", workflow, before=before, event="schedule"
            )
        return run.id if run else None

    assert mark(at(240)) == second
    assert mark(at(120)) == first
    assert mark(at(60)) is None
    assert third not in (first, second)


def test_the_runs_of_a_workflow_are_listed_from_the_newest(
    world: World, github: FakeGitHub
) -> None:
    """Of each event and result, and of no other workflow; by its file or its number."""
    sweeps(world)
    with client_of(github) as client:
        found = list(newest_runs_of_workflow(client, "acme/shop", "flow-telemetry.yml"))
        number = found[0].workflow_id or 0
        by_number = list(newest_runs_of_workflow(client, "acme/shop", number))
    assert [run.event for run in found] == ["schedule", "issues", "schedule", "schedule"]
    assert [run.conclusion for run in found[:2]] == ["failure", "success"]
    assert by_number == found


def test_the_runs_of_a_workflow_are_read_page_by_page(world: World) -> None:
    """The list has no filter, which new runs reach late, so a caller stops at the last it needs."""
    for minute in range(150):
        world.run(workflow="Flow telemetry", created_at=at(minute))
    with FakeGitHub(world) as github, client_of(github) as client:
        runs = newest_runs_of_workflow(client, "acme/shop", "flow-telemetry.yml")
        assert len(list(islice(runs, 100))) == 100
        assert len(github.requests) == 1
        assert dict(github.requests[0].query) == {"per_page": "100"}
        assert len(list(runs)) == 50


def test_a_workflow_that_is_not_there(world: World, github: FakeGitHub) -> None:
    """A misspelt file is told by its name."""
    with client_of(github) as client, pytest.raises(NotFoundError, match=r"workflow sweeps\.yml"):
        last_successful_run(client, "acme/shop", "sweeps.yml", before=END)
