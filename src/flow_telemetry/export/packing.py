"""Requests that somebody else made, as ones of the size that every backend takes. Pure.

A tool that writes each span as it ends writes a request for each, and one that writes them all at
its end a single one of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flow_telemetry.export.batches import MOST_BYTES, MOST_ITEMS
from flow_telemetry.export.otlp_files import (
    LAYERS,
    OtlpRequest,
    groups_of,
    item_count,
    items_in,
)
from flow_telemetry.export.protobuf import new_request
from flow_telemetry.telemetry import Signal

# It is repeated in each request that a larger one becomes; no tool describes itself at such length.
LARGEST_HEAD = MOST_BYTES // 4
# What protobuf adds to an item: a tag, a length, and longer lengths around it.
_AROUND = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a request may hold: bytes before compression, and items."""

    size: int = MOST_BYTES
    items: int = MOST_ITEMS

    def holds(self, size: int, items: int) -> bool:
        """Whether it is enough."""
        return size <= self.size and items <= self.items


def without_long_heads(request: OtlpRequest, *, largest: int = LARGEST_HEAD) -> int:
    """Take out the groups whose resource and scope have more bytes; return how many items went."""
    taken = 0
    for resource, scope, items in groups_of(request):
        if _head_size(resource, scope) > largest:
            taken += sum(items_in(request.signal, item) for item in items)
            del items[:]
    return taken


def packed(requests: Iterable[OtlpRequest], room: Room | None = None) -> Iterator[OtlpRequest]:
    """Yield the same items in requests that have room for them, in order within each signal.

    Small ones are joined, large ones cut; an item that is larger than a request may be goes alone.
    Empty ones are left out.
    """
    room = room or Room()
    open_ones: dict[Signal, _Open] = {}
    for request in requests:
        for piece in _pieces(request, room):
            held = open_ones.setdefault(piece.signal, _Open(piece.signal))
            size, items = piece.message.ByteSize(), item_count(piece)
            if held.items and not room.holds(held.size + size, held.items + items):
                yield held.request
                held = open_ones[piece.signal] = _Open(piece.signal)
            held.add(piece, size, items)
    for held in open_ones.values():
        if held.items:
            yield held.request


class _Open:
    """A request that may still grow."""

    def __init__(self, signal: Signal) -> None:
        self.request = OtlpRequest(signal=signal, message=new_request(signal))
        self.size = 0
        self.items = 0

    def add(self, piece: OtlpRequest, size: int, items: int) -> None:
        self.request.message.MergeFrom(piece.message)
        self.size += size
        self.items += items


def _pieces(request: OtlpRequest, room: Room) -> Iterator[OtlpRequest]:
    """The request itself, or where it is too large one after another of its parts."""
    count = item_count(request)
    if count and room.holds(request.message.ByteSize(), count):
        yield request
    elif count:
        for group in groups_of(request):
            yield from _parts(request.signal, group, room)


def _parts(signal: Signal, group: tuple[Any, Any, Any], room: Room) -> Iterator[OtlpRequest]:
    resource, scope, items = group
    head = _head_size(resource, scope)
    part, field = _empty_like(signal, resource, scope)
    size, count = head, 0
    for item in items:
        own, number = item.ByteSize() + _AROUND, items_in(signal, item)
        if count and not room.holds(size + own, count + number):
            yield part
            part, field = _empty_like(signal, resource, scope)
            size, count = head, 0
        field.append(item)
        size += own
        count += number
    if count:
        yield part


def _empty_like(signal: Signal, resource: Any, scope: Any) -> tuple[OtlpRequest, Any]:
    """A request with that resource and scope, and the field for the items in it."""
    message = new_request(signal)
    resources, scopes, items = LAYERS[signal]
    group = getattr(message, resources).add(schema_url=resource.schema_url)
    group.resource.CopyFrom(resource.resource)
    inner = getattr(group, scopes).add(schema_url=scope.schema_url)
    inner.scope.CopyFrom(scope.scope)
    return OtlpRequest(signal=signal, message=message), getattr(inner, items)


def _head_size(resource: Any, scope: Any) -> int:
    texts = len(resource.schema_url) + len(scope.schema_url)
    return int(resource.resource.ByteSize() + scope.scope.ByteSize()) + 4 * texts + _AROUND
