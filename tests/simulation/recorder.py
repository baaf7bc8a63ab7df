"""An exporter that counts what is exported, from the metrics as a backend would.

A metric has no instant and no attempt. These come from the records of the same thing directly
before its metrics: the span of the run, and the event of the closing.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random

from tests.simulation.things import Kind, Thing

from flow_telemetry.mapping import attributes as names
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.telemetry import (
    Delivery,
    LogRecord,
    Measurement,
    Signal,
    Span,
    Telemetry,
)

# The attributes that tell the points of different things apart.
METRIC_ATTRIBUTES = (
    names.CICD_PIPELINE_RUN_ID,
    names.VCS_CHANGE_ID,
    names.FLOW_WORK_ITEM_KEY,
    names.VCS_REF_HEAD_REVISION,
)
_FINAL = ("success", "failure", "error")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Killed(BaseException):
    """Ends the program as SIGKILL does; it is not an Exception, so that no handler stops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One thing that a sweep exported.

    ``ledger`` is the state of the ledger's file then: if it is the last one of the sweep, the
    ledger does not know of the export.
    """

    thing: Thing
    sweep: int
    at: datetime
    ledger: Hashable


class Recorder:
    """An `Exporter` to a list; after ``kill_after`` records it raises `Killed`."""

    def __init__(
        self,
        sweep: int,
        *,
        now: Callable[[], datetime],
        ledger: Callable[[], Hashable],
        random: Random,
        kill_after: int | None = None,
    ) -> None:
        self.exports: list[Export] = []
        self.problems: list[str] = []
        self._sweep = sweep
        self._now = now
        self._ledger = ledger
        self._random = random
        self._kill_after = kill_after
        self._attempts: dict[str, int] = {}
        self._closings: defaultdict[tuple[Kind, str], deque[datetime]] = defaultdict(deque)

    @property
    def signals(self) -> Collection[Signal]:
        """All signals."""
        return frozenset(Signal)

    def preload(self) -> object:
        """There is nothing to load."""
        return None

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Record the stream; if the program is killed meanwhile, a part of it was sent."""
        counts = dict.fromkeys(Signal, 0)
        before = len(self.exports)
        try:
            for record in stream:
                counts[self._note(record)] += 1
                self._count_down()
        except Killed:
            del self.exports[self._random.randint(before, len(self.exports)) :]
            raise
        return tuple(
            Delivery(signal=signal, destination="the recorder", collected=count, sent=count)
            for signal, count in counts.items()
            if count
        )

    def _count_down(self) -> None:
        if self._kill_after is not None:
            self._kill_after -= 1
            if self._kill_after <= 0:
                raise Killed

    def _note(self, record: Telemetry) -> Signal:
        if isinstance(record, Span):
            self._note_span(record)
            return Signal.TRACES
        if isinstance(record, LogRecord):
            self._note_event(record)
            return Signal.LOGS
        if isinstance(record, Measurement):
            self._note_measurement(record)
        return Signal.METRICS

    def _note_span(self, span: Span) -> None:
        if span.attributes.get(names.FLOW_ENTITY_TYPE) == "run":
            run_id = str(span.attributes[names.CICD_PIPELINE_RUN_ID])
            self._attempts[run_id] = int(str(span.attributes[names.GITHUB_RUN_ATTEMPT]))

    def _note_event(self, event: LogRecord) -> None:
        attributes = event.attributes
        if event_semconv.CHANGE_DURATION in attributes:
            key = Kind.CHANGE, str(attributes[names.VCS_CHANGE_ID])
            self._closings[key].append(_time(event))
        elif event_semconv.ITEM_DURATION in attributes:
            key = Kind.ITEM, str(attributes[names.FLOW_WORK_ITEM_KEY])
            self._closings[key].append(_time(event))
        elif str(attributes.get(work_semconv.DEPLOYMENT_STATE, "")).lower() in _FINAL:
            self._export(Thing(Kind.STATUS, str(attributes[event_semconv.EVENT_ID])))

    def _note_measurement(self, point: Measurement) -> None:
        attributes = point.attributes
        for _ in range(round(point.value)):
            if point.instrument.name == "flow.run.count":
                run_id = str(attributes[names.CICD_PIPELINE_RUN_ID])
                attempt = self._attempts.pop(run_id, None)
                if attempt is None:
                    self.problems.append(f"run {run_id} was counted without its span")
                self._export(Thing(Kind.ATTEMPT, f"{run_id}/{attempt or 1}"))
            elif point.instrument.name == "flow.change.count":
                self._export_closing(Kind.CHANGE, str(attributes[names.VCS_CHANGE_ID]))
            elif point.instrument.name == "flow.work_item.count":
                self._export_closing(Kind.ITEM, str(attributes[names.FLOW_WORK_ITEM_KEY]))
            elif point.instrument.name == "flow.deployment.count":
                sha = str(attributes[names.VCS_REF_HEAD_REVISION])
                self._export(Thing(Kind.DEPLOYMENT, sha))
            else:
                break

    def _export_closing(self, kind: Kind, key: str) -> None:
        closings = self._closings[kind, key]
        if not closings:
            self.problems.append(f"{kind.value} {key} was counted without its event")
        self._export(Thing(kind, key, closings.popleft() if closings else None))

    def _export(self, thing: Thing) -> None:
        export = Export(thing=thing, sweep=self._sweep, at=self._now(), ledger=self._ledger())
        self.exports.append(export)


def _time(event: LogRecord) -> datetime:
    """Return when it happened, although its record may have been moved."""
    own = event.attributes.get(event_semconv.EVENT_TIME)
    if isinstance(own, str):
        return datetime.fromisoformat(own.replace("Z", "+00:00"))
    return _EPOCH + timedelta(microseconds=event.time // 1000)
