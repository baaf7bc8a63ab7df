"""The sweep of an organization: a plan, shards, and one ledger of all of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.jira import FakeJira
from tests.fakes.jira_world import JiraWorld
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.support.pages import data_of, title_of
from tests.support.program import Program, Result
from tests.support.sweeps import ago, merged, names

CENTRAL = "acme/telemetry"
FILE = ".github/workflows/sweep.yml"
SETTINGS = {"organization": "acme", "sweep_runs": True}


@pytest.fixture
def world() -> World:
    """An organization: a shop with a pull request and a run, a quiet site, and a central one."""
    world = World(CENTRAL)
    world.repository(CENTRAL, private=True)
    world.repository("acme/shop", private=True)
    world.repository("acme/api", private=True)
    world.repository("acme/site")
    merged(world, 1, ago(hours=3), repository="acme/shop")
    merged(world, 2, ago(hours=2), repository="acme/api")
    ran(world, "acme/shop", "build")
    return world


def ran(world: World, repository: str, name: str) -> Run:
    """Add a run that ended two hours ago."""
    return world.run(
        repository=repository, workflow=name, jobs=[job("build")], created_at=ago(hours=2)
    )


@dataclass(slots=True)
class Central:
    """The runs of the central workflow: each job on a runner of its own, which keeps its folder."""

    program: Program
    run: Run = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    @property
    def world(self) -> World:
        return self.program.github.world

    @property
    def folder(self) -> Path:
        return self.program.folder / "temp" / "flow-telemetry"

    def begin(self) -> None:
        """Begin the next scheduled run."""
        self.run = self.world.run(
            workflow="Sweep",
            path=FILE,
            event="schedule",
            title="schedule",
            created_at=ago(minutes=1),
            jobs=[job("plan", None)],
        )

    def end(self, conclusion: str = "success") -> None:
        """Let the run end."""
        self.world.change_job(self.run, "plan", conclusion=conclusion)

    def job(self, artifact: str = "", **inputs: Any) -> Result:
        """Run a job on a new runner, and keep its folder as an artifact."""
        shutil.rmtree(self.folder, ignore_errors=True)
        of_runner = {
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_RUN_ID": str(self.run.id),
            "GITHUB_WORKFLOW_REF": f"{CENTRAL}/{FILE}@refs/heads/main",
        }
        event = events.schedule(self.world, workflow=FILE)
        given = {"since": "last", **SETTINGS, **inputs}
        result = self.program.action(of_runner, event=event, **given)
        files = {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
        if artifact and files:
            self.world.artifact(artifact, files, run=self.run.id)
        return result

    def plan(self, **inputs: Any) -> Result:
        """Run the first job."""
        return self.job("flow-telemetry-part-1-0", mode="plan", **inputs)

    def shards(self, plan: Result, **inputs: Any) -> Iterator[Result]:
        """Run a job for each row of the matrix."""
        for row in json.loads(plan.outputs["matrix"])["include"]:
            yield self.job(
                f"flow-telemetry-part-1-{row['shard']}",
                mode="sweep",
                shard=row["shard"],
                sweep_repositories=row["repositories"],
                max_requests=row["max-requests"],
                **inputs,
            )

    def merge(self) -> Result:
        """Run the last job."""
        return self.job("flow-telemetry-ledger", mode="merge")

    def sweep(self, **inputs: Any) -> tuple[Result, list[Result], Result]:
        """Run all jobs of a run."""
        plan = self.plan(**inputs)
        assert plan.status == 0, plan.stdout
        shards = list(self.shards(plan))
        merged = self.merge()
        self.end()
        return plan, shards, merged


@pytest.fixture
def central(program: Program) -> Central:
    return Central(program)


def planned(result: Result) -> set[str]:
    """The names of the repositories in a matrix."""
    rows = json.loads(result.outputs["matrix"])["include"]
    return {name for row in rows for name in row["repositories"].split(",")}


def test_a_plan_has_the_repositories_in_which_something_happened(central: Central) -> None:
    plan = central.plan()
    assert (plan.status, planned(plan), plan.outputs["shards"]) == (
        0,
        {"shop", "api", "telemetry"},  # the last one has the sweep's own run
        "1",
    )
    assert any("nothing happened in 1" in each for each in plan.notices)
    assert central.program.receiver.requests == []


def test_a_plan_of_many_repositories_reads_all_of_them(central: Central) -> None:
    """`max-requests` is for what a sweep reads; a plan sends one request for each repository."""
    plan = central.plan(max_requests=5)
    assert planned(plan) == {"shop", "api", "telemetry"}
    assert plan.warnings == []


def test_shards_export_everything_once_and_the_next_sweep_nothing_twice(
    central: Central, receiver: Receiver
) -> None:
    plan, shards, last = central.sweep()
    assert [each.status for each in (*shards, last)] == [0, 0], last.stdout
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]
    assert any("3 things were exported" in each for each in last.notices)
    assert "### flow-telemetry: 3 things exported of 3 repositories" in last.summary
    assert "| acme/shop | 2 | 0 | 0 |" in last.summary
    receiver.requests.clear()

    merged(central.world, 3, ago(minutes=40), repository="acme/site")
    central.begin()
    plan, shards, last = central.sweep()
    assert "site" in planned(plan)
    assert [each.status for each in (*shards, last)] == [0, 0], last.stdout
    assert names(receiver) == ["pull request #3"]


def test_a_shard_has_a_page_of_its_repositories(central: Central) -> None:
    """The plan and the merge export nothing; the page beside the ledger disturbs neither."""
    plan = central.plan(page=True)
    (shard,) = central.shards(plan, page=True)
    page = Path(shard.outputs["page"]).read_text(encoding="utf-8")
    assert title_of(page) == "Sweep of acme"
    assert {"pull request #1", "pull request #2", "RUN build"} <= set(data_of(page)["texts"])
    last = central.merge()
    assert (last.status, last.warnings, "page" in plan.outputs) == (0, [], False)


def test_a_shard_begins_with_the_ledger_of_its_plan_and_keeps_its_own_part(
    central: Central,
) -> None:
    plan = central.plan(shards=2, sweep_repositories="shop,api")
    (shard, *_) = list(central.shards(plan))
    assert shard.status == 0, shard.stdout
    part = json.loads((central.folder / "ledger.json").read_text(encoding="utf-8"))
    assert set(part["repositories"]) == {f"github.com/acme/{n}" for n in ("shop", "api")}


def test_a_shard_that_saved_nothing_is_swept_again(central: Central, receiver: Receiver) -> None:
    """Its runner was lost: the plan's ledger counts for its repositories, and a warning says so."""
    central.plan()
    last = central.merge()
    central.end()
    assert last.status == 0
    assert any("no usable part of shard 1" in each for each in last.warnings)
    central.begin()
    central.sweep()
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]


