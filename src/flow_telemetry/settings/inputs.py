"""The table of inputs: name, default and description.

``action.yml``, the README's table, the flags of the command line and their help are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

PREFIX = "FLOW_TELEMETRY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input: its name with hyphens, its default as in ``action.yml``, and its description.

    The values of ``secret`` inputs are masked in every log. The command line has no flag for
    ``action_only`` inputs, and a flag without a value for each ``switch``.
    """

    name: str
    description: str
    default: str = ""
    secret: bool = False
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


INPUTS = (
    Input(
        name="otlp-endpoint",
        description="Base URL of the OTLP/HTTP endpoint, such as https://otlp.example.com:4318. "
        "Instead: OTEL_EXPORTER_OTLP_ENDPOINT. Without one nothing is sent.",
    ),
    Input(
        name="otlp-headers",
        secret=True,
        description="Headers for the endpoint: a list k=v,k=v, one k=v per line, or a JSON "
        "object. Instead: OTEL_EXPORTER_OTLP_HEADERS.",
    ),
    Input(
        name="github-token",
        secret=True,
        default="${{ github.token }}",
        description="Token that reads the run: it needs `actions: read`, and for all of the "
        "trace `checks: read`, `contents: read`, `deployments: read`, `issues: read` and "
        "`pull-requests: read`.",
    ),
    Input(
        name="mode",
        default="auto",
        action_only=True,
        description="What to export. auto: what the event is about: on workflow_run the run that "
        "completed; on a closed pull request that; on a closed issue that, and its feature trace "
        "where it is one; on deployment_status the deployment; on schedule or dispatch with since "
        "a sweep; otherwise this run. run: the run that run-id names. change: the pull request "
        "that number names. item: what work-item-key names. feature: what feature-key names. "
        "event: nothing but the record of what the event tells of. sweep: what was closed since. "
        "context: exports nothing, but gives the later steps of the job its trace context.",
    ),
    Input(
        name="repository",
        description="Repository of the run as OWNER/NAME. Default: this repository.",
    ),
    Input(
        name="run-id",
        description="Id of the workflow run to export. Default: as mode says.",
    ),
    Input(
        name="run-attempt",
        description="Attempt of the run to export. Default: the attempt that runs or completed, "
        "for another run its latest.",
    ),
    Input(
        name="number",
        description="Number of the pull request to export. Default: the event's.",
    ),
    Input(
        name="export",
        default="run",
        description="What a step inside the run sends. run: everything, where no other job is "
        "unfinished. job: only the job that it stands in. rest: the run and its own job, for a "
        "last job that needs jobs which use `job`.",
    ),
    Input(
        name="detail",
        default="step",
        description="Finest spans to send: step, job or run.",
    ),
    Input(
        name="trace-scope",
        description="Root of the live trace: run, change (the pull request), item (the nearest "
        "work item) or feature. Default: change, or feature where feature-key is given.",
    ),
    Input(
        name="feature-key",
        description="Key of the feature that the run belongs to: ACME-42 (Jira), 17, #17 or "
        "acme/shop#17 (GitHub), or tracker/key for any other tracker.",
    ),
    Input(
        name="work-item-key",
        description="Key of the work item that the pull request belongs to, written as "
        "feature-key. Default: found in branch, title, commit, or the issue that it closes.",
    ),
    Input(
        name="tracker",
        default="auto",
        description="Where work items are looked for: github, jira, none, or auto: all that is "
        "configured.",
    ),
    Input(
        name="feature-types",
        default="Epic",
        description="Types of work item that are features, as a list.",
    ),
    Input(
        name="identity-aliases",
        description="What was renamed and is to keep its ids, one NEW=OLD a line: "
        "acme/new=acme/old, CORE-9=ACME-57.",
    ),
    Input(
        name="jira-url",
        description="Address of Jira, such as https://acme.atlassian.net.",
    ),
    Input(
        name="jira-email",
        description="E-mail address of the account of Jira Cloud whose token jira-token is.",
    ),
    Input(
        name="jira-token",
        secret=True,
        description="Jira Cloud: API token, with jira-email. Data Center: personal access token. "
        "Without it, items of Jira are known by their keys alone.",
    ),
    Input(
        name="jira-projects",
        description="Project keys of Jira that count in branches, titles and commits, as a list. "
        "Default: all that look like one, where jira-url is set.",
    ),
    Input(
        name="status-project",
        description="Number or title of the GitHub project whose status is that of an issue. "
        "Needs a github-token that may read it, which the workflow's own may not. Default: none.",
    ),
    Input(
        name="status-categories",
        description="What statuses mean, as a list STATUS=CATEGORY of to do, in progress and "
        "done. Default: GitHub's three, and Jira's own.",
    ),
    Input(
        name="ancestors",
        default="completed",
        description="What goes along with the run of a push. completed: the spans of the pull "
        "requests that it merged. none: nothing, where another workflow sends them.",
    ),
    Input(
        name="feature-trace",
        default="true",
        description="Whether a feature is sent as a trace of its own when it closes, and linked "
        "to.",
    ),
    Input(
        name="phases",
        default="completed",
        description="When phases of a pull request leave. completed: with it. live: each as soon "
        "as it ends, for backends that refuse old spans.",
    ),
    Input(
        name="max-spans",
        default="5000",
        description="Most spans of a feature trace; beyond, its detail becomes coarser.",
    ),
    Input(
        name="max-span-age",
        description="Age beyond which the backend refuses spans, such as 24h: see on-old-span. "
        "Default: none.",
    ),
    Input(
        name="on-old-span",
        default="drop",
        description="What becomes of spans that began longer ago than max-span-age: drop, send all "
        "the same, or clamp (their start is moved, and said).",
    ),
    Input(
        name="snapshot",
        default="false",
        switch=True,
        description="Whether mode feature may send a feature that is open, as of now, under ids "
        "of its own.",
    ),
    Input(
        name="repositories",
        description="Repositories whose pull requests may carry keys of a Jira feature, as a list. "
        "Default: this repository.",
    ),
    Input(
        name="max-requests",
        default="1000",
        description="Most requests to GitHub for a feature or sweep.",
    ),
    Input(
        name="since",
        description="Makes a scheduled or dispatched workflow a sweep of what was closed since: a "
        "length of time such as 7d, an instant, or last: the start of this workflow's last "
        "successful scheduled run (none yet: 24 hours ago).",
    ),
    Input(
        name="sweep-runs",
        default="false",
        switch=True,
        description="Whether a sweep sends runs too, where nothing else does.",
    ),
    Input(
        name="workflows",
        description="Patterns of workflow names whose runs leave, as a list; a leading ! "
        "excludes. Default: all.",
    ),
    Input(
        name="branches",
        description="Patterns of branches whose runs leave, as a list; a leading ! excludes. "
        "Default: all.",
    ),
    Input(
        name="namespace",
        description="Keeps ids apart where keys of two trackers may meet. The same in all "
        "workflows whose spans are to meet. Default: empty.",
    ),
    Input(
        name="signals",
        default="traces,events,metrics",
        description="Which signals leave, as a list of traces, events and metrics.",
    ),
    Input(
        name="events",
        default="completed",
        description="When events leave. completed: with what they are of, all at once. live: each "
        "when it happens, by the event that starts the workflow. none: never.",
    ),
    Input(
        name="event-time",
        default="auto",
        description="Time of an event's record. event: its own. sent: that of sending, with its "
        "own in `flow.event.time`. auto: its own, and that of sending where it is refused as old.",
    ),
    Input(
        name="metric-shape",
        default="auto",
        description="Shape of metrics. auto: deltas, and gauges where those are refused. "
        "histogram: deltas only. gauge: gauges only, for backends that drop deltas in silence.",
    ),
    Input(
        name="metric-attributes",
        description="Further attributes of metrics, as a list; each multiplies their series.",
    ),
    Input(
        name="actors",
        default="login",
        description="As what people leave: login, hash (of the login) or none.",
    ),
    Input(
        name="blocked-names",
        default="blocked",
        description="Statuses and labels that mean that an item is blocked, as a list.",
    ),
    Input(
        name="redact",
        description="Regular expressions of what is to leave as *** wherever it stands, one a "
        "line, besides the forms of credentials that are always taken out.",
    ),
    Input(
        name="measure",
        default="false",
        action_only=True,
        description="In mode context: whether to sample processor, memory, disk and network of "
        "the machine until the export at the end of the job.",
    ),
    Input(
        name="inject-endpoint",
        default="false",
        action_only=True,
        description="In mode context: whether later steps get OTEL_EXPORTER_OTLP_* too. Every "
        "later process of the job can then read the endpoint's credentials.",
    ),
    Input(
        name="test-reports",
        action_only=True,
        description="Patterns of test reports below the workspace (JUnit XML, TRX), one a line, "
        "such as **/junit*.xml; a leading ! excludes. Default: none.",
    ),
    Input(
        name="coverage-reports",
        action_only=True,
        description="Patterns of coverage reports below the workspace (Cobertura, JaCoCo, LCOV, "
        "coverage.py, Go, Clover), one a line; a leading ! excludes. Default: none.",
    ),
    Input(
        name="trace-files",
        description="Patterns of files of OTLP JSON lines that tools in the job wrote, one a line, "
        "such as **/*.otlp.jsonl; a leading ! excludes. Default: none.",
    ),
    Input(
        name="trace-artifacts",
        description="For an export from outside of the run: patterns of names of its artifacts "
        "that hold trace-files, one a line. Default: none.",
    ),
    Input(
        name="fork-artifacts",
        default="false",
        switch=True,
        description="Whether trace-artifacts may come from runs of forks, whose authors then "
        "decide what is sent.",
    ),
    Input(
        name="logs",
        default="none",
        description="Of which steps the lines of the logs leave as log records: none, failed or "
        "all.",
    ),
    Input(
        name="log-limit",
        default="1MB",
        description="Most that logs sends of a run; of a failed step that is larger its end is "
        "sent.",
    ),
    Input(
        name="service-name",
        description="service.name of runs; {repository} and {workflow} are filled in. "
        "Default: github-actions.",
    ),
    Input(
        name="resource-attributes",
        description="Further resource attributes of runs, as k=v,k=v. "
        "Instead: OTEL_RESOURCE_ATTRIBUTES.",
    ),
    Input(
        name="trace-url",
        description="Template of the link to the trace in the summary; {trace_id}, {span_id}, "
        "{start} and {end} (Unix milliseconds) are filled in.",
    ),
    Input(
        name="summary",
        default="true",
        action_only=True,
        description="Whether to write a job summary.",
    ),
    Input(
        name="fail-on-error",
        default="false",
        action_only=True,
        description="Whether a failure to read or send fails the step. By default it is a "
        "warning and the build stays green.",
    ),
    Input(
        name="timeout",
        description="Seconds for everything: waiting, reading, sending and retrying. "
        "Default: 60, for a feature or sweep 900; on the command line none.",
    ),
    Input(
        name="spool-path",
        description="Folder that keeps what could not be delivered, as OTLP JSON lines. Default: "
        "$RUNNER_TEMP/flow-telemetry; on the command line ./flow-telemetry-spool.",
    ),
    Input(
        name="log-level",
        default="info",
        description="How much to tell: error, warning, info or debug.",
    ),
)
INPUT = {row.name: row for row in INPUTS}

Value = TypeVar("Value")


def given(inputs: Mapping[str, str], name: str) -> str:
    """Return the trimmed text of an input, or its default unless that is an expression."""
    default = INPUT[name].default
    return inputs.get(name, "").strip() or ("" if "${{" in default else default)


def optional(
    inputs: Mapping[str, str], name: str, parse: Callable[[str, str], Value]
) -> Value | None:
    """Return the parsed value of an input, None if it is empty."""
    text = given(inputs, name)
    return parse(name, text) if text else None
