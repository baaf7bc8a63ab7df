"""Tokens with few permissions: what they leave out is one notice, and no warning."""

from __future__ import annotations

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, sha_of, step
from tests.support import references
from tests.support.program import Program

from flow_telemetry.github.permissions import PERMISSIONS

PERMISSION_NAMES = frozenset(PERMISSIONS) - {"actions"}
MERGE = sha_of("merge")
# What the notice names for a run of an event, by the permissions that the token has beside
# `actions: read`. A run of a push may have deployed, and one that failed has annotations.
TABLE = [
    ("pull_request", "", "pull-requests"),
    ("pull_request", "issues", "pull-requests"),
    ("pull_request", "contents deployments checks", "pull-requests"),
    ("pull_request", "pull-requests", "issues"),
    ("pull_request", "pull-requests issues", ""),
    ("pull_request", "pull-requests issues checks contents deployments", ""),
    ("failed", "", "checks pull-requests"),
    ("failed", "checks pull-requests", "issues"),
    ("push", "", "deployments pull-requests"),
    ("push", "pull-requests issues", "deployments"),
    ("push", "pull-requests issues deployments", ""),
    ("merge_group", "", "pull-requests"),
    ("merge_group", "pull-requests", "issues"),
    ("schedule", "", "deployments"),
    ("schedule", "deployments", ""),
]


def run_of(world: World, kind: str) -> Run:
    """A run of an event in a world with an open and a merged pull request."""
    world.pull_request(123, branch="feature")
    world.pull_request(124, branch="done", merged_at="2026-11-24T02:00:00Z", merge_commit_sha=MERGE)
    conclusion = "failure" if kind == "failed" else "success"
    jobs = [job("test", conclusion, steps=[step("Run pytest", 5, conclusion)])]
    if kind == "merge_group":
        branch = f"gh-readonly-queue/main/pr-123-{sha_of('base')}"
        return world.run(event=kind, branch=branch, jobs=jobs)
    if kind == "push":
        return world.run(event=kind, sha=MERGE, jobs=jobs)
    event = "pull_request" if kind == "failed" else kind
    return world.run(event=event, branch="feature", jobs=jobs)


def restrict(github: FakeGitHub, granted: str) -> None:
    """Leave the token `actions: read` and those permissions."""
    lacking = PERMISSION_NAMES - set(granted.split())
    github.denied = {f"{name.replace('-', '_')}=read" for name in lacking}


@pytest.mark.parametrize(("kind", "granted", "named"), TABLE)
def test_one_notice_names_what_the_token_lacks(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    kind: str,
    granted: str,
    named: str,
) -> None:
    """With what each permission adds; everything else is exported, and the step is green."""
    run = run_of(world, kind)
    restrict(github, granted)
    result = program.export(run, fail_on_error=True)
    assert (result.status, result.warnings, result.errors) == (0, [], [])
    assert result.outputs["status"] == "exported"
    assert receiver.span("RUN CI").attributes["flow.reference"] == references.run_of(run)
    if not named:
        assert result.notices == []
        return
    (notice,) = result.notices
    for name, addition in PERMISSIONS.items():
        assert (f"`{name}: read` ({addition})" in notice) == (name in named.split())
    assert "`trace-scope: run`" in notice


@pytest.mark.parametrize(("kind", "granted", "named"), TABLE)
def test_who_asked_for_runs_alone_gets_no_message(
    program: Program,
    world: World,
    github: FakeGitHub,
    receiver: Receiver,
    kind: str,
    granted: str,
    named: str,
) -> None:
    """`trace-scope: run` is content with `actions: read`; debug output has the refusals."""
    run = run_of(world, kind)
    restrict(github, granted)
    result = program.export(run, trace_scope="run", log_level="debug")
    assert (result.status, result.warnings, result.errors, result.notices) == (0, [], [], [])
    root = references.run_of(run)
    assert receiver.span("RUN CI").trace_id == references.trace_id(root)
    assert ("Resource not accessible by integration" in result.log) == bool(named)


def test_with_actions_read_alone_a_run_is_its_own_trace(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """The notice says so; with the permission the trace is that of the pull request."""
    run = run_of(world, "pull_request")
    restrict(github, "")
    (notice,) = program.export(run).notices
    assert "the pull request of a run, which is the root of its trace" in notice
    first = receiver.span("RUN CI")
    assert first.trace_id == references.trace_id(references.run_of(run))
    assert "pull-requests: read" in first.attributes["flow.chain.incomplete"]
    restrict(github, "pull-requests issues")
    assert program.export(run).notices == []
    (later,) = [s for s in receiver.spans_named("RUN CI") if s != first]
    assert later.trace_id == references.trace_id(references.pull(123))


def test_another_refusal_is_a_warning(program: Program, world: World, github: FakeGitHub) -> None:
    """A list of allowed addresses is no permission, and a failure of the server neither."""
    run = run_of(world, "pull_request")
    refusals = [
        status(
            403,
            "Although you appear to have the correct authorization credentials, the "
            "`acme` organization has an IP allow list enabled",
        ),
        status(500),
    ]
    for refusal in refusals:
        github.script("/repos/acme/shop/pulls", refusal, times=None)
        result = program.export(run, trace_scope="run", timeout=20)
        assert any("not everything that the run belongs to" in w for w in result.warnings)


def test_a_run_that_cannot_be_read_is_no_notice(
    program: Program, world: World, github: FakeGitHub
) -> None:
    """Without `actions: read` there is nothing to export."""
    run = run_of(world, "pull_request")
    github.denied = {"actions=read"}
    (warning,) = program.export(run, trace_scope="run").warnings
    assert "add `actions: read` to the `permissions:` of the job" in warning
