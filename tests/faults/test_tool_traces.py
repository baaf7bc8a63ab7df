"""Hostile files of tools: what this program reports is as without them, and they are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.records import Run
from tests.faults.items import Items, received_by
from tests.faults.stage import Stage
from tests.stories.job.test_relayed import TIME, a_sum, in_scope, pairs
from tests.stories.job.test_tool_traces import a_span

from flow_telemetry.identity import TraceIdentity

ROOT = "jira/ACME-57"
HUGE = "9223372036854775807"


def spans_of_ours(run: Run) -> str:
    """Return copies of our own spans, and spans below them, in the trace of the run."""
    trace = TraceIdentity(root=ROOT)
    base = "github.com/acme/shop"
    references = (
        *(ROOT, f"{base}/pull/123", f"{base}/pull/123#phase:in-review:1", f"{ROOT}#status:1"),
        f"{base}/actions/runs/{run.id}/attempts/1",
    )
    ids = [trace.span_id(reference) for reference in references]
    copies = [a_span(trace=trace.trace_id, spanId=i, attributes=pairs(flow__x=1)) for i in ids]
    below = [
        a_span(trace=trace.trace_id, number=number, parent=i) for number, i in enumerate(ids, 100)
    ]
    return in_scope("flow-telemetry", "spans", [*copies, *below], service__name="github-actions")


def metrics_of_ours(_: Run) -> str:
    """Return a million runs under the names that backends take for ours."""
    names = ("flow.run.count", "flow_run_count", "cicd.pipeline.run.duration", "vcs.change.count")
    return in_scope("flow-telemetry", "metrics", [a_sum(name, asInt=HUGE) for name in names])


def events_of_ours(_: Run) -> str:
    """Return a merge on the span of the pull request."""
    trace = TraceIdentity(root=ROOT)
    at = {"traceId": trace.trace_id, "spanId": trace.span_id("github.com/acme/shop/pull/123")}
    record = {"timeUnixNano": TIME, "eventName": "flow.change.merged", "body": {}, **at}
    return in_scope("flow-telemetry", "logRecords", [record, {**record, "eventName": "x"}])


def huge_counts(_: Run) -> str:
    """Return as many links and attributes as a line holds."""
    link = {"traceId": TraceIdentity(root=ROOT).trace_id, "spanId": f"{9:016x}"}
    many = [{"key": f"flow.{n}", "value": {"stringValue": "x"}} for n in range(20_000)]
    counts: dict[str, Any] = {
        "droppedLinksCount": 2**32 - 1,
        "links": [link] * 20_000,
        "attributes": many,
    }
    return in_scope("t", "spans", [a_span(**counts)])


@pytest.mark.parametrize(
    "content",
    [spans_of_ours, metrics_of_ours, events_of_ours, huge_counts],
    ids=lambda c: c.__name__,
)
def test_hostile_tool_traces_change_nothing_of_ours(
    stage: Stage, clean: Items, content: Any
) -> None:
    """Every item in our scope is as without the file; what was left out is told with numbers."""
    world = stage.github.world
    world.artifact("traces", {"x.otlp.jsonl": content(stage.run)}, run=stage.run.id)
    result, _ = stage.export(timeout=60, trace_artifacts="traces")
    assert (result.status, result.outputs["status"], result.warnings) == (0, "exported", [])
    received = received_by(stage.receiver)
    ours: Mapping[str, str] = received.traces
    relayed = [span for span in received.all_spans if span.attributes.get("flow.relayed")]
    assert {span.scope for span in relayed} <= {"relayed", "t"}
    # The run's own span for links to traces of tools.
    linking = [span for span in received.all_spans if span.name == "measured"]
    assert len(received.all_spans) - len(relayed) - len(linking) == len(clean.all_spans)
    assert {key: ours[key] for key in clean.traces} == clean.traces
    for signal in ("logs", "metrics"):
        assert received.of(signal) == clean.of(signal)
    assert result.notices
    assert all(text.rpartition(": ")[2].replace(",", "").isdigit() for text in result.notices)
    assert "Traceback" not in result.log
