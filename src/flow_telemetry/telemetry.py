"""Spans, log records, measurements, deliveries, and the interface of exporters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

# Telemetry as frozen records, which the mapping produces and the exporter sends.
#
# They are not the messages of the protocol, so that the mapping is pure and fast, and only the
# exporter loads OpenTelemetry.

AttributeValue: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, AttributeValue]


# The attribute of opening spans. They repeat what other spans imply, and are older than these: a
# backend that rejects them for their age loses nothing.
OPENING = ("flow.entity.type", "opening")


class SpanKind(Enum):
    """The span kinds in use: a run serves a request to build, other spans are internal."""

    INTERNAL = "internal"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The entity that telemetry comes from; equal for every sender of the same entity."""

    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """An event within a span. ``time`` is the Unix time in nanoseconds."""

    name: str
    time: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """A link to a span of another trace, with ids in lower-case hexadecimal."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span with ids in lower-case hexadecimal, and Unix times in nanoseconds.

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
    """The severity of a log record: OpenTelemetry's numbers and short names."""

    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """An event of OpenTelemetry, which is a log record with a name; or a line of a log.

    A line has a ``body`` and no name. Times are Unix times in nanoseconds: ``time`` is that of the
    event, ``observed`` that of the reading. The ids, in lower-case hexadecimal, are those of the
    span of the record.
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
    """The kind of a metric: a distribution, a counter, or a state."""

    HISTOGRAM = "histogram"
    SUM = "sum"
    GAUGE = "gauge"


class PointTime(Enum):
    """The time of a metric's points.

    SENDING: that of the request, for things that ended. SAMPLE: their own, for a curve. STATE:
    their own, and later they are no longer true, such as the number of open pull requests.
    """

    SENDING = "sending"
    SAMPLE = "sample"
    STATE = "state"


class Durations(Enum):
    """The usual lengths of a histogram's durations, which decide the boundaries of its buckets.

    MOMENTS: tests and commands, from milliseconds on. BUILDS: runs, jobs and waits, from seconds to
    a day. REVIEWS: what takes minutes or weeks, such as phases and repairs. FLOWS: lead times and
    statuses, in days.
    """

    MOMENTS = "moments"
    BUILDS = "builds"
    REVIEWS = "reviews"
    FLOWS = "flows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A metric, with its unit by UCUM.

    ``attributes`` are the possible names of its points' attributes, ``sent`` describes with which
    subject it is sent. Only a histogram in seconds has ``durations``. ``whole`` is whether its
    numbers are sent as integers, always: to some backends, integers and floats are two metrics.
    """

    name: str
    kind: InstrumentKind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    sent: str = ""
    durations: Durations | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value of a metric, which the exporter aggregates to points.

    ``period`` contains the first and last Unix time in nanoseconds of a point of a curve; None
    means the time of the export. ``span`` are the trace id and span id of the measured entity, in
    lower-case hexadecimal, for the exemplars of a histogram.
    """

    instrument: Instrument
    value: float
    resource: Resource
    attributes: Attributes = field(default_factory=dict)
    period: tuple[int, int] | None = None
    span: tuple[str, str] | None = None


class Signal(Enum):
    """The signals of OpenTelemetry; values are the ends of their OTLP/HTTP paths."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRequest:
    """An OTLP request in protobuf, such as that of a tool.

    ``items`` is its number of spans, log records or data points. ``repository`` (owner/name) is
    that of the run whose tools created it; empty if they ran in the current job.
    """

    signal: Signal
    body: bytes
    items: int
    repository: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why some items were not delivered.

    ``problem`` says what happened, ``advice`` what to do. Neither contains a header's value, or
    more of the address than its origin.
    """

    problem: str
    advice: str
    items: int
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The delivery of the items of one signal.

    The items of metrics are points, not measurements. ``collected`` is always
    ``sent + spooled + lost + declined``. ``rejected`` counts the refused items of accepted
    requests, which are also in ``spooled`` or ``lost``. ``lost`` counts the items that could be
    neither delivered nor spooled. ``declined`` counts the items of a signal that the backend does
    not support: they are neither spooled nor a failure. ``destination`` is an origin or the path
    of a file. ``warnings`` are messages of a backend that accepted everything, ``notices``
    describe how the items were sent. ``unstored`` is why requests were sent without a copy on disk.
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
    unstored: str = ""

    @property
    def complete(self) -> bool:
        """Whether the backend accepted every item, or does not support the signal."""
        return self.sent + self.declined == self.collected


def merge_deliveries(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Return one delivery for each signal and destination, with the sums of their deliveries."""
    groups: dict[tuple[Signal, str], list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault((delivery.signal, delivery.destination), []).append(delivery)
    return tuple(_sum(group) for group in groups.values())


def _sum(group: Sequence[Delivery]) -> Delivery:
    return Delivery(
        signal=group[0].signal,
        destination=group[0].destination,
        collected=sum(delivery.collected for delivery in group),
        sent=sum(delivery.sent for delivery in group),
        rejected=sum(delivery.rejected for delivery in group),
        spooled=sum(delivery.spooled for delivery in group),
        lost=sum(delivery.lost for delivery in group),
        declined=sum(delivery.declined for delivery in group),
        requests=sum(delivery.requests for delivery in group),
        bytes_sent=sum(delivery.bytes_sent for delivery in group),
        failures=tuple(failure for delivery in group for failure in delivery.failures),
        spool_files=tuple(file for delivery in group for file in delivery.spool_files),
        warnings=tuple(dict.fromkeys(w for delivery in group for w in delivery.warnings)),
        notices=tuple(dict.fromkeys(n for delivery in group for n in delivery.notices)),
        unstored=next((delivery.unstored for delivery in group if delivery.unstored), ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTarget:
    """The endpoint of one signal. ``timeout`` is for one request, in seconds.

    ``url`` and ``headers`` are in no repr, because they may contain credentials. ``certificate``
    is a file with the certificate authorities to trust, ``client_certificate`` and ``client_key``
    are files of the client's certificate; its file may contain the key too. Empty means none.
    """

    signal: Signal
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    compression: str = "gzip"
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""

    @property
    def base(self) -> str | None:
        """The base URL, which signals of one backend share; None if the path has another end."""
        path = f"/v1/{self.signal.value}"
        return self.url.removesuffix(path) if self.url.endswith(path) else None


Telemetry: TypeAlias = Span | LogRecord | Measurement | EncodedRequest


class Exporter(Protocol):
    """Sends telemetry to a backend or a file."""

    @property
    def signals(self) -> Collection[Signal]:
        """The signals that it exports; data for other signals need not be read."""
        ...

    def preload(self) -> object:
        """Start to load the needed libraries in a thread."""
        ...

    def deliver(self, stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        """Export the stream; return one delivery for each signal with items.

        The deliveries are in the order of ``Signal``. A backend never causes an exception; an
        exception of the stream is raised.
        """
        ...
