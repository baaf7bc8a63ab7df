"""What holds for the spans of every export, whatever was read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from flow_telemetry.mapping.placement import Placement
from flow_telemetry.otlp.json import format_items
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.telemetry import Attributes, AttributeValue, Span

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


def assert_valid_tree(spans: Sequence[Span], part: RunSlice, placement: Placement) -> None:
    """Assert that a backend takes the spans, and shows them as one tree."""
    assert_one_tree(spans, part, placement)
    for span in spans:
        assert_within_bounds(span)
        assert 0 < span.start <= span.end < 2**63
        assert all(link.trace_id != span.trace_id for link in span.links)
        if span.attributes["flow.entity.type"] in ("queued", "approval"):
            assert span.end > span.start
    assert len(spans_in_line(format_items(spans))) == len(spans)


def assert_one_tree(spans: Sequence[Span], part: RunSlice, placement: Placement) -> None:
    """Assert that ids are valid and unique, and that every parent is there or known."""
    ids = [span.span_id for span in spans]
    assert len(set(ids)) == len(ids)
    assert all(map(_SPAN_ID.fullmatch, ids))
    assert {span.trace_id for span in spans} <= {placement.trace_id}
    assert _TRACE_ID.fullmatch(placement.trace_id)
    tops = [span for span in spans if span.parent_span_id not in ids]
    if part.run_span:
        above = placement.parent and placement.trace.span_id(placement.parent)
        assert [(top.span_id, top.parent_span_id) for top in tops] == [
            (placement.trace.span_id(part.run.reference), above)
        ]
    else:
        of_run = placement.trace.span_id(part.run.reference)
        assert {(t.attributes["flow.entity.type"], t.parent_span_id) for t in tops} <= {
            ("job", of_run)
        }


def assert_within_bounds(span: Span) -> None:
    """Assert that the span has no more of anything than every backend takes."""
    assert 1 <= len(span.name) <= 128
    assert "\n" not in span.name
    assert len(span.attributes) <= 32
    assert len(span.events) <= 8
    assert_values(span.attributes)
    assert span.error is None or _bytes(span.error) <= 2048
    for event in span.events:
        assert_values(event.attributes)
    for link in span.links:
        assert_values(link.attributes)


def assert_values(attributes: Attributes) -> None:
    """Assert that every value is short, and no attribute's name is made from data."""
    for name, value in attributes.items():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name)
        assert _bytes(value) <= 2048
        assert value not in ("", (), None)
        assert not isinstance(value, int) or -(2**63) <= value < 2**63


def _bytes(value: AttributeValue) -> int:
    if isinstance(value, str):
        return len(value.encode())  # raises where a lone surrogate was left
    if isinstance(value, (bool, int, float)):
        return 8
    return sum(map(_bytes, value))


def spans_in_line(line: str) -> list[object]:
    """Return the spans of a line of OTLP JSON."""
    return [
        span
        for group in json.loads(line).get("resourceSpans", ())
        for scope in group["scopeSpans"]
        for span in scope["spans"]
    ]
