"""The workflow of an organization run twice by act: plan, two shards and result, with one ledger.

act runs the caller's file, the reusable workflow with its matrix, and the action. The token of the
App is that of a small action in place of GitHub's. GitHub shows artifacts by its API while a run
goes on, act's service does not: the fake GitHub takes them out of act's folder.

All tests look at the same two runs: in the first a shard fails, and no backend answers.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.action.test_act import NOBODY_LISTENS, begin, going_on, secrets
from tests.contracts.openapi import validate
from tests.docs.test_organization import CALLED, CALLER
from tests.fakes import events
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job
from tests.support.act import Act, ActResult, ArtifactStore, new_act
from tests.support.environment import forget_machine
from tests.support.workflows import ACTION, ORGANIZATION, ROOT, Workflow, dump, load

from flow_telemetry.rules.shards import REQUESTS_OF_SHARD

# Two runs of four jobs each, with a Python for each.
pytestmark = [pytest.mark.act, pytest.mark.timeout(300)]

CENTRAL = "acme/telemetry"
FILE = ".github/workflows/telemetry.yml"
CALLED_FILE = ORGANIZATION.relative_to(ROOT).as_posix()
PLAN, *SHARDS = [f"flow-telemetry-part-1-{number}" for number in range(3)]
LEDGER = "flow-telemetry-ledger"
VAULT, SHOP = "github.com/acme/vault", "github.com/acme/shop"
APP_TOKEN = "ghs_tokenOfTheApp0123456789"
# In place of actions/create-github-app-token: it gives a token if it is asked for reading only.
APP_ACTION = f"""\
name: token
description: Gives the token of an App
inputs:
  client-id: {{required: true, description: Client ID}}
  private-key: {{required: true, description: Key}}
  owner: {{required: true, description: Organization}}
  permission-actions: {{required: true, description: Permission}}
  permission-checks: {{required: true, description: Permission}}
  permission-contents: {{required: true, description: Permission}}
  permission-deployments: {{required: true, description: Permission}}
  permission-issues: {{required: true, description: Permission}}
  permission-pull-requests: {{required: true, description: Permission}}
outputs:
  token:
    description: Token
    value: ${{{{ steps.token.outputs.token }}}}
runs:
  using: composite
  steps:
    - id: token
      shell: sh
      env:
        ASKED: >-
          ${{{{ inputs.client-id }}}} ${{{{ inputs.private-key }}}} ${{{{ inputs.owner }}}}
          ${{{{ inputs.permission-actions }}}} ${{{{ inputs.permission-checks }}}}
          ${{{{ inputs.permission-contents }}}} ${{{{ inputs.permission-deployments }}}}
          ${{{{ inputs.permission-issues }}}} ${{{{ inputs.permission-pull-requests }}}}
      run: |
        test "$ASKED" = "Iv23liOfTheApp keyOfTheApp acme read read read read read read"
        echo "token={APP_TOKEN}" >>"$GITHUB_OUTPUT"
"""


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
    for _ in range(REQUESTS_OF_SHARD // 3):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A run of the workflow: its result, and the files of each of its artifacts."""

    result: ActResult
    artifacts: Mapping[str, Mapping[str, bytes]]

    def ledger(self, artifact: str) -> Any:
        """Return the sources in the ledger of an artifact, by repository."""
        return json.loads(self.artifacts[artifact]["ledger.json"])["repositories"]


@dataclass(slots=True)
class Organization:
    """The central workflow on act, whose artifacts the fake GitHub shows."""

    act: Act
    folder: Path
    # What happens when the plan of a run is there.
    after_plan: Callable[[], object] = int
    artifacts: ArtifactStore = field(init=False)
    shown: dict[Path, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        upload = CALLED["jobs"]["plan"]["steps"][-1]["uses"]
        self.artifacts = ArtifactStore(folder=self.folder / "artifacts", action=upload)
        app = self.folder / "app-token"
        app.mkdir()
        (app / "action.yml").write_text(APP_ACTION, "utf-8")
        self.act.github.on_request = lambda *_: self._show_artifacts()

    def _show_artifacts(self) -> None:
        for path in sorted(self.artifacts.folder.glob("*/*/*.zip")):
            try:
                content = path.read_bytes()
            except OSError:  # Another one is written in its place.
                continue
            # An archive that is still written is not one yet.
            if self.shown.get(path) != content and zipfile.is_zipfile(io.BytesIO(content)):
                self.shown[path] = content
                run = int(path.parts[-3])
                self.act.github.world.artifact(path.parts[-2], content, run=run)
                if path.parts[-2] == PLAN:
                    self.after_plan()

    def sweep(self, endpoint: str) -> Sweep:
        """Run the file as a new scheduled run."""
        world = self.act.github.world
        name = "Telemetry / Plan"
        run = begin(
            world,
            going_on(name),
            workflow="telemetry",
            event="schedule",
            path=FILE,
            title="schedule",
        )
        caller = load(dump(CALLER))
        caller["jobs"]["telemetry"]["uses"] = f"./{CALLED_FILE}"
        app = CALLED["jobs"]["plan"]["steps"][0]["uses"]
        result = self.act.run(
            "schedule",
            caller,
            run=run,
            event=events.schedule(world, workflow=FILE),
            secrets={**secrets(endpoint), "TELEMETRY_PRIVATE_KEY": "keyOfTheApp"},
            variables={
                "TELEMETRY_CLIENT_ID": "Iv23liOfTheApp",
                "FLOW_TELEMETRY_SETTINGS": "signals: traces\nworkflows: !Nightly",
            },
            path=FILE,
            calls={CALLED_FILE: called()},
            artifacts=self.artifacts,
            replaced={app: self.folder / "app-token"},
        )
        world.change_job(run, name, conclusion="failure" if result.status else "success")
        folders = (self.artifacts.folder / str(run.id)).iterdir()
        return Sweep(
            result=result,
            artifacts={
                each.name: unpacked(self.artifacts.archive(run, each.name)) for each in folders
            },
        )


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def called() -> Workflow:
    """The reusable workflow, whose action is that of the README's examples."""
    text = ORGANIZATION.read_text(encoding="utf-8")
    return load(re.sub(r"(?<=uses: )owner/flow-telemetry@\S+", ACTION, text))


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
        organization = Organization(act=act, folder=folder)
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
        assert [row["repositories"] for row in rows] == ["vault", "api,shop,telemetry"]
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
    (summary,) = (each for each in first.result.summaries if "exported of 4 repositories" in each)
    assert "| acme/vault | 0 | 0 | 0 | 0 | not readable |" in summary
    for name in ("acme/shop", "acme/api", "acme/telemetry"):
        assert f"| {name} |" in summary
    assert any("3 of 4 repositories were swept; 3 things" in each for each in notices_of(first))


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
