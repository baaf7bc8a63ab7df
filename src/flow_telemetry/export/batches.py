"""Cutting a stream of spans into requests that every backend takes, without holding the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flow_telemetry.telemetry import Attributes, AttributeValue, Resource, Span

MOST_SPANS = 1000
MOST_BYTES = 1_000_000

# Upper bounds in bytes of what protobuf adds to the texts themselves: tags, lengths, ids, times.
# A length takes at most 5 bytes, the tag before it 1; a number as a varint at most 10.
_REQUEST_OVERHEAD = 16
_RESOURCE_OVERHEAD = 96
_SPAN_OVERHEAD = 112
_EVENT_OVERHEAD = 32
_LINK_OVERHEAD = 48
_ATTRIBUTE_OVERHEAD = 36
_ITEM_OVERHEAD = 12


def batches(
    spans: Iterable[Span], *, most_spans: int = MOST_SPANS, most_bytes: int = MOST_BYTES
) -> Iterator[tuple[Span, ...]]:
    """Yield the spans in order, cut where the trace changes or a bound would be passed.

    ``most_bytes`` bounds the request before compression; a span that is larger goes alone. Only
    one batch is held at a time.
    """
    batch: list[Span] = []
    size = 0
    resources: set[int] = set()
    for span in spans:
        own = span_size(span)
        with_resource = own + _unseen_resource_size(span.resource, resources)
        if batch and (
            span.trace_id != batch[0].trace_id
            or len(batch) >= most_spans
            or size + with_resource > most_bytes
        ):
            yield tuple(batch)
            batch, size, resources = [], 0, set()
        if not batch:
            with_resource = _REQUEST_OVERHEAD + own + resource_size(span.resource)
        resources.add(id(span.resource))
        batch.append(span)
        size += with_resource
    if batch:
        yield tuple(batch)


def span_size(span: Span) -> int:
    """Return an upper bound in bytes of a span within its request."""
    size = _SPAN_OVERHEAD + _text(span.name) + _attributes(span.attributes)
    if span.error:
        size += _text(span.error)
    for event in span.events:
        size += _EVENT_OVERHEAD + _text(event.name) + _attributes(event.attributes)
    for link in span.links:
        size += _LINK_OVERHEAD + _attributes(link.attributes)
    return size


def resource_size(resource: Resource) -> int:
    """Return an upper bound in bytes of a resource, with the scope that stands beneath it."""
    return _RESOURCE_OVERHEAD + _attributes(resource.attributes)


def _unseen_resource_size(resource: Resource, seen: set[int]) -> int:
    return 0 if id(resource) in seen else resource_size(resource)


def _attributes(attributes: Attributes) -> int:
    return sum(
        _ATTRIBUTE_OVERHEAD + _text(key) + _value(value) for key, value in attributes.items()
    )


def _value(value: AttributeValue) -> int:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (bool, int, float)):
        return 0
    return sum(_ITEM_OVERHEAD + _text(item) for item in value)


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
