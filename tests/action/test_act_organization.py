"""The workflow of an organization run twice by act: plan, shards and result, with one ledger.

act runs the caller's file, the reusable workflow with its matrix, and the action. The token of the
App is that of a small action in place of GitHub's. GitHub shows artifacts by its API while a run
goes on, act's service does not: the fake GitHub takes them out of act's folder.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.action.test_act import NOBODY_LISTENS, begin, going_on, secrets
from tests.docs.test_organization import CALLED, CALLER
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job
from tests.support.act import Act, ActResult, ArtifactStore
from tests.support.workflows import ACTION, ORGANIZATION, ROOT, Workflow, dump, load

# Two runs of three jobs each, with a Python for each.
pytestmark = [pytest.mark.act, pytest.mark.timeout(300)]

CENTRAL = "acme/telemetry"
FILE = ".github/workflows/telemetry.yml"
CALLED_FILE = ORGANIZATION.relative_to(ROOT).as_posix()
LEDGER = "flow-telemetry-ledger"
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


@pytest.fixture
def world() -> World:
    """An organization of which the App may read all, all but deployments, and next to nothing."""
    world = World(CENTRAL)
    world.repository(CENTRAL, private=True)
    world.repository("acme/shop", private=True)
    world.repository("acme/api", private=True, denied=["deployments=read"])
    world.repository("acme/vault", private=True, denied=["actions=read", "pull_requests=read"])
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


def ran(world: World, repository: str) -> None:
    """Add a run that ended almost an hour ago."""
    at = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=55)
    world.run(repository=repository, workflow="CI", jobs=[job("build")], created_at=at)


@dataclass(slots=True)
class Organization:
    """The central workflow on act, whose artifacts the fake GitHub shows."""

    act: Act
    folder: Path
    receiver: Receiver
    artifacts: ArtifactStore = field(init=False)
    run: Run = field(init=False)
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

    def sweep(self, endpoint: str = "") -> ActResult:
        """Run the file as a new scheduled run."""
        world = self.act.github.world
        name = "Telemetry / Plan"
        self.run = begin(
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
            run=self.run,
            event=events.schedule(world, workflow=FILE),
            secrets={
                **secrets(endpoint or self.receiver.url),
                "TELEMETRY_PRIVATE_KEY": "keyOfTheApp",
            },
            variables={
                "TELEMETRY_CLIENT_ID": "Iv23liOfTheApp",
                "FLOW_TELEMETRY_SETTINGS": "signals: traces",
            },
            path=FILE,
            calls={CALLED_FILE: called()},
            artifacts=self.artifacts,
            replaced={app: self.folder / "app-token"},
        )
        world.change_job(self.run, name, conclusion="failure" if result.status else "success")
        return result

    def files(self, name: str) -> list[str]:
        """Return the names of the files in an artifact of the run."""
        with zipfile.ZipFile(io.BytesIO(self.artifacts.archive(self.run, name))) as opened:
            return sorted(opened.namelist())

    def ledger(self, name: str = LEDGER) -> Any:
        """Return the ledger in an artifact of the run."""
        with zipfile.ZipFile(io.BytesIO(self.artifacts.archive(self.run, name))) as opened:
            return json.loads(opened.read("ledger.json"))


def called() -> Workflow:
    """The reusable workflow, whose action is that of the README's examples."""
    text = ORGANIZATION.read_text(encoding="utf-8")
    return load(re.sub(r"(?<=uses: )owner/flow-telemetry@\S+", ACTION, text))


@pytest.fixture
def organization(act: Act, tmp_path: Path, receiver: Receiver) -> Iterator[Organization]:
    yield Organization(act=act, folder=tmp_path, receiver=receiver)
    act.github.on_request = lambda *_: None


def pulls(receiver: Receiver) -> list[str]:
    """The names of the pull requests that were exported, once for each export."""
    return sorted(
        span.name for span in receiver.spans if span.attributes["flow.entity.type"] == "opening"
    )


def test_two_sweeps_export_each_thing_once(
    organization: Organization, world: World, receiver: Receiver
) -> None:
    """Plan, shard and result; the ledger of the first run reaches the second one's shards."""
    merged(world, "acme/shop", 1, minutes_ago=50)
    merged(world, "acme/api", 2, minutes_ago=50)
    ran(world, "acme/shop")
    first = organization.sweep()
    assert first.status == 0, first.log
    assert pulls(receiver) == ["pull request #1", "pull request #2"]
    assert len(receiver.spans_named("RUN CI")) == 1
    assert organization.files(LEDGER) == ["ledger.json"]
    assert {
        "github.com/acme/shop",
        "github.com/acme/api",
        "github.com/acme/vault",
    } <= organization.ledger()["repositories"].keys()
    assert any("api, vault are not readable in full" in each for each in first.commands("warning"))
    assert any("were exported" in each for each in first.commands("notice"))

    merged(world, "acme/shop", 3, minutes_ago=45)
    second = organization.sweep()
    assert second.status == 0, second.log
    assert pulls(receiver) == ["pull request #1", "pull request #2", "pull request #3"]
    assert len(receiver.spans_named("RUN CI")) == 1


def test_what_the_backend_did_not_take_is_sent_by_the_next_plan(
    organization: Organization, world: World, receiver: Receiver
) -> None:
    """The result keeps the spools of all shards with the ledger, which has all as exported."""
    merged(world, "acme/shop", 1, minutes_ago=50)
    first = organization.sweep(endpoint=NOBODY_LISTENS)
    assert first.status == 0, first.log
    assert receiver.requests == []
    kept = {name.partition("/")[0] for name in organization.files(LEDGER)}
    assert kept == {"ledger.json", "spool"}

    second = organization.sweep()
    assert second.status == 0, second.log
    assert pulls(receiver) == ["pull request #1"]
    assert organization.files(LEDGER) == ["ledger.json"]
