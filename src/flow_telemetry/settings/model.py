"""Groups of settings, and the enumerations of their choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from flow_telemetry.model import FlowType, StatusCategory
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.telemetry import Signal


class EntryPoint(Enum):
    """The two entry points of the program, which have different defaults."""

    ACTION = "action"
    COMMAND_LINE = "command line"


class Mode(Enum):
    """What to export; with `auto` the event that started the workflow decides."""

    AUTO = "auto"
    RUN = "run"
    CHANGE = "change"
    ITEM = "item"
    FEATURE = "feature"
    EVENT = "event"
    SWEEP = "sweep"
    PLAN = "plan"
    MERGE = "merge"
    CONTEXT = "context"


class Export(Enum):
    """The part of a run that a step inside it exports while the run is in progress."""

    RUN = "run"
    JOB = "job"
    REST = "rest"


class Detail(Enum):
    """The finest spans that are sent."""

    STEP = "step"
    JOB = "job"
    RUN = "run"


class TraceScope(Enum):
    """Which entity is the root of the live trace."""

    RUN = "run"
    CHANGE = "change"
    ITEM = "item"
    FEATURE = "feature"


class SpanNames(Enum):
    """Names of spans: with keys, types and environments, or without, for metrics by name."""

    FULL = "full"
    PLAIN = "plain"


class TrackerChoice(Enum):
    """The trackers in which work items are searched."""

    AUTO = "auto"
    GITHUB = "github"
    JIRA = "jira"
    NONE = "none"


class Ancestors(Enum):
    """Which spans of merged pull requests are exported with the run of a push."""

    COMPLETED = "completed"
    NONE = "none"


class OldSpans(Enum):
    """What to do with a span that is older than `max-span-age`."""

    SEND = "send"
    DROP = "drop"
    CLAMP = "clamp"


class PhaseSending(Enum):
    """When the phases of a change are exported: with the change, or each when it ends."""

    COMPLETED = "completed"
    LIVE = "live"


class JobLogs(Enum):
    """The steps whose log lines are exported as log records."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class LogLevel(Enum):
    """How much to log."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


class EventSending(Enum):
    """When events are exported: together with the subject, each when it happens, or never."""

    COMPLETED = "completed"
    LIVE = "live"
    NONE = "none"


class EventTime(Enum):
    """The time of a record: its own, that of sending, or its own until the backend refuses it."""

    AUTO = "auto"
    EVENT = "event"
    SENT = "sent"


class ExceptionSending(Enum):
    """How failures of tests are exported: as events of their spans, as log records, or as both."""

    EVENTS = "events"
    LOGS = "logs"
    BOTH = "both"


class MetricShape(Enum):
    """The shape of metrics: deltas until the backend refuses them, histograms, or gauges only."""

    AUTO = "auto"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Compare(Enum):
    """Which runs are compared with earlier ones: those that failed or took long, all, or none."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class LeadTimeFrom(Enum):
    """Whose date of the first commit a lead time counts from: a rebase keeps the author's."""

    AUTHOR = "author"
    COMMITTER = "committer"


