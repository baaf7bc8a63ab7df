"""A trace context that the job had before ours: it was kept, so the job links to it."""

from __future__ import annotations

from flow_telemetry.inside.context import parse_traceparent
from flow_telemetry.signals import semconv
from flow_telemetry.signals.measured import Measured
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.inside.job import JobInside
from flow_telemetry.telemetry import SpanLink


def outer_context(job: JobInside) -> Inside:
    """Return a link to the span that the job's steps are below, where that is not the job's."""
    note = job.left.note
    outer = (
        parse_traceparent(note.outer) if note is not None and note.job == job.reference else None
    )
    if outer is None or outer.trace_id == job.placement.trace_id:
        return Inside()  # A link inside a trace is drawn as a parent by some backends.
    link = SpanLink(
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        attributes={semconv.FLOW_LINK: "context"},
    )
    return Inside(measured=(Measured(owner=job.reference, links=(link,)),))
