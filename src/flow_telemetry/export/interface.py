"""What the pipeline asks of whatever takes its spans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from flow_telemetry.telemetry import Delivery, Span


class SpanSink(Protocol):
    """Where spans go: a backend, a file, or a backend while somebody looks on."""

    def deliver(self, spans: Iterable[Span]) -> Delivery:
        """Take all spans and tell what became of them; never raise because of a backend."""
        ...
