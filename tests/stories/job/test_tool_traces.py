"""Files of OTLP JSON lines that tools wrote go along with the export of their job."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.receiver import Receiver
from tests.fakes.records import Run
from tests.fakes.spans import SpanRecord
from tests.fakes.world import World
from tests.stories.job.reported import case
from tests.stories.job.reported import suite as report_of
from tests.stories.test_inside_a_run import going_on
from tests.support.job import Job
from tests.support.program import Program, Result

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.privacy.redactor import build_redactor
from flow_telemetry.subjects.job.tool_traces import ToolSpans, TraceFileReader
from flow_telemetry.telemetry import Signal

FOREIGN = "5b8efff798038103d269b633813fc60c"
FILES = "**/*.otlp.jsonl"
# The OpenTelemetry SDK in a test process: it writes a line for each span as the Collector does.
A_TOOL = """
import base64, json, os, sys
from google.protobuf.json_format import MessageToDict
from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

def in_hex(value):
    if isinstance(value, list):
        return [in_hex(each) for each in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64decode(each).hex() if name in ids else in_hex(each)
        for name, each in value.items()
    }

class Lines(SpanExporter):
    def export(self, spans):
        with open(sys.argv[1], "a") as file:
            content = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
            file.write(json.dumps(in_hex(content)) + "\\n")
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Lines()))
tracer = provider.get_tracer("pytest")
carrier = {name.lower(): value for name, value in os.environ.items()}
with tracer.start_as_current_span("test session", context=propagate.extract(carrier)):
    with tracer.start_as_current_span("test_checkout", attributes={"test.case.name": "checkout"}):
        pass
provider.shutdown()
"""


class Workspace:
    """The files of a job, as new as its steps unless said otherwise."""

    def __init__(self, program: Program, run: Run, job: str) -> None:
        self.program = program
        self.run = run
        self.job = job
        self.folder = program.folder / "workspace"
        self.folder.mkdir()
        self.trace = TraceIdentity(root=run_reference(run))

    def write(self, name: str, *lines: bytes | str, age: float = 0) -> Path:
        """Write a file of lines, so many seconds older than the job's first step."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(x.encode() if isinstance(x, str) else x for x in lines))
        self.touch(path, age=age)
        return path

    def touch(self, path: Path, *, age: float = 0) -> None:
        """Set a file's time to that of the job, less its age in seconds."""
        began: Any = self.run.job(self.job).steps[0].started_at
        os.utime(path, (began.timestamp() - age,) * 2)

    def export(self, environ: dict[str, str] | None = None, **inputs: Any) -> Result:
        """Run the export at the end of the job."""
        of_place = {"GITHUB_WORKSPACE": str(self.folder), **(environ or {})}
        return self.program.inside(self.run, self.job, of_place, **{"trace_files": FILES, **inputs})


def run_reference(run: Run) -> str:
    return f"github.com/acme/shop/actions/runs/{run.id}/attempts/{run.attempt}"


def job_reference(run: Run, name: str = "test") -> str:
    return f"github.com/acme/shop/actions/runs/{run.id}/job/{run.job(name).id}"


@pytest.fixture
def workspace(program: Program, world: World) -> Workspace:
    """The workspace of the only job of a run."""
    return Workspace(program, world.run(jobs=[going_on("test", "Run pytest")]), "test")


def a_span(trace: str = FOREIGN, number: int = 1, parent: str = "", **facts: Any) -> dict[str, Any]:
    """Return a span in OTLP's JSON."""
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "parentSpanId": parent,
        "name": f"span {number}",
        "kind": 1,
        "startTimeUnixNano": str(1_764_000_000_000_000_000 + number),
        "endTimeUnixNano": str(1_764_000_001_000_000_000 + number),
        **facts,
    }


def a_line(*spans: Mapping[str, Any], **resource: str) -> str:
    """Return a request with those spans, all of one resource."""
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    group = {
        "resource": {"attributes": attributes},
        "scopeSpans": [{"scope": {"name": "tool"}, "spans": list(spans)}],
    }
    return json.dumps({"resourceSpans": [group]})


def notices(result: Result, source: str = "trace-files") -> list[str]:
    """What the result tells of the files."""
    start = f"flow-telemetry: `{source}`: "
    assert all(notice.startswith(start) for notice in result.notices), result.notices
    return [notice.removeprefix(start) for notice in result.notices]


def tools(receiver: Receiver) -> list[SpanRecord]:
    """The spans that were received and are not ours."""
    return [span for span in receiver.spans if span.scope != "flow-telemetry"]


