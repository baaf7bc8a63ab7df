"""The README's scheduled replay, run step by step as written, against the fake GitHub."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.faults import status
from tests.fakes.github import FakeGitHub
from tests.fakes.receiver import Receiver
from tests.fakes.records import Artifact
from tests.fakes.world import World, job
from tests.otlp.servers import closed_port_url
from tests.support.program import TOKEN, Program, Result
from tests.support.workflows import load, readme_examples

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "jq", "unzip", "xargs"))),
    reason="the example runs on ubuntu",
)
EXAMPLE = load(readme_examples()["replay the spool"])
NAME = "flow-telemetry-spool-4000000001-1-build"
# As GitHub's own: it asks the API with the token, and filters pages by jq. Deletions are noted.
GH = """#!{python}
import argparse, os, subprocess, sys
import requests

parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["api"])
parser.add_argument("path")
parser.add_argument("--paginate", action="store_true")
parser.add_argument("--method", default="GET")
parser.add_argument("--jq")
given = parser.parse_args()
if given.method == "DELETE":
    with open("deleted", "a") as deleted:
        deleted.write(given.path + "\\n")
    sys.exit()
url = os.environ["FAKE_GITHUB"] + "/" + given.path
headers = {{"Authorization": "Bearer " + os.environ["GH_TOKEN"]}}
while url:
    answer = requests.get(url, headers=headers)
    if answer.status_code != 200:
        sys.exit("gh: HTTP " + str(answer.status_code))
    page = answer.content
    if given.jq:
        page = subprocess.check_output(["jq", "-r", given.jq], input=page)
    sys.stdout.buffer.write(page)
    url = given.paginate and answer.links.get("next", {{}}).get("url")
