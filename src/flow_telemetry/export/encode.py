"""Our records as the SDK's spans, and as lines of OTLP JSON.

Pure. The SDK is loaded with this module, so it is imported where spans are really sent or written.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as SdkSpanKind

from flow_telemetry.telemetry import Resource, Span, SpanKind

# Without the version: Jaeger tells spans apart by it, and a repeat by a newer one is the same.
_SCOPE = InstrumentationScope("flow-telemetry")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)
_KINDS = {SpanKind.INTERNAL: SdkSpanKind.INTERNAL, SpanKind.SERVER: SdkSpanKind.SERVER}


def readable_spans(spans: Iterable[Span]) -> list[ReadableSpan]:
    """Return the spans as the SDK's, in order, one resource object for each of ours."""
    resources: dict[int, SdkResource] = {}
    return [_readable(span, _resource(span.resource, resources)) for span in spans]


def otlp_json_line(spans: Sequence[Span]) -> str:
    """Return the request that would carry the spans as one line of OTLP JSON, without a line end.

    The Collector's file exporter writes, and its file receiver reads, such lines.
    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding asks for lower-case
    hexadecimal ids and integer enums, where protobuf's own mapping has base64 and names.
    """
    request = MessageToDict(encode_spans(readable_spans(spans)), use_integers_for_enums=True)
    for group in request.get("resourceSpans", ()):
        for scope in group.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                _write_ids_in_hex(span)
                for link in span.get("links", ()):
                    _write_ids_in_hex(link)
    return json.dumps(request, separators=(",", ":"))


def _resource(resource: Resource, known: dict[int, SdkResource]) -> SdkResource:
    found = known.get(id(resource))
    if found is None:
        # Not Resource.create(), which adds a random service.instance.id.
        found = known[id(resource)] = SdkResource(resource.attributes)
    return found


def _readable(span: Span, resource: SdkResource) -> ReadableSpan:
    parent = span.parent_span_id
    return ReadableSpan(
        span.name,
        context=_context(span.trace_id, span.span_id),
        parent=None if parent is None else _context(span.trace_id, parent),
        resource=resource,
        attributes=span.attributes,
        events=[Event(e.name, e.attributes, e.time) for e in span.events],
        links=[Link(_context(k.trace_id, k.span_id), k.attributes) for k in span.links],
        kind=_KINDS[span.kind],
        status=_UNSET if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, _SAMPLED)


def _write_ids_in_hex(record: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in record:
            record[name] = b64decode(record[name]).hex()
