"""Spans, log records, measurements, and who takes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

# What is sent, as frozen records: the product of ``signals`` and all that ``export`` gets.
#
# They stand apart from the protocol's messages so that mapping stays pure and cheap, and so that
# only ``export`` needs to load OpenTelemetry.

AttributeValue: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, AttributeValue]


class SpanKind(Enum):
    """The kinds of span that are used: a run serves a request to build, all else is inside."""

    INTERNAL = "internal"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The entity that telemetry comes from; equal for every sender that means the same one."""

    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened at one instant of a span. ``time`` is in nanoseconds, Unix, UTC."""

    name: str
    time: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """A pointer to a span of another trace, ids in lower-case hexadecimal."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span, ids in lower-case hexadecimal, times in nanoseconds since the Unix epoch, UTC.

    ``error`` is the description of an ERROR status; None leaves the status unset.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    start: int
    end: int
    resource: Resource
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Attributes = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    error: str | None = None


class Severity(Enum):
    """How grave a log record is, by OpenTelemetry's numbers; their names are the short texts."""

    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """Something that happened: OpenTelemetry's event, a log record with a name; or a line of a log.

    A line has no name but a ``body``. Times are in nanoseconds since the Unix epoch, UTC: ``time``
    is when it happened, ``observed`` when it was read. The ids, in lower-case hexadecimal, are
    those of the span that it belongs to.
    """

    event_name: str
    time: int
    observed: int
    trace_id: str
    span_id: str
    resource: Resource
    attributes: Attributes = field(default_factory=dict)
    body: str | None = None
    severity: Severity = Severity.INFO


class InstrumentKind(Enum):
    """What a measurement is: a part of a distribution, an addend of a count, or a state."""

    HISTOGRAM = "histogram"
    SUM = "sum"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A metric, by the conventions' or our name, with its unit by UCUM.

    ``attributes`` are the names that its points can have, ``sent`` says with which subject.
    """

    name: str
    kind: InstrumentKind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    sent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One fact about one ended thing; it leaves as a point of its metric when it is sent.

    ``period`` is from when to when it was measured, in Unix nanoseconds, where it is a point of a
    curve; None is the time of the export, as for all that is no curve.
    """

    instrument: Instrument
    value: float
    resource: Resource
    attributes: Attributes = field(default_factory=dict)
    period: tuple[int, int] | None = None


class Signal(Enum):
    """The signals of OpenTelemetry, by the last part of their OTLP/HTTP path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRequest:
    """A request of OTLP that was made before, in protobuf, such as that of a tool.

    ``items`` is how many spans, log records or data points it holds. ``repository`` is that of the
    run whose tools made it, as owner/name; empty where it is of the job that sends it.
    """

    signal: Signal
    body: bytes
    items: int
    repository: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why some items were not delivered.

    ``problem`` says what the endpoint did, ``advice`` the likely cause and what to do; neither
    holds a header's value or more of the address than scheme and host.
    """

    problem: str
    advice: str
    items: int
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the items of one signal.

    Of metrics the points count, one for each series, not what they were measured from.
    ``collected`` is always ``sent + spooled + lost + declined``. ``rejected`` counts what the
    backend refused of requests that it took otherwise; it is part of ``spooled`` or of ``lost``,
    which counts what could neither be delivered nor written to the spool. ``declined`` counts the
    items of a signal that the backend does not take at all: neither kept nor a failure.
    ``destination`` is scheme, host and port only, or a file's path. ``warnings`` is what the
    backend said though it took everything, ``notices`` what is worth knowing of how it was sent.
    """

    signal: Signal
    destination: str
    collected: int = 0
    sent: int = 0
    rejected: int = 0
    spooled: int = 0
    lost: int = 0
    declined: int = 0
    requests: int = 0
    bytes_sent: int = 0
    failures: tuple[Failure, ...] = ()
    spool_files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the backend took every item of a signal that it knows."""
        return self.sent + self.declined == self.collected


def merge_deliveries(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Return one delivery for each signal and destination, with the sums of all."""
    groups: dict[tuple[Signal, str], list[Delivery]] = {}
    for each in deliveries:
        groups.setdefault((each.signal, each.destination), []).append(each)
    return tuple(_sum(group) for group in groups.values())


def _sum(group: Sequence[Delivery]) -> Delivery:
    return Delivery(
        signal=group[0].signal,
        destination=group[0].destination,
        collected=sum(each.collected for each in group),
        sent=sum(each.sent for each in group),
        rejected=sum(each.rejected for each in group),
        spooled=sum(each.spooled for each in group),
        lost=sum(each.lost for each in group),
        declined=sum(each.declined for each in group),
        requests=sum(each.requests for each in group),
        bytes_sent=sum(each.bytes_sent for each in group),
        failures=tuple(failure for each in group for failure in each.failures),
        spool_files=tuple(file for each in group for file in each.spool_files),
        warnings=tuple(dict.fromkeys(w for each in group for w in each.warnings)),
        notices=tuple(dict.fromkeys(n for each in group for n in each.notices)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTarget:
    """Where one signal goes, and how. ``timeout`` is for one request, in seconds.

    ``url`` and ``headers`` never appear in a representation: they may hold credentials.
    ``certificate`` is a file with the authorities that are trusted in place of the usual ones,
    ``client_certificate`` and ``client_key`` are files of what this side shows; the key may stand
    in the certificate's file. Empty means none.
    """

    signal: Signal
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    compression: str = "gzip"
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""


# What the pipeline asks of whatever takes its telemetry.

Telemetry: TypeAlias = Span | LogRecord | Measurement | EncodedRequest


class Exporter(Protocol):
    """Where telemetry goes: a backend, a file, or a backend while somebody looks on."""

    @property
    def signals(self) -> Collection[Signal]:
        """The signals that it takes: what is for others only need not even be read."""
        ...

    def preload(self) -> object:
        """Begin to load, in a thread, what delivering needs; return before that is done."""
        ...

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Take all that is in the stream, whatever its order, and tell what became of it.

        There is one delivery for each signal that had something, in the order of ``Signal``. It
        never raises because of a backend; what the stream raises is raised here.
        """
        ...
