"""The OTLP receiver takes what the real exporter sends, and misbehaves as it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from tests.fakes.faults import black_hole, dripping, empty, html, redirect, reset, status
from tests.fakes.receiver import Receiver, partial_success
from tests.support.waiting import until

TRACE = 0xBC5ADDB5CF688A1630D4F8FE75F91DA2
SECOND = 1_000_000_000
START = 1_795_491_780 * SECOND


def span(name: str, number: int, parent: int | None = None, *, after: int = 0) -> ReadableSpan:
    """A span of two seconds that starts `after` seconds into the trace."""
    return ReadableSpan(
        name,
        context=context(number),
        parent=None if parent is None else context(parent),
        resource=Resource({"service.name": "github-actions"}),
        attributes={"vcs.change.id": "123", "flow.partial": True, "flow.labels": ["a", "b"]},
        kind=SpanKind.SERVER if parent is None else SpanKind.INTERNAL,
        start_time=START + after * SECOND,
        end_time=START + (after + 2) * SECOND,
    )


def context(number: int) -> SpanContext:
    """The identity of a span of the one trace here."""
    return SpanContext(TRACE, number, is_remote=False, trace_flags=TraceFlags(1))


RUN = span("RUN CI", 1)
JOB = span("build", 2, 1, after=1)
STEP = span("Compile", 3, 2, after=2)
OTHER_JOB = span("test", 4, 1)


@pytest.fixture
def exporter(receiver: Receiver) -> Iterator[OTLPSpanExporter]:
    """The SDK's own exporter, aimed at the receiver."""
    made = OTLPSpanExporter(f"{receiver.url}/v1/traces", timeout=20, compression=Compression.Gzip)
    yield made
    made.shutdown()  # type: ignore[no-untyped-call]


def test_what_the_exporter_sends_can_be_read(
    receiver: Receiver, exporter: OTLPSpanExporter
) -> None:
    """A span arrives with its ids, times, kind, attributes and resource as Python values."""
    assert exporter.export([RUN, JOB]) is SpanExportResult.SUCCESS
    (received,) = receiver.requests
    run, job = receiver.spans
    assert (received.path, received.status, received.accepted) == ("/v1/traces", 200, True)
    assert received.headers["content-encoding"] == "gzip"
    assert (run.trace_id, run.span_id) == ("bc5addb5cf688a1630d4f8fe75f91da2", "0" * 15 + "1")
    assert (run.parent_span_id, job.parent_span_id) == ("", run.span_id)
    assert (run.kind, job.kind, run.status) == ("SERVER", "INTERNAL", "UNSET")
    assert (run.start, run.end, run.seconds) == (START, START + 2 * SECOND, 2.0)
    assert run.attributes == {
        "vcs.change.id": "123",
        "flow.partial": True,
        "flow.labels": ["a", "b"],
    }
    assert run.resource == {"service.name": "github-actions"}


def test_events_links_and_status_can_be_read(
    receiver: Receiver, exporter: OTLPSpanExporter
) -> None:
    """What hangs on a span arrives too."""
    failed = ReadableSpan(
        "build",
        context=context(2),
        resource=Resource({}),
        start_time=START,
        end_time=START,
        status=Status(StatusCode.ERROR, "exit code 1"),
        events=[Event("annotated", {"line": 7}, START)],
        links=[Link(context(9), {"flow.link": "feature"})],
    )
    exporter.export([failed])
    (read,) = receiver.spans_named("build")
    assert (read.status, read.message) == ("ERROR", "exit code 1")
    (event,) = read.events
    assert (event.name, event.time, event.attributes) == ("annotated", START, {"line": 7})
    (link,) = read.links
    assert (link.span_id, link.attributes) == ("0" * 15 + "9", {"flow.link": "feature"})


def test_the_tree_is_drawn_by_start(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """Names are indented under their parents in order of start, whatever the order of arrival."""
    exporter.export([STEP, JOB])
    exporter.export([OTHER_JOB, RUN])
    assert receiver.tree() == ["RUN CI", "  test", "  build", "    Compile"]
    assert receiver.tree("00" * 16) == []
    assert receiver.span("Compile").span_id == "0" * 15 + "3"
    with pytest.raises(LookupError, match="named 'Deploy', not one, among"):
        receiver.span("Deploy")


def test_json_is_taken_as_well(receiver: Receiver) -> None:
    """OTLP JSON, with its ids in hex, is read, and answered in JSON."""
    sent = {"traceId": f"{TRACE:032x}", "spanId": "0" * 15 + "1", "name": "RUN CI", "kind": 2}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [sent]}]}]}
    answer = requests.post(f"{receiver.url}/v1/traces", json=body, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {})
    assert receiver.span("RUN CI").trace_id == f"{TRACE:032x}"


