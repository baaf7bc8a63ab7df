"""Runs of tags are told from runs of branches, which GitHub names in the same field."""

from __future__ import annotations

from time import sleep

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, sha_of, step
from tests.stories.points import by
from tests.support.program import Program

BRANCH = "flow.branch"
JOBS = [job("build", steps=[step("Compile", 30)])]


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "release"])
def test_a_run_of_a_tag_is_not_of_another_branch(
    program: Program, world: World, receiver: Receiver, event: str
) -> None:
    """Charts of releases need no names; jobs have the value, too."""
    world.tags.add("v1.2.0")
    run = world.run(event=event, branch="v1.2.0", jobs=JOBS)
    program.export(run)
    assert by(receiver, "flow.run.count", BRANCH) == {"tag": 1}
    assert by(receiver, "flow.job.count", BRANCH) == {"tag": 1}


def test_the_release_of_a_merged_pull_request_is_of_its_tag(
    program: Program, world: World, receiver: Receiver
) -> None:
    """The tagged commit belongs to the pull request; the tag is not its branch."""
    world.tags.add("v1.2.0")
    world.pull_request(
        7,
        opened_at="2025-11-01T09:00:00Z",
        merged_at="2025-11-02T09:00:00Z",
        merge_commit_sha=sha_of("merge"),
    )
    run = world.run(
        branch="v1.2.0", sha=sha_of("merge"), created_at="2025-11-03T09:00:00Z", jobs=JOBS
    )
    program.export(run)
    assert by(receiver, "flow.run.count", BRANCH) == {"tag": 1}


def test_a_branch_with_the_name_of_a_tag_stays_a_branch(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Nobody can tell, so the usual meaning counts."""
    world.tags.add("stable")
    world.branches.add("stable")
    program.export(world.run(branch="stable", jobs=JOBS))
    assert by(receiver, "flow.run.count", BRANCH) == {"other": 1}


def test_inside_the_run_the_runner_tells(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """No request is spent."""
    own = job("telemetry", conclusion=None, steps=[step("Export", 1, None)])
    run = world.run(branch="v1.2.0", jobs=[*JOBS, own])
    program.inside(run, "telemetry", environ={"GITHUB_REF_TYPE": "tag"})
    assert by(receiver, "flow.job.count", BRANCH) == {"tag": 2}
    assert not [request for request in github.requests if b"RefKind" in request.body]


def test_without_the_permission_it_is_a_branch(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver
) -> None:
    """Telemetry of the run is sent all the same."""
    github.denied.add("contents=read")
    result = program.export(world.run(branch="v1.2.0", jobs=JOBS))
    assert result.outputs["status"] == "exported"
    assert result.warnings == []
    assert by(receiver, "flow.run.count", BRANCH) == {"other": 1}


@pytest.mark.parametrize("where", ["pulls?head", "/commits/"])
def test_a_run_is_sent_though_no_time_is_left_to_ask(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, where: str
) -> None:
    """An attribute of metrics is worth no run."""
    run = world.run(branch="v1.2.0", jobs=JOBS)
    world.tags.add("v1.2.0")
    github.on_request = lambda _, path: sleep(4) if where in path else None
    program.action(run_id=run.id, timeout=3)
    assert receiver.spans_named("RUN CI")
