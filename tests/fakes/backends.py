"""What particular backends do with OTLP, as scripted answers for the receiver.

    with Receiver() as receiver:
        receiver.script("/v1/logs", Loki(), times=None)
        receiver.script("/v1/metrics", Prometheus(), times=None)

Both do what the real ones do by their defaults, with their words.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from tests.fakes.faults import Answer, Request
from tests.fakes.logs import LogEntry, entries_in
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.otlp import LOGS, METRICS, decoded

_HOUR = 3600 * 1_000_000_000
_WEEK = 7 * 24 * _HOUR
# The resource attributes that become labels, of those that a build has.
_STREAM = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment.name",
)


@dataclass(slots=True)
class Loki:
    """Refuses old entries, as Loki 3 does by default, and keeps the others of the same push.

    An entry is refused that is older than a week, or more than an hour behind the newest that its
    stream had before it. `now` is in nanoseconds since 1970.
    """

    now: Callable[[], int] = time.time_ns
    _newest: dict[tuple[str, ...], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request, answer: Answer) -> Answer:
        """Answer 400 with Loki's words where an entry is refused, and truly else."""
        message = decoded(request, LOGS)
        if message is None:
            return answer
        with self._lock:
            refusals = [self._refusal(entry) for entry in entries_in(message)]
        if not any(refusals):
            return answer
        kept = tuple(number for number, reason in enumerate(refusals) if not reason)
        said = "\n".join([reason for reason in refusals if reason][:10])
        return Answer(
            status=400,
            headers={"Content-Type": "text/plain; charset=utf-8"},
            body=f"{said}\ntotal ignored: {len(refusals) - len(kept)} of {len(refusals)}".encode(),
            kept=kept,
        )

    def _refusal(self, entry: LogEntry) -> str:
        stream = tuple(str(entry.resource.get(name, "")) for name in _STREAM)
        oldest = self.now() - _WEEK
        if entry.time < oldest:
            return (
                f"entry for stream '{{service_name=\"{stream[0]}\"}}' has timestamp too old: "
                f"{_rfc3339(entry.time)}, oldest acceptable timestamp is: {_rfc3339(oldest)}"
            )
        cutoff = self._newest.get(stream, 0) - _HOUR
        if entry.time < cutoff:
            return (
                f"entry with timestamp {_rfc3339(entry.time)} ignored, reason: 'entry too far "
                f"behind, entry timestamp is: {_rfc3339(entry.time)}, oldest acceptable timestamp "
                f"is: {_rfc3339(cutoff)}',"
            )
        self._newest[stream] = max(self._newest.get(stream, 0), entry.time)
        return ""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Refuses a whole request for one delta in it, as Prometheus and (with 400) Mimir do."""

    status: int = 500

    def __call__(self, request: Request, answer: Answer) -> Answer:
        """Answer as the server does where there is a delta, and truly else."""
        message = decoded(request, METRICS)
        names = [] if message is None else list(_deltas(points_in(message)))
        if not names:
            return answer
        said = "; ".join(
            f'invalid temporality and type combination for metric "{name}"' for name in names
        )
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        return replace(answer, status=self.status, headers=headers, body=f"{said}\n".encode())


def _deltas(points: list[MetricPoint]) -> Iterator[str]:
    seen = set()
    for point in points:
        if point.temporality == "DELTA" and point.name not in seen:
            seen.add(point.name)
            yield point.name


def _rfc3339(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