def test_a_test_process_with_the_sdk_stands_in_the_tree(
    program: Program, world: World, receiver: Receiver
) -> None:
    """Context step, a process that writes a file, and the export: one tree."""
    run = world.run(jobs=[going_on("test", "Run pytest")])
    own, files = Job(program, run, "test"), Workspace(program, run, "test")
    own.context()
    tool = files.write("tool.py", A_TOOL)
    written = files.folder / "reports" / "pytest.otlp.jsonl"
    written.parent.mkdir()
    done = own.process(sys.executable, str(tool), str(written))
    assert done.returncode == 0, done.stderr
    result = files.export()
    assert (result.outputs["status"], result.warnings, result.notices) == ("exported", [], [])
    lines = [line for line in receiver.tree() if "queued" not in line]
    assert lines[:2] == ["RUN CI", "  test"]
    at = lines.index("    test session")
    assert lines[at + 1] == "      test_checkout"
    assert receiver.span("test_checkout").attributes == {
        "test.case.name": "checkout",
        "flow.relayed": True,
    }
    assert receiver.span("test session").scope == "pytest"


def test_what_a_tool_says_of_itself_stays(workspace: Workspace, receiver: Receiver) -> None:
    """Resource, scope, kind and times are the tool's own, whatever the job's are."""
    workspace.write("a.otlp.jsonl", a_line(a_span(kind=3), **{"service.name": "shop-tests"}))
    workspace.export(resource_attributes="team=delivery")
    (span,) = tools(receiver)
    assert (span.resource, span.scope, span.kind) == (
        {"service.name": "shop-tests"},
        "tool",
        "CLIENT",
    )
    assert span.seconds == 1


def test_another_trace_is_linked_to_the_job(workspace: Workspace, receiver: Receiver) -> None:
    """By a link to its first span without a parent, on what stands beside the job's span."""
    workspace.write(
        "a.otlp.jsonl",
        a_line(a_span(number=2, parent=f"{1:016x}"), a_span(number=1), a_span(number=3)),
    )
    result = workspace.export()
    measured = receiver.span("measured")
    assert measured.attributes["flow.reference"] == f"{job_reference(workspace.run)}#measured"
    assert measured.parent_span_id == receiver.span("test").span_id
    (link,) = measured.links
    assert (link.trace_id, link.span_id) == (FOREIGN, f"{1:016x}")
    assert link.attributes == {"flow.link": "trace_file"}
    assert "From 1 file of tools: 3 spans of 1 other trace." in result.summary


def test_a_trace_over_several_files_is_linked_once(
    workspace: Workspace, receiver: Receiver
) -> None:
    """A part whose parent is in another file is no beginning."""
    workspace.write("a.otlp.jsonl", a_line(a_span(number=1, parent=f"{2:016x}")))
    workspace.write("b.otlp.jsonl", a_line(a_span(number=2)))
    workspace.export()
    assert [link.span_id for link in receiver.span("measured").links] == [f"{2:016x}"]


def test_of_many_traces_the_first_are_linked(workspace: Workspace, receiver: Receiver) -> None:
    """All are sent; how many have no link is told."""
    spans = [a_span(trace=f"{number:032x}", number=number) for number in range(1, 13)]
    workspace.write("a.otlp.jsonl", a_line(*spans))
    result = workspace.export()
    links = receiver.span("measured").links
    assert [link.span_id for link in links] == [f"{number:016x}" for number in range(1, 9)]
    assert len(tools(receiver)) == 12
    assert notices(result) == ["traces sent without a link, which only the first 8 have: 4"]


def test_spans_of_our_trace_need_no_link(workspace: Workspace, receiver: Receiver) -> None:
    """They are in the tree already; without a parent, below the job."""
    workspace.write("a.otlp.jsonl", a_line(a_span(trace=workspace.trace.trace_id)))
    result = workspace.export()
    (span,) = tools(receiver)
    job = receiver.span("test")
    assert (span.trace_id, span.parent_span_id) == (job.trace_id, job.span_id)
    assert receiver.spans_named("measured") == []
    assert "1 span of this trace." in result.summary


