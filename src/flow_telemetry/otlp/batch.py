"""Cutting a stream into requests by count and estimated size; larger ones are split again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from flow_telemetry.otlp.series import Point, SeriesTable
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

# How large items are on the wire, as cheap upper bounds in bytes before compression.

# Upper bounds in bytes of what protobuf adds to the texts themselves: tags, lengths, ids, times.
# A length takes at most 5 bytes, the tag before it 1; a number as a varint at most 10.
REQUEST_OVERHEAD = 16
_RESOURCE_OVERHEAD = 96
_SPAN_OVERHEAD = 112
_EVENT_OVERHEAD = 32
_LINK_OVERHEAD = 48
_RECORD_OVERHEAD = 96
_POINT_OVERHEAD = 128
_BUCKET_SIZE = 16
_ATTRIBUTE_OVERHEAD = 36
_ITEM_OVERHEAD = 12


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
    """Return an upper bound in bytes of a point, with a metric of its own around it."""
    instrument = point.instrument
    texts = (instrument.name, instrument.unit, instrument.description)
    return (
        _POINT_OVERHEAD
        + sum(map(_text, texts))
        + _attributes(point.attributes)
        + _BUCKET_SIZE * len(point.buckets)
    )


def resource_size(resource: Resource) -> int:
    """Return an upper bound in bytes of a resource, with the scope that stands beneath it."""
    return _RESOURCE_OVERHEAD + _attributes(resource.attributes)


def _attributes(attributes: Attributes) -> int:
    texts = [*attributes]
    size = _ATTRIBUTE_OVERHEAD * len(texts)
    value: Any
    for value in attributes.values():
        kind = type(value)  # It is hot.
        if kind is str:
            texts.append(value)
        elif kind is tuple or kind is list:
            texts += value
            size += _ITEM_OVERHEAD * len(value)
    # One look at all of them: this is asked for every attribute of every span.
    return size + _text("".join(texts))


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


# Cutting a stream of items into requests that every backend takes, without holding the stream.

MOST_ITEMS = 1000
MOST_BYTES = 1_000_000


class HasResource(Protocol):
    """What every item of every signal has."""

    @property
    def resource(self) -> Resource:
        """Return the entity that it comes from."""
        ...


BatchItem = TypeVar("BatchItem", bound=HasResource)


@dataclass(frozen=True, slots=True)
class SizeLimit(Generic[BatchItem]):
    """How the items of a signal are measured, and which two may not share a request."""

    size: Callable[[BatchItem], int]
    apart: Callable[[BatchItem, BatchItem], bool]


# A trace of its own arrives whole or not; events and points do not depend on each other.
SPANS: SizeLimit[Span] = SizeLimit(span_size, lambda span, other: span.trace_id != other.trace_id)
RECORDS: SizeLimit[LogRecord] = SizeLimit(record_size, lambda *_: False)
POINTS: SizeLimit[Point] = SizeLimit(point_size, lambda *_: False)


class Batcher(Generic[BatchItem]):
    """Collects items until a request is full, one batch at a time."""

    def __init__(
        self,
        cut: SizeLimit[BatchItem],
        *,
        most_items: int = MOST_ITEMS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Hold nothing. ``most_bytes`` bounds the request before compression."""
        self._cut = cut
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._start()

    def add(self, item: BatchItem) -> tuple[BatchItem, ...]:
        """Take an item; return the batch before it where it begins another, else nothing.

        An item that is larger than a request may be goes alone.
        """
        own, resource = self._cut.size(item), id(item.resource)
        size = own if resource in self._resources else own + resource_size(item.resource)
        full = self.rest() if self._batch and self._is_full(item, size) else ()
        if not self._batch:
            size = REQUEST_OVERHEAD + own + resource_size(item.resource)
        self._resources.add(resource)
        self._batch.append(item)
        self._size += size
        return full

    def rest(self) -> tuple[BatchItem, ...]:
        """Return what is held, and hold nothing."""
        batch = tuple(self._batch)
        self._start()
        return batch

    def _start(self) -> None:
        self._batch: list[BatchItem] = []
        self._resources: set[int] = set()
        self._size = 0

    def _is_full(self, item: BatchItem, size: int) -> bool:
        return (
            len(self._batch) >= self._most_items
            or self._size + size > self._most_bytes
            or self._cut.apart(item, self._batch[0])
        )


