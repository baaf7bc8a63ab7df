"""Our events as the SDK's log records. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry._logs import LogRecord as SdkLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.sdk import SCOPE, context, resources
from flow_telemetry.telemetry import LogRecord


def readable_records(records: Iterable[LogRecord]) -> list[ReadableLogRecord]:
    """Return the events as the SDK's log records, in order."""
    resource_of = resources()
    return [
        ReadableLogRecord(_sdk_record(record), resource_of(record.resource), SCOPE)
        for record in records
    ]


def _sdk_record(record: LogRecord) -> SdkLogRecord:
    span = NonRecordingSpan(context(record.trace_id, record.span_id))
    return SdkLogRecord(
        timestamp=record.time,
        observed_timestamp=record.observed,
        context=set_span_in_context(span, Context()),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        attributes=record.attributes,
        event_name=record.event_name,
    )


ENCODING = Encoding(
    readable=readable_records,
    request=encode_logs,
    new_response=ExportLogsServiceResponse,
    levels=("resourceLogs", "scopeLogs", "logRecords"),
)
