"""The composite action executed for real, by act, on this machine without containers.

    result = act.run("pull_request", workflow, run=run, event=event)
    assert result.outputs("telemetry")["status"] == "exported"

act plays the runner: it reads workflow and action.yml, evaluates expressions, runs the steps and
takes what they write. Nothing is hidden from its log here, so that tests see what is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.records import Run
from tests.support import artifact_upload
from tests.support.ports import free_ports
from tests.support.runner import commit_all
from tests.support.workflows import ACTION, Workflow, dump

# GitHub hands no INPUT_* to composite actions, act does: the copy of the action takes them away.
RUN = 'exec /bin/sh "$GITHUB_ACTION_PATH/launcher/start.sh"'
RUN_WITHOUT_INPUTS = (
    "exec env $(env | sed -n 's/^\\(INPUT_[^=]*\\)=.*/-u \\1/p') "
    '/bin/sh "$GITHUB_ACTION_PATH/launcher/start.sh"'
)


def find_act() -> str | None:
    """Return the path of act, which some platforms have no wheel of."""
    return shutil.which("act", path=str(Path(sys.executable).parent))


def take_inputs_away(action: Path) -> None:
    """Change the one line of action.yml that starts the program on a POSIX runner."""
    path = action / "action.yml"
    before = path.read_text(encoding="utf-8")
    assert before.count(f"run: {RUN}\n") == 1, "the line that starts the program has changed"
    path.write_text(before.replace(f"run: {RUN}\n", f"run: {RUN_WITHOUT_INPUTS}\n"), "utf-8")


@dataclass(frozen=True, slots=True)
class ActResult:
    """What came of a workflow: act's exit status, and the records of its log."""

    status: int
    records: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def log(self) -> str:
        """All that was logged, to read where a test fails."""
        return "\n".join(record["msg"].rstrip() for record in self.records)

    def commands(self, name: str) -> list[str]:
        """The arguments of the workflow commands of that name, such as `warning`, in order."""
        return [r["arg"] for r in self.records if r.get("command") == name and "raw" in r]

    def outputs(self, step: str) -> dict[str, str]:
        """The outputs of a step of the workflow, by its id."""
        return {
            r["name"]: r["arg"]
            for r in self.records
            if r.get("command") == "set-output" and r["stepID"] == [step]
        }

    @property
    def summaries(self) -> list[str]:
        """What the action's own step wrote into the job summary, for each job."""
        return [r["content"] for r in self._of_the_program() if r.get("command") == "summary"]

    @property
    def printed(self) -> list[str]:
        """The lines that the program printed, workflow commands included."""
        records = self._of_the_program()
        lines = (r.get("raw") or (r["msg"] if r.get("raw_output") else "") for r in records)
        return [line.rstrip("\n") for line in lines if line]

    @property
    def echoed(self) -> str:
        """What the workflow's own steps printed."""
        return "".join(
            r["msg"] for r in self.records if r.get("raw_output") and len(r["stepID"]) == 1
        )

    def _of_the_program(self) -> list[Mapping[str, Any]]:
        return [r for r in self.records if r.get("stepID", [""])[-1] == "posix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactStore:
    """A folder of act's artifact service, and the action that uploads to it."""

    folder: Path
    # `actions/upload-artifact@…`, as the workflow names it.
    action: str

    def archive(self, run: Run, name: str) -> bytes:
        """Return what a run uploaded, as a zip archive."""
        return (self.folder / str(run.id) / name / f"{name}.zip").read_bytes()

    def options(self) -> list[str]:
        """Start the service on a free port, and run our action in place of the official one."""
        ours = self.folder.with_name("upload-artifact")
        ours.mkdir(exist_ok=True)
        (ours / "action.yml").write_text(artifact_upload.ACTION, "utf-8")
        shutil.copy(artifact_upload.__file__, ours)
        (port,) = free_ports(1)
        return [
            *("--artifact-server-path", str(self.folder)),
            *("--artifact-server-addr", "127.0.0.1", "--artifact-server-port", str(port)),
            *("--local-repository", f"{self.action}={ours}"),
        ]


class Act:
    """A runner. `cache` is act's own folder, with the tool cache in it.

    Each run finds a new checkout in `repository`.
    """

    def __init__(
        self, *, binary: str, action: Path, cache: Path, repository: Path, github: FakeGitHub
    ) -> None:
        self.binary = binary
        self.action = action
        self.cache = cache
        self.repository = repository
        self.github = github

    def run(
        self,
        event_name: str,
        workflow: Workflow,
        *,
        run: Run,
        event: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        make: str = "true",
        path: str = "workflow.yml",
        calls: Mapping[str, Workflow] | None = None,
        artifacts: ArtifactStore | None = None,
        replaced: Mapping[str, Path] | None = None,
    ) -> ActResult:
        """Run a workflow as the run of that id; ``make`` is what its steps find as `make`.

        ``path`` is the file of the workflow, ``calls`` are workflows that it calls, by their paths.
        ``replaced`` are folders of actions that stand in for those of GitHub, by their names.
        """
        self._check_out({**(calls or {}), path: workflow}, event or {}, make)
        repository = self.github.world.default
        of_runner = {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": repository,
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_WORKFLOW_REF": f"{repository}/{path}@refs/heads/main",  # act sets none
        }
        if not any("RUNNER_NAME" in job.get("env", {}) for job in workflow["jobs"].values()):
            # act knows neither the runner's name nor `job.check_run_id`; this is how the job that
            # a step stands in is told then. Given here it would hide what a job says.
            of_runner["RUNNER_NAME"] = run.jobs[-1].runner.name or ""
        done = subprocess.run(
            [
                *(self.binary, event_name),
                *("-W", path, "-e", "event.json"),
                *("-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-slim=-self-hosted"),
                *("--json", "--insecure-secrets"),
                *("--action-cache-path", str(self.cache), "--no-cache-server"),
                *("--local-repository", f"{ACTION}={self.action}"),
                *(artifacts.options() if artifacts else ()),
                *(f"--local-repository={name}={at}" for name, at in (replaced or {}).items()),
                *_options("--env", of_runner),
                *_options("-s", secrets or {}),
                *_options("--var", variables or {}),
            ],
            cwd=self.repository,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        records = tuple(json.loads(line) for line in lines)
        return ActResult(done.returncode, records)

    def _check_out(
        self, workflows: Mapping[str, Workflow], event: Mapping[str, Any], make: str
    ) -> None:
        """Make a repository of workflows, with the event's file and a program `make`."""
        shutil.rmtree(self.repository, ignore_errors=True)
        for path, workflow in workflows.items():
            file = self.repository / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dump(workflow), "utf-8")
        (self.repository / "event.json").write_text(json.dumps(event), "utf-8")
        program = self.repository / "bin" / "make"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{make}\n", "utf-8")
        program.chmod(0o755)
        commit_all(self.repository)

    def _environ(self) -> dict[str, str]:
        """A home without settings of act's, and the Python that runs the tests before others."""
        home = {"HOME": str(self.cache), "XDG_CONFIG_HOME": str(self.cache)}
        folders = (self.repository / "bin", Path(sys.executable).parent, os.environ["PATH"])
        return {**os.environ, **home, "PATH": os.pathsep.join(map(str, folders))}


def new_act(github: FakeGitHub, repository: Path, tool_cache: Path, action: Path) -> Act:
    """Return a runner that reaches a fake GitHub; the test is skipped if there is none here."""
    binary = find_act()
    if binary is None or sys.platform == "win32":
        pytest.skip("act runs no steps without containers here")
    return Act(
        binary=binary,
        action=action,
        cache=tool_cache.parent,
        repository=repository,
        github=github,
    )


def _options(flag: str, values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (flag, f"{name}={value}")]
