"""Groups of settings, and the enumerations of their choices."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import fold, normalize_namespace
from flow_telemetry.model import StatusCategory
from flow_telemetry.model.item_key import ItemKey, parse_item_key
from flow_telemetry.privacy import redactor as patterns
from flow_telemetry.settings import parse as values
from flow_telemetry.settings.inputs import INPUT, INPUTS, optional, text_of
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


# Signals.

_SIGNAL_OF_WORD = {
    "traces": Signal.TRACES,
    "events": Signal.LOGS,
    "logs": Signal.LOGS,
    "metrics": Signal.METRICS,
}


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


class MetricShape(Enum):
    """The shape of metrics: deltas until the backend refuses them, histograms, or gauges only."""

    AUTO = "auto"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Actors(Enum):
    """How people are exported: by their login, a hash of it, or not at all."""

    LOGIN = "login"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """``blocked_names`` are statuses and labels that mean blocked, in lower case.

    ``metric_attributes`` are attributes that the user adds to metrics knowingly.
    """

    wanted: frozenset[Signal]
    events: EventSending
    event_time: EventTime
    metric_shape: MetricShape
    metric_attributes: tuple[str, ...]
    actors: Actors
    blocked_names: tuple[str, ...]


def signal_settings(inputs: Mapping[str, str]) -> SignalSettings:
    """Return the settings of signals.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    blocked = values.words(text_of(inputs, "blocked-names"))
    return SignalSettings(
        wanted=_wanted(text_of(inputs, "signals")),
        events=values.choice("events", text_of(inputs, "events"), EventSending),
        event_time=values.choice("event-time", text_of(inputs, "event-time"), EventTime),
        metric_shape=values.choice("metric-shape", text_of(inputs, "metric-shape"), MetricShape),
        metric_attributes=values.words(text_of(inputs, "metric-attributes")),
        actors=values.choice("actors", text_of(inputs, "actors"), Actors),
        blocked_names=tuple(name.lower() for name in blocked),
    )


def _wanted(text: str) -> frozenset[Signal]:
    found = set()
    for word in values.words(text):
        signal = _SIGNAL_OF_WORD.get(word.lower())
        if signal is None:
            raise SettingsError(
                f"`signals` must be a list of traces, events and metrics, not {values.shown(word)}"
            )
        found.add(signal)
    return frozenset(found)


# Traces.


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """``max_span_age`` is in seconds, None without a limit; keys are None if not set."""

    scope: TraceScope
    detail: Detail
    namespace: str
    feature_key: ItemKey | None
    work_item_key: ItemKey | None
    ancestors: Ancestors
    feature_trace: bool
    phases: PhaseSending
    max_spans: int
    max_span_age: float | None
    on_old_span: OldSpans
    trace_url: str | None


