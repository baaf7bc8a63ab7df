"""A wrong optional setting: the export goes on, and a warning names the setting."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.world import World, job, step
from tests.support.program import Program

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
def test_the_spans_are_delivered_and_the_warning_is_shown(
    program: Program, run: Run, receiver: Receiver, name: str, value: str, fail_on_error: bool
) -> None:
    """The warning is in the log and in the summary; it never fails the step."""
    inputs: dict[str, Any] = {name.replace("-", "_"): value}
    result = program.export(run, fail_on_error=fail_on_error, **inputs)
    assert {"RUN CI", "test", "Run pytest"} <= {span.name for span in receiver.spans}
    (warning,) = result.warnings
    assert warning.startswith(f"flow-telemetry: `{name}` ")
    assert f"`{name}` " in result.summary.replace("\\", "")  # Markdown escapes them.
    assert (result.status, result.errors, result.outputs["status"]) == (0, [], "exported")
