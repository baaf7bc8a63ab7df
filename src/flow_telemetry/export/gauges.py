"""Requests with metrics that were made before, such as lines of the spool: deltas as gauges. Pure.

Where our own points are at hand, `points.Point.gauge` tells more: the last value of a histogram is
in no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flow_telemetry.export.otlp_files import OtlpRequest, groups_of, prepared
from flow_telemetry.export.protobuf import request_in
from flow_telemetry.telemetry import Prepared

# `AggregationTemporality` and `DataPointFlags` of OTLP, whose module only a sender loads.
_DELTA = 1
_WITH_TEMPORALITY = ("sum", "histogram", "exponential_histogram")
_NO_RECORDED_VALUE = 1


def holds_deltas(given: Prepared) -> bool:
    """Return whether a request for metrics holds a metric of delta temporality."""
    return any(map(_is_delta, _metrics(_request(given))))


def as_gauges(given: Prepared) -> Prepared:
    """Return a request for metrics with its deltas as gauges, point by point; the rest stays.

    A sum leaves as what it is, and a histogram as its greatest value: that, unlike a mean, was
    measured. One that does not tell it has its mean, and one without values says so.
    """
    request = _request(given)
    deltas = [metric for metric in _metrics(request) if _is_delta(metric)]
    for metric in deltas:
        _turn(metric)
    return prepared(request, given.repository) if deltas else given


def _request(given: Prepared) -> OtlpRequest:
    return OtlpRequest(signal=given.signal, message=request_in(given))


def _metrics(request: OtlpRequest) -> Iterator[Any]:
    return (metric for *_, metrics in groups_of(request) for metric in metrics)


def _is_delta(metric: Any) -> bool:
    kind = metric.WhichOneof("data")
    # Gauges and summaries have no temporality.
    return kind in _WITH_TEMPORALITY and getattr(metric, kind).aggregation_temporality == _DELTA


def _turn(metric: Any) -> None:
    kind = metric.WhichOneof("data")
    # A copy: writing the gauge clears what was there, for a metric has one of them.
    before = type(metric)()
    before.CopyFrom(metric)
    metric.gauge.SetInParent()
    for point in getattr(before, kind).data_points:
        gauge = metric.gauge.data_points.add()
        if kind == "sum":
            gauge.CopyFrom(point)
            gauge.ClearField("start_time_unix_nano")
        else:
            _write_histogram(gauge, point)


def _write_histogram(gauge: Any, point: Any) -> None:
    gauge.time_unix_nano = point.time_unix_nano
    gauge.attributes.extend(point.attributes)
    value = _value(point)
    if value is None:
        gauge.flags = _NO_RECORDED_VALUE
    else:
        gauge.as_double = value


def _value(point: Any) -> float | None:
    """The one value that a histogram leaves as."""
    if not point.count:
        return None
    if point.HasField("max"):
        return float(point.max)
    return point.sum / point.count if point.HasField("sum") else None
