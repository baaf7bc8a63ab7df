"""One frozen `Settings`, read once from a mapping; only this package knows names of variables."""

from flow_telemetry.settings.choices import (
    Ancestors,
    Detail,
    Door,
    Export,
    JobLogs,
    LogLevel,
    Mode,
    OldSpans,
    PhaseSending,
    TraceScope,
    TrackerChoice,
)
from flow_telemetry.settings.inside import InsideSettings
from flow_telemetry.settings.jira import JiraSettings
from flow_telemetry.settings.load import GitHubSettings, Settings, load_settings, wants_failure
from flow_telemetry.settings.otlp import OtlpSettings
from flow_telemetry.settings.redaction import RedactionSettings
from flow_telemetry.settings.runner import RunnerContext
from flow_telemetry.settings.signals import (
    Actors,
    EventSending,
    EventTime,
    MetricShape,
    SignalSettings,
)
from flow_telemetry.settings.sweeping import SweepSettings
from flow_telemetry.settings.tracing import TracingSettings
from flow_telemetry.settings.trackers import TrackerSettings

__all__ = [
    "Actors",
    "Ancestors",
    "Detail",
    "Door",
    "EventSending",
    "EventTime",
    "Export",
    "GitHubSettings",
    "InsideSettings",
    "JiraSettings",
    "JobLogs",
    "LogLevel",
    "MetricShape",
    "Mode",
    "OldSpans",
    "OtlpSettings",
    "PhaseSending",
    "RedactionSettings",
    "RunnerContext",
    "Settings",
    "SignalSettings",
    "SweepSettings",
    "TraceScope",
    "TracingSettings",
    "TrackerChoice",
    "TrackerSettings",
    "load_settings",
    "wants_failure",
]
