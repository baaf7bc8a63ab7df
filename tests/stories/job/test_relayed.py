"""Files of tools are hostile: what they hold is never taken for what this program reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.stories.job.test_tool_traces import (
    FOREIGN,
    Workspace,
    a_line,
    a_span,
    job_reference,
    notices,
    run_reference,
    tools,
)
from tests.stories.test_inside_a_run import going_on
from tests.support.program import Program, Result

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.process.context import (
    RANDOM_BYTES,
    command_span_id,
    is_command_span_id,
)
from flow_telemetry.subjects.job.tool_traces import ToolSpans

TIME = "1764000000000000000"
OUR_SCOPES = ("flow-telemetry", "Flow-Telemetry", " flow_telemetry ", "flow-telemetry/2")
OUR_NAMES = ("flow.run.count", "flow_run_count", "_flow.run.count", "FLOW/run", "cicd.x", "vcs.y")
CHANGE = "github.com/acme/shop/pull/123"


@pytest.fixture
def workspace(program: Program, world: World) -> Workspace:
    """The workspace of one of two jobs of a run of pull request 123."""
    world.pull_request(123, branch="feature", opened_at="2025-11-04T09:00:00Z")
    run = world.run(
        event="pull_request",
        branch="feature",
        jobs=[going_on("test", "Run pytest"), job("lint", steps=[step("Lint", 3)])],
    )
    files = Workspace(program, run, "test")
    files.trace = TraceIdentity(root=CHANGE)
    return files


def pairs(**values: Any) -> list[dict[str, Any]]:
    """Return attributes in OTLP's JSON; two underscores are a dot."""
    return [
        {"key": name.replace("__", "."), "value": {"stringValue": str(value)}}
        for name, value in values.items()
    ]


def in_scope(scope: str, field: str, items: list[Any], **resource: str) -> str:
    """Return a line with items of a signal in a scope."""
    of_signal = {"spans": "Spans", "logRecords": "Logs", "metrics": "Metrics"}[field]
    scoped = {"scope": {"name": scope, "attributes": pairs(flow__x=1)}, field: items}
    group = {"resource": {"attributes": pairs(**resource)}, f"scope{of_signal}": [scoped]}
    return json.dumps({f"resource{of_signal}": [group]})


def a_sum(name: str, **of_point: Any) -> dict[str, Any]:
    """Return a metric with one point."""
    point = {"timeUnixNano": TIME, "asInt": "1000000", **of_point}
    return {"name": name, "sum": {"dataPoints": [point], "aggregationTemporality": 1}}


def relayed_points(receiver: Receiver, name: str) -> list[Mapping[str, Any]]:
    return [point.attributes for point in receiver.points_of(name)]


def test_the_three_forgeries_of_one_file(workspace: Workspace, receiver: Receiver) -> None:
    """Another repository's root span, a merge that never was, and a million runs."""
    victim = "github.com/globex/bank/pull/7"
    trace = TraceIdentity(root=victim)
    root = a_span(trace=trace.trace_id, spanId=trace.span_id(victim), name="pull request #7")
    merged = {"timeUnixNano": TIME, "eventName": "flow.change.merged", "body": {}}
    own = TraceIdentity(root=CHANGE)
    as_opening = a_span(trace=own.trace_id, spanId=own.span_id(CHANGE), name="forged opening")
    workspace.write(
        "evil.otlp.jsonl",
        in_scope("flow-telemetry", "spans", [root, as_opening], service__name="github"),
        in_scope("flow-telemetry", "logRecords", [merged], service__name="github"),
        in_scope("flow-telemetry", "metrics", [a_sum("flow.run.count")]),
    )
    result = workspace.export()
    assert trace.trace_id not in {span.trace_id for span in receiver.spans}
    assert "forged opening" not in {span.name for span in receiver.spans}
    assert receiver.events_named("flow.change.merged") == []
    assert 1_000_000 not in [point.value for point in receiver.points_of("flow.run.count")]
    assert notices(result) == [
        "spans left out because this export makes ones of the same ids: 1",
        "spans left out because they claim to be of another trace of this program: 1",
        "metrics left out because their names begin with flow, cicd or vcs: 1",
        "events left out because their names begin with flow, cicd or vcs: 1",
        "attributes left out because only this program sets them (flow.*): 3",
    ]


