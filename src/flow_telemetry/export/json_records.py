"""Our events and lines of logs as OTLP JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from flow_telemetry.export.json_values import (
    any_value,
    attributes_field,
    id_field,
    json_object,
    long_field,
    request,
    text_field,
)
from flow_telemetry.telemetry import LogRecord

# Of a sampled span, by W3C's trace context.
_FLAGS = '"flags":1'


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
        _FLAGS,
        id_field("traceId", record.trace_id),
        id_field("spanId", record.span_id),
        long_field("observedTimeUnixNano", record.observed),
        text_field("eventName", record.event_name),
    )


def _body(body: str | None) -> str:
    """Half a surrogate pair, which protobuf cannot hold, is written as a question mark."""
    return "{}" if body is None else any_value(body.encode(errors="replace").decode())
