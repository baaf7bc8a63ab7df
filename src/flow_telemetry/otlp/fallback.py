"""Second forms: event time, metric shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from typing import Any, Protocol

from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.lines import OtlpRequest, encode_request, groups_of
from flow_telemetry.otlp.protobuf import request_in
from flow_telemetry.otlp.response import ExportResult
from flow_telemetry.otlp.series import Point
from flow_telemetry.settings import EventTime, MetricShape
from flow_telemetry.telemetry import EncodedRequest, InstrumentKind, LogRecord, Signal

# Which time an event leaves with: its own, or that of sending where a backend wants it so.
#
# Loki refuses what is more than an hour behind the newest of its stream, or older than a week, and
# Dynatrace what is older than a day, though the events of a merged change are weeks old.

TRUE_TIME = "flow.event.time"
# Loki's reasons and messages, Dynatrace's, and what others say of the same.
_TOO_OLD = re.compile(
    r"too[ _](far[ _]behind|old)|greater_than_max_sample_age|out[ _]of[ _](range|order|bounds)"
    r"|hours? in the past|outside (the|of) (accepted|allowed|ranges?)",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventTimeFallback:
    """Events with their own times, in their order: Loki measures each by the newest before it.

    What is refused for its age leaves once more with the time of sending. Loki keeps the younger
    ones of what it refuses, so some arrive twice, with an equal `log.record.uid`.
    """

    def __init__(self, policy: EventTime, now: Callable[[], int]) -> None:
        """``now`` returns the Unix time in nanoseconds."""
        self._policy = policy
        self._now = now

    def first(self, batch: Batch) -> Batch:
        """Return the events in order; under `sent` with the time of sending at once.

        What somebody else prepared keeps its order.
        """
        in_order = replace(batch, items=tuple(sorted(batch.items, key=attrgetter("time"))))
        return self._as_sent(in_order) if self._policy is EventTime.SENT else in_order

    def second(self, batch: Batch, verdict: ExportResult) -> Batch | None:
        """Return the events with the time of sending, where they were refused for their own."""
        if self._policy is not EventTime.AUTO or not verdict.refuses(_TOO_OLD, 400):
            return None
        return self._as_sent(batch)

    def notice(self, origin: str, items: int) -> str:
        """Tell what became of the times."""
        some = "1 event" if items == 1 else f"{items} events"
        return (
            f"{origin} does not take events with times as old as theirs: {some} left with the time "
            f"of sending, and their own in the attribute {TRUE_TIME}. `event-time: sent` does "
            "so at once, `event-time: event` never"
        )

    def _as_sent(self, batch: Batch) -> Batch:
        """A nanosecond apart, so that a backend shows them in their order."""
        now = self._now()
        if batch.prepared is not None:
            return replace(batch, prepared=_prepared_at(batch.prepared, now))
        records = (each for each in batch.items if isinstance(each, LogRecord))
        moved = (_at(record, now + position) for position, record in enumerate(records))
        return replace(batch, items=tuple(moved))


def _at(record: LogRecord, time: int) -> LogRecord:
    """What is known to have been at yet another time keeps that."""
    return replace(
        record, time=time, attributes={TRUE_TIME: _iso(record.time), **record.attributes}
    )


def _prepared_at(given: EncodedRequest, time: int) -> EncodedRequest:
    """The same for a request that somebody else made, such as a line of the spool."""
    request = OtlpRequest(signal=given.signal, message=request_in(given))
    records = (record for *_, found in groups_of(request) for record in found)
    for position, record in enumerate(records):
        if all(pair.key != TRUE_TIME for pair in record.attributes):
            own = record.time_unix_nano or record.observed_time_unix_nano
            record.attributes.add(key=TRUE_TIME).value.string_value = _iso(own)
        record.time_unix_nano = time + position
    return encode_request(request, given.repository)


def _iso(time: int) -> str:
    moment = _EPOCH + timedelta(microseconds=time // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Requests with metrics that were made before, such as lines of the spool: deltas as gauges. Pure.
#
# Where our own points are at hand, `points.Point.gauge` tells more: the last value of a histogram
# is in no message.

# `AggregationTemporality` and `DataPointFlags` of OTLP, whose module only a sender loads.
_DELTA = 1
_WITH_TEMPORALITY = ("sum", "histogram", "exponential_histogram")
_NO_RECORDED_VALUE = 1


def holds_deltas(given: EncodedRequest) -> bool:
    """Return whether a request for metrics holds a metric of delta temporality."""
    return any(map(_is_delta_metric, _metrics(_request(given))))


def as_gauges(given: EncodedRequest) -> EncodedRequest:
    """Return a request for metrics with its deltas as gauges, point by point; the rest stays.

    A sum leaves as what it is, and a histogram as its greatest value: that, unlike a mean, was
    measured. One that does not tell it has its mean, and one without values says so.
    """
    request = _request(given)
    deltas = [metric for metric in _metrics(request) if _is_delta_metric(metric)]
    for metric in deltas:
        _turn(metric)
    return encode_request(request, given.repository) if deltas else given


def _request(given: EncodedRequest) -> OtlpRequest:
    return OtlpRequest(signal=given.signal, message=request_in(given))


def _metrics(request: OtlpRequest) -> Iterator[Any]:
    return (metric for *_, metrics in groups_of(request) for metric in metrics)


def _is_delta_metric(metric: Any) -> bool:
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


# As what metrics leave: as deltas, or as gauges where a backend takes no deltas.
#
# Prometheus refuses a whole request for one delta in it; every backend takes gauges.

_NO_DELTAS = re.compile(r"temporality|\bdeltas?\b", re.IGNORECASE)


class MetricShapeFallback:
    """Deltas until one is refused, then gauges for the rest of the export."""

    def __init__(self, policy: MetricShape) -> None:
        """Begin with what the policy wants."""
        self._policy = policy
        self._gauges = policy is MetricShape.GAUGE

    def first(self, batch: Batch) -> Batch:
        """Return the points in the shape that is known to be taken, as far as that is known."""
        return _as_gauges(batch) if self._gauges else batch

    def second(self, batch: Batch, verdict: ExportResult) -> Batch | None:
        """Return the points as gauges, where they were refused for their temporality."""
        refused = verdict.refuses(_NO_DELTAS, 400, 500) and _has_deltas(batch)
        if self._policy is not MetricShape.AUTO or not refused:
            return None
        self._gauges = True
        return _as_gauges(batch)

    def notice(self, origin: str, items: int) -> str:  # noqa: ARG002
        """Tell that the metrics have another shape than they should."""
        return (
            f"{origin} takes no metrics of delta temporality: they left as gauges, a histogram as "
            "its last value (one out of a file as its greatest) and a count as its sum. "
            "`metric-shape: gauge` does so at once, and docs/recipes.md tells how a Collector "
            "turns deltas into what the backend takes"
        )


def _has_deltas(batch: Batch) -> bool:
    if batch.prepared is not None:
        return holds_deltas(batch.prepared)
    return any(map(_is_delta, batch.items))


def _is_delta(item: Item) -> bool:
    if not isinstance(item, Point):
        return False
    return not item.as_gauge and item.instrument.kind is not InstrumentKind.GAUGE


def _as_gauges(batch: Batch) -> Batch:
    if batch.prepared is not None:
        return replace(batch, prepared=as_gauges(batch.prepared))
    points = (replace(each, as_gauge=True) for each in batch.items if isinstance(each, Point))
    return replace(batch, items=tuple(points))


# The forms in which items leave: truth first, then what the backend can take, and say so.


class Fallback(Protocol):
    """The form of one signal's items, for one export."""

    def first(self, batch: Batch) -> Batch:
        """Return a batch as it is sent, and spooled where that fails."""
        ...

    def second(self, batch: Batch, verdict: ExportResult) -> Batch | None:
        """Return a batch that was refused in another form, or None where that would not help."""
        ...

    def notice(self, origin: str, items: int) -> str:
        """Return what a user is told when so many items left in their second form."""
        ...


class NoFallback:
    """Spans have one form."""

    def first(self, batch: Batch) -> Batch:
        """Return the batch."""
        return batch

    def second(self, batch: Batch, verdict: ExportResult) -> None:
        """Return None."""

    def notice(self, origin: str, items: int) -> str:  # noqa: ARG002
        """Return nothing: there is no second form."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """What the user chose of the forms."""

    event_time: EventTime = EventTime.AUTO
    metric_shape: MetricShape = MetricShape.AUTO

    def form_of(self, signal: Signal, now: Callable[[], int]) -> Fallback:
        """Return the form of a signal for one export; ``now`` is in Unix nanoseconds."""
        if signal is Signal.LOGS:
            return EventTimeFallback(self.event_time, now)
        return MetricShapeFallback(self.metric_shape) if signal is Signal.METRICS else NoFallback()
