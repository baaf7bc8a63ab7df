"""Queries over everything that the demo and the recorded runs send, as a backend has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flow_telemetry.mapping.limits import MOST_ATTRIBUTES

EXPECTED = Path(__file__).parent / "expected"
FILES = [EXPECTED / "demo.otlp.json", *sorted((EXPECTED / "runs").glob("*.otlp.json"))]
KIND = "flow.entity.type"
# The last attributes that every span of these kinds has: those that a limit would cut off.
LAST = {"run": "flow.actor.kind", "job": "github.job.conclusion", "step": "github.step.conclusion"}


def spans_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the attributes of the spans in a file of received data."""
    for received in json.loads(path.read_text(encoding="utf-8")):
        if "startTimeUnixNano" in received and "spanId" in received:
            yield {name: _value(value) for name, value in received["attributes"].items()}


def _value(value: Mapping[str, Any]) -> Any:
    ((_, found),) = value.items()
    return found


def test_a_query_for_a_job_on_a_branch_finds_jobs_of_the_demo_and_nothing_else() -> None:
    """Its steps and waits have the same workflow and branch, but are not tasks."""
    query = {"cicd.pipeline.name": "CI", "cicd.pipeline.task.name": "test (3.14)"}
    spans = list(spans_of(FILES[0]))
    found = [span for span in spans if query.items() <= span.items()]
    branches = {span["vcs.ref.head.name"] for span in found}
    assert {span[KIND] for span in found} == {"job"}
    for branch in branches:
        of_branch = [span for span in found if span["vcs.ref.head.name"] == branch]
        assert of_branch
        within = [
            span
            for span in spans
            if span.get("flow.job.name") == "test (3.14)"
            and span["vcs.ref.head.name"] == branch
            and span["cicd.pipeline.name"] == "CI"
        ]
        assert {span[KIND] for span in within} >= {"step", "queued"}


def test_the_slowest_step_of_a_workflow_needs_steps_only() -> None:
    """Workflow, branch, job and name are on the step itself."""
    steps = [span for span in spans_of(FILES[0]) if span[KIND] == "step"]
    needed = {
        *("cicd.pipeline.name", "vcs.ref.head.name", "flow.branch"),
        *("flow.job.name", "flow.step.name", "flow.step.result"),
    }
    assert steps
    assert not [span for span in steps if needed - span.keys()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_no_span_loses_an_attribute(path: Path) -> None:
    """At most 32 fit into a span; the last ones of its kind are there."""
    for span in spans_of(path):
        assert len(span) <= MOST_ATTRIBUTES
        last = LAST.get(span[KIND])
        if span[KIND] == "run" and int(span["github.run.attempt"]) > 1:
            last = "github.run.previous_attempt.reference"
        full = len(span) == MOST_ATTRIBUTES
        assert not full or last is None or last in span, span["flow.reference"]
