"""The `flow-telemetry.yml` of docs/start/setups.md and the workflow that it calls fit together."""

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
from tests.support.expressions import interpolated, value
from tests.support.program import EXPORTING_RUN, Program, Result
from tests.support.workflows import (
    ACTION,
    ROOT,
    TELEMETRY,
    documented_examples,
    load,
    schema_errors,
)

SETUPS = ROOT / "docs" / "start" / "setups.md"
TEXT = documented_examples()["ready file"]
CALLER = load(TEXT)
(CALL,) = CALLER["jobs"].values()
CALLED = load(TELEMETRY.read_text(encoding="utf-8"))
INTERFACE = CALLED["on"]["workflow_call"]
(JOB,) = CALLED["jobs"].values()
EXPORT, UPLOAD = JOB["steps"]
OF_THE_ACTION = load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
PATH = ".github/workflows/flow-telemetry.yml"
READS = ("actions", "checks", "contents", "deployments", "issues", "pull-requests")
SWEEPS = ("schedule", "workflow_dispatch")
Event = Mapping[str, Any]


def ago(hours: float) -> datetime:
    """Return the time so many hours before now, which is this machine's."""
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=hours)


def run_name(event_name: str, event: Event) -> str:
    """Return the name that GitHub gives a run of the file for an event."""
    return interpolated(CALLER["run-name"], {"github": {"event_name": event_name, "event": event}})


def group(event_name: str, event: Event) -> str:
    """Return the concurrency group of the job for an event."""
    github = {"event_name": event_name, "event": event, "workflow": CALLER["name"]}
    return interpolated(JOB["concurrency"]["group"], {"github": github})


def sweep(program: Program, **inputs: Any) -> Result:
    """Run the step of the called workflow, started by the schedule: its run is still going on."""
    _of_the_file(program.github.world, "schedule", "schedule", None, id=int(EXPORTING_RUN))
    given = {
        name.replace("-", "_"): value
        for name, value in EXPORT["with"].items()
        if "${{" not in str(value)
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
    issue = world.issue(17, opened_at=ago(3), closed_at=ago(1))
    return "issues", events.issues(world, issue, "closed")


def of_run(world: World) -> tuple[str, Event]:
    """A run that ended an hour ago."""
    run = world.run(jobs=[job("build")], created_at=ago(1.2))
    return "workflow_run", events.workflow_run(world, run)


TRIGGERS = {"pull_request_target": of_change, "workflow_run": of_run, "issues": of_issue}


def test_each_trigger_is_explained() -> None:
    """The table below the file has a row for each."""
    rows = SETUPS.read_text(encoding="utf-8").partition("| trigger | what it sends |")[2]
    named = re.findall(r"^\| `(\w+)`", rows.partition("\n\n")[0], re.MULTILINE)
    assert named == list(CALLER["on"])
    assert named == [*TRIGGERS, *SWEEPS]


def test_the_file_calls_the_workflow_of_the_same_release() -> None:
    """Both are named by the same tag or commit."""
    repository, _, version = ACTION.partition("@")
    path = TELEMETRY.relative_to(ROOT).as_posix()
    assert CALL["uses"] == f"{repository}/{path}@{version}"


def test_nothing_is_checked_out() -> None:
    """With secrets at hand, no code of a stranger may run: the action and an upload are all."""
    assert "steps" not in CALL
    assert [step["uses"].partition("@")[0] for step in JOB["steps"]] == [
        ACTION.partition("@")[0],
        "actions/upload-artifact",
    ]
    assert not any("run" in step for step in JOB["steps"])


def zizmor(tmp_path: Path, text: str, *, pin: bool = True) -> set[str]:
    """Return what zizmor finds in a workflow, whose own action is first pinned by a hash."""
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("no wheel of zizmor for this platform")
    file = tmp_path / "flow-telemetry.yml"
    if pin:
        text = re.sub(r"(owner/flow-telemetry\S*)@\S+", rf"\1@{'0' * 40} # v1", text)
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, "--offline", "--no-config", "--persona", "pedantic", "--format", "json-v1", file],
        capture_output=True,
        check=False,
    )
    return {finding["ident"] for finding in json.loads(done.stdout)}


def test_only_its_triggers_are_what_zizmor_calls_dangerous(tmp_path: Path) -> None:
    """Pinned by a hash, as the user may, it passes all else, pedantic rules included."""
    assert zizmor(tmp_path, TEXT) == {"dangerous-triggers"}


