"""Which facts the user wants to leave."""

from __future__ import annotations

from flow_telemetry.settings import EventSending, Settings
from flow_telemetry.telemetry import Signal


def wants_events(settings: Settings) -> bool:
    """Whether events leave with their subject, and not each on its own or not at all."""
    wanted = Signal.LOGS in settings.signals.wanted
    return wanted and settings.signals.events is EventSending.COMPLETED


def wants_own_events(settings: Settings) -> bool:
    """Whether the events of runs and deployments leave: they always do with their subject."""
    wanted = Signal.LOGS in settings.signals.wanted
    return wanted and settings.signals.events is not EventSending.NONE


def wants_metrics(settings: Settings) -> bool:
    """Whether metrics leave."""
    return Signal.METRICS in settings.signals.wanted
