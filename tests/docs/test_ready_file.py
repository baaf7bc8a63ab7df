"""The README's `flow-telemetry.yml`: safe, and its triggers and its sweep fit together."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import events
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job
from tests.support.program import EXPORTING_RUN, Program, Result
from tests.support.workflows import ACTION, README, load, our_steps, readme_examples

TEXT = readme_examples()["ready file"]
FILE = load(TEXT)
PATH = ".github/workflows/flow-telemetry.yml"
Event = Mapping[str, Any]


def ago(hours: float) -> datetime:
    """Return the time so many hours before now, which is this machine's."""
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=hours)


def run_name(event_name: str, event: Event) -> str:
    """Return the name that GitHub gives a run of the file for an event."""
    github = {"event_name": event_name, "event": event}

    def value(path: str) -> Any:
        found: Any = {"github": github}
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def evaluated(expression: re.Match[str]) -> str:
        values = map(value, expression[1].split(" || "))
        return str(next(filter(None, values), ""))

    return re.sub(r"\$\{\{ (.*?) \}\}", evaluated, FILE["run-name"])


def sweep(program: Program, **inputs: Any) -> Result:
    """Run the file's step, started by the schedule: its own run is still going on."""
    _of_the_file(program.github.world, "schedule", "schedule", None, id=int(EXPORTING_RUN))
    ((_, step),) = our_steps(FILE)
    given = {
        name.replace("-", "_"): value
        for name, value in step["with"].items()
        if not name.startswith("otlp-") and "${{" not in str(value)
    }
    of_runner = {
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_WORKFLOW_REF": f"acme/shop/{PATH}@refs/heads/main",
    }
    event = events.schedule(program.github.world)
    return program.action(of_runner, event=event, since="last", **{**given, **inputs})


def of_change(world: World) -> tuple[str, Event]:
    """A pull request that was merged an hour ago."""
    pull = world.pull_request(123, opened_at=ago(3), merged_at=ago(1))
    return "pull_request_target", events.pull_request(world, pull, "closed")


def of_issue(world: World) -> tuple[str, Event]:
    """An issue that was closed an hour ago."""
    world.issue(17, opened_at=ago(3), closed_at=ago(1))
    return "issues", {"action": "closed", "issue": {"number": 17}}


def of_run(world: World) -> tuple[str, Event]:
    """A run that ended an hour ago."""
    run = world.run(jobs=[job("build")], created_at=ago(1))
    return "workflow_run", events.workflow_run(world, run)


TRIGGERS = {"pull_request_target": of_change, "issues": of_issue, "workflow_run": of_run}


def test_each_trigger_is_explained() -> None:
    """The table below the file has a row for each."""
    rows = README.read_text(encoding="utf-8").partition("| trigger | what it sends |")[2]
    named = re.findall(r"^\| `(\w+)`", rows.partition("\n\n")[0], re.MULTILINE)
    assert named == list(FILE["on"])
    assert set(named) - {"schedule", "workflow_dispatch"} == set(TRIGGERS)


def test_it_checks_nothing_out() -> None:
    """With secrets at hand, no code of a stranger may run: the action is the only step."""
    steps = [step for each in FILE["jobs"].values() for step in each["steps"]]
    assert [step.get("uses") for step in steps] == [ACTION]


def test_only_its_triggers_are_what_zizmor_calls_dangerous(tmp_path: Path) -> None:
    """Pinned by a hash, as the user may, it passes all else, pedantic rules included."""
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        pytest.skip("no wheel of zizmor for this platform")
    file = tmp_path / "flow-telemetry.yml"
    name = ACTION.partition("@")[0]
    file.write_text(TEXT.replace(ACTION, f"{name}@{'0' * 40} # v1"), encoding="utf-8")
    done = subprocess.run(
        [zizmor, "--offline", "--no-config", "--persona", "pedantic", "--format", "json-v1", file],
        capture_output=True,
        check=False,
    )
    assert {each["ident"] for each in json.loads(done.stdout)} == {"dangerous-triggers"}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_sweep_sends_what_no_event_told(
    program: Program, receiver: Receiver, trigger: str
) -> None:
    """Such as what was closed with GITHUB_TOKEN."""
    TRIGGERS[trigger](program.github.world)
    result = sweep(program, sweep_runs=True)
    assert (result.status, bool(receiver.spans)) == (0, True), result.stdout


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_sweep_leaves_out_what_a_run_of_the_file_sent(
    program: Program, receiver: Receiver, trigger: str
) -> None:
    """The run's name says what that was; the sweep sends neither that nor the file's own runs."""
    world = program.github.world
    happen: Callable[[World], tuple[str, Event]] = TRIGGERS[trigger]
    title = run_name(*happen(world))
    _of_the_file(world, trigger, title, "success")
    result = sweep(program, sweep_runs=True)
    assert (result.status, receiver.spans) == (0, []), result.stdout


def test_the_sweep_sends_what_a_run_of_the_file_failed_to(
    program: Program, receiver: Receiver
) -> None:
    """So the file sets `fail-on-error`: a run that sent nothing must not look like one that did."""
    world = program.github.world
    _of_the_file(world, "pull_request_target", run_name(*of_change(world)), "failure")
    result = sweep(program)
    assert result.status == 0, result.stdout
    assert receiver.spans_named("pull request #123")


@pytest.mark.parametrize("event_name", ["schedule", "workflow_dispatch"])
def test_a_sweep_is_named_after_nothing_that_it_sent(world: World, event_name: str) -> None:
    """Its runs tell the next sweep of no pull request, issue or run."""
    event = getattr(events, event_name)(world)
    assert run_name(event_name, event).strip() == event_name


def _of_the_file(
    world: World, event: str, title: str, conclusion: str | None, **facts: Any
) -> None:
    world.run(
        workflow="flow-telemetry",
        jobs=[job("Export", conclusion)],
        event=event,
        title=title,
        path=PATH,
        created_at=ago(0.5),
        **facts,
    )