def test_zizmor_finds_nothing_in_the_called_workflow(tmp_path: Path) -> None:
    """With its own action pinned by a hash, as a release does it."""
    assert zizmor(tmp_path, TELEMETRY.read_text(encoding="utf-8")) == set()


def test_the_called_workflow_fits_the_schema() -> None:
    """GitHub takes it."""
    assert schema_errors("github-workflows", CALLED) == []


def test_permissions_are_the_least_and_the_callers_cover_the_jobs() -> None:
    """GitHub starts no run whose job asks for more than its caller has."""
    assert (CALLER["permissions"], CALLED["permissions"]) == ({}, {})
    assert JOB["permissions"] == dict.fromkeys(READS, "read")
    assert CALL["permissions"] == JOB["permissions"]


def test_inputs_are_those_of_the_action() -> None:
    """With equal descriptions, and defaults that are equal as texts; each is passed on."""
    inputs = {name: each for name, each in INTERFACE["inputs"].items() if name != "runs-on"}
    assert inputs.keys() <= OF_THE_ACTION.keys()
    for name, given in inputs.items():
        assert given["description"] == OF_THE_ACTION[name]["description"], name
        assert f"inputs.{name} " in EXPORT["with"][name], name
        default = given["default"]
        text = str(default).lower() if isinstance(default, bool) else str(default)
        assert text == ("last" if name == "since" else OF_THE_ACTION[name]["default"]), name
        kinds = {bool: "boolean", int: "number", str: "string"}
        assert given["type"] == kinds[type(default)], name
        assert not given.get("required"), name


def test_what_the_caller_cannot_set_is_left_to_the_workflow() -> None:
    """What it sets itself, and what is for one subject, or for a step inside a run."""
    missing = OF_THE_ACTION.keys() - INTERFACE["inputs"].keys() - INTERFACE["secrets"].keys()
    assert missing == {
        *("target", "feature-key", "export", "needs", "measure", "inject-endpoint"),
        *("reports", "trace-files", "page", "comment", "fail-on-error", "timeout"),
    }
    constants = {name: each for name, each in EXPORT["with"].items() if "${{" not in str(each)}
    assert constants == {"fail-on-error": True}
    # Its first line counts less than those of the caller, its last one more.
    default, shared, *own = EXPORT["with"]["settings"].splitlines()
    assert (default, shared) == ("sweep-runs: true", "${{ inputs.settings }}")
    assert own[-1] == "ancestors: none"


def test_secrets_are_passed_by_name() -> None:
    """None is required, so that a repository without an endpoint gets a notice only."""
    secrets = INTERFACE["secrets"]
    assert set(secrets) == {"otlp-endpoint", "otlp-headers", "jira-token", "github-token"}
    assert not any(each.get("required") for each in secrets.values())
    for name, secret in secrets.items():
        assert secret["description"] == OF_THE_ACTION[name]["description"], name
        assert EXPORT["with"][name].startswith(f"${{{{ secrets.{name} "), name
    assert CALL["secrets"] == {
        "otlp-endpoint": "${{ secrets.OTLP_ENDPOINT }}",
        "otlp-headers": "${{ secrets.OTLP_HEADERS }}",
    }
    assert CALL["with"].keys() <= INTERFACE["inputs"].keys()


@pytest.mark.parametrize("event_name", CALLER["on"])
def test_the_runner_is_a_label_or_several(event_name: str) -> None:
    """As `runs-on` itself allows; without one a small runner, but a usual one for a sweep."""
    expression = JOB["runs-on"].removeprefix("${{ ").removesuffix(" }}")
    usual = "ubuntu-latest" if event_name in SWEEPS else "ubuntu-slim"
    for runs_on, labels in (
        ("", usual),
        ("windows-latest", "windows-latest"),
        ('["self-hosted", "linux"]', ["self-hosted", "linux"]),
    ):
        github = {"event_name": event_name}
        assert value(expression, {"inputs": {"runs-on": runs_on}, "github": github}) == labels


@pytest.mark.parametrize("event_name", CALLER["on"])
def test_an_export_ends_before_the_small_runner_does(event_name: str) -> None:
    """GitHub ends its jobs after 15 minutes, the default for a closed feature."""
    limit = interpolated(EXPORT["with"]["timeout"], {"github": {"event_name": event_name}})
    assert limit == ("12m" if event_name == "issues" else "")


def test_the_scheduled_file_is_the_ready_file_without_its_events() -> None:
    """The same in every repository: it names neither a repository nor a workflow of one."""
    scheduled = load(documented_examples()["scheduled file"])
    assert set(scheduled["on"]) == set(SWEEPS)
    (job,) = scheduled["jobs"].values()
    assert job == {name: each for name, each in CALL.items() if name != "cache-mode"}
    assert scheduled["permissions"] == {}
    for event_name in SWEEPS:
        github = {"github": {"event_name": event_name, "event": {}}}
        assert interpolated(scheduled["run-name"], github) == event_name