def test_a_damaged_part_counts_as_none(central: Central, receiver: Receiver) -> None:
    central.plan()
    central.world.artifact("flow-telemetry-part-1-1", {"ledger.json": "{}"}, run=central.run.id)
    last = central.merge()
    assert any("flow-telemetry-part-1-1" in each for each in last.warnings)
    assert any("no usable part of shard 1" in each for each in last.warnings)


def test_the_parts_are_merged_by_the_next_plan_if_the_last_job_did_not_run(
    central: Central, receiver: Receiver
) -> None:
    plan = central.plan()
    assert [each.status for each in central.shards(plan)] == [0]
    central.end("cancelled")
    receiver.requests.clear()
    central.begin()
    central.sweep()
    assert names(receiver) == []


def test_a_shard_started_again_goes_on_with_its_own_part(
    central: Central, receiver: Receiver
) -> None:
    """GitHub keeps the artifacts of the first attempt."""
    plan = central.plan()
    assert [each.status for each in central.shards(plan)] == [0]
    receiver.requests.clear()
    (again,) = central.shards(plan)
    assert (again.status, names(receiver)) == (0, [])


def test_what_a_shard_could_not_deliver_is_sent_by_the_next_plan(
    central: Central, receiver: Receiver
) -> None:
    """The spools of all shards are in the artifact of the last job."""
    plan = central.plan()
    # Each signal waits for some seconds.
    down = list(central.shards(plan, otlp_endpoint="http://127.0.0.1:9", signals="traces"))
    assert [each.outputs["status"] for each in down] == ["spooled"]
    last = central.merge()
    assert any("undelivered requests" in each for each in last.notices)
    central.end()
    assert receiver.requests == []
    central.begin()
    plan = central.plan()
    sent = names(receiver)
    assert sent
    assert not list((central.folder / "spool").rglob("*.otlp.gz"))
    # All of it was sent by the plan.
    list(central.shards(plan))
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]


