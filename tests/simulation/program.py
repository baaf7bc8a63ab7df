"""The program under test, with the collaborators of the simulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests
from tests.simulation.history import OWN_FILE
from tests.simulation.recorder import METRIC_ATTRIBUTES
from tests.simulation.transport import Ask, InProcessAdapter
from tests.simulation.worlds import EMAIL, GITHUB, JIRA, REPOSITORY, TOKEN

from flow_telemetry.build import build_budget, settings_redactor
from flow_telemetry.clock import Clock, Deadline, Interruption
from flow_telemetry.context import ExportContext
from flow_telemetry.github.client import GitHubClient, GitHubSession
from flow_telemetry.github.issues import GitHubIssues, StatusSource
from flow_telemetry.jira.client import JiraClient, JiraSession
from flow_telemetry.jira.tracker import Jira
from flow_telemetry.logging import Log, SilentLog
from flow_telemetry.model import Repository
from flow_telemetry.outcome import Outcome
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUTS
from flow_telemetry.subjects.types import SweepSubject
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.sweep import export_sweep
from flow_telemetry.telemetry import Exporter
from flow_telemetry.trackers import Trackers


def run_sweep(context: ExportContext, ledger_path: Path) -> Outcome:
    """Run one sweep with a ledger."""
    return export_sweep(context, SweepSubject(repository=REPOSITORY), LedgerFile(ledger_path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The inputs that differ between sweeps; None leaves `max-requests` at its default."""

    projects: str = "ACME"
    max_requests: int | None = None
    feature_trace: bool = False


def sweep_settings(run_id: int, variant: Variant) -> Settings:
    """Return the settings of a scheduled run of our own workflow."""
    inputs = {
        "otlp-endpoint": "https://backend.example.com",
        "github-token": TOKEN,
        "mode": "sweep",
        "since": "last",
        "sweep-runs": "true",
        "sweep-jira": variant.projects,
        "jira-url": JIRA,
        "jira-email": EMAIL,
        "jira-token": TOKEN,
        "feature-trace": str(variant.feature_trace).lower(),
        "max-requests": str(variant.max_requests or ""),
        "metric-attributes": ", ".join(METRIC_ATTRIBUTES),
        "fail-on-error": "true",
    }
    variables = {row.name: row.variable for row in INPUTS}
    environ = {
        "GITHUB_API_URL": GITHUB,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": str(run_id),
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/{OWN_FILE}@refs/heads/main",
        **{variables[name]: text for name, text in inputs.items()},
    }
    return load_settings(environ, EntryPoint.ACTION)


def build_simulated_context(
    settings: Settings,
    *,
    exporter: Exporter,
    clock: Clock,
    ask_github: Ask,
    ask_jira: Ask | None = None,
    bounded: bool = True,
) -> ExportContext:
    """Return the context as `flow_telemetry.build` makes it, with sessions that need no network."""
    log: Log = SilentLog()
    interruption = Interruption(clock)
    deadline = Deadline.after(clock, settings.timeout, interruption.cancellation)
    reading = None if settings.timeout is None else settings.timeout * 0.8
    until = Deadline.after(clock, reading, interruption.cancellation)
    session = GitHubSession(settings.github, until)
    _connect(session, ask_github)
    github = GitHubClient(
        settings.github,
        session=session,
        clock=clock,
        deadline=until,
        log=log,
        budget=build_budget(settings) if bounded else None,
    )
    return ExportContext(
        settings=settings,
        github=github,
        trackers=_build_trackers(settings, github, clock, until, ask_jira),
        exporter=exporter,
        clock=clock,
        deadline=deadline,
        reading=until,
        log=log,
        interruption=interruption,
        redact=settings_redactor(settings),
    )


def _build_trackers(
    settings: Settings, github: GitHubClient, clock: Clock, until: Deadline, ask_jira: Ask | None
) -> Trackers:
    options = settings.trackers

    def build_issues(repository: Repository) -> GitHubIssues:
        source = StatusSource(
            project=options.status_project.strip(),
            owner=repository.owner,
            categories=options.status_categories,
        )
        return GitHubIssues(github, repository, source)

    if options.jira is None or ask_jira is None:
        return Trackers(github=build_issues, jira=None)
    session = JiraSession(options.jira, until)
    _connect(session, ask_jira)
    client = JiraClient(options.jira, session=session, deadline=until, log=SilentLog())
    return Trackers(
        github=build_issues,
        jira=Jira(options.jira, client, clock, options.status_categories),
    )


def _connect(session: requests.Session, ask: Ask) -> None:
    # The machine's proxies do not matter, and looking for them takes long.
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, InProcessAdapter(ask))
