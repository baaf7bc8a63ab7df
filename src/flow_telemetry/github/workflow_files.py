"""Workflow files of a run, and whether they allow jobs to fail."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import quote

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.http import payload as read
from flow_telemetry.model import Run

# GitHub's own limit is far smaller. In a run of a pull request, its author wrote the file.
_LONGEST_FILE = 1_000_000
# https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
_MOST_FILES = 51
# The values of `continue-on-error` that allow nothing.
_NOT_ALLOWED = ("false", "False", "FALSE", "null", "~", "")


def allows_failures(client: GitHubClient, run: Run) -> bool | None:
    """Return whether a job of the run's workflows has `continue-on-error`; None if unknown.

    The files are read at the run's commit, those of called workflows at the commits that GitHub
    names. An expression as the value may be true. None if a file cannot be read or parsed.
    """
    files = [(run.repository.full_name, run.path.partition("@")[0], run.head_sha)]
    for path, sha in run.referenced_workflows:
        owner, _, rest = path.partition("@")[0].partition("/")
        name, _, file = rest.partition("/")
        files.append((f"{owner}/{name}", file, sha))
    unknown = len(files) > _MOST_FILES
    for repository, path, sha in dict.fromkeys(files[:_MOST_FILES]):
        try:
            if _has_continue_on_error(_read_file(client, repository, path, sha)):
                return True
        except (FlowTelemetryError, ValueError):
            unknown = True
    return None if unknown else False


def _read_file(client: GitHubClient, repository: str, path: str, sha: str) -> str:
    """Return the text of a file. Raises ValueError if it is not a text of usual size."""
    if not path.startswith(".github/workflows/") or not sha:
        # Workflows of `dynamic/…` paths, such as GitHub Pages, have no file.
        raise ValueError(f"{path} is not a workflow file")
    what = f"{path} of {repository}"
    payload = client.get(f"/repos/{repository}/contents/{quote(path)}", what, ref=sha)
    content = read.text(payload, "content") if isinstance(payload, dict) else None
    if not content or len(content) > _LONGEST_FILE:
        raise ValueError(f"{what} has no usable content")
    try:
        return base64.b64decode(content).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{what} is not a text") from error


def _has_continue_on_error(text: str) -> bool:
    """Whether a job may fail without failing the run. Raises ValueError if it is not YAML."""
    # Loaded only if a job failed while the run goes on.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        # The nodes only: nothing is made of the author's tags, which raise many kinds of errors.
        document: Any = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError, ValueError, ArithmeticError, LookupError) as error:
        raise ValueError("the workflow file is not YAML") from error
    jobs = _mapping(_mapping(document).get("jobs"))
    if not jobs:
        raise ValueError("the workflow file has no jobs")
    values = (_mapping(job).get("continue-on-error") for job in jobs.values())
    return any(value is not None and value.value not in _NOT_ALLOWED for value in values)


def _mapping(node: Any) -> dict[str, Any]:
    """Return the nodes of a YAML mapping by key; empty if the node is none."""
    if getattr(node, "id", None) != "mapping":
        return {}
    return {key.value: value for key, value in node.value if isinstance(key.value, str)}