"""
# Makes an environment: its `pip` takes nothing without hashes, its command is that of the checkout.
PYTHON3 = """#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\ncase "$*" in *--require-hashes*) ;; *) exit 1 ;; esac\\n' >"$3/bin/pip"
printf '#!/bin/sh\\nexec "{python}" -m flow_telemetry "$@"\\n' >"$3/bin/flow-telemetry"
chmod +x "$3/bin/pip" "$3/bin/flow-telemetry"
"""


class Runner:
    """A runner's workspace for one run of the example.

    `values` are what its expressions give, `kept` the files that it uploads, `outcomes` those of
    its steps by their ids.
    """

    def __init__(self, folder: Path, github: FakeGitHub, receiver: Receiver) -> None:
        self.folder = folder
        self.kept: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.values = {
            "github.repository": github.world.default,
            "github.token": TOKEN,
            "secrets.OTLP_ENDPOINT": receiver.url,
            "secrets.OTLP_HEADERS": "x-key=of-a-backend",
        }
        programs = folder.with_name("programs")
        for name, text in (("gh", GH), ("python3", PYTHON3)):
            programs.mkdir(exist_ok=True)
            (programs / name).write_text(text.format(python=sys.executable), encoding="utf-8")
            (programs / name).chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._environ = {**os.environ, "PATH": path, "FAKE_GITHUB": github.url}
        self._environ["RUNNER_TEMP"] = str(programs)
        folder.mkdir()
        (job,) = EXAMPLE["jobs"].values()
        self._steps: list[dict[str, Any]] = list(job["steps"])
        # What comes before is the same each time: the program is installed.
        while self._steps[0].get("id") != "fetch":
            assert self.step() == "success"
        self.outcomes.clear()

    @property
    def deleted(self) -> set[int]:
        """The artifacts that were deleted."""
        noted = self.folder / "deleted"
        text = noted.read_text(encoding="utf-8") if noted.exists() else ""
        return {
            int(number) for number in re.findall(r"^repos/acme/shop/.*/(\d+)$", text, re.MULTILINE)
        }

    def step(self) -> str:
        """Take the next step, as the outcomes of those before it allow; return its outcome."""
        step = self._steps.pop(0)
        outcome = "skipped"
        if self._is_due(str(step.get("if", "success()"))):
            outcome = "success" if self._take(step) else "failure"
        self.outcomes[step.get("id", f"step {len(self.outcomes)}")] = outcome
        return outcome

    def steps(self) -> Mapping[str, str]:
        """Take all that are left; return the outcomes."""
        while self._steps:
            self.step()
        return self.outcomes

    def _is_due(self, condition: str) -> bool:
        def holds(part: str) -> bool:
            if part == "success()":
                return "failure" not in self.outcomes.values()
            asked = re.fullmatch(r"steps\.(\w+)\.outcome == 'success'", part)
            return self.outcomes[asked[1]] == "success" if asked else part == "always()"

        return all(map(holds, condition.split(" && ")))

    def _take(self, step: dict[str, Any]) -> bool:
        if step.get("uses", "").startswith("actions/checkout@"):
            return True
        if "run" not in step:
            folder = self.folder / step["with"]["path"]
            self.kept = [path.name for path in folder.rglob("*") if path.is_file()]
            return True
        variables = {name: self._evaluated(text) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.folder,
            env={**self._environ, **variables},
            timeout=100,
            check=False,
        )
        return done.returncode == 0

    def _evaluated(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.values[found[1]], text)


@pytest.fixture
def runner(tmp_path: Path, github: FakeGitHub, receiver: Receiver) -> Runner:
    """A runner that has not begun."""
    return Runner(tmp_path / "workspace", github, receiver)


def kept(program: Program, name: str, *, artifact: str = NAME, **of_run: Any) -> Artifact:
    """An artifact with the spool of a run whose only job has that name."""
    world = program.github.world
    run = world.run(jobs=[job(name)], **of_run)
    program.receiver.script("/v1/traces", status(401))
    result = program.export(run, signals="traces")
    return world.artifact(artifact, _taken(result), run=run.id)


def _taken(result: Result) -> dict[str, str]:
    files = {path.name: path.read_text(encoding="utf-8") for path in result.spool_files}
    assert files
    for path in result.spool_files:
        path.unlink()
    return files


def jobs_in(receiver: Receiver) -> set[str]:
    """The jobs that the backend has spans of."""
    return {name for line in receiver.tree() if (name := line.strip()).startswith("build")}


def test_what_was_kept_is_sent_and_then_deleted(
    program: Program, receiver: Receiver, runner: Runner
) -> None:
    """Each artifact, two of the same name among them; one that comes meanwhile stays."""
    ours = {kept(program, name).id for name in ("build one", "build two")}
    assert runner.step() == "success"
    kept(program, "build three")
    assert set(runner.steps().values()) == {"success"}
    assert jobs_in(receiver) == {"build one", "build two"}
    assert (runner.deleted, runner.kept) == (ours, [])


def test_an_artifact_of_a_fork_is_neither_sent_nor_deleted(
    program: Program, world: World, receiver: Receiver, runner: Runner
) -> None:
    """Whatever its name, and nor is one of another name, or of a run that is not known."""
    world.repository("mallory/shop")
    ours = kept(program, "build ours")
    kept(program, "build of a stranger", head_repository="mallory/shop")
    kept(program, "build of a fork that is gone", head_repository=None)
    world.artifact("coverage", {"coverage.json": "{}"}, run=world.attempts[0].id)
    facts = {"workflow_run": None}
    world.artifact(NAME, {"x.jsonl": "{}"}, run=world.attempts[0].id, facts=facts)
    assert set(runner.steps().values()) == {"success"}
    assert jobs_in(receiver) == {"build ours"}
    assert (runner.deleted, runner.kept) == ({ours.id}, [])


def test_what_is_still_not_taken_becomes_an_artifact_again(
    program: Program, runner: Runner
) -> None:
    """With all its files, and then the old ones go."""
    ours = {kept(program, name).id for name in ("build one", "build two")}
    runner.values["secrets.OTLP_ENDPOINT"] = closed_port_url()
    outcomes = list(runner.steps().values())
    assert outcomes == ["success", "failure", "success", "success"]
    assert (runner.deleted, len(runner.kept)) == (ours, 2)


def test_a_download_that_fails_deletes_nothing(
    program: Program, world: World, receiver: Receiver, runner: Runner
) -> None:
    """Nor is what was read until then kept twice: the next replay reads it again."""
    world.artifact(NAME, b"no archive", run=world.run(jobs=[job("build")]).id)
    kept(program, "build one")
    assert list(runner.steps().values()) == ["failure", "skipped", "skipped", "skipped"]
    assert (runner.deleted, runner.kept, receiver.spans) == (set(), [], [])


def test_nothing_that_was_kept_is_no_failure(runner: Runner, receiver: Receiver) -> None:
    """As mostly."""
    assert set(runner.steps().values()) == {"success"}
    assert (runner.deleted, runner.kept, receiver.requests) == (set(), [], [])
