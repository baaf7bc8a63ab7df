"""What is sent is what was mapped: nothing added, nothing lost, nothing at random.

Requests are made by the SDK's exporters; the lines of a spool are ours, and hold the same.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.logs import entries_in
from tests.fakes.metrics import points_in
from tests.fakes.otlp import LOGS, METRICS
from tests.fakes.spans import SpanRecord, from_json, from_protobuf, spans_in
from tests.otlp.builders import (
    OTHER_TRACE,
    RESOURCE,
    SECOND,
    START,
    TRACE,
    make_event,
    make_span,
    make_spans,
    rich_span,
)
from tests.otlp.encoding import encoded, request_of
from tests.otlp.strategies import equal_value, events, measurements, spans

from flow_telemetry.otlp.json import format_items, format_request
from flow_telemetry.otlp.series import Point, SeriesTable, gauge_points
from flow_telemetry.telemetry import AttributeValue, LogRecord, Measurement, Resource, Signal, Span


def decoded(given_spans: list[Span]) -> list[SpanRecord]:
    """The spans as a backend gets them."""
    return spans_in(from_protobuf(ExportTraceServiceRequest, encoded(given_spans)))


def test_a_span_arrives_with_all_it_has() -> None:
    """Ids, times, kind, status, attributes, events, links and resource are those given."""
    [span] = decoded([rich_span()])
    assert span.trace_id == TRACE
    assert (span.span_id, span.parent_span_id) == ("e5277f9fffce771d", "4874e21768926a40")
    assert (span.name, span.kind) == ("job  test (3.12)", "INTERNAL")
    assert (span.start, span.end) == (START, START + 5_000_000_000)
    assert (span.status, span.message) == ("ERROR", "exit code 1")
    assert span.attributes == {
        "text": "größer",
        "truth": True,
        "number": 7,
        "share": 0.5,
        "labels": ["bug", "ci"],
    }
    assert [(e.name, e.time, e.attributes) for e in span.events] == [
        ("annotated", START + 1, {"level": "failure"})
    ]
    [link] = span.links
    assert (link.trace_id, link.span_id) == (OTHER_TRACE, "fca3b7d3823641da")
    assert link.attributes == {"kind": "feature"}


def test_a_root_has_no_parent_and_no_status_unless_it_failed() -> None:
    """A successful run is SERVER, without a parent, and its status stays unset."""
    [span] = decoded([make_span(1)])
    assert (span.parent_span_id, span.kind, span.status) == ("", "SERVER", "UNSET")


def test_the_resource_holds_what_was_given_only() -> None:
    """No random instance id and no word of the SDK makes two exports of one run differ."""
    [span] = decoded([make_span(1)])
    assert span.resource == {"service.name": "github-actions", "vcs.repository.name": "acme/shop"}


def test_the_scope_is_this_program() -> None:
    """A backend sees which version of what made the span."""
    request = request_of([make_span(1)])
    [scope] = [s.scope for group in request.resource_spans for s in group.scope_spans]
    assert (scope.name, scope.version) == ("flow-telemetry", "")


def test_spans_of_equal_resources_stand_together() -> None:
    """Resources that are equal, though not the same object, make one group in the request."""
    one, other = make_spans(2)
    twin = Span(
        trace_id=other.trace_id,
        span_id=other.span_id,
        parent_span_id=other.parent_span_id,
        name=other.name,
        start=other.start,
        end=other.end,
        resource=Resource(attributes=dict(other.resource.attributes)),
    )
    assert len(request_of([one, twin]).resource_spans) == 1


def test_a_json_line_is_what_the_collector_reads() -> None:
    """Lower-case hexadecimal ids, integer enums, nanoseconds as text, all on one line."""
    line = format_items([rich_span()])
    assert "\n" not in line
    [group] = json.loads(line)["resourceSpans"]
    [span] = group["scopeSpans"][0]["spans"]
    assert span["traceId"] == TRACE
    assert span["spanId"] == "e5277f9fffce771d"
    assert span["parentSpanId"] == "4874e21768926a40"
    assert span["kind"] == 1
    assert span["status"]["code"] == 2
    assert span["startTimeUnixNano"] == str(START)
    assert span["links"][0]["traceId"] == OTHER_TRACE
    assert span["links"][0]["spanId"] == "fca3b7d3823641da"


@given(spans())
def test_any_span_arrives_as_it_was(given_spans: list[Span]) -> None:
    """Whatever names and values a workflow has, they arrive unchanged and in order."""
    arrived = decoded(given_spans)
    by_id = {(s.trace_id, s.span_id): s for s in arrived}
    assert len(arrived) == len(given_spans)
    for span in given_spans:
        record = by_id[span.trace_id, span.span_id]
        assert record.name == span.name
        assert record.parent_span_id == (span.parent_span_id or "")
        assert record.message == (span.error or "")
        assert record.attributes.keys() == span.attributes.keys()
        assert all(equal_value(record.attributes[k], v) for k, v in span.attributes.items())


@given(spans())
def test_a_json_line_says_what_protobuf_says(given_spans: list[Span]) -> None:
    """What is spooled decodes to the very request that would have been sent."""
    line = format_items(given_spans)
    assert from_json(ExportTraceServiceRequest, line) == request_of(given_spans)
    assert line == format_request(request_of(given_spans))


@given(spans())
def test_equal_spans_make_equal_requests(given_spans: list[Span]) -> None:
    """An export that is repeated is equal, byte by byte before compression."""
    assert encoded(given_spans) == encoded(given_spans)


def points_of(given_measurements: list[Measurement]) -> list[Point]:
    table = SeriesTable()
    for measurement in given_measurements:
        table.add(measurement)
    return table.points(START, START + SECOND)


def test_an_event_arrives_with_all_it_has() -> None:
    """Name, times, place in the trace, severity, attributes and resource are those given."""
    line = format_items([make_event(7, "flow.change.merged")], Signal.LOGS)
    [record] = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert (record["traceId"], record["spanId"]) == (TRACE, f"{1:016x}")
    assert record["severityNumber"] == 9
    [entry] = entries_in(from_json(LOGS.request, line))  # type: ignore[arg-type]
    assert (entry.event_name, entry.severity) == ("flow.change.merged", "INFO")
    assert (entry.time, entry.observed) == (START, START + 9 * SECOND)
    assert (entry.trace_id, entry.span_id) == (TRACE, f"{1:016x}")
    assert entry.attributes == {"log.record.uid": "flow:event:7"}
    assert (entry.resource, entry.scope) == (RESOURCE.attributes, "flow-telemetry")
    assert not entry.has_body


@given(events())
def test_any_event_arrives_as_it_was(given_events: list[LogRecord]) -> None:
    """Whatever was named and valued, it arrives unchanged, and the spool's line says the same."""
    message = request_of(given_events, Signal.LOGS)
    line = format_items(given_events, Signal.LOGS)
    assert from_json(LOGS.request, line) == message
    assert line == format_request(message)
    arrived = {(entry.trace_id, entry.span_id): entry for entry in entries_in(message)}
    assert len(entries_in(message)) == len(given_events)
    for event in given_events:
        entry = arrived[event.trace_id, event.span_id]
        assert entry.event_name == event.event_name
        assert (entry.time, entry.observed) == (event.time, event.observed)
        assert entry.attributes.keys() == event.attributes.keys()
        assert all(equal_value(entry.attributes[k], v) for k, v in event.attributes.items())