def tracing_settings(inputs: Mapping[str, str], warnings: list[str]) -> TracingSettings:
    """Return the settings of traces; ``warnings`` gets those of optional inputs.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    feature_key = _item_key(inputs, "feature-key")
    return TracingSettings(
        scope=_scope(inputs, feature_key),
        detail=values.choice("detail", text_of(inputs, "detail"), Detail),
        namespace=_namespace(inputs),
        feature_key=feature_key,
        work_item_key=_item_key(inputs, "work-item-key"),
        ancestors=values.choice("ancestors", text_of(inputs, "ancestors"), Ancestors),
        feature_trace=values.boolean("feature-trace", text_of(inputs, "feature-trace")),
        phases=values.choice("phases", text_of(inputs, "phases"), PhaseSending),
        max_spans=values.positive_integer("max-spans", text_of(inputs, "max-spans")),
        max_span_age=optional(inputs, "max-span-age", values.duration),
        on_old_span=values.choice("on-old-span", text_of(inputs, "on-old-span"), OldSpans),
        trace_url=values.or_default(
            warnings, lambda: _trace_url(inputs), None, "The trace is not linked"
        ),
    )


def _trace_url(inputs: Mapping[str, str]) -> str | None:
    template = text_of(inputs, "trace-url")
    if not template:
        return None
    # A placeholder may be a part of the host; a digit is valid everywhere.
    filled = re.sub(r"\{(trace_id|span_id|start|end)\}", "0", template)
    values.url("trace-url", filled, "https://jaeger.example.com/trace/{trace_id}")
    return template


def _item_key(inputs: Mapping[str, str], name: str) -> ItemKey | None:
    text = text_of(inputs, name)
    if not text:
        return None
    try:
        return parse_item_key(text)
    except ValueError as error:
        raise SettingsError(f"`{name}` is {values.shown(text)}: {error}") from None


def _scope(inputs: Mapping[str, str], feature_key: ItemKey | None) -> TraceScope:
    text = text_of(inputs, "trace-scope")
    if text:
        return values.choice("trace-scope", text, TraceScope)
    # In mode feature the key names the export, and does not choose the trace of runs.
    named = feature_key is not None and text_of(inputs, "mode") != Mode.FEATURE.value
    return TraceScope.FEATURE if named else TraceScope.CHANGE


def _namespace(inputs: Mapping[str, str]) -> str:
    try:
        return normalize_namespace(inputs.get("namespace", ""))
    except ValueError as error:
        raise SettingsError(f"`namespace` cannot be used: {error}") from None


# Jira.


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings:
    """A Jira site; the token is in no representation.

    ``url`` is its base URL (`https://acme.atlassian.net`, `https://jira.example.com/jira`). With
    ``email`` the token is an API token of that Atlassian account, without it a personal access
    token of Data Center. Without a token only public issues can be read. ``projects`` are project
    keys in upper case; empty for every project that the token can read. ``authorities`` is the
    file or folder with the trusted certificate authorities; empty for the bundled ones.
    """

    url: str
    email: str = ""
    token: str = field(default="", repr=False)
    projects: frozenset[str] = frozenset()
    authorities: str = ""


# Trackers of work items.

_CATEGORY_WORDS = {
    "to do": StatusCategory.TO_DO,
    "in progress": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
}


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


def tracker_settings(
    inputs: Mapping[str, str], authorities: str, warnings: list[str]
) -> TrackerSettings:
    """Return the settings of trackers; ``authorities`` is as in `JiraSettings`.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    projects = frozenset(key.upper() for key in values.words(text_of(inputs, "jira-projects")))
    types = values.words(text_of(inputs, "feature-types"))
    return TrackerSettings(
        choice=values.choice("tracker", text_of(inputs, "tracker"), TrackerChoice),
        feature_types=frozenset(name.lower() for name in types),
        aliases=_aliases(inputs),
        status_project=text_of(inputs, "status-project"),
        status_categories=values.or_default(
            warnings,
            lambda: _categories(inputs),
            _categories({}),
            "The input is ignored",
        ),
        jira=values.or_default(
            warnings,
            lambda: _jira(inputs, projects, authorities),
            None,
            "Jira is not read: its items are known by their keys alone",
        ),
        has_jira_url=bool(text_of(inputs, "jira-url")),
        jira_projects=projects,
    )


def _aliases(inputs: Mapping[str, str]) -> Mapping[str, str]:
    name = "identity-aliases"
    found = {}
    for line in text_of(inputs, name).splitlines():
        now, equals, before = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not (equals and now and before) or ("/" in now) != ("/" in before):
            raise SettingsError(
                f"`{name}` must have one NEW=OLD per line, such as acme/new=acme/old or "
                f"CORE-9=ACME-57, not {values.shown(line)}"
            )
        found[fold(now) if "/" in now else now.upper()] = before
    return found


def _categories(inputs: Mapping[str, str]) -> Mapping[str, StatusCategory]:
    """Return the categories that the user gives to statuses, by name in lower case."""
    name = "status-categories"
    found = {}
    for status, word in values.pairs(name, text_of(inputs, name)).items():
        category = _CATEGORY_WORDS.get(word.lower().replace("_", " "))
        if category is None:
            raise SettingsError(
                f"`{name}` must map statuses to to do, in progress or done, "
                f"not to {values.shown(word)}"
            )
        found[status.strip().casefold()] = category
    return found


