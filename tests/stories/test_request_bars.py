"""Few requests give all of a run, and few of them wait for others: counted, for latency and limits.

The numbers are bars: what a run costs at most, whatever its jobs are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.plans import JobPlan
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, deployment_status, happened, job, sha_of, step
from tests.stories.worlds import BASE, BEFORE, deployed
from tests.support import closings
from tests.support.program import Program
from tests.support.rounds import counted_rounds

MERGE, OTHER = sha_of("merge of 123"), sha_of("merge of 122")
CREATED = "2026-11-24T03:00:00Z"


def jobs(count: int = 100) -> Sequence[JobPlan]:
    """Successful jobs, as many as fit on a page."""
    steps = [step("Checkout", 5), step("Test", 60)]
    return [job(f"test ({number})", steps=steps) for number in range(count)]


def merged(world: World, number: int = 123, sha: str = MERGE, commits: Sequence[str] = ()) -> None:
    """Merge a pull request that closes an issue, a second before the run is created."""
    world.issue(number + 1_000, parent=None)
    world.pull_request(
        number,
        branch=f"feature-{number}",
        closes=[number + 1_000],
        opened_at="2026-11-23T00:00:00Z",
        merged_at="2026-11-24T02:59:59Z",
        merge_commit_sha=sha,
        commits=[*commits, sha],
        timeline=[happened("committed"), happened("reviewed", by="bob", review="approved")],
    )


@pytest.mark.parametrize("inside", [False, True], ids=["workflow_run", "last job"])
def test_a_run_of_a_pull_request(program: Program, github: FakeGitHub, inside: bool) -> None:
    """The run, its jobs, the pull request and what that closes, all at once."""
    world = github.world
    world.issue(17)
    world.pull_request(123, branch="feature", closes=[17])
    ours = closings.going_on(*jobs(99)) if inside else jobs()
    run = world.run(event="pull_request", branch="feature", jobs=ours)
    with counted_rounds(github) as rounds:
        if inside:
            event = events.pull_request(world, world.pull_requests[0])
            program.inside(run, closings.OUR_JOB, event=event)
        else:
            program.export(run)
    assert (sum(rounds.sizes), rounds.count) == (4, 1)


def test_a_push_to_the_branch_of_a_pull_request(program: Program, github: FakeGitHub) -> None:
    """The event says which pull request it may be, and its commit has deployments or none."""
    world = github.world
    world.issue(17)
    world.pull_request(123, branch="feature", closes=[17])
    run = world.run(branch="feature", jobs=jobs())
    with counted_rounds(github) as rounds:
        program.export(run)
    assert sum(rounds.sizes) <= 5
    assert rounds.count <= 2


def test_a_push_without_a_pull_request(program: Program, github: FakeGitHub) -> None:
    """Nothing waits for anything."""
    run = github.world.run(jobs=jobs())
    with counted_rounds(github) as rounds:
        program.export(run)
    assert (sum(rounds.sizes), rounds.count) == (4, 1)


@pytest.mark.parametrize("inside", [False, True], ids=["workflow_run", "last job"])
def test_the_push_of_a_merge(
    program: Program, github: FakeGitHub, receiver: Receiver, inside: bool
) -> None:
    """The merged pull request comes whole by one request, when its number is known."""
    world = github.world
    of_branch = [sha_of("first"), sha_of("second")]
    merged(world, commits=of_branch)
    ours = closings.going_on(*jobs(99)) if inside else jobs()
    run = world.run(sha=MERGE, created_at=CREATED, jobs=ours)
    with counted_rounds(github) as rounds:
        if inside:
            # The commits of the branch, and the one that merged them.
            event = events.push(world, sha=MERGE, before=BASE, earlier=of_branch)
            program.inside(run, closings.OUR_JOB, event=event)
        else:
            program.export(run)
    assert sum(rounds.sizes) <= 5
    assert rounds.count <= 2
    assert "merged" in {span.name.rpartition(" ")[2] for span in receiver.spans}


def test_a_push_of_two_merges_exports_both(
    program: Program, github: FakeGitHub, receiver: Receiver
) -> None:
    """The pull requests of the other commits come with that of the last one."""
    world = github.world
    merged(world, 122, OTHER)
    merged(world, 123, MERGE)
    run = world.run(sha=MERGE, created_at=CREATED, jobs=closings.going_on())
    event = events.push(world, sha=MERGE, before=BASE, earlier=[OTHER])
    program.inside(run, closings.OUR_JOB, event=event)
    lives = [span for span in receiver.spans if span.name == "open until merged"]
    assert sorted(span.attributes["vcs.change.id"] for span in lives) == ["122", "123"]
    assert not any("/compare/" in path for path in github.paths)


def test_a_run_with_one_deployment(program: Program, github: FakeGitHub) -> None:
    """After the run: its deployment, those before it, and the commit between them."""
    world = github.world
    world.history(BASE, MERGE)
    world.deployment(sha=BASE, created_at=BEFORE, statuses=[deployment_status("success")])
    world.issue(17)
    world.pull_request(
        123,
        branch="feature",
        closes=[17],
        opened_at="2025-11-05T09:00:00Z",
        merged_at="2025-11-08T10:00:00Z",
        merge_commit_sha=MERGE,
        timeline=[happened("committed", at="2025-11-05T10:00:15Z")],
    )
    run, _ = deployed(world, MERGE, "2025-11-08T10:00:05Z")
    with counted_rounds(github) as rounds:
        program.export(run)
    assert sum(rounds.sizes) <= 8
    assert rounds.count <= 3
