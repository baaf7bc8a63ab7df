"""Pull requests whose fork was deleted: their runs are found by commit."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, happened, job, sha_of, step
from tests.support import references
from tests.support.program import Program

OPENED, MERGED = "2026-11-24T03:00:00Z", "2026-11-24T05:00:00Z"
HEAD = sha_of("the fork's commit")


def run_of_fork(world: World, event: str = "pull_request", **facts: Any) -> Run:
    """Return a run of a branch whose repository is not there any more."""
    sha = HEAD if event == "pull_request" else sha_of("main")
    return world.run(
        event=event,
        branch="patch-1",
        head_repository=None,
        sha=facts.pop("sha", sha),
        jobs=[job("test", steps=[step("x")])],
        **facts,
    )


@pytest.fixture(autouse=True)
def _pull_request(world: World) -> None:
    """Pull request 123 of a deleted fork, and one of the same branch name from another fork."""
    world.repository("bob/shop", fork=True, owner_type="User")
    world.pull_request(
        123,
        branch="patch-1",
        head_repository=None,
        sha=HEAD,
        opened_at=OPENED,
        merged_at=MERGED,
        timeline=[happened("merged", at=MERGED), happened("closed", at=MERGED)],
    )
    world.pull_request(100, branch="patch-1", head_repository="bob/shop", opened_at=OPENED)


def test_its_run_is_below_the_pull_request(
    program: Program, world: World, receiver: Receiver
) -> None:
    """As before the fork was deleted."""
    result = program.export(run_of_fork(world))
    pull = references.pull(123)
    assert receiver.span("RUN CI").trace_id == references.trace_id(pull)
    assert receiver.span("RUN CI").parent_span_id == references.span_id(pull, pull)
    assert result.warnings == []


def test_explain_tells_the_candidate(program: Program, world: World) -> None:
    """Where it was found, and that it was chosen."""
    run = run_of_fork(world)
    told = program.command("explain", "--repo", "acme/shop", "--run-id", run.id).stdout
    assert "  candidate #123 (" in told
    assert "  chosen: #123 (" in told
    assert "not read" not in told


def test_the_export_of_the_pull_request_warns_of_nothing(
    program: Program, world: World, receiver: Receiver
) -> None:
    """It has its own runs, and not those of another fork with a branch of that name."""
    own = run_of_fork(world)
    world.run(
        event="pull_request",
        branch="patch-1",
        head_repository="bob/shop",
        sha=sha_of("head of pull request 100"),
        workflow="Of Bob",
        jobs=[job("test")],
    )
    run_of_fork(world, sha=sha_of("of a third fork"), workflow="Of a third fork")
    result = program.command(
        *("export", "change", "--repo", "acme/shop", "--number", 123, "--runs"),
        *("--otlp-endpoint", receiver.url),
    )
    assert result.status == 0
    assert "could not be read" not in result.log
    runs = [s for s in receiver.spans if s.attributes["flow.entity.type"] == "run"]
    assert [s.attributes["flow.reference"] for s in runs] == [references.run_of(own)]


def test_a_closed_one_cannot_be_found_and_that_is_a_warning(
    program: Program, world: World, receiver: Receiver
) -> None:
    """GitHub finds open and merged pull requests by commit, and no others."""
    world.pull_request(
        123,
        branch="patch-1",
        head_repository=None,
        sha=HEAD,
        opened_at=OPENED,
        closed_at=MERGED,
    )
    (warning,) = program.export(run_of_fork(world)).warnings
    assert "deleted, and GitHub names no open or merged pull request" in warning
    assert "deleted" in receiver.span("RUN CI").attributes["flow.chain.incomplete"]


def test_the_base_commit_of_a_run_finds_nothing_wrong(
    program: Program, world: World, receiver: Receiver
) -> None:
    """A run of `pull_request_target` has the base's commit: that of another pull request."""
    world.pull_request(
        90,
        branch="patch-1",
        opened_at="2026-11-20T03:00:00Z",
        merged_at="2026-11-21T03:00:00Z",
        merge_commit_sha=sha_of("main"),
    )
    run = run_of_fork(world, "pull_request_target")
    assert len(program.export(run).warnings) == 1
    assert receiver.span("RUN CI").trace_id == references.trace_id(references.run_of(run))
