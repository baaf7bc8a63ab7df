"""Building the real parts of an export; only the two doors come here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow_telemetry.clock import Clock, Deadline
from flow_telemetry.export.forms import Choices
from flow_telemetry.export.interface import Sink
from flow_telemetry.export.sinks import OtlpSink
from flow_telemetry.export.spool import Spool
from flow_telemetry.log import Log
from flow_telemetry.model import Repository
from flow_telemetry.parts import Parts
from flow_telemetry.settings import JiraSettings, Settings
from flow_telemetry.sources.github.budget import RequestBudget
from flow_telemetry.sources.github.client import GitHubClient, GitHubSession
from flow_telemetry.sources.github.issues import GitHubIssues
from flow_telemetry.sources.trackers import Trackers

if TYPE_CHECKING:
    from flow_telemetry.sources.jira.tracker import Jira

# What is read must still be sent, or at least written to the spool.
_SHARE_OF_READING = 0.8


def otlp_sink(settings: Settings, deadline: Deadline) -> OtlpSink:
    """Return the backend of the settings."""
    return OtlpSink(
        targets=settings.otlp.targets,
        spool=Spool(settings.spool_path),
        deadline=deadline,
        choices=choices_of(settings),
    )


def choices_of(settings: Settings) -> Choices:
    """Return the forms in which the user wants events and metrics to leave."""
    chosen = settings.signals
    return Choices(event_time=chosen.event_time, metric_shape=chosen.metric_shape)


def build_parts(
    settings: Settings,
    *,
    sink: Sink,
    clock: Clock,
    deadline: Deadline,
    log: Log,
    bounded: bool = False,
) -> Parts:
    """Return the collaborators of an export that ends with ``deadline``.

    ``bounded`` holds requests to input `max-requests`, for what reads much.
    """
    reading = None if settings.timeout is None else settings.timeout * _SHARE_OF_READING
    until = Deadline.after(clock, reading)
    github = GitHubClient(
        settings.github,
        session=GitHubSession(settings.github, until),
        clock=clock,
        deadline=until,
        log=log,
        budget=RequestBudget(settings.max_requests) if bounded else None,
    )
    return Parts(
        github=github,
        trackers=_trackers(settings, github, clock, until, log),
        sink=sink,
        clock=clock,
        deadline=deadline,
        log=log,
        aliases=settings.trackers.aliases,
    )


def _trackers(
    settings: Settings, github: GitHubClient, clock: Clock, until: Deadline, log: Log
) -> Trackers:
    chosen = settings.trackers

    def issues(home: Repository) -> GitHubIssues:
        return GitHubIssues(github, home, status_project=chosen.status_project)

    return Trackers(
        github=issues if chosen.uses_github else None,
        jira=_jira(chosen.jira, clock, until, log) if chosen.jira and chosen.uses_jira else None,
    )


def _jira(settings: JiraSettings, clock: Clock, until: Deadline, log: Log) -> Jira:
    # Loaded where there is a Jira: its modules cost every start else.
    from flow_telemetry.sources.jira import tracker  # noqa: PLC0415
    from flow_telemetry.sources.jira.client import JiraClient, JiraSession  # noqa: PLC0415

    session = JiraSession(settings, until)
    client = JiraClient(settings, session=session, clock=clock, deadline=until, log=log)
    return tracker.Jira(settings, client, clock)
