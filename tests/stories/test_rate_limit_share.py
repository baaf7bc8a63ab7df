"""A sweep with the workflow's own token leaves a part of the token's limits to other workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.program import Program, Result
from tests.support.sweeps import ago, environ_of, merged, names, store_ledger, swept

MOST = 30
OWN, OTHER = "true", "false"


@pytest.fixture(autouse=True)
def many(world: World, github: FakeGitHub) -> None:
    """More pull requests than 1 % of the 1,000 requests an hour are enough for."""
    github.rate_limit = 1000
    for number in range(1, MOST + 1):
        merged(world, number, ago(minutes=10 * number + 30))


def sweep(program: Program, environ: Mapping[str, str], **inputs: Any) -> Result:
    """Sweep in a scheduled run of our workflow, with these variables of the action."""
    own = swept(program.github.world, ago(minutes=1), None)
    result = program.action(
        {**environ_of(own), **environ}, **{"since": "last", "fail_on_error": True, **inputs}
    )
    store_ledger(program, own)
    return result


def by_token(of_workflow: str) -> dict[str, str]:
    """Return the variable by which action.yml says whose token it is."""
    return {"FLOW_TELEMETRY_TOKEN_OF_WORKFLOW": of_workflow}


@pytest.mark.parametrize(
    ("limit", "unit"),
    [("core", "1,000 requests to REST"), ("graphql", "300 points of GraphQL")],
)
def test_the_rest_of_the_limit_is_for_other_workflows(
    program: Program, world: World, github: FakeGitHub, receiver: Receiver, limit: str, unit: str
) -> None:
    """One warning names the setting and what ended; the sweep after the hour exports the rest."""
    github.point_limit = 300 if limit == "graphql" else 5000
    for number in range(20):
        created = ago(minutes=10 * number + 45)
        world.run(workflow="CI", created_at=created, jobs=[job("test", steps=[step("T", 3)])])
    first = sweep(program, by_token(OWN), rate_limit_share=1, sweep_runs=True)
    (warning,) = first.warnings
    assert f"share of the workflow's token, 1 % of {unit} an hour" in warning
    assert "`rate-limit-share`" in warning
    assert "left to the next sweep" in warning
    if limit == "core":
        assert github.used["core"] == 10
    else:  # The points of eight queries may not be known yet when the next one is sent.
        assert 3 <= github.used["graphql"] <= 3 + 8
    exported = names(receiver)
    github.used.clear()
    second = sweep(program, by_token(OWN), sweep_runs=True)
    assert (second.status, second.warnings) == (0, [])
    assert len(exported) < len(names(receiver)) == MOST + 20
    assert len(set(names(receiver))) == MOST + 1


@pytest.mark.parametrize(
    "environ",
    [
        by_token(OTHER),
        # A step with the command line, or an older action: by the limit, which is another's here.
        {"LIMIT": "5000"},
    ],
    ids=["token of an App", "a limit that is not that of workflows"],
)
def test_another_token_has_no_share(
    program: Program, github: FakeGitHub, receiver: Receiver, environ: Mapping[str, str]
) -> None:
    """An App's token is for this purpose."""
    github.rate_limit = int(environ.get("LIMIT", "1000"))
    result = sweep(program, environ, rate_limit_share=1)
    assert (result.status, result.warnings) == (0, [])
    assert len(names(receiver)) == MOST


def test_who_does_not_know_whose_token_it_is_knows_it_by_the_limit(program: Program) -> None:
    """Only the token of a workflow has 1,000 requests an hour."""
    (warning,) = sweep(program, {}, rate_limit_share=1).warnings
    assert "`rate-limit-share`" in warning


@pytest.mark.parametrize(("run_id", "shared"), [("999", True), ("", False)])
def test_on_the_command_line_the_place_and_the_limit_tell(
    program: Program, receiver: Receiver, run_id: str, shared: bool
) -> None:
    """In a step of a workflow as in the action; on a machine of one's own nobody shares."""
    words = ("sweep", "--repo", "acme/shop", "--since", "1d", "--rate-limit-share", "1")
    result = program.command(
        *words, "--otlp-endpoint", receiver.url, environ={"GITHUB_RUN_ID": run_id}
    )
    assert ("`rate-limit-share`" in result.stderr) is shared
    assert (len(names(receiver)) == MOST) is not shared


def test_on_enterprise_cloud_the_share_is_one_of_more(
    program: Program, github: FakeGitHub, receiver: Receiver
) -> None:
    """1 % of 15,000 requests are enough for all of this."""
    github.rate_limit = 15_000
    result = sweep(program, by_token(OWN), rate_limit_share=1)
    assert (result.status, result.warnings) == (0, [])
    assert len(names(receiver)) == MOST


def test_a_server_without_limits_has_no_shares(
    program: Program, github: FakeGitHub, receiver: Receiver
) -> None:
    """GitHub Enterprise Server has none unless its owner sets some."""
    github.rate_limit = None
    result = sweep(program, by_token(OWN), rate_limit_share=1)
    assert (result.status, result.warnings) == (0, [])
    assert len(names(receiver)) == MOST
