"""The SDK's metric exporter and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Exemplar
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

from flow_telemetry.otlp.sdk_spans import OPTIONS, SCOPE, Resources
from flow_telemetry.otlp.series import Point, boundaries
from flow_telemetry.otlp.values import encodable
from flow_telemetry.telemetry import Instrument, InstrumentKind

_DELTA = AggregationTemporality.DELTA


def metric_exporter(url: str, session: requests.Session) -> Callable[[Sequence[Point]], Any]:
    """Return a function that sends points with the SDK's exporter through the session."""
    exporter = OTLPMetricExporter(endpoint=url, session=session, **OPTIONS)
    resources = Resources()
    return lambda points: exporter.export(sdk_metrics(points, resources))


def sdk_metrics(points: Iterable[Point], resources: Resources) -> MetricsData:
    """Return the points as metrics of the SDK, grouped by resource and instrument.

    Points of one group must be adjacent.
    """
    return MetricsData(
        [
            ResourceMetrics(resource, [ScopeMetrics(SCOPE, _metrics(group), "")], "")
            for resource, group in groupby(points, lambda point: resources.of(point.resource))
        ]
    )


def _metrics(points: Iterable[Point]) -> list[Metric]:
    return [
        _metric(instrument, list(group))
        for instrument, group in groupby(points, lambda point: point.instrument)
    ]


def _metric(instrument: Instrument, points: Sequence[Point]) -> Metric:
    data: Gauge | Histogram | Sum
    if instrument.kind is InstrumentKind.GAUGE:
        data = Gauge([_number(point) for point in points])
    elif instrument.kind is InstrumentKind.SUM:
        data = Sum([_number(point) for point in points], _DELTA, is_monotonic=True)
    else:
        data = Histogram([_histogram(point) for point in points], _DELTA)
    return Metric(instrument.name, instrument.description, instrument.unit, data)


def _number(point: Point) -> NumberDataPoint:
    return NumberDataPoint(encodable(point.attributes), point.start, point.time, point.number())


def _histogram(point: Point) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=encodable(point.attributes),
        start_time_unix_nano=point.start,
        time_unix_nano=point.time,
        count=point.count,
        sum=point.total,
        bucket_counts=point.buckets,
        explicit_bounds=boundaries(point.instrument),
        min=point.least,
        max=point.greatest,
        exemplars=[
            Exemplar(
                {},
                float(exemplar.value),
                # That of the point: Prometheus drops exemplars that are older than the newest.
                point.time,
                int(exemplar.span_id, 16),
                int(exemplar.trace_id, 16),
            )
            for exemplar in point.exemplars
        ],
    )
