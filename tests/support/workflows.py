"""Workflows as text and as data, and the examples of the documents."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
# The workflow that the ready file of docs/start/setups.md calls.
TELEMETRY = ROOT / ".github" / "workflows" / "telemetry.yml"
# The one for an organization, which docs/start/organization.md calls.
ORGANIZATION = ROOT / ".github" / "workflows" / "organization.yml"
# By the major tag, or once there is a release by its commit, which the release writes there.
ACTION = re.findall(r"uses: (owner/flow-telemetry@\S+)", README.read_text(encoding="utf-8"))[0]

# The YAML of each page in its order.
_EXAMPLES = {
    "README.md": ("last step", "scheduled file"),
    "docs/start/setups.md": (
        *("ready file", "each job and the rest", "last job", "workflow_run", "inside the job"),
    ),
    "docs/operate/replay.md": ("keep the spool",),
}

Workflow = dict[str, Any]


def load(text: str) -> Workflow:
    """Return a workflow or action as data. YAML 1.1, which PyYAML reads, takes `on` for true."""
    loaded: dict[Any, Any] = yaml.safe_load(text)
    return {("on" if key is True else key): value for key, value in loaded.items()}


def dump(workflow: Workflow) -> str:
    """Return a workflow as YAML."""
    return yaml.safe_dump(workflow, sort_keys=False, allow_unicode=True)


def schema_errors(schema: str, instance: Workflow) -> list[str]:
    """Return what a schema that check-jsonschema brings along finds wrong."""
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{schema}.json"
    loaded = json.loads(vendored.read_text(encoding="utf-8"))
    return [error.message for error in validator_for(loaded)(loaded).iter_errors(instance)]


def actionlint_errors(text: str) -> str:
    """Return the complaints of actionlint about a workflow; skip the test where it has no wheel."""
    actionlint = shutil.which("actionlint", path=str(Path(sys.executable).parent))
    if actionlint is None:
        pytest.skip("no wheel of actionlint for this platform")
    words = [actionlint, "-no-color", "-shellcheck=", "-"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=False)
    assert (done.returncode == 0) == (not done.stdout)
    return done.stdout.decode()


def documented_examples() -> dict[str, str]:
    """Return the workflows of the README and of the pages on setups, by what they show."""
    examples: dict[str, str] = {}
    for page, names in _EXAMPLES.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        examples.update(zip(names, blocks, strict=True))
    return examples


def our_steps(workflow: Workflow) -> Iterator[tuple[Workflow, dict[str, Any]]]:
    """Yield each step of a workflow that uses the action, after the job that it stands in."""
    for job in workflow["jobs"].values():
        for step in job.get("steps", ()):
            if step.get("uses") == ACTION:
                yield job, step
