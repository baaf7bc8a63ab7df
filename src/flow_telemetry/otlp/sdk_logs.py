"""The SDK's log exporter and log records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import requests
from opentelemetry._logs import LogRecord as SdkLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from flow_telemetry.otlp.sdk_spans import OPTIONS, SCOPE, Resources, context
from flow_telemetry.otlp.values import encodable, nearest_text
from flow_telemetry.telemetry import LogRecord


def log_exporter(url: str, session: requests.Session) -> Callable[[Sequence[LogRecord]], Any]:
    """Return a function that sends log records with the SDK's exporter through the session."""
    exporter = OTLPLogExporter(endpoint=url, session=session, **OPTIONS)
    resources = Resources()
    return lambda records: exporter.export([sdk_record(record, resources) for record in records])


def sdk_record(record: LogRecord, resources: Resources) -> ReadableLogRecord:
    """Return a log record of the SDK with the same content.

    Raises:
        ValueError: an id is not hexadecimal.
    """
    span = NonRecordingSpan(context(record.trace_id, record.span_id))
    sdk_log_record = SdkLogRecord(
        timestamp=record.time,
        observed_timestamp=record.observed,
        # An explicit context: otherwise the SDK uses the program's current span.
        context=set_span_in_context(span, Context()),
        severity_number=SeverityNumber(record.severity.value),
        severity_text=record.severity.name,
        body=None if record.body is None else nearest_text(record.body),
        attributes=encodable(record.attributes),
        event_name=record.event_name,
    )
    return ReadableLogRecord(sdk_log_record, resources.of(record.resource), SCOPE)
