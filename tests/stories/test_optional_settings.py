"""A wrong optional setting: the export goes on, and an error in the log names the setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.process.running import python
from tests.process.running import run as run_command
from tests.support.program import TOKEN, Program

WRONG = [
    ("jira-url", "https://jira.example.com:port"),
    ("jira-url", "http://[::1"),
    ("trace-url", "traces.example.com"),
    ("status-categories", "Review=somewhere"),
    ("summary", "yes"),
    ("resource-attributes", "team"),
    ("log-level", "loud"),
    ("logs", "some"),
]


@pytest.fixture
def run(world: World) -> Run:
    """A run of one job."""
    return world.run(jobs=[job("test", steps=[step("Run pytest", 12)])])


def test_a_wrong_address_of_jira_leaves_the_chain_incomplete(
    program: Program, world: World, receiver: Receiver
) -> None:
    """An item that would have been read is not taken for one that has no parent."""
    pull = world.pull_request(123, branch="feature/acme-57-pay")
    run = world.run(event="pull_request", branch=pull.plan.branch, jobs=[job("test")])
    program.export(run, jira_url="https://jira.example.com:port")
    attributes = receiver.span("RUN CI").attributes
    assert attributes["flow.work_item.key"] == "ACME-57"
    assert "ACME-57 was not read" in attributes["flow.chain.incomplete"]
    before = len(receiver.spans)
    program.export(run, jira_projects="ACME")
    later = receiver.spans[before:]
    assert later
    assert not any("flow.chain.incomplete" in span.attributes for span in later)


@pytest.mark.parametrize(("name", "value"), WRONG)
@pytest.mark.parametrize("fail_on_error", [False, True])
def test_the_spans_are_delivered_and_the_error_is_shown(
    program: Program, run: Run, receiver: Receiver, name: str, value: str, fail_on_error: bool
) -> None:
    """The error is in the log and in the summary; it never fails the step."""
    inputs: dict[str, Any] = {name.replace("-", "_"): value}
    result = program.export(run, fail_on_error=fail_on_error, **inputs)
    assert {"RUN CI", "test", "Run pytest"} <= {span.name for span in receiver.spans}
    (error,) = result.errors
    assert error.startswith(f"flow-telemetry: `{name}` ")
    assert f"`{name}` " in result.summary.replace("\\", "")  # Markdown escapes them.
    assert (result.status, result.warnings, result.outputs["status"]) == (0, [], "exported")


@pytest.mark.parametrize("name", ["summary", "logs", "status-categories"])
@pytest.mark.parametrize("otlp_endpoint", [None, ""])
def test_a_secret_in_the_wrong_input_is_not_shown(
    program: Program, run: Run, name: str, otlp_endpoint: str | None
) -> None:
    """The error quotes the value, with an endpoint and without one."""
    inputs: dict[str, Any] = {name.replace("-", "_"): f"Review={TOKEN}"}
    if otlp_endpoint is not None:
        inputs["otlp_endpoint"] = otlp_endpoint
    result = program.export(run, **inputs)
    shown = result.log.replace(f"::add-mask::{TOKEN}", "") + result.summary
    assert f"`{name}`" in shown.replace("\\", "")
    assert TOKEN not in shown


def test_a_secret_in_the_wrong_flag_is_not_shown(program: Program) -> None:
    """Nor on the command line, if nothing is sent."""
    words = ("export", "run", "--repo", "acme/shop", "--run-id", "1", "--logs", TOKEN)
    result = program.command(*words, environ={"OTEL_SDK_DISABLED": "true"})
    assert "`logs` must be one of" in result.log
    assert TOKEN not in result.log


def test_a_jira_that_is_switched_off_is_not_missed(
    program: Program, world: World, receiver: Receiver
) -> None:
    """With `tracker: github` a wrong `jira-url` makes no chain incomplete."""
    pull = world.pull_request(123, branch="feature/acme-57-pay")
    run = world.run(event="pull_request", branch=pull.plan.branch, jobs=[job("test")])
    wrong: dict[str, Any] = {"jira_url": "https://jira.example.com:port", "tracker": "github"}
    program.export(run, feature_key="ACME-42", **wrong)
    assert not any("flow.chain.incomplete" in span.attributes for span in receiver.spans)


def test_explain_shows_the_error(program: Program, run: Run) -> None:
    """On standard error; the explanation itself is complete."""
    words = ("--repo", "acme/shop", "--run-id", run.id, "--log-level", "loud")
    result = program.command("explain", *words)
    assert "error: `log-level` must be one of" in result.stderr
    assert f"run {run.id}, attempt 1" in result.stdout
    assert result.status == 0


def test_explain_shows_no_secret_of_a_wrong_flag(program: Program, run: Run) -> None:
    """The error is redacted like any other text."""
    words = ("--repo", "acme/shop", "--run-id", run.id, "--log-level", TOKEN)
    result = program.command("explain", *words)
    assert "`log-level` must be one of" in result.stderr
    assert TOKEN not in result.stderr


def test_replay_shows_the_error(program: Program, tmp_path: Path) -> None:
    """Everything is replayed all the same, and the status is 0."""
    result = program.command(
        "replay", tmp_path, "--otlp-endpoint", program.receiver.url, "--log-level", "loud"
    )
    assert "error: `log-level` must be one of" in result.stderr
    assert result.status == 0


def test_run_shows_the_error(receiver: Receiver) -> None:
    """After the command, whose status stays; the span is delivered."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_RESOURCE_ATTRIBUTES": "team",
    }
    done = run_command("--", *python("raise SystemExit(3)"), environ=environ)
    assert done.returncode == 3
    assert "flow-telemetry: `OTEL_RESOURCE_ATTRIBUTES` must be a list" in done.stderr
    assert len(receiver.spans) == 1
