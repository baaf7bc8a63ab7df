"""Building of the real collaborators of an export, for the entry points only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow_telemetry.clock import Clock, Deadline, Interruption
from flow_telemetry.logging import Log, RedactedLog, SilentLog
from flow_telemetry.model import Repository
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.spool import PublicFilter, Spool
from flow_telemetry.privacy.redactor import Redactor, build_redactor
from flow_telemetry.settings import JiraSettings, Settings
from flow_telemetry.telemetry import Exporter

# Of what reads, nothing is loaded by `flow-telemetry run`, which only sends.
if TYPE_CHECKING:
    from flow_telemetry.context import ExportContext
    from flow_telemetry.github.client import GitHubClient
    from flow_telemetry.github.issues import GitHubIssues
    from flow_telemetry.jira.tracker import Jira
    from flow_telemetry.privacy.audience import Audience
    from flow_telemetry.trackers import Trackers

# What is read must still be sent, or at least written to the spool.
_SHARE_OF_READING = 0.8


def build_otlp_exporter(
    settings: Settings,
    deadline: Deadline,
    audience: Audience | None = None,
    log: Log | None = None,
) -> OtlpExporter:
    """Return the backend of the settings.

    ``audience`` is who can get at what is not delivered; None where it tells of nothing but the
    job that it is in.
    """
    return OtlpExporter(
        targets=settings.otlp.targets,
        spool=Spool(settings.spool_path, reader=_reader(audience)),
        deadline=deadline,
        choices=fallbacks_of(settings),
        log=log or SilentLog(),
    )


def _reader(audience: Audience | None) -> PublicFilter | None:
    """Who is to find nothing of others in the spool; None where all may be found."""
    if audience is None or not audience.public:
        return None
    # Loaded where it is needed: the names of all attributes are behind it.
    from flow_telemetry.privacy.audience import PublicRedactor  # noqa: PLC0415

    return PublicRedactor(audience)


def fallbacks_of(settings: Settings) -> Fallbacks:
    """Return the forms in which the user wants events and metrics to leave."""
    chosen = settings.signals
    return Fallbacks(event_time=chosen.event_time, metric_shape=chosen.metric_shape)


def redactor_of(settings: Settings) -> Redactor:
    """Return what takes credentials, and what the user's patterns match, out of a text."""
    return build_redactor(settings.secrets, settings.redact_patterns)


def build_context(
    settings: Settings,
    *,
    sink: Exporter,
    clock: Clock,
    deadline: Deadline,
    log: Log,
    bounded: bool = False,
    reading_until: Deadline | None = None,
    interruption: Interruption | None = None,
) -> ExportContext:
    """Return the collaborators of an export that ends with ``deadline``.

    ``bounded`` holds requests to input `max-requests`, for what reads much. ``reading_until`` ends
    the reading, where that is not to be a share of input `timeout`. ``interruption`` is who listens
    to signals, where somebody does.
    """
    from flow_telemetry.context import ExportContext  # noqa: PLC0415
    from flow_telemetry.github.client import (  # noqa: PLC0415
        GitHubClient,
        GitHubSession,
        RequestBudget,
    )

    reading = None if settings.timeout is None else settings.timeout * _SHARE_OF_READING
    until = reading_until or Deadline.after(clock, reading, deadline.cut)
    redact = redactor_of(settings)
    log = RedactedLog(log, redact)
    github = GitHubClient(
        settings.github,
        # The SDK is loaded while GitHub's first response is waited for.
        session=GitHubSession(settings.github, until, meanwhile=sink.preload),
        clock=clock,
        deadline=until,
        log=log,
        budget=RequestBudget(settings.max_requests) if bounded else None,
    )
    return ExportContext(
        settings=settings,
        github=github,
        trackers=_trackers(settings, github, clock, until, log),
        sink=sink,
        clock=clock,
        deadline=deadline,
        log=log,
        interruption=interruption or Interruption(clock),
        redact=redact,
    )


def _trackers(
    settings: Settings, github: GitHubClient, clock: Clock, until: Deadline, log: Log
) -> Trackers:
    from flow_telemetry.trackers import Trackers  # noqa: PLC0415

    chosen = settings.trackers

    def issues(home: Repository) -> GitHubIssues:
        # Loaded where an issue is read: its modules cost every start else.
        from flow_telemetry.github.issues import GitHubIssues  # noqa: PLC0415

        return GitHubIssues(github, home, status_project=chosen.status_project)

    return Trackers(
        github=issues if chosen.uses_github else None,
        jira=_jira(chosen.jira, clock, until, log) if chosen.jira and chosen.uses_jira else None,
        jira_is_misconfigured=chosen.uses_jira and chosen.has_jira_url and chosen.jira is None,
    )


def _jira(settings: JiraSettings, clock: Clock, until: Deadline, log: Log) -> Jira:
    # Loaded where there is a Jira: its modules cost every start else.
    from flow_telemetry.jira import tracker  # noqa: PLC0415
    from flow_telemetry.jira.client import JiraClient, JiraSession  # noqa: PLC0415

    session = JiraSession(settings, until)
    client = JiraClient(settings, session=session, clock=clock, deadline=until, log=log)
    return tracker.Jira(settings, client, clock)
