"""Alternative forms of requests: event times, deltas or gauges, and times of points."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from typing import Any

from flow_telemetry.otlp.batch import Batch
from flow_telemetry.otlp.lines import OtlpRequest, encode_request, iterate_groups
from flow_telemetry.otlp.point_times import stamp_points
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.response import TIME_REFUSED, ExportResult
from flow_telemetry.otlp.series import COUNT, MAX, SUM, Point, count_unit, gauge_points
from flow_telemetry.settings import EventTime, MetricShape, SignalSettings
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Signal
from flow_telemetry.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A refused request in another form, which has a name."""

    form: str
    request: EncodedRequest


class Fallback:
    """The forms of one signal's requests in one export. Spans have one form only."""

    @property
    def edits(self) -> bool:
        """Whether `current` may return another form."""
        return False

    def primary(self, batch: Batch) -> Batch:
        """Return a batch in the form in which it is stored, and usually sent."""
        return batch

    def current(self, request: EncodedRequest) -> EncodedRequest:
        """Return a stored request in the form that is sent now."""
        return request

    def alternative(
        self,
        request: EncodedRequest,  # noqa: ARG002
        result: ExportResult,  # noqa: ARG002
        tried: Collection[str],  # noqa: ARG002
    ) -> Alternative | None:
        """Return a refused request in another form; None if that would not help.

        ``tried`` are the forms in which it was refused before.
        """
        return None

    def notice(self, form: str, origin: str, items: int) -> str:  # noqa: ARG002
        """Return a notice about ``items`` that were sent in an alternative form."""
        return ""


# Event times: the true time, or the time of sending if the backend refuses old events.
#
# Loki refuses events that are more than an hour older than the newest of their stream, or older
# than a week, and Dynatrace those older than a day, but the events of a merged change are weeks
# old.

