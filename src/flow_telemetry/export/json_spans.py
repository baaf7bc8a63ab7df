"""Our spans as OTLP JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from flow_telemetry.export.json_values import (
    attributes_field,
    id_field,
    json_object,
    list_field,
    long_field,
    request,
    text_field,
)
from flow_telemetry.telemetry import Span, SpanEvent, SpanKind, SpanLink

# By the numbers that protobuf has for them.
_KINDS = {SpanKind.INTERNAL: '"kind":1', SpanKind.SERVER: '"kind":2'}
_FAILED = '"code":2'
_FLAGS = '"flags":256'


def json_of_spans(spans: Iterable[Span]) -> str:
    """Return the request with the spans as one line of OTLP JSON.

    Raises:
        ValueError: something in them is no Unicode text, no hexadecimal id, or no time.
    """
    written = ((span.resource, _span(span)) for span in spans)
    return request("resourceSpans", "scopeSpans", "spans", written)


def _span(span: Span) -> str:
    return json_object(
        id_field("traceId", span.trace_id),
        id_field("spanId", span.span_id),
        id_field("parentSpanId", span.parent_span_id),
        text_field("name", span.name),
        _KINDS[span.kind],
        long_field("startTimeUnixNano", span.start),
        long_field("endTimeUnixNano", span.end),
        attributes_field(span.attributes),
        list_field("events", map(_event, span.events)),
        list_field("links", map(_link, span.links)),
        f'"status":{_status(span.error)}',
        _FLAGS,
    )


def _status(error: str | None) -> str:
    return "{}" if error is None else json_object(text_field("message", error), _FAILED)


def _event(event: SpanEvent) -> str:
    return json_object(
        long_field("timeUnixNano", event.time),
        text_field("name", event.name),
        attributes_field(event.attributes),
    )


def _link(link: SpanLink) -> str:
    return json_object(
        id_field("traceId", link.trace_id),
        id_field("spanId", link.span_id),
        attributes_field(link.attributes),
        _FLAGS,
    )
