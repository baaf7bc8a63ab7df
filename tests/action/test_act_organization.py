"""The workflow of an organization run twice by act: plan, two shards and result, with one ledger.

All tests look at the same two runs: in the first a shard fails, and no backend answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.action.test_act import NOBODY_LISTENS
from tests.contracts.openapi import validate
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job
from tests.support.act import new_act
from tests.support.central import CENTRAL, LEDGER, PLAN, SHARDS, Organization, Sweep
from tests.support.environment import forget_machine

from flow_telemetry.rules.shards import REQUESTS_OF_SHARD

# Two runs of four jobs each, with a Python for each.
pytestmark = [pytest.mark.act, pytest.mark.timeout(300)]

VAULT, SHOP = "github.com/acme/vault", "github.com/acme/shop"
SETTINGS = "signals: traces\nworkflows: !Nightly"


def organization_world() -> World:
    """An organization of which the App may read one repository in full, and another in part.

    A third one has so many runs that a plan makes two shards, one of them for it alone; they are of
    a workflow that is not exported.
    """
    world = World(CENTRAL)
    world.repository(CENTRAL, private=True)
    world.repository("acme/shop", private=True)
    world.repository("acme/api", private=True, denied=["deployments=read", "issues=read"])
    world.repository("acme/vault", private=True)
    world.repository("acme/old", private=True, facts={"archived": True})
    for _ in range(REQUESTS_OF_SHARD * 4 // 5):
        ran(world, "acme/vault", "Nightly")
    merged(world, "acme/shop", 1, minutes_ago=50)
    merged(world, "acme/api", 2, minutes_ago=50)
    merged(world, "acme/vault", 3, minutes_ago=50)
    ran(world, "acme/shop", "CI")
    return world


def merged(world: World, repository: str, number: int, minutes_ago: float) -> None:
    """Add a pull request that was merged so many minutes ago."""
    at = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    world.pull_request(
        number,
        repository=repository,
        branch=f"branch-{number}",
        opened_at=at - timedelta(hours=1),
        merged_at=at,
    )


def ran(world: World, repository: str, workflow: str) -> None:
    """Add a run that ended almost an hour ago."""
    at = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=55)
    world.run(repository=repository, workflow=workflow, jobs=[job("build")], created_at=at)


@dataclass(frozen=True, slots=True)
class TwoSweeps:
    """Two runs of the workflow, and what the backend received after the first one."""

    first: Sweep
    second: Sweep
    receiver: Receiver


@pytest.fixture(scope="module")
def sweeps(
    tmp_path_factory: pytest.TempPathFactory, tool_cache: Path, action_without_inputs: Path
) -> Iterator[TwoSweeps]:
    """The vault is taken out of the App after the first plan, and is in it again in the second run.

    No backend answers in the first run.
    """
    folder = tmp_path_factory.mktemp("organization")
    world = organization_world()
    vault = world.repositories["acme/vault"]

    def show_vault(*, hidden: bool) -> None:
        world.revision += 1
        world.repositories["acme/vault"] = replace(vault, hidden=hidden)

    with (
        pytest.MonkeyPatch.context() as patch,
        FakeGitHub(world, check=validate) as github,
        Receiver() as receiver,
    ):
        forget_machine(patch)
        act = new_act(github, folder / "repository", tool_cache, action_without_inputs)
        organization = Organization(act=act, folder=folder, settings=SETTINGS)
        organization.after_plan = lambda: show_vault(hidden=True)
        first = organization.sweep(NOBODY_LISTENS)
        organization.after_plan = int
        show_vault(hidden=False)
        merged(world, "acme/shop", 4, minutes_ago=45)
        second = organization.sweep(receiver.url)
        github.on_request = lambda *_: None
        yield TwoSweeps(first, second, receiver)


def notices_of(sweep: Sweep) -> list[str]:
    """Return the notices of all jobs."""
    return sweep.result.commands("notice")


def test_a_plan_makes_two_shards(sweeps: TwoSweeps) -> None:
    """The busy repository has one of its own, which may send most of the requests."""
    for sweep in (sweeps.first, sweeps.second):
        rows = json.loads(sweep.result.outputs("plan")["matrix"])["include"]
        assert [row["repositories"] for row in rows] == ["vault", "api,shop"]
        assert rows[0]["max-requests"] > 10 * rows[1]["max-requests"] > 0
        assert sweep.artifacts.keys() == {PLAN, *SHARDS, LEDGER}


def test_a_shard_that_fails_spoils_no_other(sweeps: TwoSweeps) -> None:
    """The run is red, and the last job has the ledger of the other shard, and names all."""
    first = sweeps.first
    assert first.result.status == 1
    assert any("acme/vault is not swept" in each for each in first.result.commands("error"))
    # What the failed shard did not export stays with the mark of the plan.
    marks = {name: first.ledger(name)[VAULT] for name in (PLAN, SHARDS[0], LEDGER)}
    assert marks[PLAN] == marks[SHARDS[0]] == marks[LEDGER]
    assert first.ledger(SHARDS[1])[SHOP] == first.ledger(LEDGER)[SHOP] != first.ledger(PLAN)[SHOP]
    (summary,) = (each for each in first.result.summaries if "exported of 3 repositories" in each)
    assert "| acme/vault | 0 | 0 | 0 | 0 | not readable |" in summary
    for name in ("acme/shop", "acme/api"):
        assert f"| {name} |" in summary
    assert any("2 of 3 repositories were swept; 3 things" in each for each in notices_of(first))


def test_what_the_app_cannot_read_is_named(sweeps: TwoSweeps) -> None:
    """A warning and a notice of the plan; the rest of the repository is exported."""
    for sweep in (sweeps.first, sweeps.second):
        warnings = sweep.result.commands("warning")
        assert any("api is not readable in full: no issues, no dep" in each for each in warnings)
        assert any("old is left out (archived)" in each for each in notices_of(sweep))


def test_what_the_backend_did_not_take_is_kept_for_the_next_plan(sweeps: TwoSweeps) -> None:
    """The result keeps the spools of all shards with the ledger, which has all as exported."""
    kept = [
        {name.partition("/")[0] for name in sweep.artifacts[LEDGER]}
        for sweep in (sweeps.first, sweeps.second)
    ]
    assert kept == [{"ledger.json", "spool"}, {"ledger.json"}]


def test_two_sweeps_export_each_thing_once(sweeps: TwoSweeps) -> None:
    """From the spool, from the shard that failed before, and what is new; also with the ledger."""
    assert sweeps.second.result.status == 0, sweeps.second.result.log
    spans = sweeps.receiver.spans
    pulls = [each.name for each in spans if each.attributes["flow.entity.type"] == "opening"]
    assert sorted(pulls) == [f"pull request #{number}" for number in (1, 2, 3, 4)]
    assert [each.name for each in spans if each.name.startswith("RUN ")] == ["RUN CI"]
