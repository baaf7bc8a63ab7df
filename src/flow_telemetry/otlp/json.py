"""Records → OTLP JSON lines for files, as plain dicts."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.protobuf import request_in
from flow_telemetry.otlp.series import Point, boundaries, pairs
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

# OTLP JSON straight from our values: what protobuf's own mapping makes of the same. Pure.
#
# That mapping walks each message field by field, which takes twenty times as long; a program that
# is being cancelled has not that time. By https://opentelemetry.io/docs/specs/otlp/#json-protobuf-
# encoding ids are lower-case hexadecimal and enums integers; by protobuf numbers of 64 bits are
# texts, and what has its default is left out.

_SCOPE = f'"scope":{{"name":"{SCOPE_NAME}"}}'


def json_object(*fields: str) -> str:
    """Return an object of fields, those that are empty left out."""
    return "{" + ",".join(filter(None, fields)) + "}"


def text_field(name: str, value: str) -> str:
    """Return a field of text.

    Raises:
        ValueError: it holds half a surrogate pair.
    """
    return f'"{name}":{_text(value)}' if value else ""


def id_field(name: str, value: str | None) -> str:
    """Return a field of an id, which may be missing.

    Raises:
        ValueError: it is not hexadecimal.
    """
    return f'"{name}":"{bytes.fromhex(value).hex()}"' if value else ""


def long_field(name: str, value: int) -> str:
    """Return a field of a number of 64 bits without a sign, such as a time.

    Raises:
        ValueError: it is no such number.
    """
    return f'"{name}":"{_bounded(value, 0, 2**64 - 1):d}"' if value else ""


def double_field(name: str, value: float) -> str:
    """Return a field of a fraction that is there whatever it is, as zero may be meant."""
    return f'"{name}":{double(value)}'


def list_field(name: str, values: Iterable[str]) -> str:
    """Return a field of what is JSON already; none where there is nothing."""
    joined = ",".join(values)
    return f'"{name}":[{joined}]' if joined else ""


def attributes_field(given: Attributes) -> str:
    """Return the field `attributes`, in order; what protobuf cannot hold as `encodable` has it."""
    return list_field("attributes", [_attribute(*each) for each in given.items()])


def any_value(value: AttributeValue) -> str:
    """Return the value of an attribute, or what stands in its place.

    Raises:
        ValueError: protobuf could not hold it.
    """
    if isinstance(value, str):
        return f'{{"stringValue":{_text(value)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        return f'{{"intValue":"{_bounded(value, -(2**63), 2**63 - 1):d}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{double(value)}}}'
    values = list_field("values", map(any_value, value))
    return f'{{"arrayValue":{{{values}}}}}'


def double(value: float) -> str:
    """Return a fraction; JSON has no numbers for what is none."""
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def request(
    of_resources: str, of_scopes: str, name: str, items: Iterable[tuple[Resource, str]]
) -> str:
    """Return a request with items, each as JSON already, those of one entity together.

    The names are those of its fields, from the outside in.
    """
    # Resources that are equal share a group, even if they are different objects.
    by_identity: dict[int, list[str]] = {}
    by_content: dict[object, list[str]] = {}
    found: list[tuple[Resource, list[str]]] = []
    for resource, item in items:
        group = by_identity.get(id(resource))
        if group is None:
            content = pairs(resource.attributes)
            if content not in by_content:
                by_content[content] = []
                found.append((resource, by_content[content]))
            group = by_identity[id(resource)] = by_content[content]
        group.append(item)
    made = [
        json_object(
            f'"resource":{json_object(attributes_field(resource.attributes))}',
            list_field(of_scopes, [json_object(_SCOPE, list_field(name, each))]),
        )
        for resource, each in found
    ]
    return json_object(list_field(of_resources, made))


def _attribute(key: str, value: AttributeValue) -> str:
    try:
        written = any_value(value)
    except ValueError:
        written = any_value(nearest(value))
    named = f'"key":{_text(nearest_text(key))},' if key else ""
    return f'{{{named}"value":{written}}}'


def _text(value: str) -> str:
    if not value.isascii():
        value.encode()  # Here, and not in JSON, half a surrogate pair fails.
    return encode_basestring_ascii(value)


def _bounded(value: int, least: int, most: int) -> int:
    if least <= value <= most:
        return value
    raise ValueError("a number is out of range")


# Our spans as OTLP JSON. Pure.

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


# Our events and lines of logs as OTLP JSON. Pure.

# Of a sampled span, by W3C's trace context.
_LOG_FLAGS = '"flags":1'


def json_of_records(records: Iterable[LogRecord]) -> str:
    """Return the request with the records as one line of OTLP JSON.

    Raises:
        ValueError: something in them is no Unicode text, no hexadecimal id, or no time.
    """
    written = ((record.resource, _record(record)) for record in records)
    return request("resourceLogs", "scopeLogs", "logRecords", written)


def _record(record: LogRecord) -> str:
    return json_object(
        long_field("timeUnixNano", record.time),
        f'"severityNumber":{record.severity.value:d}',
        text_field("severityText", record.severity.name),
        f'"body":{_body(record.body)}',
        attributes_field(record.attributes),
        _LOG_FLAGS,
        id_field("traceId", record.trace_id),
        id_field("spanId", record.span_id),
        long_field("observedTimeUnixNano", record.observed),
        text_field("eventName", record.event_name),
    )


def _body(body: str | None) -> str:
    """Half a surrogate pair, which protobuf cannot hold, is written as a question mark."""
    return "{}" if body is None else any_value(body.encode(errors="replace").decode())


# Our points as OTLP JSON. Pure.

# By the number that protobuf has for it.
_DELTA = '"aggregationTemporality":1'
_ONLY_GROWS = '"isMonotonic":true'


def json_of_points(points: Iterable[Point]) -> str:
    """Return the request with the points as one line of OTLP JSON.

    Raises:
        ValueError: something in them is no Unicode text, or no time.
    """
    return request("resourceMetrics", "scopeMetrics", "metrics", _metrics(points))


def _metrics(points: Iterable[Point]) -> Iterator[tuple[Resource, str]]:
    for resource, of_resource in groupby(points, lambda point: point.resource):
        for instrument, of_metric in groupby(of_resource, lambda point: point.instrument):
            yield resource, _metric(instrument, list(of_metric))


def _metric(instrument: Instrument, points: Sequence[Point]) -> str:
    return json_object(
        text_field("name", instrument.name),
        text_field("description", instrument.description),
        text_field("unit", instrument.unit),
        _data(instrument, points),
    )


def _data(instrument: Instrument, points: Sequence[Point]) -> str:
    if points[0].as_gauge or instrument.kind is InstrumentKind.GAUGE:
        return f'"gauge":{json_object(_points(map(_state, points)))}'
    if instrument.kind is InstrumentKind.SUM:
        return f'"sum":{json_object(_points(map(_sum, points)), _DELTA, _ONLY_GROWS)}'
    return f'"histogram":{json_object(_points(map(_histogram, points)), _DELTA)}'


def _points(written: Iterable[str]) -> str:
    return list_field("dataPoints", written)


def _state(point: Point) -> str:
    return _number(point, "", point.gauge)


def _sum(point: Point) -> str:
    return _number(point, long_field("startTimeUnixNano", point.start), point.total)


def _number(point: Point, start: str, value: float) -> str:
    return json_object(
        start,
        long_field("timeUnixNano", point.time),
        double_field("asDouble", value),
        attributes_field(point.attributes),
    )


def _histogram(point: Point) -> str:
    return json_object(
        long_field("startTimeUnixNano", point.start),
        long_field("timeUnixNano", point.time),
        long_field("count", point.count),
        double_field("sum", point.total),
        list_field("bucketCounts", [f'"{count:d}"' for count in point.buckets]),
        list_field("explicitBounds", map(double, boundaries(point.instrument.unit))),
        attributes_field(point.attributes),
        double_field("min", point.least),
        double_field("max", point.greatest),
    )


# Requests as lines of OTLP JSON, straight from our items or from the message of a request.
#
# The writer of a signal is loaded when a line of it is written.


_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def line_of(batch: Batch) -> str:
    """Return a batch as one line of OTLP JSON, without a line end.

    Raises:
        ValueError: something in it is no Unicode text, or it is no request at all.
    """
    if batch.prepared is not None:
        return json_line(request_in(batch.prepared))
    return otlp_json_line(batch.items, batch.signal)


def otlp_json_line(items: Sequence[Item], signal: Signal = Signal.TRACES) -> str:
    """Return the request that would carry the items as one line of OTLP JSON, without a line end.

    The Collector's file exporter writes, and its file receiver reads, such lines.

    Raises:
        ValueError: something in them is no Unicode text, or no hexadecimal id.
    """
    return _writer_of(signal)(items)


def _writer_of(signal: Signal) -> Callable[[Any], str]:
    """Return what writes the items of a signal; of the messages it needs nothing."""
    if signal is Signal.TRACES:
        return json_of_spans
    if signal is Signal.LOGS:
        return json_of_records

    return json_of_points


def json_line(request: Message) -> str:
    """Return a request as one line of OTLP JSON.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding asks for lower-case
    hexadecimal ids and integer enums, where protobuf's own mapping has base64 and names.
    """
    # Protobuf is not needed by one who spools nothing.
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

    content = MessageToDict(request, use_integers_for_enums=True)
    _write_ids_in_hex(content)
    return json.dumps(content, separators=(",", ":"))


def _write_ids_in_hex(value: Any) -> None:
    """Write every id in place; keys are the schema's, an attribute's own name is a value."""
    if isinstance(value, list):
        for each in value:
            _write_ids_in_hex(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in _IDS:
                value[key] = b64decode(each).hex()
            elif isinstance(each, (list, dict)):
                _write_ids_in_hex(each)
