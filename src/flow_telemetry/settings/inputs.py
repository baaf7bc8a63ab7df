"""The table of settings: name, default, parser and description; some are inputs of the action.

`action.yml`, the tables of the README and of docs/reference/settings.md, the flags of the command
line with their help, and the loading of the settings are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, overload

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import parse
from flow_telemetry.settings.backends import Backend
from flow_telemetry.settings.model import (
    Actors,
    Ancestors,
    Compare,
    Detail,
    EventSending,
    EventTime,
    ExceptionSending,
    Export,
    JobLogs,
    LeadTimeFrom,
    LogLevel,
    MetricShape,
    Mode,
    OldSpans,
    PhaseSending,
    SpanNames,
    TraceScope,
    TrackerChoice,
)
from flow_telemetry.settings.target import parse_target

PREFIX = "FLOW_TELEMETRY_"
_WITHOUT_JIRA = "Jira is not read, and its items are exported with their keys only"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Generic[Value]):
    """An input: its name with hyphens, its default, and its description.

    ``parse`` raises ValueError for an unusable text. Such a text stops the export, unless
    ``if_wrong`` describes what happens instead: then the default is used.
    ``alternative`` is an environment variable that is read if the input is empty. The values of
    ``secret`` inputs are masked in every log, and an ``address`` may contain a credential: neither
    may stand in `settings`, nor may those that are ``input_only``. The command line has no flag for
    ``action_only`` inputs, and the flag of a ``switch`` takes no value.
    """

    name: str
    parse: Callable[[str], Value]
    description: str
    default: str = ""
    if_wrong: str = ""
    alternative: str = ""
    secret: bool = False
    address: bool = False
    input_only: bool = False
    action_only: bool = False
    switch: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that carries the input from the action to the program."""
        return PREFIX + self.name.replace("-", "_").upper()

    @property
    def flag(self) -> str:
        """The flag of the command line."""
        return f"--{self.name}"

    @overload
    def __get__(self, instance: None, owner: object) -> Input[Value]: ...
    @overload
    def __get__(self, instance: Inputs, owner: object) -> Value: ...
    def __get__(self, instance: Inputs | None, owner: object) -> Input[Value] | Value:
        """Return the row for the class `Inputs`, and the parsed value for an instance of it."""
        return self if instance is None else cast("Value", instance.values[self.name])

    @property
    def values(self) -> tuple[str, ...]:
        """The only values; empty if any text may be one."""
        return parse.values_of(self.parse)

    @property
    def explanation(self) -> str:
        """The description with the default, for places that do not show it elsewhere."""
        has_default = self.default and "${{" not in self.default and not self.switch
        return self.description + (f" Default: {self.default}." if has_default else "")

    @property
    def input_default(self) -> str:
        """The default in `action.yml`: empty, unless GitHub evaluates it, so that others count."""
        return self.default if "${{" in self.default else ""

    def read(
        self,
        texts: Mapping[str, str],
        environ: Mapping[str, str],
        preset: Mapping[str, str],
        errors: dict[str, str],
    ) -> Value:
        """Return the parsed value; ``errors`` gets the one about an optional input.

        Raises:
            SettingsError: the value is unusable, and the input is not optional.
        """
        # GitHub evaluates an expression; on the command line nothing does.
        default = preset.get(self.name) or ("" if "${{" in self.default else self.default)
        name, text = self.name, texts.get(self.name, "").strip()
        if not text and self.alternative:
            name, text = self.alternative, environ.get(self.alternative, "").strip()
        try:
            return parse.named(name, self.parse, text or default)
        except SettingsError as error:
            if not self.if_wrong:
                raise
            errors[self.name] = f"{error}. {self.if_wrong}"
            return self.parse(default)


