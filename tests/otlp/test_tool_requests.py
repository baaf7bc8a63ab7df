"""Requests that tools made: packed to the size that backends take, sorted, and cleaned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.otlp.lines import (
    OtlpRequest,
    count_request_items,
    drop_long_heads,
    encode_request,
    iterate_groups,
    merge_requests,
    parse_otlp_lines,
)
from flow_telemetry.privacy.records import redact_message
from flow_telemetry.privacy.redactor import build_redactor
from flow_telemetry.subjects.job.tool_traces import ToolSpans
from flow_telemetry.telemetry import Signal

OURS, THEIRS = "a" * 32, "b" * 32


def request(payload: dict[str, Any]) -> OtlpRequest:
    (found,) = parse_otlp_lines([(1, json.dumps(payload).encode())], "t")[0]
    return found


def spans(*given_spans: dict[str, Any], name: str = "tool") -> OtlpRequest:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]}
    scope = {"scope": {"name": "scope"}, "spans": list(given_spans)}
    return request({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def span(number: int, *, trace: str = THEIRS, parent: int = 0, **facts: Any) -> dict[str, Any]:
    above = f"{parent:016x}" if parent else ""
    ids = {"traceId": trace, "spanId": f"{number:016x}", "parentSpanId": above}
    return {**ids, "name": f"s{number}", "startTimeUnixNano": str(number), **facts}


def names(found: Sequence[OtlpRequest]) -> list[str]:
    return [each.name for one in found for *_, items in iterate_groups(one) for each in items]


@given(
    sizes=st.lists(st.lists(st.integers(0, 400), max_size=6), max_size=6),
    size=st.integers(300, 900),
    items=st.integers(1, 5),
)
def test_whatever_is_packed_all_arrives_within_the_bounds(
    sizes: list[list[int]], size: int, items: int
) -> None:
    """In order; only what is too large by itself goes alone."""
    given_requests = [
        spans(*(span(n + 1, name=f"{number}.{n}." + "x" * long) for n, long in enumerate(each)))
        for number, each in enumerate(sizes)
    ]
    expected = names(given_requests)
    found = list(merge_requests(given_requests, most_bytes=size, most_items=items))
    assert names(found) == expected
    for each in found:
        assert each.message.ByteSize() <= size or count_request_items(each) == 1
        assert 1 <= count_request_items(each) <= items


def test_signals_are_packed_apart() -> None:
    """Each has requests of its own; of a metric the points count."""
    point = {"asInt": "1"}
    metric = {"name": "m", "gauge": {"dataPoints": [point, point]}}
    of_metrics = request({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    of_logs = request({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {}, {}]}]}]})
    found = list(merge_requests([spans(span(1)), of_metrics, of_logs, spans(span(2)), of_metrics]))
    counts = [(each.signal, encode_request(each).items) for each in found]
    assert counts == [(Signal.TRACES, 2), (Signal.METRICS, 4), (Signal.LOGS, 3)]


def test_what_holds_nothing_is_no_request() -> None:
    """Nor are metrics without points."""
    metric = {"name": "m"}
    empty = [
        spans(),
        request({"resourceLogs": []}),
        request({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}),
    ]
    assert list(merge_requests(empty)) == []


def test_a_part_of_a_request_has_its_resource_scope_and_schemas() -> None:
    """Or the spans would be of nobody."""
    scope = {"scope": {"name": "s"}, "schemaUrl": "u2", "spans": [span(1), span(2)]}
    whole = request({"resourceSpans": [{"schemaUrl": "u1", "scopeSpans": [scope]}]})
    found = list(merge_requests([whole], most_items=1))
    heads = [
        (r.schema_url, s.schema_url, s.scope.name) for x in found for r, s, _ in iterate_groups(x)
    ]
    assert heads == [("u1", "u2", "s")] * 2


def test_a_resource_that_would_be_repeated_at_length_is_left_out() -> None:
    """A megabyte of it times a thousand spans would be a gigabyte."""
    long, short = spans(span(1), span(2), name="x" * 200), spans(span(3))
    assert (drop_long_heads(long, largest=100), drop_long_heads(short, largest=100)) == (2, 0)
    assert names([long, short]) == ["s3"]


def test_spans_are_told_apart() -> None:
    """Ours, others, those whose ids are taken or missing, and repeats, over several requests."""
    sorted_spans = ToolSpans(trace_id=OURS, own_ids={f"{9:016x}"})
    first = spans(span(1, trace=OURS), span(9, trace=OURS), span(9), span(0), span(1))
    second = spans(span(1, trace=OURS), span(2, parent=1))
    for each in (first, second):
        sorted_spans.filter(each)
    assert names([first, second]) == ["s1", "s9", "s1", "s2"]
    assert (sorted_spans.exported, sorted_spans.clashing, sorted_spans.invalid) == (1, 1, 1)
    assert (sorted_spans.repeated, dict(sorted_spans.others)) == (1, {THEIRS: 3})
    assert sorted_spans.roots == ((THEIRS, f"{1:016x}"),)


def test_a_circle_of_spans_begins_nowhere() -> None:
    """Each is the other's parent."""
    found = ToolSpans(trace_id=OURS)
    found.filter(spans(span(1, parent=2), span(2, parent=1)))
    assert found.roots == ()


def test_texts_are_replaced_and_names_of_attributes_stay() -> None:
    """In lists, nested values and bytes; ids and numbers are no texts."""
    secret = "s3cr3t-value-of-ours"
    nested = {"kvlistValue": {"values": [{"key": secret, "value": {"stringValue": secret}}]}}
    values = [{"arrayValue": {"values": [nested]}}, {"bytesValue": "czNjcjN0LXZhbHVlLW9mLW91cnM="}]
    attributes = [{"key": f"a{n}", "value": value} for n, value in enumerate(values)]
    given_request = spans(span(1, attributes=attributes, traceState=f"k={secret}"))
    redact_message(given_request.message, build_redactor([secret]))
    text = str(given_request.message)
    assert text.count(secret) == 1
    assert f'key: "{secret}"' in text
    assert text.count("***") == 3


@pytest.mark.parametrize("depth", [80])
def test_a_value_may_be_nested_as_deep_as_the_format_allows(depth: int) -> None:
    """It is walked without recursion."""
    value: dict[str, Any] = {"stringValue": "s3cr3t-value-of-ours"}
    for _ in range(depth // 2):
        value = {"arrayValue": {"values": [value]}}
    given_request = spans(span(1, attributes=[{"key": "deep", "value": value}]))
    redact_message(given_request.message, build_redactor(["s3cr3t-value-of-ours"]))
    assert "s3cr3t" not in str(given_request.message)
