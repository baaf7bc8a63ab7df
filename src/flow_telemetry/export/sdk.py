"""What the encoders of all signals need of the SDK, which is loaded with this module."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from flow_telemetry.telemetry import Attributes, Resource

# Without the version: Jaeger tells spans apart by it, and a repeat by a newer one is the same.
SCOPE = InstrumentationScope("flow-telemetry")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class _Resource(SdkResource):
    """The SDK's resource with a hash that is made once: its encoder asks for it for every span."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__(attributes)
        self._known_hash = super().__hash__()

    def __hash__(self) -> int:
        return self._known_hash

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)


def context(trace_id: str, span_id: str) -> SpanContext:
    """Return a place in a trace, by ids in hexadecimal."""
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, _SAMPLED)


def resources() -> Callable[[Resource], SdkResource]:
    """Return a function from our resources to the SDK's, one object for each of ours."""
    known: dict[int, SdkResource] = {}

    def find(resource: Resource) -> SdkResource:
        found = known.get(id(resource))
        if found is None:
            # Not Resource.create(), which adds a random service.instance.id.
            found = known[id(resource)] = _Resource(resource.attributes)
        return found

    return find