TRUE_TIME = "flow.event.time"
_SENDING_TIME = "sending time"
# Reasons and messages of Loki and Dynatrace, and similar ones of other backends.
_TOO_OLD = re.compile(
    r"too[ _](far[ _]behind|old)|greater_than_max_sample_age|out[ _]of[ _](range|order|bounds)"
    r"|hours? in the past|outside (the|of) (accepted|allowed|ranges?)",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventTimeFallback(Fallback):
    """Events with their own times, in order of time, because Loki compares them with the newest.

    Events that are refused for their age are sent again with the time of sending. Loki accepts the
    younger events of a refused batch, so some arrive twice, with an equal `log.record.uid`.
    """

    def __init__(self, policy: EventTime, now: Callable[[], int]) -> None:
        """``now`` returns the Unix time in nanoseconds."""
        self._policy = policy
        self._now = now

    @property
    def edits(self) -> bool:
        """Whether events get the time of sending: that of a stored request was earlier."""
        return self._policy is EventTime.SENT

    def primary(self, batch: Batch) -> Batch:
        """Return the events in order of time; under `sent` with the time of sending.

        Encoded requests keep their order.
        """
        in_order = replace(batch, items=tuple(sorted(batch.items, key=attrgetter("time"))))
        return self._with_sending_time(in_order) if self._policy is EventTime.SENT else in_order

    def current(self, request: EncodedRequest) -> EncodedRequest:
        """Return the events with the time of sending if the policy says so."""
        return _set_times(request, self._now()) if self.edits else request

    def alternative(
        self, request: EncodedRequest, result: ExportResult, tried: Collection[str]
    ) -> Alternative | None:
        """Return the events with the time of sending if their own was refused."""
        is_refused = self._policy is EventTime.AUTO and result.matches(_TOO_OLD, 400)
        if tried or not is_refused:
            return None
        return Alternative(form=_SENDING_TIME, request=_set_times(request, self._now()))

    def notice(self, form: str, origin: str, items: int) -> str:  # noqa: ARG002
        """Return a notice about the times, and the settings for them."""
        return (
            f"{origin} does not take events with times as old as theirs: "
            f"{counted(items, 'event')} left with the time of sending, and their own "
            f"in the attribute {TRUE_TIME}. `event-time: sent` does so at once, "
            " `event-time: event` never"
        )

    def _with_sending_time(self, batch: Batch) -> Batch:
        """Set times a nanosecond apart, so that a backend shows the events in order."""
        now = self._now()
        if batch.encoded is not None:
            return replace(batch, encoded=_set_times(batch.encoded, now))
        records = (item for item in batch.items if isinstance(item, LogRecord))
        moved = (
            replace(
                record,
                time=now + position,
                # A record that already has a true time keeps it.
                attributes={TRUE_TIME: _format_time(record.time), **record.attributes},
            )
            for position, record in enumerate(records)
        )
        return replace(batch, items=tuple(moved))


def _set_times(encoded: EncodedRequest, time: int) -> EncodedRequest:
    """Set the times of an encoded request, such as a line of the spool."""
    request = OtlpRequest(signal=encoded.signal, message=decode_request(encoded))
    records = (record for *_, records in iterate_groups(request) for record in records)
    for position, record in enumerate(records):
        if all(pair.key != TRUE_TIME for pair in record.attributes):
            own_time = record.time_unix_nano or record.observed_time_unix_nano
            record.attributes.add(key=TRUE_TIME).value.string_value = _format_time(own_time)
        record.time_unix_nano = time + position
    return encode_request(request, encoded.repository)


def _format_time(time: int) -> str:
    timestamp = _EPOCH + timedelta(microseconds=time // 1000)
    return timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Metrics of encoded requests, such as lines of the spool: deltas as gauges, as in `gauge_points`.

# `AggregationTemporality` and `DataPointFlags` of OTLP, whose module is slow to load.
_DELTA = 1
_WITH_TEMPORALITY = ("sum", "histogram", "exponential_histogram")


def has_deltas(encoded: EncodedRequest) -> bool:
    """Return whether a request for metrics contains a metric of delta temporality."""
    request = OtlpRequest(signal=encoded.signal, message=decode_request(encoded))
    return any(map(_is_delta_metric, _metrics(request)))


def as_gauges(encoded: EncodedRequest) -> EncodedRequest:
    """Return a request for metrics with its deltas as gauges.

    The gauge of a sum has the same value. A histogram has gauges of its count, of its sum and of
    its greatest value, if it has them.
    """
    request = OtlpRequest(signal=encoded.signal, message=decode_request(encoded))
    if not any(map(_is_delta_metric, _metrics(request))):
        return encoded
    for *_, metrics in iterate_groups(request):
        originals = [type(metric).FromString(metric.SerializeToString()) for metric in metrics]
        del metrics[:]
        for metric in originals:
            metrics.extend(_gauges(metric) if _is_delta_metric(metric) else (metric,))
    return encode_request(request, encoded.repository)


def _metrics(request: OtlpRequest) -> Iterator[Any]:
    return (metric for *_, metrics in iterate_groups(request) for metric in metrics)


def _is_delta_metric(metric: Any) -> bool:
    kind = metric.WhichOneof("data")
    # Gauges and summaries have no temporality.
    return kind in _WITH_TEMPORALITY and getattr(metric, kind).aggregation_temporality == _DELTA


def _gauges(metric: Any) -> Iterator[Any]:
    """Yield the metrics that a delta becomes; one without points is left out."""
    kind = metric.WhichOneof("data")
    points = getattr(metric, kind).data_points
    if kind == "sum":
        gauge = _empty_gauge(metric, "", metric.unit)
        gauge.gauge.data_points.extend(points)
        for point in gauge.gauge.data_points:
            point.ClearField("start_time_unix_nano")
        yield gauge
        return
    for suffix, field_name, unit in (
        (COUNT, "count", count_unit(metric.name)),
        (SUM, "sum", metric.unit),
        (MAX, "max", metric.unit),
    ):
        gauge = _empty_gauge(metric, suffix, unit)
        for point in points:
            # The count is always there; tools may leave out the others.
            if field_name == "count" or point.HasField(field_name):
                number = gauge.gauge.data_points.add(
                    time_unix_nano=point.time_unix_nano, attributes=point.attributes
                )
                if field_name == "count":
                    number.as_int = point.count
                else:
                    number.as_double = getattr(point, field_name)
        if gauge.gauge.data_points:
            yield gauge


def _empty_gauge(metric: Any, suffix: str, unit: str) -> Any:
    gauge = type(metric)(
        name=metric.name + suffix,
        description=metric.description,
        unit=unit,
        metadata=metric.metadata,
    )
    gauge.gauge.SetInParent()
    return gauge


# Deltas or gauges: Prometheus refuses a whole request for one delta; every backend accepts gauges.

_NO_DELTAS = re.compile(r"temporality|\bdeltas?\b", re.IGNORECASE)
_GAUGES = "gauges"
_NEW_TIMES = "new times"


class MetricFallback(Fallback):
    """Deltas until one is refused, then gauges for the rest of the export.

    Points whose times are refused are sent once more with the time of sending.
    """

    def __init__(self, policy: MetricShape, now: Callable[[], int]) -> None:
        """Begin with gauges if the policy says so, else with deltas."""
        self._policy = policy
        self._gauges = policy is MetricShape.GAUGE
        self._now = now

    @property
    def edits(self) -> bool:
        """Whether deltas are sent as gauges."""
        return self._gauges

    def primary(self, batch: Batch) -> Batch:
        """Return the points as gauges if the policy says so."""
        return _convert_batch(batch) if self._gauges else batch

    def current(self, request: EncodedRequest) -> EncodedRequest:
        """Return the points as gauges if a delta was refused before."""
        return as_gauges(request) if self._gauges else request

    def alternative(
        self, request: EncodedRequest, result: ExportResult, tried: Collection[str]
    ) -> Alternative | None:
        """Return the points as gauges, or with new times, if they were refused for that."""
        refused_whole = result.reason is not None and not result.reason.rejection
        if _NEW_TIMES not in tried and refused_whole and result.matches(TIME_REFUSED, 400):
            stamped = stamp_points(request, self._now())
            return None if stamped is request else Alternative(form=_NEW_TIMES, request=stamped)
        if self._policy is not MetricShape.AUTO or _GAUGES in tried:
            return None
        if not result.matches(_NO_DELTAS, 400, 500) or not has_deltas(request):
            return None
        self._gauges = True
        return Alternative(form=_GAUGES, request=as_gauges(request))

    def notice(self, form: str, origin: str, items: int) -> str:
        """Return a notice about the form, and the setting for it."""
        if form == _NEW_TIMES:
            some = "1 metric point" if items == 1 else f"{items} metric points"
            return (
                f"{origin} refused the times of {some}, which left once more with the time of "
                "sending. Prometheus takes them as they are with "
                "`storage.tsdb.out_of_order_time_window`"
            )
        return (
            f"{origin} takes no metrics of delta temporality: they left as gauges, a count as its "
            "sum, and a histogram as `.count`, `.sum` and `.max`. "
            "`metric-shape: gauge` does so at once, and docs/guides/recipes.md shows how a "
            "Collector converts deltas for the backend"
        )


def _convert_batch(batch: Batch) -> Batch:
    if batch.encoded is not None:
        return replace(batch, encoded=as_gauges(batch.encoded))
    points = [item for item in batch.items if isinstance(item, Point)]
    return replace(batch, items=tuple(gauge_points(points)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """The user's choice of forms."""

    event_time: EventTime = EventTime.AUTO
    metric_shape: MetricShape = MetricShape.AUTO

    @classmethod
    def of(cls, signals: SignalSettings) -> Fallbacks:
        """Return the forms that the settings choose."""
        return cls(event_time=signals.event_time, metric_shape=signals.metric_shape)

    def for_signal(self, signal: Signal, now: Callable[[], int]) -> Fallback:
        """Return the forms of a signal for one export; ``now`` returns Unix nanoseconds."""
        if signal is Signal.LOGS:
            return EventTimeFallback(self.event_time, now)
        if signal is Signal.METRICS:
            return MetricFallback(self.metric_shape, now)
        return Fallback()
