"""Our spans as the protocol's. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, SpanFlags, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.messages import SCOPE_NAME, groups, write_attributes
from flow_telemetry.telemetry import Resource, Span, SpanKind

_KINDS = {
    SpanKind.INTERNAL: Message.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: Message.SPAN_KIND_SERVER,
}
# It is known whether the parent, or the span that a link leads to, came from another process: no.
_FLAGS = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK


def encode_spans(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """Return the request that carries the spans, in order, those of one entity together."""
    request = ExportTraceServiceRequest()

    def new_group(resource: Resource) -> ScopeSpans:
        group = request.resource_spans.add()
        group.resource.SetInParent()
        write_attributes(group.resource.attributes, resource.attributes)
        scope = group.scope_spans.add()
        scope.scope.name = SCOPE_NAME
        return scope

    group_of = groups(new_group)
    for span in spans:
        _write(group_of(span.resource), span)
    return request


def _write(group: ScopeSpans, span: Span) -> None:
    message = group.spans.add(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        flags=_FLAGS,
    )
    if span.parent_span_id is not None:
        message.parent_span_id = bytes.fromhex(span.parent_span_id)
    write_attributes(message.attributes, span.attributes)
    message.status.SetInParent()
    if span.error is not None:
        message.status.code = Status.STATUS_CODE_ERROR
        message.status.message = span.error
    for event in span.events:
        written = message.events.add(name=event.name, time_unix_nano=event.time)
        write_attributes(written.attributes, event.attributes)
    for link in span.links:
        linked = message.links.add(
            trace_id=bytes.fromhex(link.trace_id),
            span_id=bytes.fromhex(link.span_id),
            flags=_FLAGS,
        )
        write_attributes(linked.attributes, link.attributes)


ENCODING = Encoding(
    request=encode_spans,
    new_request=ExportTraceServiceRequest,
    new_response=ExportTraceServiceResponse,
)
