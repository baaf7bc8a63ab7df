"""One frozen `Settings`, read once from a mapping; only this package knows names of variables."""

from flow_telemetry.settings.load import (
    Detail,
    Door,
    Export,
    GitHubSettings,
    LogLevel,
    Mode,
    Settings,
    TraceScope,
    load_settings,
    wants_failure,
)
from flow_telemetry.settings.otlp import OtlpSettings
from flow_telemetry.settings.runner import RunnerContext

__all__ = [
    "Detail",
    "Door",
    "Export",
    "GitHubSettings",
    "LogLevel",
    "Mode",
    "OtlpSettings",
    "RunnerContext",
    "Settings",
    "TraceScope",
    "load_settings",
    "wants_failure",
]
