"""The SDK's span exporter and spans, and the options and resources of all signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as SdkSpanKind

from flow_telemetry.otlp.series import pairs
from flow_telemetry.otlp.values import SCOPE_NAME, encodable
from flow_telemetry.telemetry import Resource, Span, SpanKind

# Set explicitly, because the exporter would read an environment variable for each of them. The
# session compresses and limits the time; batches already have a limited size.
OPTIONS: dict[str, Any] = {
    "compression": Compression.NoCompression,
    "timeout": 10.0,
    "max_request_size": 0,
    "meter_provider": NoOpMeterProvider(),
}
# No version and no `schema_url`: to Jaeger, spans with different ones are different spans.
SCOPE = InstrumentationScope(SCOPE_NAME)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_KINDS = {SpanKind.INTERNAL: SdkSpanKind.INTERNAL, SpanKind.SERVER: SdkSpanKind.SERVER}
_UNSET = Status(StatusCode.UNSET)


def span_exporter(url: str, session: requests.Session) -> Callable[[Sequence[Span]], Any]:
    """Return a function that sends spans with the SDK's exporter through the session."""
    exporter = OTLPSpanExporter(endpoint=url, session=session, **OPTIONS)
    resources = Resources()
    return lambda spans: exporter.export([sdk_span(span, resources) for span in spans])


class SharedResource(SdkResource):
    """A resource of the SDK with a cached hash.

    The encoder hashes the resource of every span, and the SDK formats JSON for each hash.
    """

    def __init__(self, resource: Resource) -> None:
        """Copy the attributes. `Resource.create()` would add a random instance id."""
        super().__init__(encodable(resource.attributes))
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        """Return the hash of the attributes."""
        return self._hash


class Resources:
    """A cache of the SDK's resources: one object for all equal resources."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        # Contains the resource as well, so that its id() is not reused.
        self._by_identity: dict[int, tuple[Resource, SharedResource]] = {}
        self._by_content: dict[object, SharedResource] = {}

    def of(self, resource: Resource) -> SharedResource:
        """Return the SDK's resource with the same attributes."""
        cached = self._by_identity.get(id(resource))
        if cached is None:
            content = pairs(resource.attributes)
            shared = self._by_content.get(content)
            if shared is None:
                shared = self._by_content[content] = SharedResource(resource)
            cached = self._by_identity[id(resource)] = (resource, shared)
        return cached[1]


def context(trace_id: str, span_id: str) -> SpanContext:
    """Return the context of a local, sampled span with hexadecimal ids."""
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, SAMPLED)


def sdk_span(span: Span, resources: Resources) -> ReadableSpan:
    """Return a span of the SDK with the same content.

    Raises:
        ValueError: an id is not hexadecimal.
    """
    parent, error = span.parent_span_id, span.error
    return ReadableSpan(
        span.name,
        context=context(span.trace_id, span.span_id),
        parent=None if parent is None else context(span.trace_id, parent),
        resource=resources.of(span.resource),
        attributes=encodable(span.attributes),
        events=[
            Event(event.name, encodable(event.attributes), event.time) for event in span.events
        ],
        links=[
            Link(context(link.trace_id, link.span_id), encodable(link.attributes))
            for link in span.links
        ],
        kind=_KINDS[span.kind],
        status=_UNSET if error is None else Status(StatusCode.ERROR, error),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=SCOPE,
    )
