"""The events and measurements of a deployment, and what they need that a delivery does not tell."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model import Change, Deployment
from flow_telemetry.parts import Parts
from flow_telemetry.settings import Settings
from flow_telemetry.signals.events import deployment_events
from flow_telemetry.signals.metrics.of_deliveries import delivery_measurements
from flow_telemetry.signals.placement import Placement
from flow_telemetry.sources.github.change_details import read_change
from flow_telemetry.subjects.facts import Facts
from flow_telemetry.subjects.mapping import resources_of
from flow_telemetry.subjects.wanted import wants_metrics, wants_own_events

# Two requests each: a delivery of more changes has no lead times, and says so.
MOST_MEASURED_CHANGES = 50


def delivery_facts(
    settings: Settings, deployment: Deployment, placement: Placement, parts: Parts
) -> Facts:
    """Return the facts of a deployment that ended; its record stands at ``placement``."""
    if not (wants_own_events(settings) or wants_metrics(settings)):
        return
    delivers = deployment.delivers
    first = delivers[0] if delivers else None
    resource = resources_of(settings).of_deployment(deployment)
    known = _with_timelines(deployment, parts)
    if wants_own_events(settings):
        yield from deployment_events(known, first, placement, resource, parts.clock.now())
    if wants_metrics(settings):
        yield from delivery_measurements(known, resource, settings.signals.metric_attributes)


def _with_timelines(deployment: Deployment, parts: Parts) -> Deployment:
    """The deployment whose changes tell their first commits, as far as they can be read."""
    if len(deployment.delivers) > MOST_MEASURED_CHANGES:
        parts.log.info(
            f"deployment {deployment.id} delivers {len(deployment.delivers)} pull requests, too "
            "many to read when each began: none has a lead time"
        )
        return deployment
    read = parts.github.side_by_side(lambda each: _read(each, parts), deployment.delivers)
    return replace(deployment, delivers=tuple(read))


def _read(change: Change, parts: Parts) -> Change:
    full_name = change.repository.full_name
    try:
        return parts.known(read_change(parts.github, full_name, change.number))
    except FlowTelemetryError as error:
        parts.log.info(f"when pull request #{change.number} began is not known: {error}")
        return change
