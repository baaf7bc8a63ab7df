"""Excerpts of traces for the terminal; the page shows all spans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flow_telemetry.mapping.work_attributes import TIME_DURATIONS
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.telemetry import Span

_ENTITY = "flow.entity.type"
_FINE = ("step", "queued")


def without_steps(spans: Sequence[Span]) -> list[Span]:
    """Return a trace without steps and queue times, except those of the first failed job."""
    failed = [span for span in spans if span.error and _entity(span) == "job"]
    job = min(failed, key=lambda span: span.start).span_id if failed else None
    return [span for span in spans if _entity(span) not in _FINE or span.parent_span_id == job]


def overview(spans: Sequence[Span], jobs_of: str) -> list[Span]:
    """Return a trace down to runs, and down to jobs for the runs of the workflow ``jobs_of``."""
    runs = {s.span_id for s in spans if _entity(s) == "run" and s.name == f"RUN {jobs_of}"}
    return [
        s
        for s in spans
        if _entity(s) not in (*_FINE, "job", "approval")
        or (_entity(s) == "job" and s.parent_span_id in runs)
    ]


def time_of(root: Span) -> TimeShares:
    """Return where the time of a feature went, as the root of its trace says."""
    return TimeShares(
        durations=tuple(
            (state, timedelta(seconds=float(str(root.attributes.get(name, 0)))))
            for state, name in TIME_DURATIONS.items()
        )
    )


def _entity(span: Span) -> str:
    return str(span.attributes.get(_ENTITY, ""))
