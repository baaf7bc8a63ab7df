"""The events and measurements of a run: they leave once, with the export that is about it."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.parts import Parts
from flow_telemetry.rules.selection import Part
from flow_telemetry.settings import Settings
from flow_telemetry.signals.metrics.of_runs import run_measurements
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.run_events import run_events
from flow_telemetry.subjects.mapping import resources_of
from flow_telemetry.subjects.wanted import wants_metrics, wants_own_events
from flow_telemetry.telemetry import LogRecord, Measurement


def run_facts(
    settings: Settings, part: Part, placement: Placement, default_branch: str | None, parts: Parts
) -> Iterator[LogRecord | Measurement]:
    """Return the facts of the part of a run that leaves."""
    resource = resources_of(settings).of_run(part.run)
    if wants_own_events(settings):
        yield from run_events(part, placement, resource, parts.clock.now())
    if wants_metrics(settings):
        yield from run_measurements(
            part,
            resource,
            settings.signals.metric_attributes,
            default_branch=default_branch,
            keys=placement.keys,
        )
