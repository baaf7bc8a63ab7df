"""OTLP JSON lines → requests; cutting and joining them."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flow_telemetry.otlp.batch import MOST_BYTES, MOST_ITEMS, Batch
from flow_telemetry.otlp.protobuf import new_request, request_in
from flow_telemetry.telemetry import EncodedRequest, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Lines of OTLP JSON as requests again: what `json_lines.otlp_json_line` writes, read.
#
# A tool in a job may write such a file, and so does the Collector. What is in it is not trusted: a
# line that is damaged is told, and the others go on.


# By the one field that a request has; the older name is how protobuf spells it.
_SIGNALS = {
    "resourceSpans": Signal.TRACES,
    "resource_spans": Signal.TRACES,
    "resourceLogs": Signal.LOGS,
    "resource_logs": Signal.LOGS,
    "resourceMetrics": Signal.METRICS,
    "resource_metrics": Signal.METRICS,
}
# Of each signal's request: its groups by resource, their groups by scope, and what is in those.
LAYERS = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}
# How many hexadecimal digits an id has.
_IDS = {
    **dict.fromkeys(("traceId", "trace_id"), 32),
    **dict.fromkeys(("spanId", "span_id", "parentSpanId", "parent_span_id"), 16),
}
_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpRequest:
    """A request of a file: an `ExportTraceServiceRequest`, or that of logs or metrics."""

    signal: Signal
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpFile:
    """The requests of a file in order, and what of it is damaged, a sentence each."""

    requests: tuple[OtlpRequest, ...] = ()
    damaged: tuple[str, ...] = ()


def parse_otlp_lines(lines: Iterable[tuple[int, bytes]], name: str) -> OtlpFile:
    """Return the requests in numbered lines of a file of that name.

    Fields that are not known are left out, as OTLP asks for. Ids are hexadecimal.
    """
    requests: list[OtlpRequest] = []
    damaged: list[str] = []
    for number, line in lines:
        try:
            requests.append(_request(line))
        except _Damaged as error:
            damaged.append(f"line {number} of {name} {error}")
    return OtlpFile(requests=tuple(requests), damaged=tuple(damaged))


def groups_of(request: OtlpRequest) -> Iterator[tuple[Any, Any, Any]]:
    """Yield resource group, scope group and the field with its spans, log records or metrics."""
    resources, scopes, items = LAYERS[request.signal]
    for resource in getattr(request.message, resources):
        for scope in getattr(resource, scopes):
            yield resource, scope, getattr(scope, items)


def items_in(signal: Signal, item: Any) -> int:
    """Return for how many a span, log record or metric counts: a metric for its data points."""
    if signal is not Signal.METRICS:
        return 1
    kind = item.WhichOneof("data")
    return len(getattr(item, kind).data_points) if kind else 0


def item_count(request: OtlpRequest) -> int:
    """Return how many spans, log records or data points a request holds."""
    return sum(items_in(request.signal, item) for *_, items in groups_of(request) for item in items)


def encode_request(request: OtlpRequest, repository: str = "") -> EncodedRequest:
    """Return a request as one that is sent as it is; ``repository`` is as in `Prepared`."""
    body: bytes = request.message.SerializeToString()
    return EncodedRequest(
        signal=request.signal, body=body, items=item_count(request), repository=repository
    )


class _Damaged(Exception):
    """A line is no request; the text says why, as what follows "line 3 of x"."""


def _request(line: bytes) -> OtlpRequest:
    # Who sends no files needs none of it.
    from google.protobuf.json_format import Error, ParseDict  # noqa: PLC0415

    payload = _decoded(line)
    signal = _signal(payload)
    try:
        _write_ids_in_base64(payload)
        message = ParseDict(payload, new_request(signal), ignore_unknown_fields=True)
    except (Error, ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise _Damaged("is no request of OTLP: a field has another form") from error
    except RecursionError as error:
        raise _Damaged("is nested too deep") from error
    request = OtlpRequest(signal=signal, message=message)
    if getattr(message, LAYERS[signal][0]) and next(groups_of(request), None) is None:
        raise _Damaged(
            "has resources without scopes, so nothing is taken of it; older forms of OTLP, such as "
            "that with instrumentationLibrarySpans, are not read"
        )
    return request


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Damaged("is no whole JSON object; it may have been cut off") from error


def _signal(payload: Any) -> Signal:
    fields = [name for name in payload if name in _SIGNALS] if isinstance(payload, dict) else []
    if len(fields) != 1:
        raise _Damaged("is no request of OTLP: it has not one of resourceSpans and its like")
    return _SIGNALS[fields[0]]


def _write_ids_in_base64(value: Any) -> None:
    """Turn ids into what protobuf's own JSON has; keys are the schema's, never an attacker's."""
    if isinstance(value, list):
        for each in value:
            _write_ids_in_base64(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            key.encode()  # protobuf fails in a way of its own at a lone surrogate
            if key in _IDS:
                value[key] = _base64(key, each)
            else:
                _write_ids_in_base64(each)


def _base64(key: str, value: Any) -> str:
    """An id may be left empty, as the parent of a root is."""
    if value in ("", None):
        return ""
    if not isinstance(value, str) or len(value) != _IDS[key] or not _HEX.fullmatch(value):
        raise _Damaged(f"has a {key} that is not {_IDS[key]} hexadecimal digits")
    return b64encode(bytes.fromhex(value)).decode("ascii")


# Two requests in place of one that a backend finds too large. Pure.


def split_request(batch: Batch) -> tuple[Batch, ...]:
    """Return two batches with the items of one, in order; none where it has no more than one."""
    if batch.count < 2:
        return ()
    if batch.prepared is None:
        middle = len(batch.items) // 2
        parts = batch.items[:middle], batch.items[middle:]
        return tuple(replace(batch, items=part) for part in parts)
    try:
        cut = list(_halves_of(batch.prepared))
    except ValueError:
        return ()
    return tuple(Batch(each.signal, (), each) for each in cut if each.items)


def _halves_of(given: EncodedRequest) -> Iterator[EncodedRequest]:
    """The request cut at the outermost list with more than one: resources, scopes, items, points.

    One of the two may be without items, where a group in it was.
    """
    first, second = request_in(given), request_in(given)
    both = zip(_lists(first, given.signal), _lists(second, given.signal), strict=False)
    one, other = next((each for each in both if len(each[0]) > 1), ([], []))
    middle = len(one) // 2
    del one[middle:]
    del other[:middle]
    for message in (first, second):
        yield encode_request(OtlpRequest(signal=given.signal, message=message), given.repository)


def _lists(request: Any, signal: Signal) -> Iterator[Any]:
    """The lists on the way down to the first item, from the outermost on."""
    group = request
    for layer in LAYERS[signal]:
        found = getattr(group, layer)
        yield found
        if not found:
            return
        group = found[0]
    kind = group.WhichOneof("data") if signal is Signal.METRICS else None
    if kind is not None:
        yield getattr(group, kind).data_points


# Requests that somebody else made, as ones of the size that every backend takes. Pure.
#
# A tool that writes each span as it ends writes a request for each, and one that writes them all
# at its end a single one of any size.

# It is repeated in each request that a larger one becomes; no tool describes itself at such length.
LARGEST_HEAD = MOST_BYTES // 4
# What protobuf adds to an item: a tag, a length, and longer lengths around it.
_AROUND = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSize:
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


def merge_requests(
    requests: Iterable[OtlpRequest], room: RequestSize | None = None
) -> Iterator[OtlpRequest]:
    """Yield the same items in requests that have room for them, in order within each signal.

    Small ones are joined, large ones cut; an item that is larger than a request may be goes alone.
    Empty ones are left out.
    """
    room = room or RequestSize()
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


def _pieces(request: OtlpRequest, room: RequestSize) -> Iterator[OtlpRequest]:
    """The request itself, or where it is too large one after another of its parts."""
    count = item_count(request)
    if count and room.holds(request.message.ByteSize(), count):
        yield request
    elif count:
        for group in groups_of(request):
            yield from _parts(request.signal, group, room)


def _parts(signal: Signal, group: tuple[Any, Any, Any], room: RequestSize) -> Iterator[OtlpRequest]:
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