def _jira(
    inputs: Mapping[str, str], projects: frozenset[str], authorities: str
) -> JiraSettings | None:
    url = text_of(inputs, "jira-url").rstrip("/")
    email, token = text_of(inputs, "jira-email"), text_of(inputs, "jira-token")
    if not url:
        if email or token:
            raise SettingsError("`jira-url` is missing, but `jira-email` or `jira-token` is set")
        return None
    values.url("jira-url", url, "https://acme.atlassian.net")
    if any(not "!" <= c <= "~" for c in token):
        raise SettingsError("`jira-token` contains a blank or a character that no token has")
    return JiraSettings(
        url=url, email=email, token=token, projects=projects, authorities=authorities
    )


# Sweeps.

LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """``since`` is an instant, a length of time in seconds before now, or None for `last`.

    ``runs`` is whether runs are exported too. ``workflows`` and ``branches`` are patterns; a
    leading `!` excludes.
    """

    asked: bool
    since: datetime | float | None
    runs: bool
    workflows: tuple[str, ...]
    branches: tuple[str, ...]


def sweep_settings(inputs: Mapping[str, str]) -> SweepSettings:
    """Return the settings of sweeps.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    return SweepSettings(
        asked=bool(text_of(inputs, "since")),
        since=_since(text_of(inputs, "since")),
        runs=values.boolean("sweep-runs", text_of(inputs, "sweep-runs")),
        workflows=values.words(text_of(inputs, "workflows")),
        branches=values.words(text_of(inputs, "branches")),
    )


def _since(text: str) -> datetime | float | None:
    if text.lower() in ("", LAST):
        return None
    try:
        found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        pass
    else:
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    try:
        return values.duration("since", text)
    except SettingsError:
        raise SettingsError(
            "`since` must be last, a length of time such as 7d, or an instant such as "
            f"2026-11-24T03:43:00Z, not {values.shown(text)}"
        ) from None


# Measurements, reports, logs and external traces of jobs.


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """Patterns match paths below the workspace, in order; a leading `!` excludes.

    ``trace_artifacts`` match names of artifacts, for an export from outside the job; artifacts of
    forks are read only with ``fork_artifacts``. ``log_limit`` is in bytes.
    """

    measure: bool
    inject_endpoint: bool
    test_reports: tuple[str, ...]
    coverage_reports: tuple[str, ...]
    trace_files: tuple[str, ...]
    trace_artifacts: tuple[str, ...]
    fork_artifacts: bool
    logs: JobLogs
    log_limit: int

    @property
    def asked(self) -> bool:
        """Whether any report, trace or log of jobs is requested."""
        patterns = (
            *(self.test_reports, self.coverage_reports),
            *(self.trace_files, self.trace_artifacts),
        )
        return any(patterns) or self.logs is not JobLogs.NONE


def job_settings(inputs: Mapping[str, str], warnings: list[str]) -> JobSettings:
    """Return the settings of reports, logs and traces of jobs.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    return JobSettings(
        measure=values.or_default(
            warnings,
            lambda: values.boolean("measure", text_of(inputs, "measure")),
            False,
            "Nothing is measured",
        ),
        inject_endpoint=values.boolean("inject-endpoint", text_of(inputs, "inject-endpoint")),
        test_reports=values.lines(text_of(inputs, "test-reports")),
        coverage_reports=values.lines(text_of(inputs, "coverage-reports")),
        trace_files=values.lines(text_of(inputs, "trace-files")),
        trace_artifacts=values.lines(text_of(inputs, "trace-artifacts")),
        fork_artifacts=values.boolean("fork-artifacts", text_of(inputs, "fork-artifacts")),
        logs=values.or_default(
            warnings,
            lambda: values.choice("logs", text_of(inputs, "logs"), JobLogs),
            JobLogs.NONE,
            "No logs are sent",
        ),
        log_limit=values.or_default(
            warnings,
            lambda: values.size("log-limit", text_of(inputs, "log-limit")),
            values.size("log-limit", INPUT["log-limit"].default),
            "The default is used",
        ),
    )


