"""Sorting a mixed stream of telemetry into the batches of its signals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from flow_telemetry.export.batches import POINTS, RECORDS, SPANS, Batcher, batches
from flow_telemetry.export.interface import Telemetry
from flow_telemetry.export.points import Point, SeriesTable
from flow_telemetry.telemetry import LogRecord, Measurement, Signal, Span

Item: TypeAlias = Span | LogRecord | Point


@dataclass(frozen=True, slots=True)
class Batch:
    """What leaves in one request: items of one signal."""

    signal: Signal
    items: tuple[Item, ...]


def signal_of(telemetry: Telemetry) -> Signal:
    """Return the signal that carries it."""
    if isinstance(telemetry, Span):
        return Signal.TRACES
    return Signal.METRICS if isinstance(telemetry, Measurement) else Signal.LOGS


def batches_of(
    stream: Iterable[Telemetry], wanted: Collection[Signal], now: Callable[[], int]
) -> Iterator[Batch]:
    """Yield the batches of the wanted signals as they become full.

    Points come last, for a series is known when all was measured. ``now`` tells the Unix time in
    nanoseconds: they are from the first item that was asked for to then.
    """
    start = now()
    spans, records, series = Batcher(SPANS), Batcher(RECORDS), SeriesTable()
    for each in stream:
        if signal_of(each) not in wanted:
            continue
        if isinstance(each, Span):
            if full := spans.add(each):
                yield Batch(Signal.TRACES, full)
        elif isinstance(each, LogRecord):
            if some := records.add(each):
                yield Batch(Signal.LOGS, some)
        else:
            series.add(each)
    if full := spans.rest():
        yield Batch(Signal.TRACES, full)
    if some := records.rest():
        yield Batch(Signal.LOGS, some)
    for points in batches(series.points(start, now()), POINTS):
        yield Batch(Signal.METRICS, points)
