"""Cutting a stream of items into requests that every backend takes, without holding the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from flow_telemetry.export.points import Point
from flow_telemetry.export.sizes import (
    REQUEST_OVERHEAD,
    point_size,
    record_size,
    resource_size,
    span_size,
)
from flow_telemetry.telemetry import LogRecord, Resource, Span

MOST_ITEMS = 1000
MOST_BYTES = 1_000_000


class HasResource(Protocol):
    """What every item of every signal has."""

    @property
    def resource(self) -> Resource:
        """Return the entity that it comes from."""
        ...


Item = TypeVar("Item", bound=HasResource)


@dataclass(frozen=True, slots=True)
class Cut(Generic[Item]):
    """How the items of a signal are measured, and which two may not share a request."""

    size: Callable[[Item], int]
    apart: Callable[[Item, Item], bool]


# A trace of its own arrives whole or not; events and points do not depend on each other.
SPANS: Cut[Span] = Cut(span_size, lambda span, other: span.trace_id != other.trace_id)
RECORDS: Cut[LogRecord] = Cut(record_size, lambda *_: False)
POINTS: Cut[Point] = Cut(point_size, lambda *_: False)


class Batcher(Generic[Item]):
    """Collects items until a request is full, one batch at a time."""

    def __init__(
        self, cut: Cut[Item], *, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES
    ) -> None:
        """Hold nothing. ``most_bytes`` bounds the request before compression."""
        self._cut = cut
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._start()

    def add(self, item: Item) -> tuple[Item, ...]:
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

    def rest(self) -> tuple[Item, ...]:
        """Return what is held, and hold nothing."""
        batch = tuple(self._batch)
        self._start()
        return batch

    def _start(self) -> None:
        self._batch: list[Item] = []
        self._resources: set[int] = set()
        self._size = 0

    def _is_full(self, item: Item, size: int) -> bool:
        return (
            len(self._batch) >= self._most_items
            or self._size + size > self._most_bytes
            or self._cut.apart(item, self._batch[0])
        )


def batches(
    items: Iterable[Item],
    cut: Cut[Item],
    *,
    most_items: int = MOST_ITEMS,
    most_bytes: int = MOST_BYTES,
) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, cut where a bound would be passed or two may not be together."""
    batcher = Batcher(cut, most_items=most_items, most_bytes=most_bytes)
    for item in items:
        if batch := batcher.add(item):
            yield batch
    if batch := batcher.rest():
        yield batch
