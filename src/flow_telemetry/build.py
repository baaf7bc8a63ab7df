"""Building the real parts of an export; only the two doors come here."""

from __future__ import annotations

from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.export.interface import SpanSink
from flow_telemetry.export.sinks import OtlpSink
from flow_telemetry.export.spool import Spool
from flow_telemetry.log import Log
from flow_telemetry.pipeline import Parts
from flow_telemetry.settings import Settings
from flow_telemetry.sources.github.client import GitHubClient, GitHubSession
from flow_telemetry.telemetry import Signal

# What is read must still be sent, or at least written to the spool.
_SHARE_OF_READING = 0.8


def otlp_sink(settings: Settings, deadline: Deadline) -> OtlpSink:
    """Return the backend of the settings, which have to name one."""
    return OtlpSink(
        target=settings.otlp.targets[Signal.TRACES],
        spool=Spool(settings.spool_path),
        deadline=deadline,
    )


def build_parts(
    settings: Settings, *, sink: SpanSink, clock: Clock, deadline: Deadline, log: Log
) -> Parts:
    """Return the collaborators of an export that ends with ``deadline``."""
    reading = None if settings.timeout is None else settings.timeout * _SHARE_OF_READING
    until = Deadline.after(clock, reading)
    github = GitHubClient(
        settings.github,
        session=GitHubSession(settings.github, until),
        clock=clock,
        deadline=until,
        log=log,
    )
    return Parts(github=github, sink=sink, clock=clock, deadline=deadline, log=log)
