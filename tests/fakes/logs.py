"""Decoded OTLP log records as flat entries, in which a test can read what a backend would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1 import logs_pb2
from tests.fakes.spans import attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A log record as it was received; an event is one with a name.

    Ids in hex, `time` and `observed` in nanoseconds since 1970, `severity` as INFO. `body` is empty
    where there is none or no text. `resource` and `attributes` hold Python values.
    """

    event_name: str
    time: int
    observed: int
    trace_id: str
    span_id: str
    severity: str
    severity_text: str
    has_body: bool
    body: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str
    flags: int


def entries_in(request: ExportLogsServiceRequest) -> list[LogEntry]:
    """Return the records of a logs request, in the order in which they stand."""
    return [
        _entry(record, attributes(group.resource.attributes), scoped.scope.name)
        for group in request.resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]


def _entry(record: logs_pb2.LogRecord, resource: dict[str, Any], scope: str) -> LogEntry:
    severity = logs_pb2.SeverityNumber.Name(record.severity_number)
    return LogEntry(
        event_name=record.event_name,
        time=record.time_unix_nano,
        observed=record.observed_time_unix_nano,
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        severity=severity.removeprefix("SEVERITY_NUMBER_"),
        severity_text=record.severity_text,
        has_body=record.body.WhichOneof("value") is not None,
        body=record.body.string_value,
        attributes=attributes(record.attributes),
        resource=resource,
        scope=scope,
        flags=record.flags,
    )
