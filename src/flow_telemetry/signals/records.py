"""Making one record of an event: the ids, times and bounds that all kinds of event share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.rules.histories import Happening
from flow_telemetry.signals import event_semconv as names
from flow_telemetry.signals import limits, semconv
from flow_telemetry.signals.event_table import EventSubject, event_name
from flow_telemetry.signals.limits import nanoseconds
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import LogRecord, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMaker:
    """Makes the records of what happened to one entity.

    ``reference`` is the entity's, ``span`` that of its span in the trace of the placement.
    ``common`` are facts that stand on each record.
    """

    subject: EventSubject
    reference: str
    span: str
    placement: Placement
    resource: Resource
    observed: datetime
    common: Facts = ()

    def of(self, happening: Happening, facts: Facts = ()) -> Iterator[LogRecord]:
        """Return the record of an event; none where its kind is not told of this entity."""
        event, name = happening.event, event_name(self.subject, happening.event.kind)
        if name is None:
            return
        older = event.time != happening.time
        actor = event.actor
        own: Facts = (
            (names.LOG_RECORD_UID, happening.reference),
            (semconv.FLOW_REFERENCE, self.reference),
            (names.ACTOR_LOGIN, actor.login if actor else None),
            (semconv.FLOW_ACTOR_KIND, actor.kind.value if actor else None),
            (names.EVENT_TIME, _iso(event.time) if older else None),
            (names.EVENT_TIME_UNKNOWN, None if event.time_told else True),
        )
        yield LogRecord(
            event_name=name,
            time=nanoseconds(happening.time),
            observed=nanoseconds(self.observed),
            trace_id=self.placement.trace_id,
            span_id=self.placement.span_id(self.span),
            resource=self.resource,
            attributes=limits.attributes(own, self.placement.keys, self.common, facts),
        )


def _iso(time: datetime) -> str:
    """As `flow.event.time` has it everywhere: to the millisecond, `2026-11-24T03:43:00.000Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
