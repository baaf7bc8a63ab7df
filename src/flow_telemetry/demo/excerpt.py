"""What of a trace the demo draws in the terminal: the page shows all of it."""

from __future__ import annotations

from collections.abc import Sequence

from flow_telemetry.telemetry import Span

# The conventions of `signals`, which what arrives is read by.
_ENTITY = "flow.entity.type"
_FINE = ("step", "queued")


def without_steps(spans: Sequence[Span]) -> list[Span]:
    """Return a trace without steps and waits for runners, but for those of the job that failed.

    Of several the first: there the detail is worth its room.
    """
    failed = next((s for s in _by_start(spans) if s.error and _entity(s) == "job"), None)
    shown = None if failed is None else failed.span_id
    return [s for s in spans if _entity(s) not in _FINE or s.parent_span_id == shown]


def overview(spans: Sequence[Span], jobs_of: str) -> list[Span]:
    """Return a trace down to runs, and to jobs where the run is of that workflow."""
    runs = {s.span_id for s in spans if _entity(s) == "run" and s.name == f"RUN {jobs_of}"}
    return [
        s
        for s in spans
        if _entity(s) not in (*_FINE, "job", "approval")
        or (_entity(s) == "job" and s.parent_span_id in runs)
    ]


def _by_start(spans: Sequence[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: span.start)


def _entity(span: Span) -> str:
    return str(span.attributes.get(_ENTITY, ""))
