"""What was read for one subject, before any of it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flow_telemetry.outcome import Exported
from flow_telemetry.telemetry import LogRecord, Measurement, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The spans of a subject, its events and measurements, and what to tell of it.

    ``spans`` and ``facts`` are made as they are taken.

    ``incomplete`` says what the trace lacks, ``problems`` other warnings, ``notices`` things worth
    knowing, ``left_out`` what is not sent and why. ``exported`` is None where nothing is.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement] = ()
    exported: Exported | None = None
    incomplete: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
