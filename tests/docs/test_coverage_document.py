"""The page on coverage can be copied, and the bounds and formats that it names are the code's."""

from __future__ import annotations

import re

from tests.reports.coverage_examples import BY_FORMAT
from tests.support.workflows import ROOT, actionlint_errors, load, our_steps, schema_errors

from flow_telemetry.mapping.job_attributes import COVERAGE_ATTRIBUTES
from flow_telemetry.mapping.job_metrics import MOST_PACKAGES
from flow_telemetry.report import summary_job as summary_coverage
from flow_telemetry.reports import coverage as kept
from flow_telemetry.reports import coverage_counts as tally
from flow_telemetry.reports.files import LARGEST_FILE, MEBIBYTE, FileLimits
from flow_telemetry.settings.inputs import ACTION_INPUTS

PAGE = (ROOT / "docs" / "guides" / "coverage.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_example_is_a_workflow_of_inputs_that_there_are() -> None:
    """The schema that editors use takes it, and it has no permission to write."""
    workflow = load(EXAMPLE)
    assert schema_errors("github-workflows", workflow) == []
    ((job, step),) = our_steps(workflow)
    assert step["with"].keys() <= {each.name for each in ACTION_INPUTS}
    assert set(job["permissions"].values()) == {"read"}


def test_the_example_passes_actionlint() -> None:
    """Its expressions and keys are GitHub's."""
    assert actionlint_errors(EXAMPLE) == ""


def test_the_outputs_that_are_kept_are_the_actions() -> None:
    """The step that keeps the file asks for both by name."""
    outputs = load((ROOT / "action.yml").read_text(encoding="utf-8"))["outputs"]
    asked = set(re.findall(r"steps\.telemetry\.outputs\.([\w-]+)", EXAMPLE))
    assert asked == {name for name in outputs if name.startswith("coverage-")}


def test_every_format_has_a_row() -> None:
    """What is not in the table is not read."""
    rows = re.findall(r"^\| (.*?) \| (?:`|.*SF:)", PAGE, re.MULTILINE)
    assert len(rows) == len(BY_FORMAT)
    assert all(any(kind in row.lower() for row in rows) for kind in BY_FORMAT)


def test_the_bounds_are_the_codes() -> None:
    """Numbers of the page follow the code."""
    bounds = FileLimits()
    assert f"| {bounds.files:,}, together {bounds.size // MEBIBYTE} MiB |" in PAGE
    assert f"| {LARGEST_FILE // MEBIBYTE} MiB, {tally.MOST_LINES:,} lines |" in PAGE
    most = f"{MOST_PACKAGES}, {summary_coverage.MOST_PACKAGES}, {kept.MOST_PACKAGES:,}"
    assert f"kept | {most} |" in PAGE
    assert f"| {kept.LARGEST_STORED // MEBIBYTE} MiB; of the newest 100" in PAGE


def test_the_attributes_are_those_of_the_table() -> None:
    """One unit is written out, the others are named."""
    named = re.findall(r"`(flow\.coverage\.line\.\w+)`|`\.(\w+)`", PAGE)
    lasts = {(full or last).rpartition(".")[2] for full, last in named}
    assert {
        f"flow.coverage.{u}.{last}" for u in ("line", "statement", "branch") for last in lasts
    } == {each.name for each in COVERAGE_ATTRIBUTES}
