"""Our points as the SDK's metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
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

from flow_telemetry.export.buckets import boundaries
from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.points import Point
from flow_telemetry.export.sdk import SCOPE, resources
from flow_telemetry.telemetry import Instrument, InstrumentKind

_DELTA = AggregationTemporality.DELTA


def readable_metrics(points: Sequence[Point]) -> MetricsData:
    """Return the points as the SDK's metrics; those of one entity and metric stand together."""
    resource_of = resources()
    return MetricsData(
        [
            ResourceMetrics(resource_of(resource), [ScopeMetrics(SCOPE, _metrics(group), "")], "")
            for resource, group in groupby(points, lambda point: point.resource)
        ]
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
    # A metric that is an integer now and a fraction then is two to some backends.
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


ENCODING = Encoding(
    readable=readable_metrics,
    request=encode_metrics,
    new_response=ExportMetricsServiceResponse,
    levels=("resourceMetrics", "scopeMetrics", "metrics"),
)
