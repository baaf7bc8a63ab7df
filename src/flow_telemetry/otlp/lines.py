"""OTLP JSON lines as requests, and requests that are split or merged."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flow_telemetry.otlp.batch import MOST_BYTES, MOST_ITEMS, Batch
from flow_telemetry.otlp.protobuf import decode_request, new_request
from flow_telemetry.telemetry import EncodedRequest, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Parsing of OTLP JSON lines, the reverse of `otlp.json`.
#
# Tools in a job and the Collector write such files. Their content is untrusted: a damaged line is
# reported, and the other lines are read.


# By the one field of a request; the second name is the one in the protobuf files.
_SIGNALS = {
    "resourceSpans": Signal.TRACES,
    "resource_spans": Signal.TRACES,
    "resourceLogs": Signal.LOGS,
    "resource_logs": Signal.LOGS,
    "resourceMetrics": Signal.METRICS,
    "resource_metrics": Signal.METRICS,
}
# The fields of a group by resource, which OpenTelemetry Java writes without a request around it.
_GROUPS = {
    "scopeSpans": "resourceSpans",
    "scope_spans": "resourceSpans",
    "scopeLogs": "resourceLogs",
    "scope_logs": "resourceLogs",
    "scopeMetrics": "resourceMetrics",
    "scope_metrics": "resourceMetrics",
}
# The fields of each signal's request: groups by resource, groups by scope, and items.
LAYERS = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}
# The number of hexadecimal digits of each id.
_IDS = {
    **dict.fromkeys(("traceId", "trace_id"), 32),
    **dict.fromkeys(("spanId", "span_id", "parentSpanId", "parent_span_id"), 16),
}
_HEX = re.compile(r"[0-9a-fA-F]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpRequest:
    """A decoded request, such as an `ExportTraceServiceRequest`."""

    signal: Signal
    message: Message


def parse_otlp_lines(
    lines: Iterable[tuple[int, bytes]], name: str
) -> tuple[list[OtlpRequest], list[str]]:
    """Return the requests of numbered lines of file ``name``, and messages about damaged lines.

    A line may have several requests: one for each signal, in an object or a list. Unknown fields
    are dropped, as OTLP asks for. Ids are hexadecimal.
    """
    requests: list[OtlpRequest] = []
    damaged: list[str] = []
    for number, line in lines:
        try:
            requests += _parse_line(line)
        except _Damaged as error:
            damaged.append(f"line {number} of {name} {error}")
    return requests, damaged


def iterate_groups(request: OtlpRequest) -> Iterator[tuple[Any, Any, Any]]:
    """Yield resource group, scope group and its list of spans, log records or metrics."""
    resources, scopes, items = LAYERS[request.signal]
    for resource in getattr(request.message, resources):
        for scope in getattr(resource, scopes):
            yield resource, scope, getattr(scope, items)


def count_items(signal: Signal, item: Any) -> int:
    """Return 1 for a span or log record, and the number of data points for a metric."""
    if signal is not Signal.METRICS:
        return 1
    kind = item.WhichOneof("data")
    return len(getattr(item, kind).data_points) if kind else 0


def count_request_items(request: OtlpRequest) -> int:
    """Return the number of spans, log records or data points of a request."""
    return sum(
        count_items(request.signal, item) for *_, items in iterate_groups(request) for item in items
    )


def encode_request(request: OtlpRequest, repository: str = "") -> EncodedRequest:
    """Return the request in protobuf; ``repository`` is that of `EncodedRequest`."""
    body: bytes = request.message.SerializeToString()
    return EncodedRequest(
        signal=request.signal, body=body, items=count_request_items(request), repository=repository
    )


class _Damaged(Exception):
    """A line is not a request; the text follows "line 3 of x"."""


def _parse_line(line: bytes) -> list[OtlpRequest]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Damaged("is not a complete JSON object; it may have been cut off") from error
    return [
        _parse_request(signal, request)
        for element in (content if isinstance(content, list) else [content])
        for signal, request in _split_signals(element)
    ]


def _split_signals(content: Any) -> list[tuple[Signal, dict[str, Any]]]:
    """Return the requests of an object, one for each field of a signal."""
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    requests = {name: value for name, value in fields.items() if name in _SIGNALS}
    group = next((_GROUPS[name] for name in fields if name in _GROUPS), None)
    if not requests and group is not None:
        requests = {group: [fields]}
    if not requests:
        raise _Damaged(f"is not an OTLP request: {_describe_other(fields)}")
    return [(_SIGNALS[name], {name: value}) for name, value in requests.items()]


def _describe_other(fields: dict[str, Any]) -> str:
    if {"traceId", "id", "timestamp"} <= fields.keys():
        return "it is a span of Zipkin. Let the tool export OTLP"
    data = fields.get("data")
    if isinstance(data, list) and data and isinstance(data[0], dict) and "traceID" in data[0]:
        return "it is a trace of Jaeger. Let the tool export OTLP"
    return "it must have a field such as resourceSpans"


def _parse_request(signal: Signal, content: dict[str, Any]) -> OtlpRequest:
    # Loaded for files of tools only.
    from google.protobuf.json_format import Error, ParseDict  # noqa: PLC0415

    try:
        _write_ids_in_base64(content)
        message = ParseDict(content, new_request(signal), ignore_unknown_fields=True)
    except (Error, ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise _Damaged("is not an OTLP request: a field has the wrong type") from error
    except RecursionError as error:
        raise _Damaged("is nested too deep") from error
    request = OtlpRequest(signal=signal, message=message)
    if getattr(message, LAYERS[signal][0]) and next(iterate_groups(request), None) is None:
        raise _Damaged(
            "has resources without scopes and was ignored; older versions of OTLP, such as those "
            "with instrumentationLibrarySpans, are not supported"
        )
    return request


def _write_ids_in_base64(value: Any) -> None:
    """Convert ids in place to the form of protobuf's own JSON.

    Keys are fields of the schema: the name of an attribute is a value.
    """
    if isinstance(value, list):
        for element in value:
            _write_ids_in_base64(element)
    elif isinstance(value, dict):
        for key, content in value.items():
            key.encode()  # protobuf fails with another exception at a lone surrogate
            if key in _IDS:
                value[key] = _encode_id(key, content)
            else:
                _write_ids_in_base64(content)


def _encode_id(key: str, value: Any) -> str:
    if value in ("", None):  # Allowed: a root span has an empty parent.
        return ""
    if not isinstance(value, str) or len(value) != _IDS[key] or not _HEX.fullmatch(value):
        raise _Damaged(f"has a {key} that is not {_IDS[key]} hexadecimal digits")
    return b64encode(bytes.fromhex(value)).decode("ascii")


# Splitting of requests that a backend finds too large.


def split_request(batch: Batch) -> tuple[Batch, ...]:
    """Return two batches with the items of one, in order; nothing if there is only one item."""
    if batch.count < 2:
        return ()
    if batch.encoded is None:
        middle = len(batch.items) // 2
        slices = batch.items[:middle], batch.items[middle:]
        return tuple(replace(batch, items=items) for items in slices)
    try:
        requests = list(_split_encoded(batch.encoded))
    except ValueError:
        return ()
    return tuple(Batch(request.signal, (), request) for request in requests if request.items)


def _split_encoded(encoded: EncodedRequest) -> Iterator[EncodedRequest]:
    """Split at the outermost list with several elements: resources, scopes, items or points.

    One of the two requests may be without items, if its groups were.
    """
    signal = encoded.signal
    first, second = decode_request(encoded), decode_request(encoded)
    pairs = zip(_nested_lists(first, signal), _nested_lists(second, signal), strict=False)
    list_in_first, list_in_second = next((pair for pair in pairs if len(pair[0]) > 1), ([], []))
    middle = len(list_in_first) // 2
    del list_in_first[middle:]
    del list_in_second[:middle]
    for message in (first, second):
        yield encode_request(OtlpRequest(signal=signal, message=message), encoded.repository)


def _nested_lists(request: Any, signal: Signal) -> Iterator[Any]:
    """Yield the lists that contain the first item, from the outermost on."""
    group = request
    for layer in LAYERS[signal]:
        elements = getattr(group, layer)
        yield elements
        if not elements:
            return
        group = elements[0]
    kind = group.WhichOneof("data") if signal is Signal.METRICS else None
    if kind is not None:
        yield getattr(group, kind).data_points


# Requests of other programs, merged or split to a size that every backend accepts.
#
# Some tools write a request for each span as it ends, others a single request of any size.

# A resource is repeated in each split request; no tool describes itself at such length.
LARGEST_HEAD = MOST_BYTES // 4
# The bytes that protobuf adds to an item: a tag, a length, and longer lengths of the groups.
_ITEM_OVERHEAD = 16


def drop_long_heads(request: OtlpRequest, *, largest: int = LARGEST_HEAD) -> int:
    """Remove groups with more than ``largest`` bytes of resource and scope; count their items."""
    dropped = 0
    for resource, scope, items in iterate_groups(request):
        if _head_size(resource, scope) > largest:
            dropped += sum(count_items(request.signal, item) for item in items)
            del items[:]
    return dropped


@dataclass(slots=True)
class _Merged:
    """A request with the list of its last group, its size in bytes and its number of items."""

    request: OtlpRequest
    group: Any = None
    size: int = 0
    items: int = 0

    def has_room(self, size: int, items: int, most_bytes: int, most_items: int) -> bool:
        return self.size + size <= most_bytes and self.items + items <= most_items


def merge_requests(
    requests: Iterable[OtlpRequest], *, most_bytes: int = MOST_BYTES, most_items: int = MOST_ITEMS
) -> Iterator[OtlpRequest]:
    """Yield the same items in requests within both limits, in order within each signal.

    ``most_bytes`` is before compression; an item that is larger gets a request of its own. Empty
    requests are dropped.
    """
    merged: dict[Signal, _Merged] = {}
    for request in requests:
        for small in _split_to_size(request, most_bytes, most_items):
            signal, size, items = small.signal, small.message.ByteSize(), count_request_items(small)
            current = merged.get(signal)
            if current is not None and not current.has_room(size, items, most_bytes, most_items):
                yield current.request
                current = None
            if current is None:
                empty = OtlpRequest(signal=signal, message=new_request(signal))
                current = merged[signal] = _Merged(empty)
            current.request.message.MergeFrom(small.message)
            current.size += size
            current.items += items
    for current in merged.values():
        yield current.request


def _split_to_size(request: OtlpRequest, most_bytes: int, most_items: int) -> Iterator[OtlpRequest]:
    """Yield the request, or several smaller ones if it is too large."""
    count = count_request_items(request)
    if not count:
        return
    if request.message.ByteSize() <= most_bytes and count <= most_items:
        yield request
        return
    for resource, scope, items in iterate_groups(request):
        current = _start_group(request.signal, resource, scope)
        for item in items:
            size, points = item.ByteSize() + _ITEM_OVERHEAD, count_items(request.signal, item)
            if current.items and not current.has_room(size, points, most_bytes, most_items):
                yield current.request
                current = _start_group(request.signal, resource, scope)
            current.group.append(item)
            current.size += size
            current.items += points
        if current.items:
            yield current.request


def _start_group(signal: Signal, resource: Any, scope: Any) -> _Merged:
    """Return a request with that resource and scope, without items yet."""
    message = new_request(signal)
    resources, scopes, items = LAYERS[signal]
    group = getattr(message, resources).add(schema_url=resource.schema_url)
    group.resource.CopyFrom(resource.resource)
    inner = getattr(group, scopes).add(schema_url=scope.schema_url)
    inner.scope.CopyFrom(scope.scope)
    request = OtlpRequest(signal=signal, message=message)
    return _Merged(request, group=getattr(inner, items), size=_head_size(resource, scope))


def _head_size(resource: Any, scope: Any) -> int:
    texts = len(resource.schema_url) + len(scope.schema_url)
    return int(resource.resource.ByteSize() + scope.scope.ByteSize()) + 4 * texts + _ITEM_OVERHEAD
