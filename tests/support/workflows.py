"""Workflows as text and as data, and the examples of the README."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema.validators import validator_for

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
# The workflow that the README's ready file calls.
TELEMETRY = ROOT / ".github" / "workflows" / "telemetry.yml"
# The one for an organization, which docs/guides/organization.md calls.
ORGANIZATION = ROOT / ".github" / "workflows" / "organization.yml"
# By the major tag, or once there is a release by its commit, which the release writes there.
ACTION = re.findall(r"uses: (owner/flow-telemetry@\S+)", README.read_text(encoding="utf-8"))[0]

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


def readme_examples() -> dict[str, str]:
    """Return the README's YAML by the place of use that it shows."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    names = (
        *("last step", "each job and the rest", "last job", "workflow_run"),
        *("scheduled file", "ready file"),
        *("inside the job", "keep the spool"),
    )
    return dict(zip(names, blocks, strict=True))


def our_steps(workflow: Workflow) -> Iterator[tuple[Workflow, dict[str, Any]]]:
    """Yield each step of a workflow that uses the action, after the job that it stands in."""
    for job in workflow["jobs"].values():
        for step in job.get("steps", ()):
            if step.get("uses") == ACTION:
                yield job, step
