"""Whether a run's workflow files allow a job to fail."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.openapi import validate
from tests.fakes.github import FakeGitHub
from tests.fakes.world import World, job, uses
from tests.support.clients import client_of

from flow_telemetry.github.runs import RunAddress, read_run
from flow_telemetry.github.workflow_files import allows_failures

CI = ".github/workflows/ci.yml"
CALLED = ".github/workflows/test.yml"
PLAIN = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n"


def allowed(world: World, own: str | None, called: str | None = None, **facts: Any) -> object:
    """Return whether a run with this workflow file, and perhaps a called one, allows failures."""
    world.repository("acme/ci")
    reference = uses(f"acme/ci/{CALLED}@v1")
    given = {"path": CI, "referenced_workflows": [reference] if called else [], **facts}
    run = world.run(jobs=[job("test")], **given)
    world.file(CI, own, at=run.sha)
    if called is not None:
        world.file(CALLED, called, at=reference.sha, repository="acme/ci")
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        address = RunAddress(repository="acme/shop", run_id=run.id)
        return allows_failures(client, read_run(client, address))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", False),
        ("    continue-on-error: false\n", False),
        ("    continue-on-error: true\n", True),
        ("    continue-on-error: ${{ matrix.experimental }}\n", True),
        ("    steps: [{run: x, continue-on-error: true}]\n", False),
    ],
)
def test_a_job_may_be_allowed_to_fail(world: World, line: str, expected: bool) -> None:
    """An expression may be true; at a step it concerns that step only."""
    assert allowed(world, PLAIN + line) is expected


@pytest.mark.parametrize("tag", ["!!int ''", "!!bool maybe", "!!timestamp x", "!mine {a: 1}"])
def test_tags_of_the_author_have_no_effect(world: World, tag: str) -> None:
    """In a run of a pull request, its author writes the file."""
    assert allowed(world, PLAIN + f"    env: {{A: {tag}}}\n") is False


def test_the_name_of_a_file_may_need_quotes(world: World) -> None:
    """GitHub accepts any name."""
    path = ".github/workflows/c# test.yml"
    world.repository("acme/ci")
    run = world.run(jobs=[job("test")], path=path)
    world.file(path, PLAIN, at=run.sha)
    with FakeGitHub(world, check=validate) as github, client_of(github) as client:
        address = RunAddress(repository="acme/shop", run_id=run.id)
        assert allows_failures(client, read_run(client, address)) is False


def test_a_called_workflow_counts_at_its_commit(world: World) -> None:
    assert allowed(world, PLAIN, PLAIN) is False
    assert allowed(world, PLAIN, PLAIN + "    continue-on-error: true\n") is True


@pytest.mark.parametrize(
    "text",
    [None, "jobs: [", "- a list", "jobs: text", "a: &a [*a]", "!!python/object:os.system {}"],
)
def test_a_file_that_cannot_be_used_leaves_it_open(world: World, text: str | None) -> None:
    """It may be missing, not YAML, or another document."""
    assert allowed(world, text) is None


def test_a_workflow_without_a_file_leaves_it_open(world: World) -> None:
    """GitHub's own workflows have none, such as that of Pages."""
    assert allowed(world, None, path="dynamic/pages/pages-build-deployment") is None
