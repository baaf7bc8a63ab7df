"""Construction of the collaborators of an export, for the entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow_telemetry.clock import Clock, Deadline, Interruption
from flow_telemetry.logging import Log, RedactedLog, SilentLog
from flow_telemetry.model import Repository
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.privacy.redactor import Redactor, build_redactor
from flow_telemetry.settings import Settings
from flow_telemetry.settings.model import TrackerSettings
from flow_telemetry.telemetry import Exporter

# Not loaded by `flow-telemetry run`, which reads nothing.
if TYPE_CHECKING:
    from flow_telemetry.context import ExportContext
    from flow_telemetry.github.client import GitHubClient
    from flow_telemetry.github.issues import GitHubIssues
    from flow_telemetry.github.rate_limit import RequestBudget
    from flow_telemetry.jira.tracker import Jira
    from flow_telemetry.privacy.audience import Audience
    from flow_telemetry.trackers import Trackers

# The rest of the time is for sending, or at least for writing to the spool.
_SHARE_OF_READING = 0.8
# Requests an hour, as many as points of GraphQL, of GITHUB_TOKEN outside of Enterprise Cloud.
_LIMIT_OF_WORKFLOW = 1_000


def build_otlp_exporter(
    settings: Settings,
    deadline: Deadline,
    audience: Audience | None = None,
    log: Log | None = None,
) -> OtlpExporter:
    """Return the exporter to the settings' endpoint.

    ``audience`` is who can read the spool; None if the telemetry is only about the own job.
    """
    return OtlpExporter(
        targets=settings.otlp.targets,
        spool=_build_spool(settings, audience),
        deadline=deadline,
        fallbacks=Fallbacks.of(settings.signals),
        log=log or SilentLog(),
    )


def _build_spool(settings: Settings, audience: Audience | None) -> Spool:
    if audience is None or not audience.public:
        return Spool(folder=settings.spool_path)
    # Loaded here, because it loads the names of all attributes.
    from flow_telemetry.otlp.public import PublicRedactor  # noqa: PLC0415

    private = settings.runner.private_folder
    # What is below `spool-path` may be uploaded as an artifact.
    if private is not None and settings.spool_path.resolve() in private.resolve().parents:
        private = None
    return Spool(
        folder=settings.spool_path,
        public_filter=PublicRedactor(audience),
        private_folder=private,
    )


def settings_redactor(settings: Settings) -> Redactor:
    """Return a function that removes credentials and matches of the user's patterns from a text."""
    return build_redactor(settings.secrets, settings.redact_patterns, settings.public_words)


def build_context(
    settings: Settings,
    *,
    exporter: Exporter,
    clock: Clock,
    deadline: Deadline,
    log: Log,
    bounded: bool = False,
    reading_until: Deadline | None = None,
    interruption: Interruption | None = None,
) -> ExportContext:
    """Return the settings and collaborators of an export that ends with ``deadline``.

    ``bounded`` limits the requests to `max-requests`. ``reading_until`` ends the reading; without
    it, reading may take a share of `timeout`. ``interruption`` receives the signals that end the
    program.
    """
    from flow_telemetry.context import ExportContext  # noqa: PLC0415
    from flow_telemetry.github.client import GitHubClient, GitHubSession  # noqa: PLC0415

    interruption = interruption or Interruption(clock)
    reading = None if deadline.at is None else deadline.remaining() * _SHARE_OF_READING
    until = reading_until or Deadline.after(clock, reading, interruption.reading)
    redact = settings_redactor(settings)
    log = RedactedLog(log, redact)
    github = GitHubClient(
        settings.github,
        # The SDK is loaded during the wait for GitHub's first response.
        session=GitHubSession(settings.github, until, meanwhile=exporter.preload),
        clock=clock,
        deadline=until,
        log=log,
        budget=build_budget(settings) if bounded else None,
    )
    return ExportContext(
        settings=settings,
        github=github,
        trackers=_build_trackers(settings, github, clock, until, log),
        exporter=exporter,
        clock=clock,
        deadline=deadline,
        reading=until,
        log=log,
        interruption=interruption,
        redact=redact,
    )


def build_budget(settings: Settings) -> RequestBudget:
    """Return the budget of a feature or sweep.

    The sweep of a repository uses a share of the workflow's token only. An organization's has a
    token of its own, or one whose requests its plan divides, and some shards run at once.
    """
    # Loaded only for what reads much.
    from flow_telemetry.github.rate_limit import LimitShare, RequestBudget  # noqa: PLC0415
    from flow_telemetry.rules.shards import PARALLEL_SHARDS  # noqa: PLC0415
    from flow_telemetry.subjects.choose import is_sweep  # noqa: PLC0415

    sweep, of_workflow = settings.sweep, settings.runner.token_of_workflow
    share = None
    if is_sweep(settings) and sweep.organization is None:
        if of_workflow:
            share = LimitShare(percent=sweep.rate_limit_share)
        elif of_workflow is None and settings.runner.run_id is not None:
            # A step that runs the command line does not say whose token it has; no other has 1,000.
            share = LimitShare(percent=sweep.rate_limit_share, of_limit=_LIMIT_OF_WORKFLOW)
    processes = 1 if sweep.shard is None else PARALLEL_SHARDS
    return RequestBudget(settings.max_requests, share=share, processes=processes)


def _build_trackers(
    settings: Settings, github: GitHubClient, clock: Clock, until: Deadline, log: Log
) -> Trackers:
    from flow_telemetry.trackers import Trackers  # noqa: PLC0415

    options = settings.trackers

    def build_issues(repository: Repository) -> GitHubIssues:
        # Loaded when an issue is read, which keeps the other starts fast.
        from flow_telemetry.github.issues import GitHubIssues, StatusSource  # noqa: PLC0415

        source = StatusSource(
            project=options.status_project.strip(),
            owner=repository.owner,
            categories=options.status_categories,
        )
        return GitHubIssues(github, repository, source)

    return Trackers(
        github=build_issues if options.uses_github else None,
        jira=_build_jira(options, clock, until, log),
        jira_is_misconfigured=options.uses_jira and options.has_jira_url and options.jira is None,
    )


def _build_jira(options: TrackerSettings, clock: Clock, until: Deadline, log: Log) -> Jira | None:
    settings = options.jira
    if settings is None or not options.uses_jira:
        return None
    # Loaded if there is a Jira, which keeps the other starts fast.
    from flow_telemetry.jira import tracker  # noqa: PLC0415
    from flow_telemetry.jira.client import JiraClient, JiraSession  # noqa: PLC0415

    session = JiraSession(settings, until)
    client = JiraClient(settings, session=session, deadline=until, log=log)
    return tracker.Jira(settings, client, clock, options.status_categories)
