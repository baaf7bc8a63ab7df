"""Lines of OTLP JSON, ours and other tools', are requests again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.encoding import request_of
from tests.otlp.strategies import events, spans

from flow_telemetry.otlp.json import format_items
from flow_telemetry.otlp.lines import OtlpRequest, parse_otlp_lines
from flow_telemetry.telemetry import LogRecord, Signal, Span

SPAN: dict[str, Any] = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "parentSpanId": "",
    "name": "compile",
    "kind": 1,
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": "1544712661000000000",
    "attributes": [{"key": "traceId", "value": {"stringValue": "not an id"}}],
    "fieldOfTomorrow": {"spanId": "eee19b7ec3c1b174"},
}


def parse(*lines: bytes) -> tuple[list[OtlpRequest], list[str]]:
    return parse_otlp_lines(list(enumerate(lines, 1)), "build.otlp.jsonl")


def line_of(**changes: Any) -> bytes:
    span = {name: value for name, value in {**SPAN, **changes}.items() if value is not None}
    request = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}
    return json.dumps(request).encode()


@given(given_spans=spans().filter(bool))
def test_what_we_write_is_read_again(given_spans: list[Span]) -> None:
    """Spans, with their links, come back as they were."""
    line = format_items(given_spans)
    (request,) = parse(line.encode())[0]
    assert request.signal is Signal.TRACES
    assert request.message == request_of(given_spans)


@given(given_events=events())
def test_events_are_read_again(given_events: list[LogRecord]) -> None:
    """The Collector writes logs and metrics into such files, too."""
    line = format_items(given_events, Signal.LOGS)
    (request,) = parse(line.encode())[0]
    assert request.signal is Signal.LOGS
    assert request.message == request_of(given_events, Signal.LOGS)


def test_a_span_of_another_tool() -> None:
    """Numbers are texts, ids are hexadecimal in either case, and unknown fields are left out."""
    requests, damaged = parse(line_of(traceId=SPAN["traceId"].upper()))
    assert damaged == []
    message: Any = requests[0].message
    (span,) = message.resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex()) == (SPAN["traceId"], SPAN["spanId"])
    assert (span.parent_span_id, span.name) == (b"", "compile")
    assert span.end_time_unix_nano - span.start_time_unix_nano == 10**9
    assert span.attributes[0].value.string_value == "not an id"


def test_metrics() -> None:
    """A request of metrics is told apart by its field."""
    (request,) = parse(b'{"resourceMetrics":[]}')[0]
    assert request.signal is Signal.METRICS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (line_of()[:-9], "is not a complete JSON object"),
        (b"\xff\xfe\x00", "is not a complete JSON object"),
        (b'{"a":' * 100_000, "is not a complete JSON object"),
        (b"[1]", "a field such as resourceSpans"),
        (b"{}", "a field such as resourceSpans"),
        (b'[{"traceId": "1", "id": "2", "timestamp": 3}]', "Zipkin"),
        (b'{"data": [{"traceID": "1", "spans": []}]}', "Jaeger"),
        (b'{"resourceSpans":7}', "a field has the wrong type"),
        (line_of(name=["a"]), "a field has the wrong type"),
        (line_of(name="\ud800"), "a field has the wrong type"),
        (line_of(startTimeUnixNano="1e400"), "a field has the wrong type"),
        (line_of(spanId="zz"), "spanId that is not 16 hexadecimal digits"),
        (line_of(traceId="5b8efff7"), "traceId that is not 32 hexadecimal digits"),
        (line_of(traceId=7), "traceId that is not 32 hexadecimal digits"),
    ],
)
def test_a_damaged_line_is_told_and_the_others_go_on(line: bytes, said: str) -> None:
    """Its number and the file are named."""
    requests, damaged = parse(line_of(), line, line_of())
    assert len(requests) == 2
    (told,) = damaged
    assert told.startswith("line 2 of build.otlp.jsonl ")
    assert said in told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("resourceSpans", "resource", "scopeSpans", "spans", "attributes", "traceId"),
                    *(
                        "key",
                        "value",
                        "stringValue",
                        "kvlistValue",
                        "values",
                        "links",
                        "bytesValue",
                    ),
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(value=JSON)
def test_any_request_is_read_or_told(value: Any) -> None:
    """Whatever stands below the field that makes it one."""
    requests, damaged = parse(json.dumps({"resourceSpans": value}).encode())
    assert len(requests) + len(damaged) == 1


@given(line=st.binary(max_size=50))
def test_any_bytes_are_read_or_told(line: bytes) -> None:
    """Mostly they are no JSON."""
    requests, damaged = parse(line)
    assert len(requests) + len(damaged) == 1


@pytest.mark.parametrize("name", [rb"\ud800", b"\xed\xa0\x80"], ids=["escaped", "as bytes"])
def test_a_field_whose_name_is_no_text_is_told(name: bytes) -> None:
    """JSON can hold half of a character, at which protobuf fails in a way of its own."""
    line = line_of().replace(b"fieldOfTomorrow", name)
    assert parse(line)[1] == [
        "line 1 of build.otlp.jsonl is not an OTLP request: a field has the wrong type",
    ]
