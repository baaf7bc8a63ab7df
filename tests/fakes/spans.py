"""Decoded OTLP spans as flat records, in which a test can read what a backend would show."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

# OTLP's JSON writes ids in hex where protobuf's own JSON writes base64.
# In seconds, at most.
_FOR_ORDER = 0.002
HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """An event on a span; `time` in nanoseconds since 1970, UTC."""

    name: str
    time: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """A link to a span, by hex ids."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """A span as it was received.

    Ids in hex (`parent_span_id` is empty for a root), `start` and `end` in nanoseconds since 1970,
    `kind` as SERVER or INTERNAL, `status` as UNSET, OK or ERROR. `resource` and `attributes` hold
    Python values.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    start: int
    end: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope: str
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    status: str
    message: str
    flags: int

    @property
    def seconds(self) -> float:
        """How long it took, without the microseconds that put spans in order."""
        seconds = (self.end - self.start) / 1e9
        return round(seconds) if 0 <= seconds - round(seconds) < _FOR_ORDER else seconds


def from_protobuf(message: type[M], body: bytes) -> M:
    """Decode protobuf (DecodeError where it is none)."""
    decoded = message()
    decoded.ParseFromString(body)
    return decoded


def from_json(message: type[M], body: bytes | str) -> M:
    """Decode OTLP JSON: one request, or one line of a Collector's file (ParseError, ValueError)."""
    return json_format.ParseDict(_with_base64_ids(json.loads(body)), message())


def spans_in(request: ExportTraceServiceRequest) -> list[SpanRecord]:
    """Return the spans of a trace request, in the order in which they stand."""
    return [
        _record(span, attributes(group.resource.attributes), scoped.scope.name)
        for group in request.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def tree_lines(spans: Iterable[SpanRecord]) -> list[str]:
    """Return the names of `spans`, two spaces deeper under their parents, in order of start.

    A span whose parent is not among them stands at the left edge. An opening span, which each
    export repeats, is drawn once.
    """
    ordered: list[SpanRecord] = []
    for span in sorted(spans, key=lambda span: span.start):
        if span.attributes.get("flow.entity.type") != "opening" or span not in ordered[-50:]:
            ordered.append(span)
    known = {(span.trace_id, span.span_id) for span in ordered}
    children: dict[tuple[str, str], list[SpanRecord]] = {}
    roots: list[SpanRecord] = []
    for span in ordered:
        parent = (span.trace_id, span.parent_span_id)
        (children.setdefault(parent, []) if parent in known else roots).append(span)
    return [line for root in roots for line in _lines(root, children, 0)]


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """OTLP's key-value list as a dictionary of Python values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _lines(
    span: SpanRecord, children: dict[tuple[str, str], list[SpanRecord]], depth: int
) -> Iterator[str]:
    yield "  " * depth + span.name
    # Taken out as they are drawn: a span that arrived twice shows its children once.
    for child in children.pop((span.trace_id, span.span_id), []):
        yield from _lines(child, children, depth + 1)


def _record(span: trace_pb2.Span, resource: dict[str, Any], scope: str) -> SpanRecord:
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes(span.attributes),
        resource=resource,
        scope=scope,
        events=tuple(
            SpanEvent(name=e.name, time=e.time_unix_nano, attributes=attributes(e.attributes))
            for e in span.events
        ),
        links=tuple(
            SpanLink(
                trace_id=link.trace_id.hex(),
                span_id=link.span_id.hex(),
                attributes=attributes(link.attributes),
            )
            for link in span.links
        ),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        message=span.status.message,
        flags=span.flags,
    )


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return getattr(value, kind)


def _with_base64_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_base64_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(each)).decode()
        if name in HEX_FIELDS
        else _with_base64_ids(each)
        for name, each in value.items()
    }