def batches(
    items: Iterable[BatchItem],
    cut: SizeLimit[BatchItem],
    *,
    most_items: int = MOST_ITEMS,
    most_bytes: int = MOST_BYTES,
) -> Iterator[tuple[BatchItem, ...]]:
    """Yield the items in order, cut where a bound would be passed or two may not be together."""
    batcher = Batcher(cut, most_items=most_items, most_bytes=most_bytes)
    for item in items:
        if batch := batcher.add(item):
            yield batch
    if batch := batcher.rest():
        yield batch


# Sorting a mixed stream of telemetry into the batches of its signals.

Item: TypeAlias = Span | LogRecord | Point


@dataclass(frozen=True, slots=True)
class Batch:
    """What leaves in one request: items of one signal, or a request that was prepared."""

    signal: Signal
    items: tuple[Item, ...]
    prepared: EncodedRequest | None = None

    @property
    def count(self) -> int:
        """How many items it is."""
        return len(self.items) if self.prepared is None else self.prepared.items


def signal_of(telemetry: Telemetry) -> Signal:
    """Return the signal that carries it."""
    if isinstance(telemetry, EncodedRequest):
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
        if isinstance(each, EncodedRequest):
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


# How large the traces of an export become: one backend drops what is too much of a trace.

# Grafana Tempo's default `max_bytes_per_trace`.
TEMPO_BYTES = 5_000_000
# Spans of one trace are alike, so that every sixteenth tells enough and costs nothing.
_SAMPLE = 16
# What protobuf adds: ids, times, lengths and tags.
_TYPICAL_SPAN_OVERHEAD = 64
_TYPICAL_ATTRIBUTE_OVERHEAD = 8
_NUMBER = 4


@dataclass(slots=True)
class TraceSizes:
    """Adds up the bytes of each trace, roughly, as its spans pass by.

    What earlier exports sent of the same trace is not known here.
    """

    _spans: dict[str, int] = field(default_factory=dict)
    _bytes: dict[str, int] = field(default_factory=dict)

    def watched(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Hand the stream on as it is."""
        for each in stream:
            if isinstance(each, Span):
                self._add(each)
            yield each

    def _add(self, span: Span) -> None:
        trace = span.trace_id
        count = self._spans.get(trace, 0)
        self._spans[trace] = count + 1
        if count % _SAMPLE == 0:
            self._bytes[trace] = self._bytes.get(trace, 0) + _size(span) * _SAMPLE

    @property
    def notices(self) -> tuple[str, ...]:
        """What to tell of the traces that Tempo would cut, and what to set."""
        return tuple(
            f"trace {trace} has {self._spans[trace]:,} spans of about {size / 1e6:.0f} MB: Grafana "
            "Tempo takes 5 MB of a trace by default and drops the rest. Raise "
            "`max_bytes_per_trace` there (under `overrides`, `defaults`, `global`), or send less "
            "with `detail`"
            for trace, size in self._bytes.items()
            if size > TEMPO_BYTES
        )


def _size(span: Span) -> int:
    """About how many bytes a span is; `sizes` has the bound that none passes, far above that."""
    further = [
        *(each.attributes for each in span.events),
        *(each.attributes for each in span.links),
    ]
    groups = [span.attributes, *further]
    return (
        _TYPICAL_SPAN_OVERHEAD * len(groups)
        + len(span.name)
        + sum(map(_size_of_attributes, groups))
    )


def _size_of_attributes(attributes: Attributes) -> int:
    return sum(
        _TYPICAL_ATTRIBUTE_OVERHEAD + len(key) + (len(value) if isinstance(value, str) else _NUMBER)
        for key, value in attributes.items()
    )
