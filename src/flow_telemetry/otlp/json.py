"""OTLP JSON lines of spans, log records, points and encoded requests."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.series import Exemplar, Point, boundaries, pairs
from flow_telemetry.otlp.values import SCOPE_NAME, nearest, nearest_text
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    Instrument,
    InstrumentKind,
    LogRecord,
    Resource,
    Signal,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

# JSON of values. The result is equal to that of protobuf's own mapping.
#
# That mapping takes twenty times as long, which is too long for a program that is being cancelled.
# By https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding ids are lower-case hexadecimal
# and enums integers; by protobuf numbers of 64 bits are texts, and default values are omitted.

_SCOPE = f'"scope":{{"name":"{SCOPE_NAME}"}}'


def json_object(*fields: str) -> str:
    """Return an object of the fields that are not empty."""
    return "{" + ",".join(filter(None, fields)) + "}"


def text_field(name: str, value: str) -> str:
    """Return a text field, or nothing for an empty text.

    Raises:
        ValueError: the text contains half a surrogate pair.
    """
    return f'"{name}":{_text(value)}' if value else ""


def id_field(name: str, value: str | None) -> str:
    """Return the field of an id, or nothing without an id.

    Raises:
        ValueError: the id is not hexadecimal.
    """
    return f'"{name}":"{bytes.fromhex(value).hex()}"' if value else ""


def long_field(name: str, value: int) -> str:
    """Return the field of an unsigned number of 64 bits, such as a time, or nothing for 0.

    Raises:
        ValueError: the number is out of range.
    """
    return f'"{name}":"{_check_range(value, 0, 2**64 - 1):d}"' if value else ""


def double_field(name: str, value: float) -> str:
    """Return the field of a floating-point number, even if it is 0."""
    return f'"{name}":{double(value)}'


def list_field(name: str, values: Iterable[str]) -> str:
    """Return a list field of JSON values, or nothing for an empty list."""
    joined = ",".join(values)
    return f'"{name}":[{joined}]' if joined else ""


def attributes_field(attributes: Attributes) -> str:
    """Return the field `attributes`, in order. Invalid values are replaced as by `encodable`."""
    return list_field("attributes", [_attribute(*pair) for pair in attributes.items()])


def any_value(value: AttributeValue) -> str:
    """Return the value of an attribute.

    Raises:
        ValueError: protobuf cannot represent it.
    """
    if isinstance(value, str):
        return f'{{"stringValue":{_text(value)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        return f'{{"intValue":"{_check_range(value, -(2**63), 2**63 - 1):d}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{double(value)}}}'
    values = list_field("values", map(any_value, value))
    return f'{{"arrayValue":{{{values}}}}}'


def double(value: float) -> str:
    """Return a floating-point number; JSON has texts for infinities and NaN."""
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def request(
    resource_field: str, scope_field: str, item_field: str, items: Iterable[tuple[Resource, str]]
) -> str:
    """Return a request with items in JSON, grouped by resource."""
    # Resources that are equal share a group, even if they are different objects.
    by_identity: dict[int, list[str]] = {}
    by_content: dict[object, list[str]] = {}
    groups: list[tuple[Resource, list[str]]] = []
    for resource, item in items:
        group = by_identity.get(id(resource))
        if group is None:
            content = pairs(resource.attributes)
            if content not in by_content:
                by_content[content] = []
                groups.append((resource, by_content[content]))
            group = by_identity[id(resource)] = by_content[content]
        group.append(item)
    resources = [
        json_object(
            f'"resource":{json_object(attributes_field(resource.attributes))}',
            list_field(scope_field, [json_object(_SCOPE, list_field(item_field, group))]),
        )
        for resource, group in groups
    ]
    return json_object(list_field(resource_field, resources))


def _attribute(key: str, value: AttributeValue) -> str:
    try:
        json_value = any_value(value)
    except ValueError:
        json_value = any_value(nearest(value))
    key_field = f'"key":{_text(nearest_text(key))},' if key else ""
    return f'{{{key_field}"value":{json_value}}}'


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # Raises for half a surrogate pair, which JSON would accept.
    return encode_basestring_ascii(value)


def _check_range(value: int, least: int, most: int) -> int:
    if least <= value <= most:
        return value
    raise ValueError("a number is out of range")


# Spans. The numbers are those of the enums in protobuf.

_KINDS = {SpanKind.INTERNAL: '"kind":1', SpanKind.SERVER: '"kind":2'}
_FAILED = '"code":2'
_FLAGS = '"flags":256'


def format_spans(spans: Iterable[Span]) -> str:
    """Return the request with the spans as one line of OTLP JSON.

    Raises:
        ValueError: a text is not Unicode, an id not hexadecimal, or a time out of range.
    """
    items = ((span.resource, _span(span)) for span in spans)
    return request("resourceSpans", "scopeSpans", "spans", items)


def _span(span: Span) -> str:
    status = "{}" if span.error is None else json_object(text_field("message", span.error), _FAILED)
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
        f'"status":{status}',
        _FLAGS,
    )


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


# Log records. The flag is that of a sampled span in the W3C trace context.

_LOG_FLAGS = '"flags":1'


def format_records(records: Iterable[LogRecord]) -> str:
    """Return the request with the records as one line of OTLP JSON.

    Raises:
        ValueError: a text is not Unicode, an id not hexadecimal, or a time out of range.
    """
    items = ((record.resource, _record(record)) for record in records)
    return request("resourceLogs", "scopeLogs", "logRecords", items)


def _record(record: LogRecord) -> str:
    # Half a surrogate pair, which protobuf cannot represent, becomes a question mark.
    body = "{}" if record.body is None else any_value(nearest_text(record.body))
    return json_object(
        long_field("timeUnixNano", record.time),
        f'"severityNumber":{record.severity.value:d}',
        text_field("severityText", record.severity.name),
        f'"body":{body}',
        attributes_field(record.attributes),
        _LOG_FLAGS,
        id_field("traceId", record.trace_id),
        id_field("spanId", record.span_id),
        long_field("observedTimeUnixNano", record.observed),
        text_field("eventName", record.event_name),
    )


# Points. The number is that of the enum in protobuf.

_DELTA = '"aggregationTemporality":1'
_ONLY_GROWS = '"isMonotonic":true'


def format_points(points: Iterable[Point]) -> str:
    """Return the request with the points as one line of OTLP JSON.

    Raises:
        ValueError: a text is not Unicode, or a time out of range.
    """
    return request("resourceMetrics", "scopeMetrics", "metrics", _metrics(points))


def _metrics(points: Iterable[Point]) -> Iterator[tuple[Resource, str]]:
    for resource, resource_points in groupby(points, lambda point: point.resource):
        for instrument, group in groupby(resource_points, lambda point: point.instrument):
            metric = json_object(
                text_field("name", instrument.name),
                text_field("description", instrument.description),
                text_field("unit", instrument.unit),
                _data(instrument, list(group)),
            )
            yield resource, metric


def _data(instrument: Instrument, points: Sequence[Point]) -> str:
    if instrument.kind is InstrumentKind.GAUGE:
        numbers = [_number(point, "") for point in points]
        return f'"gauge":{json_object(list_field("dataPoints", numbers))}'
    if instrument.kind is InstrumentKind.SUM:
        starts = (long_field("startTimeUnixNano", point.start) for point in points)
        numbers = [_number(point, start) for point, start in zip(points, starts, strict=True)]
        return f'"sum":{json_object(list_field("dataPoints", numbers), _DELTA, _ONLY_GROWS)}'
    histograms = list_field("dataPoints", map(_histogram, points))
    return f'"histogram":{json_object(histograms, _DELTA)}'


def _number(point: Point, start: str) -> str:
    value = point.number()
    number = f'"asInt":"{value:d}"' if isinstance(value, int) else double_field("asDouble", value)
    return json_object(
        start,
        long_field("timeUnixNano", point.time),
        number,
        attributes_field(point.attributes),
    )


def _histogram(point: Point) -> str:
    return json_object(
        long_field("startTimeUnixNano", point.start),
        long_field("timeUnixNano", point.time),
        long_field("count", point.count),
        double_field("sum", point.total),
        list_field("bucketCounts", [f'"{count:d}"' for count in point.buckets]),
        list_field("explicitBounds", map(double, boundaries(point.instrument))),
        list_field("exemplars", [_exemplar(exemplar, point.time) for exemplar in point.exemplars]),
        attributes_field(point.attributes),
        double_field("min", point.least),
        double_field("max", point.greatest),
    )


def _exemplar(exemplar: Exemplar, time: int) -> str:
    return json_object(
        long_field("timeUnixNano", time),
        double_field("asDouble", exemplar.value),
        id_field("spanId", exemplar.span_id),
        id_field("traceId", exemplar.trace_id),
    )


# Lines.

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_FORMATTERS: dict[Signal, Callable[[Any], str]] = {
    Signal.TRACES: format_spans,
    Signal.LOGS: format_records,
    Signal.METRICS: format_points,
}


def format_line(batch: Batch) -> str:
    """Return a batch as one line of OTLP JSON, without a line end.

    Raises:
        ValueError: a text is not Unicode, or an encoded request is damaged.
    """
    if batch.encoded is not None:
        return format_request(decode_request(batch.encoded))
    return format_items(batch.items, batch.signal)


def format_items(items: Sequence[Item], signal: Signal = Signal.TRACES) -> str:
    """Return the request with the items as one line of OTLP JSON, without a line end.

    The Collector's file exporter writes such lines, and its file receiver reads them.

    Raises:
        ValueError: a text is not Unicode, an id not hexadecimal, or a time out of range.
    """
    return _FORMATTERS[signal](items)


def format_request(request: Message) -> str:
    """Return a request as one line of OTLP JSON.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding asks for lower-case
    hexadecimal ids and integer enums, but protobuf's own mapping has base64 and names.
    """
    # Loaded for a spooled request only.
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

    content = MessageToDict(request, use_integers_for_enums=True)
    _write_ids_in_hex(content)
    return json.dumps(content, separators=(",", ":"))


def _write_ids_in_hex(value: Any) -> None:
    """Convert ids in place. Keys are fields of the schema: the name of an attribute is a value."""
    if isinstance(value, list):
        for element in value:
            _write_ids_in_hex(element)
    elif isinstance(value, dict):
        for key, content in value.items():
            if key in _IDS:
                value[key] = b64decode(content).hex()
            elif isinstance(content, (list, dict)):
                _write_ids_in_hex(content)