@given(measurements())
def test_any_point_arrives_once(given_measurements: list[Measurement]) -> None:
    """Each series is one point, of its metric's name and unit, in the protocol as in the spool."""
    points = points_of(given_measurements)
    message = request_of(points, Signal.METRICS)
    line = format_items(points, Signal.METRICS)
    assert from_json(METRICS.request, line) == message
    assert line == format_request(message)
    assert sorted((p.name, p.unit, p.kind) for p in points_in(message)) == sorted(
        (p.instrument.name, p.instrument.unit, p.instrument.kind.value) for p in points
    )


@given(measurements())
def test_a_metric_of_one_entity_stands_once_in_a_request(
    given_measurements: list[Measurement],
) -> None:
    """A backend that takes the second of two equal metrics for the first loses nothing."""
    message = request_of(points_of(given_measurements), Signal.METRICS)
    metrics = [
        (group.resource.SerializeToString(deterministic=True), metric.SerializeToString())
        for group in message.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    ]
    assert len(set(metrics)) == len(metrics)


@given(measurements(), st.booleans())
def test_points_of_either_shape_are_spooled_as_they_are_sent(
    given_measurements: list[Measurement], as_gauges: bool
) -> None:
    """Deltas and gauges alike."""
    points = points_of(given_measurements)
    if as_gauges:
        points = list(gauge_points(points))
    line = format_items(points, Signal.METRICS)
    assert line == format_request(request_of(points, Signal.METRICS))


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (2**63, "9223372036854775808"),
        ("half \ud83d of a smile", "half ? of a smile"),
        (("whole", "half \ud83d"), ["whole", "half ?"]),
        ((), []),
    ],
)
def test_a_value_that_protobuf_cannot_hold_costs_nothing_else(
    value: AttributeValue, arrives: object
) -> None:
    """A number of another system, or text that was cut in half: what is nearest is sent."""
    given = [make_span(1, attributes={"odd": value, "plain": "yes"})]
    [span] = decoded(given)
    assert span.attributes == {"odd": arrives, "plain": "yes"}
    assert format_items(given) == format_request(request_of(given))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), -0.0, 1e300, -7])
def test_a_number_that_json_has_not_is_written_as_protobuf_does(value: float) -> None:
    """As a text, and zero with its sign."""
    given = [make_span(1, attributes={"": value})]
    assert format_items(given) == format_request(request_of(given))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "half \ud83d of a smile"},
        {"error": "\ud83d"},
        {"trace_id": "xyz"},
        {"start": -1},
        {"end": 2**64},
    ],
)
def test_what_no_request_can_carry_is_no_line_either(change: dict[str, Any]) -> None:
    """Both ways to write it fail alike, so that it is counted and not kept as damage."""
    given = [replace(make_span(1), **change)]
    for written in (encoded, format_items):
        with pytest.raises(ValueError, match=r"."):
            written(given)


def test_half_a_surrogate_pair_in_a_line_of_a_log_is_written_as_a_request_has_it() -> None:
    """As a question mark."""
    given = [replace(make_event(1, ""), body="a\ud800")]
    assert format_items(given, Signal.LOGS) == format_request(request_of(given, Signal.LOGS))


def test_half_a_surrogate_pair_in_a_name_costs_no_attribute() -> None:
    """The SDK would leave out the attribute without a word."""
    given = [make_span(1, attributes={"half \ud83d": 1, "größer": 2})]
    [span] = decoded(given)
    assert span.attributes == {"half ?": 1, "größer": 2}
    assert format_items(given) == format_request(request_of(given))


def test_nothing_is_an_empty_request() -> None:
    """Of each signal."""
    assert {format_items([], signal) for signal in Signal} == {"{}"}
