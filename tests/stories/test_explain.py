"""`explain` tells why a run got the trace that it got."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, deployment_status, job, sha_of, step
from tests.stories.worlds import feature
from tests.support import references
from tests.support.program import Program, Result

EPIC = "github.com/acme/shop/issues/1"


def explain(program: Program, run: Run, *arguments: str) -> Result:
    """Explain a run; where to send is not asked for."""
    return program.command("explain", "--repo", "acme/shop", "--run-id", run.id, *arguments)


def test_it_tells_candidates_and_what_won(program: Program, world: World) -> None:
    """Each pull request of the branch, the one that was chosen, and why."""
    made = feature(world)
    world.pull_request(
        10, branch="cart", opened_at="2025-10-01T09:00:00Z", closed_at="2025-10-02T09:00:00Z"
    )
    world.pull_request(
        13,
        branch="cart",
        into="release",
        opened_at="2025-11-04T08:00:00Z",
        closed_at="2025-11-08T09:00:00Z",
    )
    result = explain(program, made.first_attempt, "--run-attempt", "1")
    assert result.status == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"run {made.first_attempt.id}, attempt 1: CI, event pull_request"
    assert "pull request: looked for in the pull requests of its branch" in lines
    for number in (10, 11, 13):
        assert any(line.startswith(f"  candidate #{number} (opened 20") for line in lines)
    (chosen,) = (line for line in lines if line.startswith("  chosen: "))
    assert chosen.startswith("  chosen: #11 (opened 2025-11-04 09:00")
    assert "was open when it was created" in chosen
    assert any(line.startswith("  link: #13") for line in lines)


def test_it_tells_the_items_and_both_traces(program: Program, world: World) -> None:
    """From the nearest item to the feature, with the ids of the live and the feature trace."""
    made = feature(world)
    result = explain(program, made.first_attempt, "--run-attempt", "1")
    lines = result.stdout.splitlines()
    at = lines.index("work items, nearest first:")
    assert lines[at + 1 : at + 4] == [
        "  found since the pull request closes it",
        "  Story acme/shop#2",
        "  Epic acme/shop#1, the feature",
    ]
    reference = references.run_of(made.first_attempt)
    for root in (references.pull(11), EPIC):
        span = references.span_id(root, reference)
        assert f"  root {root}" in lines
        assert f"  trace {references.trace_id(root)}, span of the run {span}" in lines


def test_its_ids_are_those_that_are_sent(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Under any scope, what it prints is what the backend receives."""
    made = feature(world)
    for scope in ("run", "change", "item", "feature"):
        told = explain(program, made.of_fork, "--trace-scope", scope).stdout
        program.export(made.of_fork, trace_scope=scope)
        live = receiver.spans_named("RUN CI")[-1]
        assert f"trace {live.trace_id}, span of the run {live.span_id}" in told


def test_a_run_of_a_commit_has_candidates_too(program: Program, world: World) -> None:
    """After the merge those that brought the commit."""
    made = feature(world)
    told = explain(program, made.deploys[0]).stdout
    assert "then those of its commit" in told
    assert "  candidate #11 (opened 2025-11-04 09:00" in told
    assert "a merged pull request brought its commit" in told


def test_a_run_that_deployed_has_candidates_too(program: Program, world: World) -> None:
    """A run that another repository asked for belongs to what it deployed."""
    sha = sha_of("merge")
    world.pull_request(
        5,
        opened_at="2025-11-01T09:00:00Z",
        merged_at="2025-11-02T09:00:00Z",
        merge_commit_sha=sha,
    )
    run = world.run(
        event="repository_dispatch",
        created_at="2025-11-03T09:00:00Z",
        jobs=[job("ship", steps=[step("x")])],
    )
    log = f"https://github.com/acme/shop/actions/runs/{run.id}/job/{run.jobs[0].id}"
    world.deployment(
        sha=sha,
        created_at="2025-11-03T09:00:10Z",
        statuses=[deployment_status("success", log_url=log)],
    )
    told = explain(program, run).stdout
    assert "  candidate #5 (opened 2025-11-01 09:00" in told
    assert "  chosen: #5" in told


def test_a_root_says_why(program: Program, world: World) -> None:
    """A run that belongs to nothing has no feature trace."""
    run = world.run(event="schedule", jobs=[job("test", steps=[step("x")])])
    told = explain(program, run).stdout
    assert "  chosen: none, since a run of event schedule has no pull request" in told
    assert "work items: none was found" in told
    assert f"  root {references.run_of(run)}" in told
    assert "feature trace" not in told