def test_repositories_that_cannot_be_swept_are_named(central: Central) -> None:
    """Archived, disabled, forked, without a permission, or renamed since the last sweep."""
    world = central.world
    central.sweep()
    world.repository("acme/old", facts={"archived": True})
    world.repository("acme/closed", facts={"disabled": True})
    world.repository("acme/fork-of-theirs", fork=True)
    world.repository("acme/secret", private=True, denied=["pull_requests=read", "actions=read"])
    shop = world.repositories.pop("acme/shop")
    world.repository("acme/store", id=shop.id, private=True, former_names=["acme/shop"])
    merged(world, 9, ago(minutes=40), repository="acme/store")
    central.begin()
    plan = central.plan()
    told = "\n".join((*plan.notices, *plan.warnings))
    assert "old is left out (archived)" in told
    assert "closed is left out (disabled)" in told
    assert "fork-of-theirs is left out (fork)" in told
    assert "secret is not readable in full: no pull requests, no runs (Resource" in told
    assert "acme/shop is acme/store now" in told
    assert "store" in planned(plan)


def test_a_renamed_repository_goes_on_with_its_ledger(central: Central, receiver: Receiver) -> None:
    world = central.world
    central.sweep()
    receiver.requests.clear()
    shop = world.repositories["acme/shop"]
    world.rename("acme/shop", "acme/store")
    assert world.repositories["acme/store"].id == shop.id
    merged(world, 9, ago(minutes=40), repository="acme/store")
    central.begin()
    central.sweep()
    assert names(receiver) == ["pull request #9"]


def test_only_the_repositories_of_the_installation_are_swept(central: Central) -> None:
    central.world.installed = {CENTRAL, "acme/api"}
    assert planned(central.plan()) == {"api", "telemetry"}


def test_patterns_choose_repositories(central: Central) -> None:
    """A hostile pattern is data: it matches nothing, and runs nowhere."""
    assert planned(central.plan(sweep_repositories="*,!shop,!TELE*")) == {"api"}
    hostile = central.plan(sweep_repositories="$(touch x);`id`,[")
    assert (hostile.status, hostile.outputs["shards"]) == (0, "0")
    assert hostile.outputs["matrix"] == '{"include":[]}'


def test_an_organization_that_the_token_cannot_see_is_a_warning(central: Central) -> None:
    plan = central.plan(organization="other")
    assert plan.status == 0
    assert any("no repository of other" in each for each in plan.warnings)
    assert "matrix" not in plan.outputs


def test_an_app_without_the_central_repository_says_where_to_install_it(central: Central) -> None:
    """Its runs have the ledger, and the plan of a shard."""
    world = central.world
    plan = central.plan()
    world.revision += 1
    home = world.repositories[CENTRAL]
    world.repositories[CENTRAL] = replace(home, hidden=True)
    (shard,) = central.shards(plan, fail_on_error=True)
    for result in (central.plan(fail_on_error=True), shard):
        assert result.status == 1
        assert any("install it in acme/telemetry, too" in each for each in result.errors)


def test_a_budget_that_ends_leaves_repositories_to_the_next_sweep(
    central: Central, receiver: Receiver
) -> None:
    """Those with the oldest mark are the next ones: nothing is exported twice, nothing is lost."""
    plan = central.plan()
    (row,) = json.loads(plan.outputs["matrix"])["include"]
    result = central.job(
        "flow-telemetry-part-1-1",
        mode="sweep",
        shard=1,
        sweep_repositories=row["repositories"],
        max_requests=20,
    )
    assert result.status == 0
    assert any("repositories not swept" in each for each in result.warnings)
    central.merge()
    central.end()
    exported = names(receiver)
    assert len(exported) < 3
    central.begin()
    central.sweep()
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]


def test_a_public_central_repository_plans_public_ones_only(central: Central) -> None:
    """Its logs, and the matrix, can be read by everybody."""
    central.world.repository(CENTRAL)
    plan = central.plan()
    assert planned(plan) == {"telemetry"}
    assert "shop" not in plan.log


