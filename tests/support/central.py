"""The workflow of docs/start/organization.md run by act, in the central repository of a world.

act runs the caller's file as the page has it, the reusable workflow with its matrix, and the
action. The token of the App is that of a small action in place of GitHub's. GitHub shows artifacts
by its API while a run goes on, act's service does not: the fake GitHub takes them out of act's
folder.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.fakes import events
from tests.fakes.world import Runner, World, job
from tests.support.act import Act, ActResult, ArtifactStore
from tests.support.workflows import ACTION, ORGANIZATION, ROOT, Workflow, dump, load

GUIDE = (ROOT / "docs" / "start" / "organization.md").read_text(encoding="utf-8")
CALLER_TEXT, *_ = re.findall(r"^```yaml\n(name: .*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
CALLER = load(CALLER_TEXT)
CALLED = load(ORGANIZATION.read_text(encoding="utf-8"))
CENTRAL = "acme/telemetry"
FILE = ".github/workflows/telemetry.yml"
CALLED_FILE = ORGANIZATION.relative_to(ROOT).as_posix()
PLAN, *SHARDS = [f"flow-telemetry-part-1-{number}" for number in range(3)]
LEDGER = "flow-telemetry-ledger"
APP_TOKEN = "ghs_tokenOfTheApp0123456789"
# The payload of each event of the file; a run by hand has the defaults of its inputs.
PAYLOADS: Mapping[str, Callable[[World], Mapping[str, Any]]] = {
    "schedule": lambda world: events.schedule(world, workflow=FILE),
    "workflow_dispatch": lambda world: {
        **events.workflow_dispatch(world, workflow=FILE),
        "inputs": {
            name: each["default"]
            for name, each in CALLER["on"]["workflow_dispatch"]["inputs"].items()
        },
    },
}
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
    # The variable FLOW_TELEMETRY_SETTINGS.
    settings: str
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

    def sweep(self, endpoint: str, event: str = "schedule") -> Sweep:
        """Run the file as a new run, with an address of a backend."""
        world = self.act.github.world
        name = "Telemetry / Plan"
        run = world.run(
            jobs=[job(name, None, runner=Runner(1, "rack-1", 1, "Default"))],
            created_at=datetime.now(timezone.utc).replace(microsecond=0),
            workflow="telemetry",
            event=event,
            path=FILE,
            title=event,
        )
        caller = load(dump(CALLER))
        caller["jobs"]["telemetry"]["uses"] = f"./{CALLED_FILE}"
        app = CALLED["jobs"]["plan"]["steps"][0]["uses"]
        result = self.act.run(
            event,
            caller,
            run=run,
            event=PAYLOADS[event](world),
            secrets={
                "GITHUB_TOKEN": "ghs_tokenOfThisRun0123456789",
                "OTLP_ENDPOINT": endpoint,
                "OTLP_HEADERS": "Authorization=Bearer otlpSecret0123456789",
                "TELEMETRY_PRIVATE_KEY": "keyOfTheApp",
            },
            variables={
                "TELEMETRY_CLIENT_ID": "Iv23liOfTheApp",
                "FLOW_TELEMETRY_SETTINGS": self.settings,
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
