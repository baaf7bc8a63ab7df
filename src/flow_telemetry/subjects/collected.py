"""What was read for one subject, before any of it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.outcome import Exported
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The spans of a subject, its events and measurements, and what to tell of it.

    ``spans`` and ``facts`` are made as they are taken. Among the facts are requests that tools in
    the job made.

    ``incomplete`` says what the trace lacks, ``problems`` other warnings, ``notices`` things worth
    knowing, ``left_out`` what is not sent and why. ``exported`` is None where nothing is.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement | Prepared] = ()
    exported: Exported | None = None
    incomplete: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def unread(what: str, error: FlowTelemetryError) -> Collected:
    """Return what tells that something could not be read, and so does not leave.

    That the token may not, or sees nothing, is a choice of who gave it, and known each time.
    Everything else went wrong this once, and leaves a gap.
    """
    told = (f"{what}: {error}",)
    if isinstance(error, (AccessDeniedError, NotFoundError)):
        return Collected(notices=told)
    return Collected(incomplete=told)
