"""The workflow that writes a comment: it can be copied, and grants no more than it needs."""

from __future__ import annotations

import re

from tests.support.workflows import ROOT, actionlint_errors, load, our_steps, schema_errors

from flow_telemetry.github.client import PAGE_SIZE
from flow_telemetry.github.comments import MOST_PAGES
from flow_telemetry.settings.inputs import ACTION_INPUTS

PAGE = (ROOT / "docs" / "guides" / "pull-requests.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WORKFLOW = load(EXAMPLE)


def test_it_is_a_workflow_of_inputs_that_there_are() -> None:
    """By the schema that editors use."""
    assert schema_errors("github-workflows", WORKFLOW) == []
    ((_, step),) = our_steps(WORKFLOW)
    assert step["with"].keys() <= {each.name for each in ACTION_INPUTS}


def test_one_permission_is_to_write() -> None:
    """And nothing is checked out, nor any other step run, beside it."""
    ((job, step),) = our_steps(WORKFLOW)
    written = [name for name, access in job["permissions"].items() if access == "write"]
    assert written == ["pull-requests"]
    assert job["steps"] == [step]


def test_it_passes_actionlint() -> None:
    """Its expressions and keys are GitHub's."""
    assert actionlint_errors(EXAMPLE) == ""


def test_the_number_of_comments_is_the_programs() -> None:
    """Beyond which none is looked for."""
    assert f"first {MOST_PAGES * PAGE_SIZE:,}\n  comments" in PAGE