def test_a_span_with_the_id_of_one_of_ours_is_left_out(
    workspace: Workspace, receiver: Receiver
) -> None:
    """A backend would show one of the two, or mix them: as where a file of ours is found."""
    job = job_reference(workspace.run)
    taken = [run_reference(workspace.run), job, f"{job}#queued", f"{job}#step:1", f"{job}#measured"]
    spans = [
        a_span(trace=workspace.trace.trace_id, spanId=workspace.trace.span_id(reference))
        for reference in taken
    ]
    workspace.write("a.otlp.jsonl", a_line(*spans, a_span(number=7)))
    result = workspace.export()
    assert [span.name for span in tools(receiver)] == ["span 7"]
    assert notices(result) == ["spans left out because this export makes ones of the same ids: 5"]


def test_a_span_with_the_id_of_a_tests_is_left_out(
    workspace: Workspace, receiver: Receiver
) -> None:
    """Suites and cases that a report adds have their ids, too; other spans of the trace leave."""
    suite = f"{job_reference(workspace.run)}#test:cart"
    trace = workspace.trace
    taken = [
        a_span(trace=trace.trace_id, spanId=trace.span_id(reference))
        for reference in (suite, f"{suite}:shop.adds", f"{suite}:shop.adds:2")
    ]
    workspace.write("a.otlp.jsonl", a_line(*taken, a_span(trace=trace.trace_id, number=7)))
    workspace.write("junit.xml", report_of(case("adds"), case("adds")))
    result = workspace.export(test_reports="junit.xml")
    assert [span.name for span in tools(receiver)] == ["span 7"]
    assert notices(result) == ["spans left out because this export makes ones of the same ids: 3"]


def test_a_span_leaves_once(workspace: Workspace, receiver: Receiver) -> None:
    """A file in two places is read once; another span of the same id is left out and told."""
    workspace.write("a.otlp.jsonl", a_line(a_span()))
    workspace.write("copy/a.otlp.jsonl", a_line(a_span()))
    workspace.write("b.otlp.jsonl", a_line(a_span(name="other")))
    result = workspace.export()
    assert [span.name for span in tools(receiver)] == ["span 1"]
    assert notices(result) == ["spans left out because another one has the same ids: 1"]


def test_spans_without_ids_are_left_out(workspace: Workspace, receiver: Receiver) -> None:
    """A backend would refuse the whole request."""
    workspace.write("a.otlp.jsonl", a_line(a_span(traceId=""), a_span(number=0), a_span(number=3)))
    result = workspace.export()
    assert [span.name for span in tools(receiver)] == ["span 3"]
    assert notices(result) == ["spans left out because they have no valid ids: 2"]


A_RECORD = {
    "timeUnixNano": "1764000000000000000",
    "eventName": "tool.done",
    "body": {"intValue": "7"},
}
A_LOG = {"resourceLogs": [{"scopeLogs": [{"logRecords": [A_RECORD]}]}]}
A_POINT = {"timeUnixNano": "1764000000000000000", "asInt": "3"}
A_METRIC = {"name": "cache.hits", "sum": {"dataPoints": [A_POINT], "aggregationTemporality": 2}}
METRICS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [A_METRIC]}]}]}


def test_logs_and_metrics_go_along(workspace: Workspace, receiver: Receiver) -> None:
    """The Collector writes all three signals into such files."""
    workspace.write("a.otlp.jsonl", json.dumps(A_LOG), json.dumps(METRICS))
    result = workspace.export()
    assert len(receiver.events_named("tool.done")) == 1
    assert [point.value for point in receiver.points_of("cache.hits")] == [3]
    assert "From 1 file of tools: 1 log record, 1 data point." in result.summary


NO_OTHERS = {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}


@pytest.mark.parametrize(("inputs", "environ"), [({"signals": "traces"}, {}), ({}, NO_OTHERS)])
def test_signals_that_are_off_stay_out(
    workspace: Workspace, receiver: Receiver, inputs: dict[str, str], environ: dict[str, str]
) -> None:
    """What switches them off decides of tools' files, too, and the summary tells of no others."""
    workspace.write("a.otlp.jsonl", json.dumps(A_LOG), json.dumps(METRICS), a_line(a_span()))
    result = workspace.export(environ, **inputs)
    assert {received.path for received in receiver.requests} == {"/v1/traces"}
    assert len(tools(receiver)) == 1
    assert "log record" not in result.summary
    assert "data point" not in result.summary


