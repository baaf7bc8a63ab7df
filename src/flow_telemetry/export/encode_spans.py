"""Our spans as the SDK's. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status, StatusCode
from opentelemetry.trace import SpanKind as SdkSpanKind

from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.sdk import SCOPE, context, resources
from flow_telemetry.telemetry import Span, SpanKind

_UNSET = Status(StatusCode.UNSET)
_KINDS = {SpanKind.INTERNAL: SdkSpanKind.INTERNAL, SpanKind.SERVER: SdkSpanKind.SERVER}


def readable_spans(spans: Iterable[Span]) -> list[ReadableSpan]:
    """Return the spans as the SDK's, in order, one resource object for each of ours."""
    resource_of = resources()
    return [_readable(span, resource_of(span.resource)) for span in spans]


def _readable(span: Span, resource: SdkResource) -> ReadableSpan:
    parent = span.parent_span_id
    return ReadableSpan(
        span.name,
        context=context(span.trace_id, span.span_id),
        parent=None if parent is None else context(span.trace_id, parent),
        resource=resource,
        attributes=span.attributes,
        events=[Event(e.name, e.attributes, e.time) for e in span.events],
        links=[Link(context(k.trace_id, k.span_id), k.attributes) for k in span.links],
        kind=_KINDS[span.kind],
        status=_UNSET if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=SCOPE,
    )


ENCODING = Encoding(
    readable=readable_spans,
    request=encode_spans,
    new_response=ExportTraceServiceResponse,
    levels=("resourceSpans", "scopeSpans", "spans"),
)
