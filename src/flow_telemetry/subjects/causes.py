"""What started a run, as far as the run itself was told: another run, or a span of anybody's."""

from __future__ import annotations

import re

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Settings
from flow_telemetry.signals import semconv
from flow_telemetry.signals.placement import ancestry_of_run, link, place
from flow_telemetry.sources.github.changes import read_parentage
from flow_telemetry.sources.github.runs import RunAddress, read_attempt
from flow_telemetry.subject import RunSubject
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.mapping import tracing_of
from flow_telemetry.telemetry import SpanLink

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


def cause_links(settings: Settings, subject: RunSubject, parts: Parts) -> tuple[SpanLink, ...]:
    """Return links from a run to what started it; none where that is not known.

    Only the run itself knows: from outside nobody is told. That it cannot be read costs the link.
    """
    links = []
    if subject.traceparent is not None and (found := linked(subject.traceparent)):
        links.append(found)
    if subject.started_by is not None:
        try:
            links.append(_run_link(settings, subject.started_by, parts))
        except FlowTelemetryError as error:
            parts.log.debug(f"what started this run is not known: {error}")
    return tuple(links)


def linked(traceparent: str) -> SpanLink | None:
    """Return the link that a `traceparent` stands for; None where it is none."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return None
    return SpanLink(trace_id=match[1], span_id=match[2], attributes={semconv.FLOW_LINK: "cause"})


def _run_link(settings: Settings, address: RunAddress, parts: Parts) -> SpanLink:
    """The link to another run's span, by the same rules as that run's own export."""
    run = parts.known(read_attempt(parts.github, address))
    parentage = read_parentage(parts.github, run)
    lineage = read_lineage(settings, parts, parentage.change, run.repository)
    placement = place(run.reference, ancestry_of_run(parentage, lineage), tracing_of(settings))
    return link(placement.trace, run.reference, "cause")
