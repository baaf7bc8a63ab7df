"""Where spans can go: a backend with a spool behind it, a file, nowhere, or past a watcher."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flow_telemetry.clock import Deadline
from flow_telemetry.export.interface import SpanSink
from flow_telemetry.export.send import send_spans
from flow_telemetry.export.spool import Spool, write_spans
from flow_telemetry.telemetry import Delivery, Signal, SignalTarget, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSink:
    """A backend; what it does not take goes to the spool."""

    target: SignalTarget
    spool: Spool
    deadline: Deadline

    def deliver(self, spans: Iterable[Span]) -> Delivery:
        """Send all spans."""
        return send_spans(spans, self.target, deadline=self.deadline, spool=self.spool)


@dataclass(frozen=True, slots=True)
class FileSink:
    """A file of OTLP JSON lines."""

    path: Path

    def deliver(self, spans: Iterable[Span]) -> Delivery:
        """Write all spans to the file."""
        return write_spans(spans, self.path)


@dataclass(frozen=True, slots=True)
class NoSink:
    """Nowhere: for spans that are only looked at."""

    def deliver(self, spans: Iterable[Span]) -> Delivery:
        """Take all spans and send none."""
        taken = sum(1 for _ in spans)
        return Delivery(signal=Signal.TRACES, destination="nowhere", collected=taken, sent=taken)


@dataclass(frozen=True, slots=True)
class WatchedSink:
    """Another sink, whose spans are kept to be drawn."""

    inner: SpanSink
    spans: list[Span] = field(default_factory=list)

    def deliver(self, spans: Iterable[Span]) -> Delivery:
        """Hand all spans on and keep them."""
        return self.inner.deliver(self._kept(spans))

    def _kept(self, spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            self.spans.append(span)
            yield span