@pytest.mark.parametrize(
    ("conclusion", "runs"), [("success", True), ("action_required", False), (None, True)]
)
def test_a_run_that_waits_for_its_approval_is_not_exported(
    conclusion: str | None, runs: bool
) -> None:
    """Runs of forks complete with `action_required` before they ran; other events have none."""
    event = {"workflow_run": {"conclusion": conclusion}} if conclusion else {}
    assert value(JOB["if"], {"github": {"event": event}}) is runs


def test_only_sweeps_keep_a_ledger_however_they_end() -> None:
    """An artifact that an event's run wrote could be forged by who caused the event."""
    condition = UPLOAD["if"].removeprefix("always() && ")
    assert UPLOAD["if"] != condition
    for event_name in CALLER["on"]:
        keeps = value(condition.strip("()"), {"github": {"event_name": event_name}})
        assert keeps is (event_name in SWEEPS), event_name
    given = UPLOAD["with"]
    assert given["name"] == "flow-telemetry-ledger"
    assert given["path"] == "${{ runner.temp }}/flow-telemetry/"
    assert (given["if-no-files-found"], given["overwrite"]) == ("ignore", True)


def test_a_run_is_named_after_the_thing_and_the_instant(world: World) -> None:
    """So the sweep knows which closing, or which attempt, the run exported."""
    instant = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
    pull = world.pull_request(123, opened_at=instant - timedelta(hours=1), merged_at=instant)
    issue = world.issue(5, opened_at=instant - timedelta(hours=1), closed_at=instant)
    run = world.run(id=999, jobs=[job("build")])
    again = world.rerun(run)
    assert [
        run_name("pull_request_target", events.pull_request(world, pull, "closed")),
        run_name("issues", events.issues(world, issue, "closed")),
        run_name("workflow_run", events.workflow_run(world, run)),
        run_name("workflow_run", events.workflow_run(world, again)),
    ] == [
        "pull_request_target 123 2026-11-24T03:43:00Z",
        "issues 5 2026-11-24T03:43:00Z",
        "workflow_run 999 attempt 1",
        "workflow_run 999 attempt 2",
    ]


@pytest.mark.parametrize("event_name", SWEEPS)
def test_a_sweep_is_named_after_nothing_that_it_sent(world: World, event_name: str) -> None:
    """Its runs tell the next sweep of no pull request, issue or run."""
    assert run_name(event_name, getattr(events, event_name)(world)) == event_name


def test_sweeps_wait_for_each_other_and_events_for_those_of_the_same_thing(world: World) -> None:
    """A sweep needs the ledger of the one before; an attempt of a run is a thing of its own."""
    run = world.run(id=999, jobs=[job("build")])
    again = world.rerun(run)
    sweeps = {group(name, getattr(events, name)(world)) for name in SWEEPS}
    assert sweeps == {"flow-telemetry of flow-telemetry: sweep"}
    things = [
        group(*of_change(world)),
        group(*of_issue(world)),
        group("workflow_run", events.workflow_run(world, run)),
        group("workflow_run", events.workflow_run(world, again)),
    ]
    assert [thing.partition(": ")[2] for thing in things] == [
        *("123", "17", "999 attempt 1", "999 attempt 2")
    ]
    assert JOB["concurrency"]["cancel-in-progress"] is False
    # The same group in both would be a deadlock, and GitHub cancels the run.
    assert "concurrency" not in CALLER
    assert "concurrency" not in CALL


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


def test_the_sweep_sends_a_closing_after_the_one_that_a_run_sent(
    program: Program, receiver: Receiver
) -> None:
    """The run was for an earlier closing, as its name says."""
    world = program.github.world
    name, event = of_change(world)
    earlier = {"pull_request": {**event["pull_request"], "closed_at": "2026-01-02T03:04:05Z"}}
    _of_the_file(world, name, run_name(name, earlier), "success")
    result = sweep(program)
    assert result.status == 0, result.stdout
    assert receiver.spans_named("pull request #123")


def _of_the_file(
    world: World, event: str, title: str, conclusion: str | None, **facts: Any
) -> None:
    world.run(
        workflow="flow-telemetry",
        jobs=[job("Telemetry / Export", conclusion)],
        event=event,
        title=title,
        path=PATH,
        created_at=ago(0.9),
        **facts,
    )
