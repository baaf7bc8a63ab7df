"""What is sent, as frozen records: the product of ``signals`` and all that ``export`` gets.

They stand apart from the SDK's classes so that mapping stays pure and cheap, and so that only
``export`` needs to load OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

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


class Signal(Enum):
    """The signals of OpenTelemetry, by the last part of their OTLP/HTTP path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


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

    ``collected`` is always ``sent + spooled + lost``. ``rejected`` counts what the backend refused
    of requests that it took otherwise; it is part of ``spooled`` or of ``lost``, which counts what
    could neither be delivered nor written to the spool. ``destination`` is scheme, host and port
    only, or a file's path. ``warnings`` is what the backend said though it took everything.
    """

    signal: Signal
    destination: str
    collected: int = 0
    sent: int = 0
    rejected: int = 0
    spooled: int = 0
    lost: int = 0
    requests: int = 0
    bytes_sent: int = 0
    failures: tuple[Failure, ...] = ()
    spool_files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the backend took every item."""
        return self.sent == self.collected


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTarget:
    """Where one signal goes, and how. ``timeout`` is for one request, in seconds.

    ``url`` and ``headers`` never appear in a representation: they may hold credentials.
    """

    signal: Signal
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    compression: str = "gzip"
