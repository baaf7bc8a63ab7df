"""Spans as the receiver decoded them, in the form that the views draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flow_telemetry.telemetry import Attributes, Resource, Span, SpanEvent, SpanKind, SpanLink
from flow_telemetry.testing.spans import SpanRecord


def telemetry_spans(records: Iterable[SpanRecord]) -> list[Span]:
    """Return the received spans as telemetry, in the same order."""
    return [_span(each) for each in records]


def _span(record: SpanRecord) -> Span:
    return Span(
        trace_id=record.trace_id,
        span_id=record.span_id,
        parent_span_id=record.parent_span_id or None,
        name=record.name,
        start=record.start,
        end=record.end,
        resource=Resource(attributes=_attributes(record.resource)),
        kind=SpanKind[record.kind],
        attributes=_attributes(record.attributes),
        events=tuple(
            SpanEvent(name=e.name, time=e.time, attributes=_attributes(e.attributes))
            for e in record.events
        ),
        links=tuple(
            SpanLink(
                trace_id=link.trace_id,
                span_id=link.span_id,
                attributes=_attributes(link.attributes),
            )
            for link in record.links
        ),
        error=record.message if record.status == "ERROR" else None,
    )


def _attributes(received: Mapping[str, Any]) -> Attributes:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in received.items()
    }
