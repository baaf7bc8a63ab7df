"""What was found inside of a job, as all who read there return it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow_telemetry.outcome import InsideTold
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Span

if TYPE_CHECKING:
    from flow_telemetry.signals.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What was found inside of a job.

    ``prepared`` are requests that tools in the job made, ``notices`` what is worth knowing, such as
    a report that could not be read, and ``told`` what the summary shows. ``references`` are those
    of the ``spans`` whose ids a tool's span could have.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement] = ()
    prepared: Iterable[Prepared] = ()
    measured: tuple[Measured, ...] = ()
    notices: tuple[str, ...] = ()
    told: InsideTold | None = None
    references: Iterable[str] = ()