@pytest.mark.parametrize("scope", OUR_SCOPES)
def test_every_item_is_marked_and_none_is_in_our_scope(
    workspace: Workspace, receiver: Receiver, scope: str
) -> None:
    """Also where the tool says that it is not relayed; its other attributes stay."""
    said = pairs(flow__relayed=False, flow__trace="live", tool="x", otel__scope__name=scope)
    exemplar = {"timeUnixNano": TIME, "asInt": "1", "filteredAttributes": said}
    span = a_span(
        trace=workspace.trace.trace_id,
        parent=workspace.trace.span_id(job_reference(workspace.run)),
        attributes=said,
        events=[
            {"name": "flow.change.merged", "timeUnixNano": TIME},
            {"name": "retried", "timeUnixNano": TIME, "attributes": said},
        ],
        links=[{"traceId": FOREIGN, "spanId": f"{9:016x}", "attributes": pairs(flow__link="x")}],
    )
    record = {"timeUnixNano": TIME, "eventName": "tool.done", "body": {}, "attributes": said}
    metric = a_sum("cache.hits", attributes=said, exemplars=[exemplar])
    workspace.write(
        "a.otlp.jsonl",
        in_scope(scope, "spans", [span], service__name="github-actions", flow__namespace="x"),
        in_scope(scope, "logRecords", [record]),
        in_scope(scope, "metrics", [metric]),
    )
    workspace.export()
    relayed = receiver.span("span 1")
    marked = {"flow.relayed": True, "tool": "x"}
    assert (relayed.attributes, relayed.scope) == (marked, "relayed")
    assert [(event.name, event.attributes) for event in relayed.events] == [
        ("retried", {"tool": "x"})
    ]
    assert [link.attributes for link in relayed.links] == [{}]
    assert "flow.namespace" not in relayed.resource
    (event,) = receiver.events_named("tool.done")
    assert (
        {"flow.relayed", "tool"}
        <= event.attributes.keys()
        <= {"flow.relayed", "tool"} | {"event.name"}
    )
    assert relayed_points(receiver, "cache.hits") == [marked]
    (metrics,) = (text for r in receiver.requests if "cache.hits" in (text := str(r.message)))
    assert "flow.trace" not in metrics


@pytest.mark.parametrize("name", OUR_NAMES)
def test_names_that_a_backend_takes_for_ours_are_left_out(
    workspace: Workspace, receiver: Receiver, name: str
) -> None:
    """Prometheus writes flow_run_count for flow.run.count, and some tools name events by both."""
    by_attribute = {"timeUnixNano": TIME, "attributes": pairs(event__name=name), "body": {}}
    by_field = {"timeUnixNano": TIME, "eventName": name, "body": {}}
    mine = {"timeUnixNano": TIME, "eventName": "flower.cut", "body": {}}
    workspace.write(
        "a.otlp.jsonl",
        in_scope("tool", "logRecords", [by_attribute, by_field, mine]),
        in_scope("tool", "metrics", [a_sum(name), a_sum("flows.total"), a_sum("workflow.x")]),
    )
    result = workspace.export()
    assert len(receiver.events_named("flower.cut")) == 1
    assert len(receiver.points_of("flows.total")) == len(receiver.points_of("workflow.x")) == 1
    assert [text.partition(" left")[0] + text[-3:] for text in notices(result)] == [
        "metrics: 1",
        "events: 2",
        "attributes: 2",
    ]


