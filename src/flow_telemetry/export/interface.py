"""What the pipeline asks of whatever takes its telemetry."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol, TypeAlias

from flow_telemetry.telemetry import Delivery, LogRecord, Measurement, Prepared, Signal, Span

Telemetry: TypeAlias = Span | LogRecord | Measurement | Prepared


class Sink(Protocol):
    """Where telemetry goes: a backend, a file, or a backend while somebody looks on."""

    @property
    def signals(self) -> Collection[Signal]:
        """The signals that it takes: what is for others only need not even be read."""
        ...

    def preload(self) -> object:
        """Begin to load, in a thread, what delivering needs; return before that is done."""
        ...

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Take all that is in the stream, whatever its order, and tell what became of it.

        There is one delivery for each signal that had something, in the order of ``Signal``. It
        never raises because of a backend; what the stream raises is raised here.
        """
        ...