@pytest.mark.parametrize("permission", ["pull_requests=read", "issues=read"])
def test_it_tells_what_could_not_be_read(
    program: Program, world: World, github: FakeGitHub, permission: str
) -> None:
    """So that a missing permission is no riddle."""
    made = feature(world)
    github.denied.add(permission)
    result = explain(program, made.of_fork)
    assert result.status == 0
    assert "  not read: " in result.stdout


def test_deployments_that_could_not_be_read_are_told(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """They may have decided what a nightly run belongs to."""
    github.denied.add("deployments=read")
    run = world.run(event="schedule", jobs=[job("ship", steps=[step("x")])])
    told = explain(program, run).stdout
    assert "  not read: could not read all deployments of the jobs" in told
    assert "Resource not accessible by integration" in told


def test_nothing_is_sent(program: Program, world: World, receiver: Receiver) -> None:
    """Also where an endpoint is set."""
    made = feature(world)
    explain(program, made.of_fork, "--otlp-endpoint", receiver.url)
    assert receiver.requests == []


def test_hostile_names_cannot_write_to_the_terminal(program: Program, world: World) -> None:
    """Names of workflows and branches are anybody's text."""
    hostile = "\x1b[2J::error::x\r\n\u202egnp"
    run = world.run(
        workflow=f"CI{hostile}",
        event="pull_request",
        branch=f"b{hostile}",
        jobs=[job("test", steps=[step("x")])],
    )
    told = explain(program, run).stdout
    assert not set(told) & {"\x1b", "\r", "\u202e"}
    assert not [line for line in told.splitlines() if line.startswith("::")]


def test_a_run_that_is_not_there_is_an_error(program: Program, world: World) -> None:
    """In one line, with exit status 1."""
    result = program.command("explain", "--repo", "acme/shop", "--run-id", "4711")
    assert result.status == 1
    assert "run 4711 of acme/shop" in result.stderr
    assert result.stdout == ""


def test_without_a_run_it_says_what_is_missing(program: Program) -> None:
    """The flag is named."""
    result = program.command("explain", "--repo", "acme/shop")
    assert result.status == 2
    assert "Set `target` to the id of a run" in result.stderr


MERGED_INTO_DEVELOP = sha_of("merge into develop")


@pytest.mark.parametrize(
    ("pull", "run", "reason"),
    [
        (
            {"into": "develop", "merged_at": "2026-11-24T03:30:00Z"},
            {"event": "push", "branch": "develop"},
            "it was merged into `develop`, not into the default branch, `main`",
        ),
        (
            {"merged_at": "2026-11-24T23:00:00Z"},
            {"event": "release"},
            "it was merged after the run was created",
        ),
        (
            {"branch": "cart", "closed_at": "2026-11-24T03:30:00Z"},
            {"event": "workflow_dispatch", "branch": "cart"},
            "it was closed before the run was created",
        ),
        (
            {"branch": "cart", "opened_at": "2026-11-24T09:00:00Z"},
            {"event": "pull_request", "branch": "cart"},
            "it was opened after the run was created",
        ),
    ],
    ids=["merged elsewhere", "merged later", "closed before", "opened later"],
)
def test_the_rule_that_excluded_a_candidate_is_told(
    program: Program, world: World, pull: dict[str, Any], run: dict[str, Any], reason: str
) -> None:
    """Not that such runs have no pull request."""
    facts: dict[str, Any] = {"opened_at": "2026-11-24T03:00:00Z", **pull}
    world.pull_request(12, merge_commit_sha=MERGED_INTO_DEVELOP, **facts)
    made = world.run(sha=MERGED_INTO_DEVELOP, jobs=[job("test", steps=[step("x")])], **run)
    told = explain(program, made).stdout
    assert f": excluded, since {reason}" in told
    assert f"  chosen: none, since no candidate counts (#12: {reason}" in told


def test_without_any_candidate_the_places_are_told(program: Program, world: World) -> None:
    """A push of a commit that no pull request has."""
    run = world.run(branch="cart", jobs=[job("test", steps=[step("x")])])
    told = explain(program, run).stdout
    assert "  chosen: none, since neither its branch nor its commit has a pull request" in told


def test_candidates_that_could_not_be_read_are_no_missing_ones(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Whether there is one is not known."""
    github.denied.add("pull_requests=read")
    run = world.run(branch="cart", jobs=[job("test", steps=[step("x")])])
    told = explain(program, run).stdout
    assert "  chosen: none, since its pull request could not be read" in told
