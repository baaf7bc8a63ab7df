"""What tools in a job wrote in OpenTelemetry's own format, as counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTraces:
    """What was found in files of tools and goes along with an export.

    ``spans`` are those of the job's own trace, ``other_spans`` those of ``other_traces`` further
    ones; ``records`` are log records, ``points`` data points of metrics.
    """

    files: int = 0
    spans: int = 0
    other_spans: int = 0
    other_traces: int = 0
    records: int = 0
    points: int = 0
