"""The forms in which items leave: truth first, then what the backend can take, and say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flow_telemetry.export.event_times import EventTimes
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.metric_shapes import MetricShapes
from flow_telemetry.export.verdict import Verdict
from flow_telemetry.settings import EventTime, MetricShape
from flow_telemetry.telemetry import Signal


class Form(Protocol):
    """The form of one signal's items, for one export."""

    def first(self, batch: Batch) -> Batch:
        """Return a batch as it is sent, and spooled where that fails."""
        ...

    def second(self, batch: Batch, verdict: Verdict) -> Batch | None:
        """Return a batch that was refused in another form, or None where that would not help."""
        ...

    def notice(self, origin: str, items: int) -> str:
        """Return what a user is told when so many items left in their second form."""
        ...


class AsTheyAre:
    """Spans have one form."""

    def first(self, batch: Batch) -> Batch:
        """Return the batch."""
        return batch

    def second(self, batch: Batch, verdict: Verdict) -> None:
        """Return None."""

    def notice(self, origin: str, items: int) -> str:  # noqa: ARG002
        """Return nothing: there is no second form."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user chose of the forms."""

    event_time: EventTime = EventTime.AUTO
    metric_shape: MetricShape = MetricShape.AUTO

    def form_of(self, signal: Signal, now: Callable[[], int]) -> Form:
        """Return the form of a signal for one export; ``now`` is in Unix nanoseconds."""
        if signal is Signal.LOGS:
            return EventTimes(self.event_time, now)
        return MetricShapes(self.metric_shape) if signal is Signal.METRICS else AsTheyAre()
