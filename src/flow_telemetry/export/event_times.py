"""Which time an event leaves with: its own, or that of sending where a backend wants it so.

Loki refuses what is more than an hour behind the newest of its stream, or older than a week, and
Dynatrace what is older than a day, though the events of a merged change are weeks old.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from operator import attrgetter

from flow_telemetry.export.intake import Batch
from flow_telemetry.export.otlp_files import OtlpRequest, groups_of, prepared
from flow_telemetry.export.protobuf import request_in
from flow_telemetry.export.verdict import Verdict
from flow_telemetry.settings import EventTime
from flow_telemetry.telemetry import LogRecord, Prepared

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

    def first(self, batch: Batch) -> Batch:
        """Return the events in order; under `sent` with the time of sending at once.

        What somebody else prepared keeps its order.
        """
        in_order = replace(batch, items=tuple(sorted(batch.items, key=attrgetter("time"))))
        return self._as_sent(in_order) if self._policy is EventTime.SENT else in_order

    def second(self, batch: Batch, verdict: Verdict) -> Batch | None:
        """Return the events with the time of sending, where they were refused for their own."""
        if self._policy is not EventTime.AUTO or not verdict.refuses(_TOO_OLD, 400):
            return None
        return self._as_sent(batch)

    def notice(self, origin: str, items: int) -> str:
        """Tell what became of the times."""
        some = "1 event" if items == 1 else f"{items} events"
        return (
            f"{origin} does not take events with times as old as theirs: {some} left with the time "
            f"of sending, and their own in the attribute {TRUE_TIME}. Input event-time: sent does "
            "so at once, event-time: event never"
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


def _prepared_at(given: Prepared, time: int) -> Prepared:
    """The same for a request that somebody else made, such as a line of the spool."""
    request = OtlpRequest(signal=given.signal, message=request_in(given))
    records = (record for *_, found in groups_of(request) for record in found)
    for position, record in enumerate(records):
        if all(pair.key != TRUE_TIME for pair in record.attributes):
            own = record.time_unix_nano or record.observed_time_unix_nano
            record.attributes.add(key=TRUE_TIME).value.string_value = _iso(own)
        record.time_unix_nano = time + position
    return prepared(request, given.repository)


def _iso(time: int) -> str:
    moment = _EPOCH + timedelta(microseconds=time // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
