"""What OpenTelemetry's own SDK makes of our data: the measure of what we write ourselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from opentelemetry._logs import LogRecord as SdkLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import SpanKind as SdkSpanKind

from flow_telemetry.export.buckets import boundaries
from flow_telemetry.export.points import Point
from flow_telemetry.telemetry import Instrument, InstrumentKind, LogRecord, Resource, Span, SpanKind

_SCOPE = InstrumentationScope("flow-telemetry")
_DELTA = AggregationTemporality.DELTA
_KINDS = {SpanKind.INTERNAL: SdkSpanKind.INTERNAL, SpanKind.SERVER: SdkSpanKind.SERVER}


def request_of_spans(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """Return the SDK's request with the spans."""
    return encode_spans([_span(span) for span in spans])


def request_of_records(records: Iterable[LogRecord]) -> ExportLogsServiceRequest:
    """Return the SDK's request with the events."""
    return encode_logs(
        [ReadableLogRecord(_record(each), _resource(each.resource), _SCOPE) for each in records]
    )


def request_of_points(points: Sequence[Point]) -> ExportMetricsServiceRequest:
    """Return the SDK's request with the points."""
    data = [
        ResourceMetrics(_resource(resource), [ScopeMetrics(_SCOPE, _metrics(group), "")], "")
        for resource, group in groupby(points, lambda point: point.resource)
    ]
    return encode_metrics(MetricsData(data))


def _resource(resource: Resource) -> SdkResource:
    return SdkResource(resource.attributes)


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))


def _span(span: Span) -> ReadableSpan:
    parent = span.parent_span_id
    failed = span.error is not None
    return ReadableSpan(
        span.name,
        context=_context(span.trace_id, span.span_id),
        parent=None if parent is None else _context(span.trace_id, parent),
        resource=_resource(span.resource),
        attributes=span.attributes,
        events=[Event(e.name, e.attributes, e.time) for e in span.events],
        links=[Link(_context(k.trace_id, k.span_id), k.attributes) for k in span.links],
        kind=_KINDS[span.kind],
        status=Status(StatusCode.ERROR, span.error) if failed else Status(StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=_SCOPE,
    )


def _record(record: LogRecord) -> SdkLogRecord:
    span = NonRecordingSpan(_context(record.trace_id, record.span_id))
    return SdkLogRecord(
        timestamp=record.time,
        observed_timestamp=record.observed,
        context=set_span_in_context(span, Context()),
        severity_number=SeverityNumber(record.severity.value),
        severity_text=record.severity.name,
        body=record.body,
        attributes=record.attributes,
        event_name=record.event_name,
    )


def _metrics(points: Iterable[Point]) -> list[Metric]:
    return [
        _metric(instrument, list(group))
        for instrument, group in groupby(points, lambda point: point.instrument)
    ]


def _metric(instrument: Instrument, points: Sequence[Point]) -> Metric:
    data: Gauge | Histogram | Sum
    if points[0].as_gauge or instrument.kind is InstrumentKind.GAUGE:
        data = Gauge([_number(point, point.gauge) for point in points])
    elif instrument.kind is InstrumentKind.SUM:
        data = Sum([_number(point, point.total) for point in points], _DELTA, is_monotonic=True)
    else:
        data = Histogram([_histogram(point) for point in points], _DELTA)
    return Metric(instrument.name, instrument.description, instrument.unit, data)


def _number(point: Point, value: float) -> NumberDataPoint:
    return NumberDataPoint(point.attributes, point.start, point.time, float(value))


def _histogram(point: Point) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.start,
        time_unix_nano=point.time,
        count=point.count,
        sum=point.total,
        bucket_counts=point.buckets,
        explicit_bounds=boundaries(point.instrument.unit),
        min=point.least,
        max=point.greatest,
    )
