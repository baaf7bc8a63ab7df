"""Our points as OTLP JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from flow_telemetry.export.buckets import boundaries
from flow_telemetry.export.json_values import (
    attributes_field,
    double,
    double_field,
    json_object,
    list_field,
    long_field,
    request,
    text_field,
)
from flow_telemetry.export.points import Point
from flow_telemetry.telemetry import Instrument, InstrumentKind, Resource

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