def test_credentials_are_taken_out(workspace: Workspace, receiver: Receiver) -> None:
    """Of names, values, descriptions, bytes and resources, in all three signals."""
    canary = "ghp_" + "c4n4ry" * 6
    texts: dict[str, Any] = {
        "name": f"GET {canary}",
        "status": {"code": 2, "message": f"failed: {canary}"},
        "attributes": [
            {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": canary}]}}},
            {"key": "url", "value": {"stringValue": "https://user:hunter2hunter2@example.com/"}},
            {"key": "count", "value": {"intValue": "12"}},
        ],
        "events": [{"name": canary, "timeUnixNano": "1"}],
    }
    log = json.loads(
        json.dumps(A_LOG).replace('{"intValue": "7"}', f'{{"stringValue": "{canary}"}}')
    )
    metrics = json.loads(json.dumps(METRICS).replace("cache.hits", canary))
    workspace.write(
        "a.otlp.jsonl",
        a_line(a_span(**texts), **{"process.command_line": f"curl {canary}"}),
        json.dumps(log),
        json.dumps(metrics),
    )
    workspace.export()
    sent = b"".join(each.message.SerializeToString() for each in receiver.requests)
    assert b"c4n4ry" not in sent
    assert b"hunter2" not in sent
    (span,) = tools(receiver)
    assert (span.name, span.message, span.attributes["count"]) == ("GET ***", "failed: ***", 12)


def test_a_users_pattern_leaves_ids_and_times(workspace: Workspace, receiver: Receiver) -> None:
    """Input redact is for texts: a number that it fits, such as a time, is none."""
    workspace.write("a.otlp.jsonl", a_line(a_span(name="order 17640000")))
    workspace.export(redact=r"\d{6,20}")
    (span,) = tools(receiver)
    assert (span.name, span.trace_id, span.seconds) == ("order ***", FOREIGN, 1)


def test_a_file_that_is_older_than_the_job_is_left_out(
    workspace: Workspace, receiver: Receiver
) -> None:
    """An earlier job left it on the runner, or a cache brought it back: it was sent then."""
    workspace.write("old.otlp.jsonl", a_line(a_span(number=1)), age=60)
    workspace.write("new.otlp.jsonl", a_line(a_span(number=2)))
    result = workspace.export()
    assert [span.name for span in tools(receiver)] == ["span 2"]
    assert notices(result) == ["old.otlp.jsonl is older than the job, which did not write it"]


def test_many_small_requests_are_sent_together(workspace: Workspace, receiver: Receiver) -> None:
    """A tool that writes each span as it ends writes a request for each."""
    workspace.write("a.otlp.jsonl", *(a_line(a_span(number=n)) for n in range(1, 1501)))
    workspace.export()
    assert len(tools(receiver)) == 1500
    assert len(receiver.requests_to("traces")) <= 4


def test_a_large_request_is_cut(workspace: Workspace, receiver: Receiver) -> None:
    """Each part is of at most a megabyte, with the tool's resource and scope."""
    text = [{"key": "text", "value": {"stringValue": "x" * 9_000}}]
    spans = [a_span(number=number, attributes=text) for number in range(1, 301)]
    workspace.write("a.otlp.jsonl", a_line(*spans, **{"service.name": "tool"}))
    workspace.export()
    assert {(span.resource["service.name"], span.scope) for span in tools(receiver)} == {
        ("tool", "tool")
    }
    assert {span.name for span in tools(receiver)} == {f"span {n}" for n in range(1, 301)}
    sizes = [received.message.ByteSize() for received in receiver.requests_to("traces")]
    assert len(sizes) >= 3
    assert max(sizes) <= 1_000_000


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    workspace: Workspace, receiver: Receiver
) -> None:
    """The notice names file and line."""
    workspace.write("a.otlp.jsonl", a_line(a_span())[:-9], b"\xff\xfe", a_line(a_span()))
    workspace.write("b.otlp.jsonl")
    workspace.write("c.otlp.jsonl", a_line(a_span(number=2), text="x" * 300_000))
    result = workspace.export()
    assert len(tools(receiver)) == 1
    assert (result.outputs["status"], result.warnings) == ("exported", [])
    assert notices(result) == [
        "line 1 of a.otlp.jsonl is not a complete JSON object; it may have been cut off",
        "line 2 of a.otlp.jsonl is not a complete JSON object; it may have been cut off",
        "b.otlp.jsonl is empty. The tool that writes it may have been cut off",
        "line 1 of c.otlp.jsonl has a resource that is too large: left out",
    ]


def test_a_document_over_several_lines(workspace: Workspace, receiver: Receiver) -> None:
    """Written with indentation, it is one request and no notice; damage is told once."""
    indented = json.dumps(json.loads(a_line(a_span(), a_span(number=2))), indent=2)
    workspace.write("a.otlp.jsonl", indented, a_line(a_span(number=3)))
    workspace.write("b.otlp.jsonl", indented[:-30])
    assert notices(workspace.export()) == [
        "line 1 of b.otlp.jsonl is not a complete JSON object; it may have been cut off"
    ]
    assert {span.name for span in tools(receiver)} == {"span 1", "span 2", "span 3"}


