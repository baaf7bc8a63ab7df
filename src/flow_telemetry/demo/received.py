"""Decoding of received OTLP spans to records, which the terminal and the page draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    Resource,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
)

# By their numbers in protobuf.
_KINDS = {1: SpanKind.INTERNAL, 2: SpanKind.SERVER}
_ERROR = 2


def spans_in(request: Any) -> list[Span]:
    """Return the spans of an `ExportTraceServiceRequest`, in its order."""
    return [
        _span(span, Resource(attributes=_attributes(resource.resource.attributes)))
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _span(span: Any, resource: Resource) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        resource=resource,
        kind=_KINDS[span.kind],
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(
                name=event.name,
                time=event.time_unix_nano,
                attributes=_attributes(event.attributes),
            )
            for event in span.events
        ),
        links=tuple(
            SpanLink(
                trace_id=link.trace_id.hex(),
                span_id=link.span_id.hex(),
                attributes=_attributes(link.attributes),
            )
            for link in span.links
        ),
        error=span.status.message if span.status.code == _ERROR else None,
    )


def _attributes(pairs: Iterable[Any]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> AttributeValue:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(str(item.string_value) for item in value.array_value.values)
    single: AttributeValue = getattr(value, kind)
    return single