def parents_of(result: Result, receiver: Receiver) -> dict[str, str]:
    """Return the names of the parents of the relayed spans, by their own names."""
    by_id = {span.span_id: span.name for span in receiver.spans}
    return {span.name: by_id.get(span.parent_span_id, "") for span in tools(receiver)}


def test_in_our_trace_spans_are_below_the_job(workspace: Workspace, receiver: Receiver) -> None:
    """Not below the run, the pull request, another job, or spans that nobody knows."""
    run, trace = workspace.run, workspace.trace
    own, other = job_reference(run), job_reference(run, "lint")
    command = command_span_id(trace.trace_id, b"12345")

    def below(parent: str, number: int) -> dict[str, Any]:
        return a_span(trace=trace.trace_id, number=number, parent=parent)

    outside = (
        *(CHANGE, f"{CHANGE}#phase:in-review:1", f"{CHANGE}#life:2", run_reference(run)),
        *(f"{run_reference(run)}#queued", f"{own}#queued", other, f"{other}#step:1"),
    )
    spans = [below(trace.span_id(reference), 100 + n) for n, reference in enumerate(outside)]
    spans += [
        below(trace.span_id(own), 1),
        below(trace.span_id(f"{own}#step:1"), 2),
        below(f"{1:016x}", 3),
        below("", 4),
        below("0000000000abcdef", 5),
        below(f"{100:016x}", 6),
        below(f"{8:016x}", 7),
        below(f"{7:016x}", 8),
        below(command, 9),
        # Another run of the trace, of which nothing was read here.
        below(trace.span_id("github.com/acme/shop/actions/runs/9/attempts/1"), 10),
    ]
    workspace.write("a.otlp.jsonl", a_line(*spans))
    result = workspace.export()
    found = parents_of(result, receiver)
    assert found.pop("span 7") in {"test", "span 8"}
    assert found.pop("span 8") in {"test", "span 7"}
    assert receiver.span("span 9").parent_span_id == command
    assert found == {
        "span 1": "test",
        "span 2": "Run pytest",
        "span 3": "span 1",
        "span 4": "test",
        "span 5": "test",
        "span 6": "test",
        "span 9": "",
        "span 10": "test",
    }
    assert notices(result) == [
        f"spans left out because their parent is a span outside the job: {len(outside)}"
    ]
    assert "10 spans of this trace." in result.summary


def test_a_span_cannot_take_the_place_of_a_phase(workspace: Workspace, receiver: Receiver) -> None:
    """Nor of a later life of the pull request: other exports send those."""
    trace, parent = workspace.trace, workspace.trace.span_id(job_reference(workspace.run))
    taken = (CHANGE, f"{CHANGE}#phase:draft:1", f"{CHANGE}#life:2")
    workspace.write(
        "a.otlp.jsonl",
        a_line(
            *(
                a_span(trace=trace.trace_id, spanId=trace.span_id(reference), parent=parent)
                for reference in taken
            )
        ),
    )
    assert notices(workspace.export()) == [
        "spans left out because this export makes ones of the same ids: 3"
    ]
    assert tools(receiver) == []


def test_no_span_enters_another_trace_of_ours(workspace: Workspace, receiver: Receiver) -> None:
    """The run's own, which it would have with another `trace-scope`."""
    elsewhere = TraceIdentity(root=run_reference(workspace.run))
    workspace.write("a.otlp.jsonl", a_line(a_span(trace=elsewhere.trace_id)))
    assert notices(workspace.export()) == [
        "spans left out because they claim to be of another trace of this program: 1"
    ]
    assert tools(receiver) == []


