"""Batches of telemetry: requests limited by count and estimated size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from flow_telemetry.otlp.series import MOST_GAUGES, Point, SeriesTable
from flow_telemetry.telemetry import (
    Attributes,
    EncodedRequest,
    LogRecord,
    Measurement,
    Resource,
    Signal,
    Span,
    Telemetry,
)

Item: TypeAlias = Span | LogRecord | Point

# Sizes of items on the wire: cheap upper bounds in bytes before compression.

# Upper bounds of the bytes that protobuf adds to the texts: tags, lengths, ids, times.
# A length takes at most 5 bytes, its tag 1, and a number as a varint at most 10.
REQUEST_OVERHEAD = 16
_RESOURCE_OVERHEAD = 96
_SPAN_OVERHEAD = 112
_EVENT_OVERHEAD = 32
_LINK_OVERHEAD = 48
_RECORD_OVERHEAD = 96
_POINT_OVERHEAD = 128
_BUCKET_SIZE = 16
_EXEMPLAR_SIZE = 64
_ATTRIBUTE_OVERHEAD = 36
_ITEM_OVERHEAD = 12


def item_size(item: Item) -> int:
    """Return an upper bound in bytes of an item within its request."""
    if isinstance(item, Span):
        return span_size(item)
    return record_size(item) if isinstance(item, LogRecord) else point_size(item)


def span_size(span: Span) -> int:
    """Return an upper bound in bytes of a span within its request."""
    size = _SPAN_OVERHEAD + _text(span.name) + _attributes(span.attributes)
    if span.error:
        size += _text(span.error)
    for event in span.events:
        size += _EVENT_OVERHEAD + _text(event.name) + _attributes(event.attributes)
    for link in span.links:
        size += _LINK_OVERHEAD + _attributes(link.attributes)
    return size


def record_size(record: LogRecord) -> int:
    """Return an upper bound in bytes of a log record within its request."""
    texts = _text(record.event_name) + _text(record.body or "")
    return _RECORD_OVERHEAD + texts + _attributes(record.attributes)


def point_size(point: Point) -> int:
    """Return an upper bound in bytes of a point, with its own metric around it."""
    instrument = point.instrument
    texts = (instrument.name, instrument.unit, instrument.description)
    return (
        _POINT_OVERHEAD
        + sum(map(_text, texts))
        + _attributes(point.attributes)
        + _BUCKET_SIZE * len(point.buckets)
        + _EXEMPLAR_SIZE * len(point.exemplars)
    )


def resource_size(resource: Resource) -> int:
    """Return an upper bound in bytes of a resource and its scope."""
    return _RESOURCE_OVERHEAD + _attributes(resource.attributes)


def _attributes(attributes: Attributes) -> int:
    texts = [*attributes]
    size = _ATTRIBUTE_OVERHEAD * len(texts)
    value: Any
    for value in attributes.values():
        kind = type(value)  # Faster than isinstance: this runs for every attribute.
        if kind is str:
            texts.append(value)
        elif kind is tuple or kind is list:
            texts += value
            size += _ITEM_OVERHEAD * len(value)
    # One call for all texts: this runs for every span.
    return size + _text("".join(texts))


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


# Batching of a stream into requests that every backend takes, with one batch in memory.

MOST_ITEMS = 1000
MOST_BYTES = 1_000_000

BatchItem = TypeVar("BatchItem", bound=Item)


class Batcher(Generic[BatchItem]):
    """Collects items of one signal until a request is full."""

    def __init__(self, *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        """``most_bytes`` limits the request before compression."""
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._start()

    def add(self, item: BatchItem) -> tuple[BatchItem, ...]:
        """Add an item; return the previous batch if the item starts a new one, else nothing.

        An item that is larger than ``most_bytes`` gets a request of its own.
        """
        own_size, resource = item_size(item), id(item.resource)
        size = own_size
        if resource not in self._resources:
            size += resource_size(item.resource)
        full_batch = self.flush() if self._batch and self._is_full(item, size) else ()
        if not self._batch:
            size = REQUEST_OVERHEAD + own_size + resource_size(item.resource)
        self._resources.add(resource)
        self._batch.append(item)
        self._size += size
        return full_batch

    def flush(self) -> tuple[BatchItem, ...]:
        """Return the current batch and start an empty one."""
        batch = tuple(self._batch)
        self._start()
        return batch

    def _start(self) -> None:
        self._batch: list[BatchItem] = []
        self._resources: set[int] = set()
        self._size = 0

    def _is_full(self, item: BatchItem, size: int) -> bool:
        first = self._batch[0]
        return (
            len(self._batch) >= self._most_items
            or self._size + size > self._most_bytes
            # A trace arrives whole or not at all; log records and points are independent.
            or (
                isinstance(item, Span)
                and isinstance(first, Span)
                and item.trace_id != first.trace_id
            )
        )


def batches(
    items: Iterable[BatchItem], *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES
) -> Iterator[tuple[BatchItem, ...]]:
    """Yield the items of one signal in order, in batches within both limits."""
    batcher: Batcher[BatchItem] = Batcher(most_items=most_items, most_bytes=most_bytes)
    for item in items:
        if batch := batcher.add(item):
            yield batch
    if batch := batcher.flush():
        yield batch


@dataclass(frozen=True, slots=True)
class Batch:
    """The content of one request: items of one signal, or a request that is already encoded."""

    signal: Signal
    items: tuple[Item, ...]
    encoded: EncodedRequest | None = None

    @property
    def count(self) -> int:
        """The number of spans, log records or points."""
        return len(self.items) if self.encoded is None else self.encoded.items


def get_signal(telemetry: Telemetry) -> Signal:
    """Return the signal of a piece of telemetry."""
    if isinstance(telemetry, EncodedRequest):
        return telemetry.signal
    if isinstance(telemetry, Span):
        return Signal.TRACES
    return Signal.METRICS if isinstance(telemetry, Measurement) else Signal.LOGS


def batch_telemetry(
    stream: Iterable[Telemetry], signals: Collection[Signal], now: Callable[[], int]
) -> Iterator[Batch]:
    """Yield batches of the ``signals`` as they fill up, and encoded requests immediately.

    Points come last, because a series is complete at the end of the stream only. ``now`` returns
    the Unix time in nanoseconds; the period of the points starts with the first batch requested.
    """
    start = now()
    batchers: dict[Signal, Batcher[Any]] = {Signal.TRACES: Batcher(), Signal.LOGS: Batcher()}
    series = SeriesTable()
    for telemetry in stream:
        signal = get_signal(telemetry)
        if signal not in signals:
            continue
        if isinstance(telemetry, EncodedRequest):
            yield Batch(signal, (), telemetry)
        elif isinstance(telemetry, Measurement):
            series.add(telemetry)
        elif full_batch := batchers[signal].add(telemetry):
            yield Batch(signal, full_batch)
    for signal, batcher in batchers.items():
        if rest := batcher.flush():
            yield Batch(signal, rest)
    # As gauges a point can become several, and the limits hold in that form too.
    most_items, most_bytes = MOST_ITEMS // MOST_GAUGES, MOST_BYTES // MOST_GAUGES
    points = series.points(start, now())
    for some in batches(points, most_items=most_items, most_bytes=most_bytes):
        yield Batch(Signal.METRICS, some)


# Estimated sizes of the traces of an export: Tempo drops the spans of a trace that is too large.

# Grafana Tempo's default `max_bytes_per_trace`.
TEMPO_BYTES = 5_000_000
# The spans of one trace are similar: measuring every sixteenth is exact enough and costs nothing.
_SAMPLE = 16
# Bytes that protobuf adds: ids, times, lengths and tags.
_TYPICAL_SPAN_OVERHEAD = 64
_TYPICAL_ATTRIBUTE_OVERHEAD = 8
_NUMBER = 4


@dataclass(slots=True)
class TraceSizes:
    """Estimates the size of each trace from its spans in a stream.

    Spans that earlier exports sent to the same trace are not counted.
    """

    _spans: dict[str, int] = field(default_factory=dict)
    _bytes: dict[str, int] = field(default_factory=dict)

    def watched(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream unchanged, and measure its spans."""
        for telemetry in stream:
            if isinstance(telemetry, Span):
                self._add(telemetry)
            yield telemetry

    def _add(self, span: Span) -> None:
        trace = span.trace_id
        count = self._spans.get(trace, 0)
        self._spans[trace] = count + 1
        if count % _SAMPLE == 0:
            self._bytes[trace] = self._bytes.get(trace, 0) + _estimate_size(span) * _SAMPLE

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices about traces that Tempo would truncate, and which setting to change."""
        return tuple(
            f"trace {trace} has {self._spans[trace]:,} spans of about {size / 1e6:.0f} MB: Grafana "
            "Tempo takes 5 MB of a trace by default and drops the rest. Raise "
            "`max_bytes_per_trace` there (under `overrides`, `defaults`, `global`), or send less "
            "with `detail`"
            for trace, size in self._bytes.items()
            if size > TEMPO_BYTES
        )


def _estimate_size(span: Span) -> int:
    """Return a typical number of bytes; the upper bound of `span_size` is far larger."""
    groups = [
        span.attributes,
        *(event.attributes for event in span.events),
        *(link.attributes for link in span.links),
    ]
    size = _TYPICAL_SPAN_OVERHEAD * len(groups) + len(span.name)
    for attributes in groups:
        for key, value in attributes.items():
            value_size = len(value) if isinstance(value, str) else _NUMBER
            size += _TYPICAL_ATTRIBUTE_OVERHEAD + len(key) + value_size
    return size
