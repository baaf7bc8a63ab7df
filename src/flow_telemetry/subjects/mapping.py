"""From settings to what the mapping of signals asks for."""

from __future__ import annotations

from flow_telemetry.settings import Settings
from flow_telemetry.signals.placement import Tracing
from flow_telemetry.signals.resources import ResourceMaker


def tracing_of(settings: Settings) -> Tracing:
    """Return what the user decided about traces."""
    return Tracing(
        scope=settings.tracing.scope,
        namespace=settings.tracing.namespace,
        feature_trace=settings.tracing.feature_trace,
    )


def resources_of(settings: Settings) -> ResourceMaker:
    """Return the maker of resources that the user's names and attributes go into."""
    return ResourceMaker(
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.tracing.namespace,
    )
