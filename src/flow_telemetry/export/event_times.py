"""Which time an event leaves with: its own, or that of sending where a backend wants it so.

Loki refuses what is more than an hour behind the newest of its stream, or older than a week, and
Dynatrace what is older than a day, though the events of a merged change are weeks old.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from operator import attrgetter

from flow_telemetry.export.verdict import Verdict
from flow_telemetry.settings import EventTime
from flow_telemetry.telemetry import LogRecord

TRUE_TIME = "flow.event.time"
# Loki's reasons and messages, Dynatrace's, and what others say of the same.
_TOO_OLD = re.compile(
    r"too[ _](far[ _]behind|old)|greater_than_max_sample_age|out[ _]of[ _](range|order|bounds)"
    r"|hours? in the past|outside (the|of) (accepted|allowed|ranges?)",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class EventTimes:
    """Events with their own times, in their order: Loki measures each by the newest before it.

    What is refused for its age leaves once more with the time of sending. Loki keeps the younger
    ones of what it refuses, so some arrive twice, with an equal `log.record.uid`.
    """

    def __init__(self, policy: EventTime, now: Callable[[], int]) -> None:
        """``now`` returns the Unix time in nanoseconds."""
        self._policy = policy
        self._now = now

    def first(self, items: Sequence[LogRecord]) -> tuple[LogRecord, ...]:
        """Return the events in order; under `sent` with the time of sending at once."""
        in_order = tuple(sorted(items, key=attrgetter("time")))
        return self._as_sent(in_order) if self._policy is EventTime.SENT else in_order

    def second(self, items: Sequence[LogRecord], verdict: Verdict) -> tuple[LogRecord, ...] | None:
        """Return the events with the time of sending, where they were refused for their own."""
        if self._policy is not EventTime.AUTO or not verdict.refuses(_TOO_OLD, 400):
            return None
        return self._as_sent(items)

    def notice(self, origin: str, items: int) -> str:
        """Tell what became of the times."""
        some = "1 event" if items == 1 else f"{items} events"
        return (
            f"{origin} does not take events with times as old as theirs: {some} left with the time "
            f"of sending, and their own in the attribute {TRUE_TIME}. Input event-time: sent does "
            "so at once, event-time: event never"
        )

    def _as_sent(self, items: Sequence[LogRecord]) -> tuple[LogRecord, ...]:
        """A nanosecond apart, so that a backend shows them in their order."""
        now = self._now()
        return tuple(_at(record, now + position) for position, record in enumerate(items))


def _at(record: LogRecord, time: int) -> LogRecord:
    """What is known to have been at yet another time keeps that."""
    return replace(record, time=time, attributes={TRUE_TIME: _iso(record), **record.attributes})


def _iso(record: LogRecord) -> str:
    moment = _EPOCH + timedelta(microseconds=record.time // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
