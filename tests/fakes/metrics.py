"""Decoded OTLP metrics as flat points, in which a test can read what a backend would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2
from tests.fakes.spans import attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """A data point as it was received, with what its metric says.

    `kind` is as in OTLP: gauge, sum or histogram; `temporality` DELTA or CUMULATIVE, and empty for
    a gauge. `value` is a number's value or a histogram's sum, and only a histogram has `count`,
    `least`, `greatest`, `buckets` and `bounds`. `exemplars` are values with the trace and span id
    in hexadecimal, `integer` is whether the number was sent as one. Times in nanoseconds since
    1970.
    """

    name: str
    unit: str
    description: str
    kind: str
    temporality: str
    monotonic: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str
    start: int
    time: int
    value: float
    count: int
    least: float | None
    greatest: float | None
    buckets: tuple[int, ...]
    bounds: tuple[float, ...]
    exemplars: tuple[tuple[float, str, str], ...] = ()
    integer: bool = False


def points_in(request: ExportMetricsServiceRequest) -> list[MetricPoint]:
    """Return the points of a metrics request, in the order in which they stand."""
    return [
        _point(metric, point, attributes(group.resource.attributes), scoped.scope.name)
        for group in request.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
        for point in getattr(metric, metric.WhichOneof("data") or "gauge").data_points
    ]


def _point(
    metric: metrics_pb2.Metric, point: Any, resource: dict[str, Any], scope: str
) -> MetricPoint:
    kind = metric.WhichOneof("data") or ""
    data = getattr(metric, kind)
    histogram = kind == "histogram"
    return MetricPoint(
        name=metric.name,
        unit=metric.unit,
        description=metric.description,
        kind=kind,
        temporality=_temporality(data),
        monotonic=bool(getattr(data, "is_monotonic", False)),
        attributes=attributes(point.attributes),
        resource=resource,
        scope=scope,
        start=point.start_time_unix_nano,
        time=point.time_unix_nano,
        value=point.sum if histogram else float(getattr(point, point.WhichOneof("value"))),
        count=point.count if histogram else 1,
        least=point.min if histogram else None,
        greatest=point.max if histogram else None,
        buckets=tuple(point.bucket_counts) if histogram else (),
        bounds=tuple(point.explicit_bounds) if histogram else (),
        exemplars=tuple(
            (each.as_double, each.trace_id.hex(), each.span_id.hex()) for each in point.exemplars
        ),
        integer=not histogram and point.WhichOneof("value") == "as_int",
    )


def _temporality(data: Any) -> str:
    number = getattr(data, "aggregation_temporality", None)
    if number is None:
        return ""
    name = metrics_pb2.AggregationTemporality.Name(number)
    return str(name).removeprefix("AGGREGATION_TEMPORALITY_")
