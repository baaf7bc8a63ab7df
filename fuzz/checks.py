"""What must hold for whatever leaves, however damaged what was read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flow_telemetry.mapping.bodies import LONGEST_BODY
from flow_telemetry.mapping.limits import (
    LONGEST_NAME,
    LONGEST_VALUE_BYTES,
    MOST_ATTRIBUTES,
    MOST_EVENTS,
    MOST_RECORD_ATTRIBUTES,
)
from flow_telemetry.otlp.batch import Batch, batch_telemetry
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.json import format_line
from flow_telemetry.otlp.sdk import EncodingError, SdkEncoder
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    Delivery,
    EncodedRequest,
    LogRecord,
    Measurement,
    Signal,
    Span,
    Telemetry,
)

NOW = 1_795_500_000 * 10**9  # in the evening of 2026-11-24
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
# A line of a log is longer than what stands on a span.
_LONGEST_BODY_BYTES = 70_000
_LATEST = 2**63
_FEW = 12
_ATTRIBUTE = re.compile(r"[a-z_0-9]+(\.[a-z_0-9]+)+")
_NAMES_SEEN: set[str] = set()  # There are few of them, in many spans.


class Broken(Exception):
    """Something left that should never leave."""


@dataclass(slots=True)
class CheckedExporter:
    """Takes all telemetry as a backend would: in requests of protobuf, each part looked at."""

    spans: list[Span] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)
    signals: frozenset[Signal] = frozenset(Signal)
    encoders: dict[Signal, SdkEncoder] = field(default_factory=dict)

    def preload(self) -> None:
        """Load nothing: the exporters are loaded already."""

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Encode the stream, and check what is in it.

        Raises:
            Broken: a rule does not hold.
        """
        fallbacks, counts = Fallbacks(), dict.fromkeys(Signal, 0)
        for batch in batch_telemetry(self._looked_at(stream), set(Signal), lambda: NOW):
            sent = fallbacks.for_signal(batch.signal, lambda: NOW).primary(batch)
            _ensure(self._encodes(sent), "a request is empty, or could not be encoded")
            if batch.count <= _FEW:  # JSON takes many times as long
                _ensure(bool(format_line(sent)), "a line is empty")
            counts[batch.signal] += batch.count
        check_trees(self.spans)
        return tuple(
            Delivery(signal=signal, destination="https://x", collected=count, sent=count)
            for signal, count in counts.items()
            if count
        )

    def _encodes(self, batch: Batch) -> bool:
        """Whether the SDK makes a request of a batch; what is encoded already is one."""
        if batch.encoded is not None:
            return bool(batch.encoded.body)
        if batch.signal not in self.encoders:
            self.encoders[batch.signal] = SdkEncoder(batch.signal)
        try:
            return bool(self.encoders[batch.signal].encode(batch.items).body)
        except EncodingError:
            return False

    def _looked_at(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        for each in stream:
            if isinstance(each, Span):
                check_span(each)
                self.spans.append(each)
            elif isinstance(each, LogRecord):
                check_record(each)
                self.records.append(each)
            elif isinstance(each, Measurement):
                check_measurement(each)
            elif not isinstance(each, EncodedRequest):
                raise Broken(f"a {type(each).__name__} left")
            yield each


def check_trees(spans: Sequence[Span]) -> None:
    """Check that one id is one span, and that the parents of one trace make no circle."""
    known: dict[tuple[str, str], Span] = {}
    for span in spans:
        other = known.setdefault((span.trace_id, span.span_id), span)
        _ensure(other == span, f"two spans of one id: {_difference(other, span)}")
    done: set[tuple[str, str]] = set()
    for trace_id, start in known:
        way: set[tuple[str, str]] = set()
        at: tuple[str, str] | None = (trace_id, start)
        while at in known and at not in done:
            _ensure(at not in way, f"a circle of parents through {known[at].name!a}")
            way.add(at)
            above = known[at].parent_span_id
            at = (trace_id, above) if above else None
        done |= way


def _difference(one: Span, other: Span) -> str:
    names = [name for name in Span.__slots__ if getattr(one, name) != getattr(other, name)]
    told = (f"{n}: {getattr(one, n)!a:.600} / {getattr(other, n)!a:.600}" for n in names)
    return f"{one.name!a}, {'; '.join(told)}"


def check_span(span: Span) -> None:
    """Check one span by the bounds of what all backends take."""
    _ensure(bool(_TRACE_ID.fullmatch(span.trace_id)), f"trace id {span.trace_id!a}")
    _ensure(bool(_SPAN_ID.fullmatch(span.span_id)), f"span id {span.span_id!a}")
    above = span.parent_span_id
    _ensure(above is None or bool(_SPAN_ID.fullmatch(above)), f"parent id {above!a}")
    _ensure(above != span.span_id, f"{span.name!a} is its own parent")
    _ensure(0 < span.start <= span.end < _LATEST, f"{span.name!a} from {span.start} to {span.end}")
    _ensure(1 <= len(span.name) <= LONGEST_NAME, f"a name of {len(span.name)} characters")
    _ensure("\n" not in span.name, f"a name of two lines: {span.name!a}")
    _ensure(len(span.events) <= MOST_EVENTS, f"{len(span.events)} span events")
    check_attributes(span.attributes)
    check_attributes(span.resource.attributes)
    _ensure(_size(span.error or "") <= LONGEST_VALUE_BYTES, "a long error")
    for event in span.events:
        _ensure(0 < event.time < _LATEST, f"an event at {event.time}")
        check_attributes(event.attributes)
    for link in span.links:
        _ensure(link.trace_id != span.trace_id, f"{span.name!a} has a link inside its trace")
        _ensure(bool(_TRACE_ID.fullmatch(link.trace_id)), f"link to trace {link.trace_id!a}")
        _ensure(bool(_SPAN_ID.fullmatch(link.span_id)), f"link to span {link.span_id!a}")
        check_attributes(link.attributes)


def check_record(record: LogRecord) -> None:
    """Check an event, or a line of a log."""
    body = record.body or ""
    if record.event_name:
        _ensure(body.splitlines() == [body], f"{record.event_name} has the body {body!a}")
        _ensure(len(body) <= LONGEST_BODY, f"{record.event_name} has a long body")
        named = record.attributes.get("event.name")
        _ensure(named == record.event_name, f"{record.event_name} is named {named!a}")
    _ensure(record.body is not None, "a record without a body")
    _ensure(0 < record.time < _LATEST, f"{record.event_name} at {record.time}")
    _ensure(0 < record.observed < _LATEST, f"{record.event_name} seen at {record.observed}")
    _ensure(bool(_TRACE_ID.fullmatch(record.trace_id)), f"trace id {record.trace_id!a}")
    _ensure(bool(_SPAN_ID.fullmatch(record.span_id)), f"span id {record.span_id!a}")
    _ensure(_size(body) <= _LONGEST_BODY_BYTES, "a long line")
    check_attributes(record.attributes, MOST_RECORD_ATTRIBUTES)
    check_attributes(record.resource.attributes)


def check_measurement(fact: Measurement) -> None:
    """Check a point of a metric."""
    name = fact.instrument.name
    _ensure(math.isfinite(fact.value), f"{name} is {fact.value}")
    _ensure(abs(fact.value) < 2**63, f"{name} is {fact.value}")
    check_attributes(fact.attributes)
    check_attributes(fact.resource.attributes)
    if fact.period is not None:
        _ensure(0 < fact.period[0] <= fact.period[1] < _LATEST, f"{name} in {fact.period}")


def check_attributes(attributes: Attributes, most: int = MOST_ATTRIBUTES) -> None:
    """Check number, names and values."""
    _ensure(len(attributes) <= most, f"{len(attributes)} attributes")
    for name, value in attributes.items():
        if name not in _NAMES_SEEN:
            _ensure(bool(_ATTRIBUTE.fullmatch(name)), f"attribute {name!a}")
            _NAMES_SEEN.add(name)
        if value in ("", ()) or _size(value) > LONGEST_VALUE_BYTES:
            raise Broken(f"{name} is {value!a:.100}, of {_size(value)} bytes")


def _size(value: AttributeValue) -> int:
    if isinstance(value, str):
        return len(value.encode())  # raises where a lone surrogate was left
    if isinstance(value, (bool, int, float)):
        if not -(2**63) <= value < 2**63:
            raise Broken(f"a number {value}")
        return 8
    return sum(map(_size, value))


def _ensure(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
