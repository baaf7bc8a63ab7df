"""Times of metric points: a point of something that ended carries the time of its sending.

Receivers that depend on the order, such as Prometheus and the Collector's delta_to_cumulative, drop
or refuse points that begin before the first or end before the last point of their series; the
Collector without a word. Samples, such as the curve of a job's machine, keep their own time, and
the state of open work is only true at its own time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from flow_telemetry.otlp.lines import OtlpRequest, encode_request, iterate_groups
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.values import SCOPE_NAME
from flow_telemetry.telemetry import EncodedRequest, PointTime

MILLISECOND = 1_000_000


class SendingTimes:
    """The times of the requests of a process: Unix nanoseconds, each at least a ms later."""

    def __init__(self, now: Callable[[], int]) -> None:
        """``now`` returns the Unix time in nanoseconds."""
        self._now = now
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the time of the next request."""
        with self._lock:
            self._last = max(self._now(), self._last + MILLISECOND)
            return self._last


def stamp_points(request: EncodedRequest, time: int) -> EncodedRequest:
    """Return a request for metrics with new times for the points of things that ended.

    Metrics of other programs keep their times. It is the same object if nothing changes.
    """
    decoded = OtlpRequest(signal=request.signal, message=decode_request(request))
    if not stamp_message(decoded, time):
        return request
    return encode_request(decoded, request.repository)


def stamp_message(request: OtlpRequest, time: int) -> bool:
    """Give the points of things that ended a new time, in place; return whether there are any."""
    changed = False
    for _, scope, metrics in iterate_groups(request):
        if scope.scope.name != SCOPE_NAME:
            continue  # Of another program: only it knows what its times mean.
        for metric in metrics:
            if _point_time(metric.name) is PointTime.SENDING:
                for point in _points(metric):
                    point.time_unix_nano = time
                    if point.start_time_unix_nano:  # A delta sent as a gauge has none.
                        point.start_time_unix_nano = time - MILLISECOND
                    # A gauge, such as a delta that was refused before, has none of ours.
                    for exemplar in point.exemplars:
                        exemplar.time_unix_nano = time
                    changed = True
    return changed


def drop_states(request: OtlpRequest) -> int:
    """Remove points that were only true at their own time, in place; return their number."""
    dropped = 0
    for _, scope, metrics in iterate_groups(request):
        if scope.scope.name != SCOPE_NAME:
            continue
        for number in reversed(range(len(metrics))):
            if _point_time(metrics[number].name) is PointTime.STATE:
                dropped += len(_points(metrics[number]))
                del metrics[number]
    return dropped


def _point_time(name: str) -> PointTime:
    # Loaded for a replay or a refusal only: the table takes long.
    from flow_telemetry.mapping.instruments import point_time  # noqa: PLC0415

    return point_time(name)


def _points(metric: Any) -> Any:
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()