# Secret values of the environment, which are found before any setting is parsed.

_SHORTEST = 4  # Masking shorter ones would hide ordinary text and protect nothing.
_SHORTEST_IN_URL = 8  # A query usually contains plain words.


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret value in the environment, and the parts of it that may be quoted.

    In a malformed header list every part counts as a secret.
    """
    names = [row.variable for row in INPUTS if row.secret]
    names.append("GITHUB_TOKEN")
    urls = [INPUT["otlp-endpoint"].variable, INPUT["jira-url"].variable]
    for name in environ:
        if name.startswith("OTEL_EXPORTER_OTLP_"):
            names += [name] if name.endswith("HEADERS") else []
            urls += [name] if name.endswith("ENDPOINT") else []
        if name.upper() in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            urls.append(name)
    parts = [part for name in names for part in _parts_of_list(environ.get(name, ""))]
    secrets = [part for part in parts if len(part) >= _SHORTEST]
    secrets += [secret for name in urls for secret in _secrets_in_url(environ.get(name, ""))]
    return tuple(dict.fromkeys(secrets))


def _secrets_in_url(url: str) -> list[str]:
    """The password before the host of a URL, and the values of its query."""
    try:
        # The URL of a proxy may have no scheme.
        parts = urlsplit(url.strip() if "//" in url else f"//{url.strip()}")
        password = parts.password or ""
    except ValueError:
        return []
    secrets = [password, unquote(password), *(value for _, value in parse_qsl(parts.query))]
    return [secret for secret in secrets if len(secret) >= _SHORTEST_IN_URL]


def _parts_of_list(text: str) -> list[str]:
    """The lines, entries, values and words of a header list, encoded and decoded."""
    parts = [line.strip() for line in text.splitlines()]
    values = _json_values(text) if text.strip()[:1] == "{" else []
    if not values:
        for piece in text.replace("\n", ",").split(","):
            _, equals, value = piece.partition("=")
            values.append((value if equals else piece).strip())
    for value in values:
        parts += [value, unquote(value), *unquote(value).split()[1:]]
    return parts


def _json_values(text: str) -> list[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    values = document.values() if isinstance(document, dict) else ()
    return [value for value in values if isinstance(value, str)]


# Redaction of every text that is exported or shown.


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionSettings:
    """``secrets`` are the program's own credentials, which `repr` leaves out.

    ``patterns`` are the user's regular expressions, all valid.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    patterns: tuple[str, ...] = ()


def redaction_settings(
    inputs: Mapping[str, str], environ: Mapping[str, str], repository: str | None
) -> RedactionSettings:
    """Return the texts and patterns to redact.

    The names of the repository and its owner are public. They are not redacted even if a header
    contains them, since a tenant often has the same name.

    Raises:
        SettingsError: a pattern cannot be used; the text names the input and its line.
    """
    variables = {INPUT[name].variable: text for name, text in inputs.items()}
    full_name = (repository or "").lower()
    public = {full_name, *full_name.split("/")}
    secrets = secrets_of({**environ, **variables})
    return RedactionSettings(
        secrets=tuple(secret for secret in secrets if secret.lower() not in public),
        patterns=_patterns(text_of(inputs, "redact")),
    )


def _patterns(text: str) -> tuple[str, ...]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        pattern = line.strip()
        problem = patterns.find_pattern_problem(pattern) if pattern else None
        if problem is not None:
            raise SettingsError(
                f"`redact`: the pattern on line {number} {problem}. Write one regular expression "
                "per line; docs/redaction.md describes which are supported"
            )
        if pattern:
            found.append(pattern)
    return tuple(found)
