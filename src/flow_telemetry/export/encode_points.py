"""Our points as the protocol's metrics. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Histogram,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
)

from flow_telemetry.export.buckets import boundaries
from flow_telemetry.export.encoding import Encoding
from flow_telemetry.export.messages import SCOPE_NAME, groups, write_attributes
from flow_telemetry.export.points import Point
from flow_telemetry.telemetry import Instrument, InstrumentKind, Resource

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def encode_points(points: Iterable[Point]) -> ExportMetricsServiceRequest:
    """Return the request that carries the points, in order.

    Those of one entity and metric that stand side by side become one metric.
    """
    request = ExportMetricsServiceRequest()

    def new_group(resource: Resource) -> ScopeMetrics:
        group = request.resource_metrics.add()
        group.resource.SetInParent()
        write_attributes(group.resource.attributes, resource.attributes)
        scope = group.scope_metrics.add()
        scope.scope.name = SCOPE_NAME
        return scope

    group_of = groups(new_group)
    for resource, of_resource in groupby(points, lambda point: point.resource):
        for instrument, of_metric in groupby(of_resource, lambda point: point.instrument):
            _write(group_of(resource), instrument, list(of_metric))
    return request


def _write(group: ScopeMetrics, instrument: Instrument, points: Sequence[Point]) -> None:
    metric = group.metrics.add(
        name=instrument.name, description=instrument.description, unit=instrument.unit
    )
    if points[0].as_gauge or instrument.kind is InstrumentKind.GAUGE:
        _write_gauge(metric, points)
    elif instrument.kind is InstrumentKind.SUM:
        _write_sum(metric, points)
    else:
        metric.histogram.aggregation_temporality = _DELTA
        for point in points:
            _write_histogram(metric.histogram, point)


def _write_gauge(metric: Metric, points: Sequence[Point]) -> None:
    for point in points:
        _write_number(metric.gauge.data_points.add(), point, point.gauge)


def _write_sum(metric: Metric, points: Sequence[Point]) -> None:
    metric.sum.aggregation_temporality = _DELTA
    metric.sum.is_monotonic = True
    for point in points:
        message = metric.sum.data_points.add(start_time_unix_nano=point.start)
        _write_number(message, point, point.total)


def _write_number(message: NumberDataPoint, point: Point, value: float) -> None:
    message.time_unix_nano = point.time
    # A metric that is an integer now and a fraction then is two to some backends.
    message.as_double = value
    write_attributes(message.attributes, point.attributes)


def _write_histogram(histogram: Histogram, point: Point) -> None:
    message = histogram.data_points.add(
        start_time_unix_nano=point.start,
        time_unix_nano=point.time,
        count=point.count,
        sum=point.total,
        bucket_counts=point.buckets,
        explicit_bounds=boundaries(point.instrument.unit),
        min=point.least,
        max=point.greatest,
    )
    write_attributes(message.attributes, point.attributes)


ENCODING = Encoding(
    request=encode_points,
    new_request=ExportMetricsServiceRequest,
    new_response=ExportMetricsServiceResponse,
)
