"""How large items are on the wire, as cheap upper bounds in bytes before compression."""

from __future__ import annotations

from typing import Any

from flow_telemetry.export.points import Point
from flow_telemetry.telemetry import Attributes, LogRecord, Resource, Span

# Upper bounds in bytes of what protobuf adds to the texts themselves: tags, lengths, ids, times.
# A length takes at most 5 bytes, the tag before it 1; a number as a varint at most 10.
REQUEST_OVERHEAD = 16
_RESOURCE_OVERHEAD = 96
_SPAN_OVERHEAD = 112
_EVENT_OVERHEAD = 32
_LINK_OVERHEAD = 48
_RECORD_OVERHEAD = 96
_POINT_OVERHEAD = 128
_BUCKET_SIZE = 16
_ATTRIBUTE_OVERHEAD = 36
_ITEM_OVERHEAD = 12


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


def record_size(record: LogRecord) -> int:
    """Return an upper bound in bytes of a log record within its request."""
    texts = _text(record.event_name) + _text(record.body or "")
    return _RECORD_OVERHEAD + texts + _attributes(record.attributes)


def point_size(point: Point) -> int:
    """Return an upper bound in bytes of a point, with a metric of its own around it."""
    instrument = point.instrument
    texts = (instrument.name, instrument.unit, instrument.description)
    return (
        _POINT_OVERHEAD
        + sum(map(_text, texts))
        + _attributes(point.attributes)
        + _BUCKET_SIZE * len(point.buckets)
    )


def resource_size(resource: Resource) -> int:
    """Return an upper bound in bytes of a resource, with the scope that stands beneath it."""
    return _RESOURCE_OVERHEAD + _attributes(resource.attributes)


def _attributes(attributes: Attributes) -> int:
    texts = [*attributes]
    size = _ATTRIBUTE_OVERHEAD * len(texts)
    value: Any
    for value in attributes.values():
        kind = type(value)  # It is hot.
        if kind is str:
            texts.append(value)
        elif kind is tuple or kind is list:
            texts += value
            size += _ITEM_OVERHEAD * len(value)
    # One look at all of them: this is asked for every attribute of every span.
    return size + _text("".join(texts))


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