class Actors(Enum):
    """How people are exported: by their login, a hash of it, or not at all."""

    LOGIN = "login"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """``blocked_names`` are patterns of statuses and labels that mean blocked.

    ``metric_attributes`` are attributes that the user adds to metrics knowingly. ``prices`` are in
    USD per minute, by patterns of runner labels. ``flow_types`` are by patterns of types and labels
    of items in lower case; of those that match, the last one decides.
    """

    enabled: frozenset[Signal]
    events: EventSending
    event_time: EventTime
    exceptions: ExceptionSending
    metric_shape: MetricShape
    metric_attributes: tuple[str, ...]
    prices: Mapping[str, float]
    actors: Actors
    blocked_names: tuple[str, ...]
    flow_types: Mapping[str, FlowType]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """``max_span_age`` is in seconds, None without a limit; keys are None if not set."""

    scope: TraceScope
    detail: Detail
    boilerplate_steps: bool
    namespace: str
    feature_key: ItemKey | None
    work_item_key: ItemKey | None
    ancestors: Ancestors
    feature_trace: bool
    phases: PhaseSending
    names: SpanNames
    max_spans: int
    max_span_age: float | None
    on_old_span: OldSpans
    trace_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings:
    """A Jira site; the token is in no representation.

    ``url`` is its base URL (`https://acme.atlassian.net`, `https://jira.example.com/jira`). With
    ``email`` the token is an API token of that Atlassian account, without it a personal access
    token of Data Center. Without a token only public issues can be read. ``authorities`` is the
    file or folder with the trusted certificate authorities; empty for the bundled ones.
    """

    url: str
    email: str = ""
    token: str = field(default="", repr=False)
    authorities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSettings:
    """``jira`` is None without a usable `jira-url`; ``jira_projects`` counts without it too.

    ``has_jira_url`` is true for an unusable one too, so that a mistake in it changes no id.

    ``feature_types`` are in lower case, as are the names in ``status_categories``. ``aliases``
    maps the present name to the one whose ids are kept: `owner/name` or a Jira key.
    """

    choice: TrackerChoice
    feature_types: frozenset[str]
    aliases: Mapping[str, str]
    status_project: str
    status_categories: Mapping[str, StatusCategory]
    jira: JiraSettings | None
    jira_projects: frozenset[str]
    has_jira_url: bool = False

    @property
    def uses_github(self) -> bool:
        """Whether GitHub's issues count as work items."""
        return self.choice in (TrackerChoice.AUTO, TrackerChoice.GITHUB)

    @property
    def uses_jira(self) -> bool:
        """Whether text that looks like a key of Jira is one."""
        configured = self.has_jira_url or self.jira is not None or bool(self.jira_projects)
        return self.choice in (TrackerChoice.AUTO, TrackerChoice.JIRA) and configured


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """``since`` is a timestamp, a duration in seconds before now, or None for `last`.

    ``ledger`` is the file that records what was exported; None if there is none. ``runs`` is
    whether runs are exported too, ``jira_projects`` are the keys of the projects whose items are.
    ``workflows`` and ``branches`` are patterns; a leading `!` excludes.

    ``organization`` is the login whose ``repositories`` (patterns of names) are swept instead of
    one repository; None for that. ``shards`` is the largest number of shards of its plan, ``shard``
    the number of the one that this sweep is, if it is one.

    ``rate_limit_share`` is the percentage of the limits of the workflow's token that it may use.
    """

    requested: bool
    since: datetime | float | None
    ledger: Path | None
    runs: bool
    jira_projects: frozenset[str]
    workflows: tuple[str, ...]
    branches: tuple[str, ...]
    rate_limit_share: int = 50
    organization: str | None = None
    repositories: tuple[str, ...] = ()
    shards: int = 256
    shard: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSettings:
    """Patterns of environments; a leading `!` excludes.

    ``environments`` are those whose deployments count, ``production`` the production environments;
    without patterns the name of the environment decides.
    """

    environments: tuple[str, ...] = ()
    production: tuple[str, ...] = ()
    lead_time_from: LeadTimeFrom = LeadTimeFrom.AUTHOR


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Patterns match paths below the workspace, in order; a leading `!` excludes.

    ``trace_artifacts`` match names of artifacts, for an export from outside the job; artifacts of
    forks are read only with ``fork_artifacts``. ``log_limit`` is in bytes. ``needed_results`` are
    the results of the jobs that the own job needs, by name.
    """

    needed_results: Mapping[str, str]
    measure: bool
    inject_endpoint: bool
    reports: tuple[str, ...]
    test_reports: tuple[str, ...]
    coverage_reports: tuple[str, ...]
    trace_files: tuple[str, ...]
    trace_artifacts: tuple[str, ...]
    fork_artifacts: bool
    logs: JobLogs
    log_limit: int

    @property
    def requested(self) -> bool:
        """Whether any report, trace or log of jobs is requested."""
        patterns = (
            *(self.reports, self.test_reports, self.coverage_reports),
            *(self.trace_files, self.trace_artifacts),
        )
        return any(patterns) or self.logs is not JobLogs.NONE
