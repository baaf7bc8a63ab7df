"""Sorting a mixed stream of telemetry into the batches of its signals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flow_telemetry.export.batches import POINTS, RECORDS, SPANS, Batcher, batches
from flow_telemetry.export.interface import Telemetry
from flow_telemetry.export.points import Point, SeriesTable
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Signal, Span

Item: TypeAlias = Span | LogRecord | Point


@dataclass(frozen=True, slots=True)
class Batch:
    """What leaves in one request: items of one signal, or a request that was prepared."""

    signal: Signal
    items: tuple[Item, ...]
    prepared: Prepared | None = None

    @property
    def count(self) -> int:
        """How many items it is."""
        return len(self.items) if self.prepared is None else self.prepared.items


def signal_of(telemetry: Telemetry) -> Signal:
    """Return the signal that carries it."""
    if isinstance(telemetry, Prepared):
        return telemetry.signal
    if isinstance(telemetry, Span):
        return Signal.TRACES
    return Signal.METRICS if isinstance(telemetry, Measurement) else Signal.LOGS


def batches_of(
    stream: Iterable[Telemetry], wanted: Collection[Signal], now: Callable[[], int]
) -> Iterator[Batch]:
    """Yield the batches of the wanted signals as they become full, prepared requests at once.

    Points come last, for a series is known when all was measured. ``now`` tells the Unix time in
    nanoseconds: they are from the first item that was asked for to then.
    """
    start = now()
    spans, records, series = Batcher(SPANS), Batcher(RECORDS), SeriesTable()
    for each in stream:
        if signal_of(each) not in wanted:
            continue
        if isinstance(each, Prepared):
            yield Batch(each.signal, (), each)
        elif isinstance(each, Measurement):
            series.add(each)
        else:
            full = spans.add(each) if isinstance(each, Span) else records.add(each)
            if full:
                yield Batch(signal_of(each), full)
    for signal, rest in ((Signal.TRACES, spans.rest()), (Signal.LOGS, records.rest())):
        if rest:
            yield Batch(signal, rest)
    for points in batches(series.points(start, now()), POINTS):
        yield Batch(Signal.METRICS, points)