def test_lines_without_a_request_around_them(workspace: Workspace, receiver: Receiver) -> None:
    """OpenTelemetry Java writes groups by resource."""
    (group,) = json.loads(a_line(a_span(), tool="java"))["resourceSpans"]
    workspace.write("a.otlp.jsonl", json.dumps(group))
    assert notices(workspace.export()) == []
    (span,) = tools(receiver)
    assert (span.name, span.resource["tool"]) == ("span 1", "java")


def test_an_object_of_several_signals(workspace: Workspace, receiver: Receiver) -> None:
    """Spans and logs in one line, or in a list, are requests of their own."""
    record = {"timeUnixNano": "1764000000000000000", "body": {"stringValue": "paid"}}
    both = {
        **json.loads(a_line(a_span())),
        "resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}],
    }
    workspace.write("a.otlp.jsonl", json.dumps(both), json.dumps([both, {"resourceMetrics": []}]))
    result = workspace.export()
    assert [span.name for span in tools(receiver)] == ["span 1"]
    assert [log.body for log in receiver.events if log.body == "paid"] == ["paid", "paid"]
    assert notices(result) == ["spans left out because another one has the same ids: 1"]


@pytest.mark.parametrize(
    "line",
    [
        {"resourceSpans": [{"instrumentationLibrarySpans": [{"spans": [{}]}]}]},
        {"resourceLogs": [{"instrumentationLibraryLogs": [{"logs": [{}]}]}]},
    ],
)
def test_an_older_form_of_otlp_is_told(
    workspace: Workspace, receiver: Receiver, line: Mapping[str, Any]
) -> None:
    """Nothing of it is known; a request that is empty by itself lacks nothing."""
    empty = '{"resourceSpans": []}', '{"resourceSpans": [{"scopeSpans": [{}]}]}'
    workspace.write("a.otlp.jsonl", json.dumps(line), *empty, a_line(a_span()))
    (notice,) = notices(workspace.export())
    assert notice.startswith("line 1 of a.otlp.jsonl has resources without scopes")
    assert len(tools(receiver)) == 1


def test_what_fits_nothing_is_told(workspace: Workspace, receiver: Receiver) -> None:
    """A pattern with a slip, or one that leads out of the workspace."""
    result = workspace.export(trace_files="../*.jsonl\ntraces/*.json")
    assert notices(result) == [
        "the pattern ../*.jsonl leads out of the workspace",
        "no file matches traces/*.json",
    ]
    assert receiver.tree()[0] == "RUN CI"


def test_of_many_notices_the_first_are_shown(workspace: Workspace) -> None:
    """A file of a thousand damaged lines fills no log."""
    workspace.write("a.otlp.jsonl", *(f"{{{n}" for n in range(1000)))
    told = notices(workspace.export())
    assert (len(told), told[-1]) == (11, "990 further notices are not shown")


def test_a_name_is_shown_on_one_line(workspace: Workspace) -> None:
    """Who can add a file to the job can choose its name."""
    workspace.write("a\n::error::x.otlp.jsonl", "{")
    result = workspace.export()
    assert result.errors == []
    assert "a?::error::x.otlp.jsonl" in result.notices[0]


def test_reading_ends_where_its_time_is_used_up() -> None:
    """What is left of the time is for sending; each file that was not read is told."""
    reader = TraceFileReader(
        enabled=frozenset(Signal),
        redact=build_redactor([]),
        spans=ToolSpans(trace_id=FOREIGN),
        until=Deadline.after(SystemClock(), 0),
    )
    reader.read([("a.otlp.jsonl", a_line(a_span()).encode())])
    found = reader.build_telemetry("job", "`trace-files`")
    assert list(found.encoded_requests) == []
    assert found.notices == (
        "`trace-files`: a.otlp.jsonl was not read: half of the time (`timeout`) was used up",
    )


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(content=st.binary(max_size=200))
def test_whatever_is_in_a_file_the_export_goes_on(content: bytes, workspace: Workspace) -> None:
    """Nothing in it can break the export, or make it more than a notice."""
    workspace.write("a.otlp.jsonl", content)
    result = workspace.export()
    assert (result.status, result.outputs["status"], result.warnings) == (0, "exported", [])