def test_items_of_jira_are_exported_once_and_not_for_each_repository(
    central: Central, receiver: Receiver
) -> None:
    """By the first shard, as is the number of the open ones."""
    issues = JiraWorld()
    done = issues.issue("ACME-1", type="Epic", created=ago(days=9))
    done.move("Done", at=ago(hours=2), resolution="Done")
    issues.issue("ACME-2", type="Epic", created=ago(days=9))
    with FakeJira(issues, email="mona@example.com", token="s3cret") as jira:
        given = {
            "jira_url": jira.url,
            "jira_email": "mona@example.com",
            "jira_token": "s3cret",
            "sweep_jira": "ACME",
        }
        plan = central.plan(**given)
        (shard,) = central.shards(plan, **given)
    assert (shard.status, shard.warnings) == (0, []), shard.stdout
    assert names(receiver).count("epic ACME-1") == 1
    points = _points(receiver, "flow.load", "jira")
    assert sum(point.value for point in points) == 1
    assert len({str(point.attributes) for point in points}) == len(points)
    assert "| Jira | 1 |" in shard.summary


def _points(receiver: Receiver, name: str, tracker: str) -> list[Any]:
    return [
        point
        for point in receiver.points_of(name)
        if point.attributes.get("flow.work_item.tracker") == tracker
    ]


# The command line


def test_a_sweep_by_hand_goes_on_by_its_ledger(program: Program, receiver: Receiver) -> None:
    arguments = (
        *("sweep", "--organization", "acme", "--since", "90d", "--sweep-runs"),
        *("--ledger", "sent.json", "--otlp-endpoint", receiver.url),
    )
    first = program.command(*arguments)
    assert first.status == 0, first.stderr
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]
    assert "3 things were exported, 0 had been exported before" in first.stderr
    # Only shards write their results beside the ledger, for the last job.
    assert not (program.folder / "results.json").exists()
    receiver.requests.clear()
    again = program.command(*arguments)
    assert (again.status, names(receiver)) == (0, []), again.stderr


def test_a_plan_by_hand_prints_the_matrix(program: Program) -> None:
    result = program.command("plan", "--organization", "acme", "--repositories", "s*")
    (row,) = json.loads(result.stdout)["include"]
    assert (result.status, row["shard"], row["repositories"]) == (0, 1, "shop")
    assert row["max-requests"] > 8
    # It sends nothing by its nature, and does not begin with that.
    assert result.stderr.startswith("notice: plan of acme: 1 of 2 repositories in 1 shard")


def test_a_plan_of_no_repository_says_what_to_change(program: Program) -> None:
    """A pattern with the owner is a habit of other tools, and a login is easily misspelled."""
    none = program.command("plan", "--organization", "acme", "--repositories", "acme/shop")
    assert none.status == 0
    assert "problem: `sweep-repositories` chooses none of the 4 repositories" in none.stderr
    environ = {"GITHUB_TOKEN": "github_pat_ofAPerson0123456789"}
    unknown = program.command("plan", "--organization", "acmee", environ=environ)
    assert unknown.status == 1
    assert "GitHub shows no organization acmee to the token" in unknown.stderr


def test_a_person_s_token_lists_the_repositories_of_the_organization(program: Program) -> None:
    """GitHub gives the list of an installation to its tokens only."""
    environ = {"GITHUB_TOKEN": "github_pat_ofAPerson0123456789"}
    result = program.command("plan", "--organization", "acme", environ=environ)
    assert result.status == 0, result.stderr
    assert any(path.startswith("/orgs/acme/repos") for path in program.github.paths)


def test_a_sweep_by_hand_waits_for_the_rate_limit_to_be_reset(
    program: Program, receiver: Receiver
) -> None:
    """And goes on with its ledger where it stopped."""
    github = program.github
    github.rate_limit = 26

    def reset(count: int, path: str) -> None:
        if count == 25:
            github._reset_at = int(time.time()) + 2
        elif count > 25 and time.time() >= github._reset_at:
            github.rate_limit = 5000

    github.on_request = reset
    result = program.command(
        *("sweep", "--organization", "acme", "--since", "90d", "--sweep-runs"),
        *("--ledger", "sent.json", "--otlp-endpoint", receiver.url),
    )
    assert result.status == 0, result.stderr
    assert names(receiver) == ["RUN build", "pull request #1", "pull request #2"]
    assert "left" not in result.stderr
    assert sum("/installation/repositories" in path for path in github.paths) == 2