def test_records_links_and_exemplars_refer_to_the_job_only(
    workspace: Workspace, receiver: Receiver
) -> None:
    """An event on the pull request's span would be one of the pull request."""
    trace = workspace.trace
    change, own = trace.span_id(CHANGE), trace.span_id(job_reference(workspace.run))

    def context(span_id: str) -> dict[str, str]:
        return {"traceId": trace.trace_id, "spanId": span_id}

    def record(name: str, span_id: str) -> dict[str, Any]:
        return {"timeUnixNano": TIME, "eventName": name, "body": {}, **context(span_id)}

    links = [context(change), context(own), {"traceId": FOREIGN, "spanId": f"{9:016x}"}]
    exemplars = [{"timeUnixNano": TIME, "asInt": "1", **context(i)} for i in (change, own)]
    records = [record("a", change), record("b", own), record("c", ""), record("d", f"{9:016x}")]
    workspace.write(
        "a.otlp.jsonl",
        a_line(a_span(links=links)),
        in_scope("tool", "logRecords", records),
        in_scope("tool", "metrics", [a_sum("hits", exemplars=exemplars)]),
    )
    result = workspace.export()
    names = {name: event.span_id for name in "abcd" for event in receiver.events_named(name)}
    assert names == dict.fromkeys("bcd", own)
    assert [link.span_id for link in receiver.span("span 1").links] == [own, f"{9:016x}"]
    assert [text[-3:] for text in notices(result)][:2] == [": 1", ": 2"]


def test_from_outside_spans_are_below_the_run(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Whose job wrote an artifact is unknown: any job of the run is a parent, nothing else is."""
    run = world.run(jobs=[job("test", steps=[step("Run pytest", 60)]), job("lint")])
    trace = TraceIdentity(root=run_reference(run))
    parents = ("", trace.span_id(job_reference(run, "lint")), trace.span_id(run_reference(run)))
    spans = [a_span(trace=trace.trace_id, number=n, parent=p) for n, p in enumerate(parents, 1)]
    world.artifact("traces", {"x.otlp.jsonl": a_line(*spans)}, run=run.id)
    result = program.export(run, trace_artifacts="traces")
    assert parents_of(result, receiver) == {"span 1": "RUN CI", "span 2": "lint"}
    assert notices(result, "trace-artifacts") == [
        "spans left out because their parent is a span outside the job: 1"
    ]


@pytest.mark.parametrize(
    "point",
    [
        {"asInt": "99999999999999999999"},
        {"asInt": "1", "timeUnixNano": "-1"},
        {"asInt": "1", "flags": 1e300},
    ],
)
def test_numbers_that_otlp_cannot_hold_are_told(
    workspace: Workspace, receiver: Receiver, point: Mapping[str, Any]
) -> None:
    """The line is damaged; others are sent."""
    metric = {"name": "m", "gauge": {"dataPoints": [point]}}
    workspace.write("a.otlp.jsonl", in_scope("t", "metrics", [metric]), a_line(a_span()))
    result = workspace.export()
    assert len(tools(receiver)) == 1
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert notices(result)[0].startswith("line 1 of a.otlp.jsonl is not an OTLP request")


@given(trace=st.binary(min_size=16, max_size=16), random=st.binary(min_size=5, max_size=5))
def test_the_id_of_a_command_is_recognized(trace: bytes, random: bytes) -> None:
    """In its own trace; one changed bit is another span."""
    assert len(random) == RANDOM_BYTES
    span_id = command_span_id(trace.hex(), random)
    assert len(span_id) == 16
    assert is_command_span_id(trace.hex(), span_id)
    assert not is_command_span_id(trace.hex(), f"{int(span_id, 16) ^ 1:016x}")


def test_a_long_chain_of_spans_is_placed_without_recursion() -> None:
    """A file may hold a chain of 100,000 spans, in any order."""
    spans = ToolSpans(trace_id=FOREIGN, parents={"f" * 16}, top="f" * 16)
    spans._tree = {f"{n:016x}": f"{n + 1:016x}" for n in range(1, 100_001)}
    spans.place([])
    assert spans._placed[f"{100_000:016x}"] == "f" * 16
    assert spans._placed[f"{1:016x}"] == f"{2:016x}"