def test_damaged_and_misplaced_requests_are_refused(receiver: Receiver) -> None:
    """What no receiver could read is refused, and recorded all the same."""
    protobuf = {"Content-Type": "application/x-protobuf"}
    damaged = requests.post(f"{receiver.url}/v1/traces", b"\xff", headers=protobuf, timeout=5)
    misplaced = requests.post(f"{receiver.url}/v2/traces", b"", headers=protobuf, timeout=5)
    asked = requests.get(f"{receiver.url}/v1/traces", timeout=5)
    assert [a.status_code for a in (damaged, misplaced, asked)] == [400, 404, 405]
    assert [each.accepted for each in receiver.requests] == [False, False, False]


def test_a_refused_request_is_sent_again(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """The exporter tries again after a 503; the spans are kept once."""
    receiver.script("/v1/traces", status(503, retry_after="0"))
    exporter.export([RUN])
    assert [each.status for each in receiver.requests] == [503, 200]
    assert receiver.tree() == ["RUN CI"]


def test_one_signal_may_be_missing(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """A backend without logs answers 404 there, for ever, and takes traces."""
    receiver.script("/v1/logs", status(404), times=None)
    protobuf = {"Content-Type": "application/x-protobuf"}
    url = f"{receiver.url}/v1/logs"
    refused = [requests.post(url, b"", headers=protobuf, timeout=5) for _ in "12"]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert exporter.export([RUN]) is SpanExportResult.SUCCESS


def test_a_partial_success_keeps_the_rest(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """A receiver that rejects one span of two keeps one and says why."""
    receiver.script("/v1/traces", partial_success(1, "too old"))
    exporter.export([RUN, JOB])
    assert receiver.requests[0].rejected == 1
    assert receiver.tree() == ["build"]


def test_a_partial_success_speaks_the_request_s_language(receiver: Receiver) -> None:
    """Asked in JSON, the count of rejected records is told in JSON, under the signal's own name."""
    receiver.script("/v1/logs", partial_success(2, "no such stream"))
    answer = requests.post(f"{receiver.url}/v1/logs", json={"resourceLogs": []}, timeout=5)
    assert json.loads(answer.text) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "no such stream"}
    }


def test_success_without_delivery_keeps_nothing(
    receiver: Receiver, exporter: OTLPSpanExporter
) -> None:
    """A login page with 200 is recorded as answered, and its spans as lost."""
    receiver.script("/v1/traces", html())
    exporter.export([RUN])
    assert (receiver.requests[0].status, receiver.spans) == (200, [])


def test_an_empty_answer_is_a_delivery(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """Backends that answer 200 without a body have taken the spans."""
    receiver.script("/v1/traces", empty())
    exporter.export([RUN])
    assert receiver.tree() == ["RUN CI"]


def test_a_redirect_is_no_delivery(receiver: Receiver, exporter: OTLPSpanExporter) -> None:
    """Spans that were to be sent elsewhere are not kept here."""
    with Receiver() as other:
        receiver.script("/v1/traces", redirect(f"{other.url}/v1/traces", code=308))
        exporter.export([RUN])
    assert (receiver.requests[0].status, receiver.tree()) == (308, [])


@pytest.mark.parametrize("fault", [reset(), black_hole()], ids=["reset", "black hole"])
def test_silence_is_no_delivery(receiver: Receiver, fault: object) -> None:
    """A connection that is reset, or on which nobody answers, keeps nothing."""
    receiver.script("/v1/traces", fault)  # type: ignore[arg-type]
    with pytest.raises(requests.exceptions.RequestException):
        requests.post(f"{receiver.url}/v1/traces", json={}, timeout=0.5)
    until(lambda: receiver.requests, "the request never came")
    assert [(each.status, each.accepted) for each in receiver.requests] == [(0, False)]


@pytest.mark.parametrize("since", ["headers", "body"])
def test_an_answer_may_drip(receiver: Receiver, since: str) -> None:
    """An answer that comes byte by byte is a true answer, read to its end by who waits."""
    receiver.script("/v1/traces", dripping(0.001, since=since))  # type: ignore[arg-type]
    answer = requests.post(f"{receiver.url}/v1/traces", json={}, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {})
    assert receiver.requests[0].accepted


def test_the_path_prefix_belongs_to_the_endpoint() -> None:
    """A backend that keeps OTLP under a path of its own takes requests there only."""
    with Receiver(path_prefix="/otlp") as receiver:
        taken = requests.post(f"{receiver.url}/v1/traces", json={}, timeout=5)
        bare = receiver.url.removesuffix("/otlp")
        refused = requests.post(f"{bare}/v1/traces", json={}, timeout=5)
    assert (taken.status_code, refused.status_code) == (200, 404)