class Inputs:
    """The parsed inputs, by their names with underscores; ``texts`` are by name with hyphens.

    ``errors`` has a text for each optional input whose value is unusable, by its name.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        preset: Mapping[str, str] | None = None,
    ) -> None:
        """Parse all inputs; ``preset`` has the values of a backend, which replace defaults.

        Raises:
            SettingsError: a value is unusable, and the input is not optional.
        """
        self.errors: dict[str, str] = {}
        self.values = {
            row.name: row.read(texts, environ or {}, preset or {}, self.errors) for row in INPUTS
        }

    otlp_endpoint = Input(
        name="otlp-endpoint",
        parse=str,
        address=True,
        description="Base URL of the OTLP/HTTP endpoint, such as https://otlp.example.com:4318. "
        "Alternative: OTEL_EXPORTER_OTLP_ENDPOINT. Without an endpoint nothing is sent.",
    )
    otlp_headers = Input(
        name="otlp-headers",
        parse=str,
        secret=True,
        description="Headers for the endpoint: a list k=v,k=v, one k=v per line, or a JSON "
        "object. Alternative: OTEL_EXPORTER_OTLP_HEADERS.",
    )
    github_token = Input(
        name="github-token",
        parse=parse.token,
        alternative="GITHUB_TOKEN",
        secret=True,
        default="${{ github.token }}",
        description="Token that reads the run. It needs `actions: read`, and for a complete "
        "trace `checks: read`, `contents: read`, `deployments: read`, `issues: read` and "
        "`pull-requests: read`.",
    )
    settings = Input(
        name="settings",
        parse=str,
        input_only=True,
        description="Settings that many workflows share, such as an organization's variable: a "
        "line `name: value` for each, or `name:` and below it a list whose lines begin with two "
        "blanks. Inputs of a workflow take precedence. On the command line a file of at most "
        "64 kB.",
    )
    backend = Input(
        name="backend",
        parse=parse.optional(parse.choice(Backend)),
        description="Backend whose preset gives the settings that are not set otherwise: "
        f"{', '.join(each.value for each in Backend)}. See docs/reference/backends.md. Default: "
        "none; the host of the endpoint then sets forms of data only.",
    )
    mode = Input(
        name="mode",
        parse=parse.choice(Mode),
        default="auto",
        action_only=True,
        description="What to export. auto: the subject of the event: on workflow_run the completed "
        "run; on a closed pull request or issue the pull request or issue, with its feature trace "
        "if it is a feature; on deployment_status the deployment; on schedule or dispatch with "
        "since a sweep; otherwise this run. run, change (a pull request), item or feature: that of "
        "target. event: only "
        "the record of the event. sweep: everything closed since then. plan and merge: the first "
        "and the last job of an organization's sweep. context: nothing, but the later steps of the "
        "job get its trace context.",
    )
    target = Input(
        name="target",
        parse=parse_target,
        description="What to export instead of the subject of the event: an address of GitHub or "
        "Jira, OWNER/NAME, OWNER/NAME#N or #N (an issue or pull request, by mode), the id of a "
        "run, or the key of an item such as ACME-42.",
    )
    repository = Input(
        name="repository",
        parse=parse.optional(parse.repository),
        description="Repository of the run as OWNER/NAME. Default: this repository.",
    )
    run_id = Input(
        name="run-id",
        parse=parse.optional(parse.positive_integer),
        description="Id of the workflow run to export. Default: the one that mode selects.",
    )
    run_attempt = Input(
        name="run-attempt",
        parse=parse.optional(parse.positive_integer),
        description="Attempt of the run to export. Default: the attempt that is running or "
        "completed; for another run its latest.",
    )
    number = Input(
        name="number",
        parse=parse.optional(parse.positive_integer),
        description="Number of the pull request to export. Default: that of the event.",
    )
    export = Input(
        name="export",
        parse=parse.choice(Export),
        default="run",
        description="What a step inside the run sends. run: everything, if no other job is "
        "unfinished. job: only its own job. rest: the run and its own job, for a last job that "
        "needs jobs which use `job`.",
    )
    detail = Input(
        name="detail",
        parse=parse.choice(Detail),
        default="step",
        description="Finest spans to send: step, job or run.",
    )
    trace_scope = Input(
        name="trace-scope",
        parse=parse.optional(parse.choice(TraceScope)),
        description="Root of the live trace: run, change (the pull request), item (the nearest "
        "work item) or feature. Default: change, or feature if feature-key is set.",
    )
    span_names = Input(
        name="span-names",
        parse=parse.choice(SpanNames),
        default="full",
        description="Names of spans: full (epic ACME-42) or plain (work item), without keys, types "
        "and environments, for backends that make metrics from span names.",
    )
    feature_key = Input(
        name="feature-key",
        parse=parse.optional(parse.item_key),
        description="Key of the feature that the run belongs to: ACME-42 (Jira), 17, #17 or "
        "acme/shop#17 (GitHub), or tracker/key for any other tracker.",
    )
    work_item_key = Input(
        name="work-item-key",
        parse=parse.optional(parse.item_key),
        description="Key of the work item that the pull request belongs to, written like "
        "feature-key. Default: the key in branch, title or commit, or the issue that it closes.",
    )
    tracker = Input(
        name="tracker",
        parse=parse.choice(TrackerChoice),
        default="auto",
        description="Tracker of work items: github, jira, none, or auto: every configured one.",
    )
    feature_types = Input(
        name="feature-types",
        parse=parse.lowercase_words,
        default="Epic",
        description="Types of work item that are features, as a list.",
    )
    identity_aliases = Input(
        name="identity-aliases",
        parse=parse.aliases,
        description="Renamed repositories and keys that keep their ids, one NEW=OLD per line: "
        "acme/new=acme/old, CORE-9=ACME-57.",
    )
    jira_url = Input(
        name="jira-url",
        parse=parse.jira_url,
        address=True,
        if_wrong=_WITHOUT_JIRA,
        description="Address of Jira, such as https://acme.atlassian.net.",
    )
    jira_email = Input(
        name="jira-email",
        parse=str,
        description="E-mail address of the Jira Cloud account that owns jira-token.",
    )
    jira_token = Input(
        name="jira-token",
        parse=parse.token,
        if_wrong=_WITHOUT_JIRA,
        secret=True,
        description="Jira Cloud: API token, with jira-email. Data Center: personal access token. "
        "Without it, items of Jira are exported with their keys only.",
    )
    jira_projects = Input(
        name="jira-projects",
        parse=parse.uppercase_words,
        description="Jira project keys to find in branches, titles and commits, as a list. "
        "Default: any key-like text, if jira-url is set.",
    )
    status_project = Input(
        name="status-project",
        parse=str,
        description="GitHub project that gives issues their status: OWNER/NUMBER, its node id, or "
        "the number or title of a project of the repository's owner. Needs a github-token that may "
        "read it; the workflow's own token may not. Default: none.",
    )
    status_categories = Input(
        name="status-categories",
        parse=parse.status_categories,
        if_wrong="The input is ignored",
        description="Categories of statuses, as a list STATUS=CATEGORY of to do, in progress and "
        "done. Default: those of GitHub's project templates, and those of Jira.",
    )
    ancestors = Input(
        name="ancestors",
        parse=parse.choice(Ancestors),
        default="completed",
        description="What to send with the run of a push. completed: the spans of the pull "
        "requests that it merged. none: nothing, if another workflow sends them.",
    )
    boilerplate_steps = Input(
        name="boilerplate-steps",
        parse=parse.boolean,
        default="true",
        description="Whether to send spans of the steps that the runner adds: Set up job, Complete "
        "job and Post …. false: only of those that failed or took 10 s or longer, for backends "
        "that bill by span.",
    )
    feature_trace = Input(
        name="feature-trace",
        parse=parse.boolean,
        default="true",
        description="Whether to send a feature as its own trace when it closes, and to link it.",
    )
    phases = Input(
        name="phases",
        parse=parse.choice(PhaseSending),
        default="completed",
        description="When to send phases of a pull request. completed: with it. live: each as "
        "soon as it ends, for backends that refuse old spans.",
    )
    max_spans = Input(
        name="max-spans",
        parse=parse.positive_integer,
        default="5000",
        description="Maximum spans of a feature trace; a larger one is sent in less detail.",
    )
    max_span_age = Input(
        name="max-span-age",
        parse=parse.optional(parse.duration),
        description="Age above which the backend refuses spans, such as 24h; see on-old-span. "
        "Default: none.",
    )
    on_old_span = Input(
        name="on-old-span",
        parse=parse.choice(OldSpans),
        default="drop",
        description="How to handle spans older than max-span-age: drop, send anyway, or clamp "
        "(move the start, and record that).",
    )
    snapshot = Input(
        name="snapshot",
        parse=parse.boolean,
        default="false",
        switch=True,
        description="Whether mode feature may send an open feature as of now, with separate ids.",
    )
    repositories = Input(
        name="repositories",
        parse=parse.repositories,
        description="Repositories whose pull requests may carry keys of a Jira feature, as a list. "
        "Default: this repository.",
    )
    max_requests = Input(
        name="max-requests",
        parse=parse.positive_integer,
        default="1000",
        description="Maximum requests to GitHub for a feature or sweep.",
    )
    rate_limit_share = Input(
        name="rate-limit-share",
        parse=parse.percent,
        default="50",
        description="Percentage, 1 to 100, of the hourly rate limits of the workflow's own token "
        "that the sweep of a repository may use, since the other workflows of the repository need "
        "the rest. Other tokens have no share.",
    )
    since = Input(
        name="since",
        parse=parse.since,
        description="Makes a scheduled or dispatched workflow a sweep of everything that ended "
        "since then: a duration such as 7d, a timestamp, or last. What the ledger records is not "
        "sent again. Without a ledger, last is the start of this workflow's last successful "
        "scheduled run (24 hours ago if there is none).",
    )
    ledger = Input(
        name="ledger",
        parse=parse.optional(Path),
        description="File in which a sweep records what it exported, so that the next one sends "
        "nothing twice. Default: $RUNNER_TEMP/flow-telemetry/ledger.json, which is filled "
        "from the artifact flow-telemetry-ledger of this workflow's last sweep; on the command "
        "line none.",
    )
    sweep_runs = Input(
        name="sweep-runs",
        parse=parse.boolean,
        default="false",
        switch=True,
        description="Whether a sweep sends runs too, if no other workflow does.",
    )
    sweep_jira = Input(
        name="sweep-jira",
        parse=parse.uppercase_words,
        description="Keys of the Jira projects whose items a sweep sends, as a list. Name each "
        "project in one repository only, or its items count twice. Default: none.",
    )
    organization = Input(
        name="organization",
        parse=parse.optional(parse.owner),
        description="Organization whose repositories a sweep reads, in place of one repository. "
        "Needs a github-token that may read them, such as one of a GitHub App. Default: none.",
    )
    sweep_repositories = Input(
        name="sweep-repositories",
        parse=parse.words,
        description="Patterns of names, without the owner, of the organization's repositories that "
        "are swept, as a list; a leading ! excludes. A fork is swept only if a pattern without "
        "wildcards names it. Default: all.",
    )
    shards = Input(
        name="shards",
        parse=parse.shards,
        default="256",
        description="Maximum number of shards of a plan, 1 to 256. All of them share the rate "
        "limit of the token.",
    )
    shard = Input(
        name="shard",
        parse=parse.optional(parse.shards),
        description="Number of the shard that a sweep is, by the plan of the same workflow run, "
        "from which it takes its ledger. Default: none.",
    )
    workflows = Input(
        name="workflows",
        parse=parse.words,
        description="Patterns of workflow names whose runs are sent, as a list; a leading ! "
        "excludes. Default: all.",
    )
    branches = Input(
        name="branches",
        parse=parse.words,
        description="Patterns of branches whose runs are sent, as a list; a leading ! excludes. "
        "Default: all.",
    )
    deployment_environments = Input(
        name="deployment-environments",
        parse=parse.words,
        description="Patterns of environments whose deployments are sent, as a list; a leading ! "
        "excludes, for environments that only hold secrets. An environment that a pattern names "
        "counts for every event. Default: all, of the events that deploy.",
    )
    production_environments = Input(
        name="production-environments",
        parse=parse.words,
        description="Patterns of production environments, as a list; a leading ! excludes. "
        "Default: names with production, prod, prd or live as a word.",
    )
    lead_time_from = Input(
        name="lead-time-from",
        parse=parse.choice(LeadTimeFrom),
        default="author",
        description="Date of the first commit from which lead times count: author (a rebase keeps "
        "it) or committer.",
    )
    namespace = Input(
        name="namespace",
        parse=parse.namespace,
        description="Keeps ids distinct if two trackers may have the same keys. Use the same in "
        "all workflows that share traces. Default: empty.",
    )
    signals = Input(
        name="signals",
        parse=parse.signals,
        default="traces,events,metrics",
        description="Signals to send, as a list of traces, events and metrics.",
    )
    events = Input(
        name="events",
        parse=parse.choice(EventSending),
        default="completed",
        description="When to send events. completed: all at once, with their subject. live: each "
        "when it happens, by the event that starts the workflow. none: never.",
    )
    event_time = Input(
        name="event-time",
        parse=parse.choice(EventTime),
        default="auto",
        description="Time of an event's record. event: its own. sent: the time of sending, with "
        "its own in `flow.event.time`. auto: its own, or that of sending if it is refused as old.",
    )
    metric_shape = Input(
        name="metric-shape",
        parse=parse.choice(MetricShape),
        default="auto",
        description="Shape of metrics. auto: deltas, or gauges if those are refused. "
        "histogram: deltas only. gauge: gauges only, for backends that silently drop deltas.",
    )
    metric_attributes = Input(
        name="metric-attributes",
        parse=parse.words,
        description="Additional attributes of metrics, as a list; each multiplies their series.",
    )
    prices = Input(
        name="prices",
        parse=parse.prices,
        if_wrong="The input is ignored",
        description="Prices of runners in USD per minute, as a list PATTERN=PRICE of labels; the "
        "last one that matches decides. Default: those of GitHub.",
    )
    actors = Input(
        name="actors",
        parse=parse.choice(Actors),
        default="login",
        description="How to send people: login, hash (of the login) or none.",
    )
    blocked_names = Input(
        name="blocked-names",
        parse=parse.words,
        default="blocked",
        description="Patterns of statuses and labels of blocked items, as a list.",
    )
    flow_types = Input(
        name="flow-types",
        parse=parse.flow_types,
        if_wrong="The input is ignored",
        description="What types and labels of items are in the Flow Framework, as a list "
        "PATTERN=KIND with feature, defect, debt or risk; the last one that matches decides.",
    )
    redact = Input(
        name="redact",
        parse=parse.patterns,
        description="Regular expressions of text to replace by *** everywhere, one per line, in "
        "addition to the credential formats that are always redacted.",
    )
    needs = Input(
        name="needs",
        parse=parse.needed_results,
        if_wrong="The input is ignored",
        action_only=True,
        description="The expression toJSON(needs), in a job that needs all others: the results of "
        "these jobs tell whether a failed one fails the run. Default: the workflow files are read.",
    )
    measure = Input(
        name="measure",
        parse=parse.boolean,
        if_wrong="Nothing is measured",
        default="false",
        action_only=True,
        description="In mode context: whether to sample processor, memory, disk and network of "
        "the machine until the export at the end of the job.",
    )
    inject_endpoint = Input(
        name="inject-endpoint",
        parse=parse.boolean,
        default="false",
        action_only=True,
        description="In mode context: whether to set OTEL_EXPORTER_OTLP_* for later steps too. "
        "Every later process of the job can then read the endpoint's credentials.",
    )
    reports = Input(
        name="reports",
        parse=parse.lines,
        action_only=True,
        description="Patterns of test and coverage reports below the workspace, one per line, such "
        "as **/junit*.xml and coverage.xml; a leading ! excludes. Their content tells what they "
        "are: JUnit XML, TRX, xUnit, NUnit 3, go test -json; Cobertura, JaCoCo, LCOV, coverage.py, "
        "Go, Clover and others. Default: none.",
    )
    test_reports = Input(
        name="test-reports",
        parse=parse.lines,
        action_only=True,
        description="Patterns of test reports below the workspace (JUnit XML, TRX, xUnit, NUnit 3, "
        "go test -json), one per line, such as **/junit*.xml; a leading ! excludes. Default: none.",
    )
    exceptions = Input(
        name="exceptions",
        parse=parse.choice(ExceptionSending),
        default="events",
        action_only=True,
        description="How failures in test-reports are sent. events: as events of the cases' spans. "
        "logs: as log records, which OpenTelemetry recommends now. both: as both. Without the "
        "signal events they are always on the spans.",
    )
    coverage_reports = Input(
        name="coverage-reports",
        parse=parse.lines,
        action_only=True,
        description="Patterns of coverage reports below the workspace (Cobertura, JaCoCo, LCOV, "
        "coverage.py, Go, Clover and others), one per line; a leading ! excludes. Default: none.",
    )
    trace_files = Input(
        name="trace-files",
        parse=parse.lines,
        description="Patterns of OTLP JSON lines files that tools in the job wrote, one per line, "
        "such as **/*.otlp.jsonl; a leading ! excludes. Default: none.",
    )
    trace_artifacts = Input(
        name="trace-artifacts",
        parse=parse.lines,
        description="For an export from outside the run: patterns of names of its artifacts "
        "that contain trace-files, one per line. Default: none.",
    )
    fork_artifacts = Input(
        name="fork-artifacts",
        parse=parse.boolean,
        default="false",
        switch=True,
        description="Whether to read trace-artifacts of runs of forks, whose authors then decide "
        "what is sent.",
    )
    logs = Input(
        name="logs",
        parse=parse.choice(JobLogs),
        if_wrong="No logs are sent",
        default="none",
        description="Steps whose log lines are sent as log records: none, failed or all.",
    )
    log_limit = Input(
        name="log-limit",
        parse=parse.size,
        if_wrong="The default is used",
        default="1MB",
        description="Maximum size of the logs of a run; of a larger failed step the end is sent.",
    )
    service_name = Input(
        name="service-name",
        parse=str,
        description="service.name of runs; {repository} and {workflow} are replaced. "
        "Default: github-actions.",
    )
    resource_attributes = Input(
        name="resource-attributes",
        parse=parse.resource_attributes,
        if_wrong="The runs get no additional resource attributes",
        alternative="OTEL_RESOURCE_ATTRIBUTES",
        description="Additional resource attributes of runs, as k=v,k=v. "
        "Alternative: OTEL_RESOURCE_ATTRIBUTES.",
    )
    trace_url = Input(
        name="trace-url",
        parse=parse.optional(parse.trace_url),
        if_wrong="The summary does not link to the trace",
        description="Template of the link to the trace in the summary; {trace_id}, {span_id}, "
        "{start} and {end} (Unix milliseconds) are replaced.",
    )
    summary = Input(
        name="summary",
        parse=parse.boolean,
        if_wrong="The summary is written",
        default="true",
        action_only=True,
        description="Whether to write a job summary.",
    )
    page = Input(
        name="page",
        parse=parse.boolean,
        if_wrong="No page is written",
        default="false",
        action_only=True,
        description="Whether to write the traces and where the time went as an HTML page; the "
        "output page is its path, for actions/upload-artifact.",
    )
    comment = Input(
        name="comment",
        parse=parse.boolean,
        if_wrong="No comment is written",
        default="false",
        action_only=True,
        description="In a job without a checkout: whether to write a comment on the pull request, "
        "and to update it later. Needs `pull-requests: write`.",
    )
    compare = Input(
        name="compare",
        parse=parse.choice(Compare),
        if_wrong="The default is used",
        default="auto",
        description="Whether the time of a run is compared with earlier successful ones, which "
        "takes one or two requests, and for a much slower run five more: auto (runs that failed or "
        "took longer than 10 minutes, but not those of a sweep), on (all) or off.",
    )
    fail_on_error = Input(
        name="fail-on-error",
        parse=parse.boolean,
        default="false",
        action_only=True,
        input_only=True,  # The steps of the action and the launcher read it themselves.
        description="Whether a failure to read or send fails the step. By default it is a "
        "warning and the build stays green.",
    )
    timeout = Input(
        name="timeout",
        parse=parse.optional(parse.duration),
        description="Seconds for everything: waiting, reading, sending and retrying. "
        "Default: 60, for a feature or sweep 900; on the command line none.",
    )
    spool_path = Input(
        name="spool-path",
        parse=parse.optional(Path),
        description="Folder for telemetry until it is delivered; what remains is sent by "
        "`flow-telemetry replay`. Default: $RUNNER_TEMP/flow-telemetry/spool; on the command line "
        "./flow-telemetry-spool.",
    )
    log_level = Input(
        name="log-level",
        parse=parse.choice(LogLevel),
        if_wrong="The default is used",
        default="info",
        description="Log level: error, warning, info or debug.",
    )


INPUTS: tuple[Input[Any], ...] = tuple(r for r in vars(Inputs).values() if isinstance(r, Input))
INPUT = {row.name: row for row in INPUTS}
# Those of the action, in the order of `action.yml`. The others are settings of `settings`, and all
# are flags of the command line.
ACTION_INPUTS: tuple[Input[Any], ...] = tuple(
    INPUT[name]
    for name in (
        *("otlp-endpoint", "otlp-headers", "github-token", "backend", "settings", "mode", "target"),
        *("export", "detail", "trace-scope", "feature-key", "signals", "since", "measure"),
        *("reports", "trace-files", "logs", "inject-endpoint", "jira-token", "needs", "summary"),
        *("page", "comment", "fail-on-error", "timeout"),
    )
)
