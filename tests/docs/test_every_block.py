"""Each YAML block and each command of the documents is what GitHub, or the program, understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.workflows import ACTION, ROOT, actionlint_errors, dump, load, schema_errors

from flow_telemetry.cli.main import parse_words
from flow_telemetry.settings.inputs import ACTION_INPUTS, INPUT
from flow_telemetry.settings.shared import parse_shared_settings

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")], key=str)
# The tests of backends run each of its configurations as it is printed.
COLLECTORS = "docs/guides/recipes.md"
# Parts of files that run in the tests of backends, by their first key.
PARTS = {
    "storage": "prometheus.yaml",
    "apiVersion": "grafana-dashboards.yaml",
    "rule_files": "prometheus.yaml",
}
INPUTS = {row.name for row in ACTION_INPUTS}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Yield each block of a language, after the name of its page and the number of its line."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(
            rf"^```(?:{language})\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
        ):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{page.relative_to(ROOT).as_posix()}:{line}", found[1]


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command of the program, after its place."""
    for place, block in blocks("console|sh"):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\$ )?(?:\.venv/bin/)?flow-telemetry (.*)", line)
            if found:
                yield place, found[1]


def as_workflow(data: Any) -> dict[str, Any] | None:
    """Return a workflow around a job, steps or their keys; None for what is none of GitHub's."""
    job: dict[str, Any] = {"runs-on": "ubuntu-latest", "steps": [{"run": "make"}]}
    if isinstance(data, list):
        job["steps"] = data
    elif "jobs" in data:
        return dict(data)
    elif data.keys() <= {"permissions", "env", "steps"}:
        job |= data
    elif data.keys() == {"uses", "with"} and ".github/workflows/" in data["uses"]:
        job = data
    elif data.keys() == {"uses", "with"}:
        job["steps"] = [data]
    elif data.keys() == {"with"}:
        job["steps"] = [{"uses": ACTION, **data}]
    else:
        return None
    return {"on": "push", "permissions": {}, "jobs": {"job": job}}


YAML = dict(blocks("yaml"))
WORKFLOWS = {
    place: text if "jobs:" in text else dump(workflow)
    for place, text in YAML.items()
    if (workflow := as_workflow(yaml.safe_load(text))) is not None
}
OTHERS = sorted(YAML.keys() - WORKFLOWS.keys())
COMMANDS = [*commands()]


@pytest.mark.parametrize("place", WORKFLOWS)
def test_github_understands_a_workflow(place: str) -> None:
    """By the schema that editors use, and actionlint."""
    assert schema_errors("github-workflows", load(WORKFLOWS[place])) == []
    assert actionlint_errors(WORKFLOWS[place]) == ""


@pytest.mark.parametrize("place", WORKFLOWS)
def test_a_step_uses_inputs_that_there_are(place: str) -> None:
    """And settings that there are, in its `settings`."""
    for job in load(WORKFLOWS[place])["jobs"].values():
        for step in job.get("steps", ()):
            if step.get("uses") == ACTION:
                given = step.get("with", {})
                assert given.keys() <= INPUTS
                # A line that is an expression stands for lines of a variable.
                own = re.sub(r"^\$\{\{.*\}\}$", "", given.get("settings", ""), flags=re.MULTILINE)
                parse_shared_settings(own)


@pytest.mark.parametrize("place", OTHERS)
def test_any_other_block_is_settings_or_runs_elsewhere(place: str) -> None:
    """A Collector's configuration, a part of an example, or settings with usable values."""
    data: dict[str, Any] = yaml.safe_load(YAML[place])
    first = next(iter(data))
    if "service" in data:
        assert place.startswith(COLLECTORS)
    elif first in PARTS:
        path = Path(ROOT, "examples", PARTS[first])
        assert_part(data, yaml.safe_load(path.read_text(encoding="utf-8")))
    else:
        assert data.keys() <= INPUT.keys()
        for name, value in data.items():
            INPUT[name].parse(str(value).strip())


def assert_part(part: Any, whole: Any) -> None:
    """Whether each key and item of a part is in the whole; values may be those of a user."""
    if isinstance(part, Mapping):
        assert part.keys() <= whole.keys()
        for name, value in part.items():
            assert_part(value, whole[name])
    elif isinstance(part, list):
        assert isinstance(whole, list)


@pytest.mark.parametrize(("place", "command"), COMMANDS)
def test_the_program_understands_a_command(place: str, command: str) -> None:
    """Its flags are the program's."""
    options = parse_words(shlex.split(command, comments=True))
    assert callable(options.run), place


def test_blocks_and_commands_are_found() -> None:
    """Else the tests above would check nothing."""
    assert len(WORKFLOWS) > 30
    assert len(OTHERS) > 10
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_that_are_named_exist(page: Path) -> None:
    """`make demo` and its like."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text)) <= targets
