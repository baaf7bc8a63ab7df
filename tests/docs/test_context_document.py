"""The page on the trace context can be copied, and what it says of variables and tools holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.workflows import (
    ACTION,
    ROOT,
    Workflow,
    actionlint_errors,
    load,
    our_steps,
    schema_errors,
)

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.process.context import BAGGAGE, TRACEPARENT, TRACESTATE
from flow_telemetry.settings.inputs import ACTION_INPUTS, INPUT

PAGE = (ROOT / "docs" / "guides" / "trace-context.md").read_text(encoding="utf-8")
EXAMPLES = dict(
    zip(
        ("a job", "handing on"),
        re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE),
        strict=True,
    )
)
READS = {"actions", "checks", "contents", "deployments", "issues", "pull-requests"}
# Inputs that the page names by their beginning, as `jira-…`.
FAMILIES = {"jira"}


def table_after(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    text = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1:]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_workflow(name: str) -> None:
    """The schema that editors use for workflows takes it."""
    assert schema_errors("github-workflows", load(EXAMPLES[name])) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_actionlint(name: str) -> None:
    """Its expressions and keys are GitHub's."""
    assert actionlint_errors(EXAMPLES[name]) == ""


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_uses_inputs_that_there_are_and_reads_alone(name: str) -> None:
    """All permissions that the action reads by, and none to write."""
    workflow = load(EXAMPLES[name])
    for job, step in our_steps(workflow):
        assert step.get("with", {}).keys() <= {each.name for each in ACTION_INPUTS}
        given = job["permissions"] if "permissions" in job else workflow["permissions"]
        assert given == dict.fromkeys(READS, "read")


def jobs_with_context(workflow: Workflow) -> list[list[dict[str, Any]]]:
    """Return the steps of each job that has a context step."""
    return [
        job["steps"]
        for job in workflow["jobs"].values()
        if any(step.get("with", {}).get("mode") == "context" for step in job["steps"])
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_context_comes_first_and_the_export_last(name: str) -> None:
    """Else steps would run without it, or not be sent."""
    found = jobs_with_context(load(EXAMPLES[name]))
    assert found
    for first, *_, last in found:
        assert (first["uses"], first["with"]["mode"]) == (ACTION, "context")
        assert (last["uses"], last["if"]) == (ACTION, "always()")


def test_the_outputs_that_are_handed_on_are_the_actions() -> None:
    """Those of the step with the id that the example gives it."""
    action = load((ROOT / "action.yml").read_text(encoding="utf-8"))
    named = re.findall(r"steps\.context\.outputs\.([\w-]+)", PAGE)
    sentence = re.search(r"^Outputs of the step: (.*)$", PAGE, re.MULTILINE)
    assert sentence is not None
    told = re.findall(r"`([\w-]+)`", sentence[1])
    assert set(named) <= set(told) == {"traceparent", "trace-id", "span-id"}
    assert set(told) <= action["outputs"].keys()


def test_the_variables_are_those_that_the_step_sets() -> None:
    """With the keys that go into the baggage."""
    rows = {cells[0].strip("`"): cells[1] for cells in table_after("What later steps get")}
    assert set(rows) == {TRACEPARENT, TRACESTATE, BAGGAGE}
    assert set(re.findall(r"`([\w.]+)`", rows[BAGGAGE])) == {
        semconv.FLOW_FEATURE_KEY,
        semconv.FLOW_WORK_ITEM_KEY,
        semconv.VCS_CHANGE_ID,
    }


def test_inputs_in_the_text_are_legal() -> None:
    """Whatever stands as `input: value`, and the list of those that decide about the trace."""
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*): [^`]+`", PAGE))
    assert named <= INPUT.keys()
    listed = PAGE.partition("Inputs that decide about the trace (")[2].partition(")")[0]
    plain = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", listed))
    assert plain
    assert plain <= INPUT.keys()
    families = set(re.findall(r"`([a-z]+)-…`", listed))
    assert families == FAMILIES
    assert all(any(name.startswith(f"{each}-") for name in INPUT) for each in families)


@pytest.mark.parametrize(
    "row", [row for row in table_after("Tools that read it") if "**tested**" not in row[1]]
)
def test_each_tool_has_its_source(row: list[str]) -> None:
    """A reader can check what was only read."""
    assert "](https://" in " ".join(row)


def test_tools_that_do_not_read_it_have_their_source_too() -> None:
    """One a line."""
    text = PAGE.partition("### Tools that only seem to read it\n")[2]
    lines = [each for each in re.split(r"^- ", text, flags=re.MULTILINE) if each.strip()]
    assert lines
    assert all("](https://" in each for each in lines)
