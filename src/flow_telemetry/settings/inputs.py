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
        "Alternative: OTEL_EXPORTER_OTLP_ENDPOINT. Without an endpoint nothing is sent.",
    ),
    Input(
        name="otlp-headers",
        secret=True,
        description="Headers for the endpoint: a list k=v,k=v, one k=v per line, or a JSON "
        "object. Alternative: OTEL_EXPORTER_OTLP_HEADERS.",
    ),
    Input(
        name="github-token",
        secret=True,
        default="${{ github.token }}",
        description="Token that reads the run. It needs `actions: read`, and for a complete "
        "trace `checks: read`, `contents: read`, `deployments: read`, `issues: read` and "
        "`pull-requests: read`.",
    ),
    Input(
        name="mode",
        default="auto",
        action_only=True,
        description="What to export. auto: the subject of the event: on workflow_run the completed "
        "run; on a closed pull request or issue the pull request or issue, with its feature trace "
        "if it is a feature; on deployment_status the deployment; on schedule or dispatch with "
        "since a sweep; otherwise this run. run: the run of run-id. change: the pull request of "
        "number. item: the item of work-item-key. feature: the feature of feature-key. event: only "
        "the record of the event. sweep: everything closed since then. context: nothing, but the "
        "later steps of the job get its trace context.",
    ),
    Input(
        name="repository",
        description="Repository of the run as OWNER/NAME. Default: this repository.",
    ),
    Input(
        name="run-id",
        description="Id of the workflow run to export. Default: the one that mode selects.",
    ),
    Input(
        name="run-attempt",
        description="Attempt of the run to export. Default: the attempt that is running or "
        "completed; for another run its latest.",
    ),
    Input(
        name="number",
        description="Number of the pull request to export. Default: that of the event.",
    ),
    Input(
        name="export",
        default="run",
        description="What a step inside the run sends. run: everything, if no other job is "
        "unfinished. job: only its own job. rest: the run and its own job, for a last job that "
        "needs jobs which use `job`.",
    ),
    Input(
        name="detail",
        default="step",
        description="Finest spans to send: step, job or run.",
    ),
    Input(
        name="trace-scope",
        description="Root of the live trace: run, change (the pull request), item (the nearest "
        "work item) or feature. Default: change, or feature if feature-key is set.",
    ),
    Input(
        name="feature-key",
        description="Key of the feature that the run belongs to: ACME-42 (Jira), 17, #17 or "
        "acme/shop#17 (GitHub), or tracker/key for any other tracker.",
    ),
    Input(
        name="work-item-key",
        description="Key of the work item that the pull request belongs to, written like "
        "feature-key. Default: the key in branch, title or commit, or the issue that it closes.",
    ),
    Input(
        name="tracker",
        default="auto",
        description="Tracker of work items: github, jira, none, or auto: every configured one.",
    ),
    Input(
        name="feature-types",
        default="Epic",
        description="Types of work item that are features, as a list.",
    ),
    Input(
        name="identity-aliases",
        description="Renamed repositories and keys that keep their ids, one NEW=OLD per line: "
        "acme/new=acme/old, CORE-9=ACME-57.",
    ),
    Input(
        name="jira-url",
        description="Address of Jira, such as https://acme.atlassian.net.",
    ),
    Input(
        name="jira-email",
        description="E-mail address of the Jira Cloud account that owns jira-token.",
    ),
    Input(
        name="jira-token",
        secret=True,
        description="Jira Cloud: API token, with jira-email. Data Center: personal access token. "
        "Without it, items of Jira are exported with their keys only.",
    ),
    Input(
        name="jira-projects",
        description="Jira project keys to find in branches, titles and commits, as a list. "
        "Default: any key-like text, if jira-url is set.",
    ),
    Input(
        name="status-project",
        description="Number or title of the GitHub project that gives issues their status. "
        "Needs a github-token that may read it; the workflow's own token may not. Default: none.",
    ),
    Input(
        name="status-categories",
        description="Categories of statuses, as a list STATUS=CATEGORY of to do, in progress and "
        "done. Default: GitHub's three, and those of Jira.",
    ),
    Input(
        name="ancestors",
        default="completed",
        description="What to send with the run of a push. completed: the spans of the pull "
        "requests that it merged. none: nothing, if another workflow sends them.",
    ),
    Input(
        name="feature-trace",
        default="true",
        description="Whether to send a feature as its own trace when it closes, and to link it.",
    ),
    Input(
        name="phases",
        default="completed",
        description="When to send phases of a pull request. completed: with it. live: each as "
        "soon as it ends, for backends that refuse old spans.",
    ),
    Input(
        name="max-spans",
        default="5000",
        description="Maximum spans of a feature trace; a larger one is sent in less detail.",
    ),
    Input(
        name="max-span-age",
        description="Age above which the backend refuses spans, such as 24h; see on-old-span. "
        "Default: none.",
    ),
    Input(
        name="on-old-span",
        default="drop",
        description="How to handle spans older than max-span-age: drop, send anyway, or clamp "
        "(move the start, and record that).",
    ),
    Input(
        name="snapshot",
        default="false",
        switch=True,
        description="Whether mode feature may send an open feature as of now, with separate ids.",
    ),
    Input(
        name="repositories",
        description="Repositories whose pull requests may carry keys of a Jira feature, as a list. "
        "Default: this repository.",
    ),
    Input(
        name="max-requests",
        default="1000",
        description="Maximum requests to GitHub for a feature or sweep.",
    ),
    Input(
        name="since",
        description="Makes a scheduled or dispatched workflow a sweep of everything closed since "
        "then: a duration such as 7d, a timestamp, or last: the start of this workflow's last "
        "successful scheduled run (24 hours ago if there is none).",
    ),
    Input(
        name="sweep-runs",
        default="false",
        switch=True,
        description="Whether a sweep sends runs too, if no other workflow does.",
    ),
    Input(
        name="workflows",
        description="Patterns of workflow names whose runs are sent, as a list; a leading ! "
        "excludes. Default: all.",
    ),
    Input(
        name="branches",
        description="Patterns of branches whose runs are sent, as a list; a leading ! excludes. "
        "Default: all.",
    ),
    Input(
        name="namespace",
        description="Keeps ids distinct if two trackers may have the same keys. Use the same in "
        "all workflows that share traces. Default: empty.",
    ),
    Input(
        name="signals",
        default="traces,events,metrics",
        description="Signals to send, as a list of traces, events and metrics.",
    ),
    Input(
        name="events",
        default="completed",
        description="When to send events. completed: all at once, with their subject. live: each "
        "when it happens, by the event that starts the workflow. none: never.",
    ),
    Input(
        name="event-time",
        default="auto",
        description="Time of an event's record. event: its own. sent: the time of sending, with "
        "its own in `flow.event.time`. auto: its own, or that of sending if it is refused as old.",
    ),
    Input(
        name="metric-shape",
        default="auto",
        description="Shape of metrics. auto: deltas, or gauges if those are refused. "
        "histogram: deltas only. gauge: gauges only, for backends that silently drop deltas.",
    ),
    Input(
        name="metric-attributes",
        description="Additional attributes of metrics, as a list; each multiplies their series.",
    ),
    Input(
        name="actors",
        default="login",
        description="How to send people: login, hash (of the login) or none.",
    ),
    Input(
        name="blocked-names",
        default="blocked",
        description="Statuses and labels of blocked items, as a list.",
    ),
    Input(
        name="redact",
        description="Regular expressions of text to replace by *** everywhere, one per line, in "
        "addition to the credential formats that are always redacted.",
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
        description="In mode context: whether to set OTEL_EXPORTER_OTLP_* for later steps too. "
        "Every later process of the job can then read the endpoint's credentials.",
    ),
    Input(
        name="test-reports",
        action_only=True,
        description="Patterns of test reports below the workspace (JUnit XML, TRX), one per line, "
        "such as **/junit*.xml; a leading ! excludes. Default: none.",
    ),
    Input(
        name="coverage-reports",
        action_only=True,
        description="Patterns of coverage reports below the workspace (Cobertura, JaCoCo, LCOV, "
        "coverage.py, Go, Clover), one per line; a leading ! excludes. Default: none.",
    ),
    Input(
        name="trace-files",
        description="Patterns of OTLP JSON lines files that tools in the job wrote, one per line, "
        "such as **/*.otlp.jsonl; a leading ! excludes. Default: none.",
    ),
    Input(
        name="trace-artifacts",
        description="For an export from outside the run: patterns of names of its artifacts "
        "that contain trace-files, one per line. Default: none.",
    ),
    Input(
        name="fork-artifacts",
        default="false",
        switch=True,
        description="Whether to read trace-artifacts of runs of forks, whose authors then decide "
        "what is sent.",
    ),
    Input(
        name="logs",
        default="none",
        description="Steps whose log lines are sent as log records: none, failed or all.",
    ),
    Input(
        name="log-limit",
        default="1MB",
        description="Maximum size of the logs of a run; of a larger failed step the end is sent.",
    ),
    Input(
        name="service-name",
        description="service.name of runs; {repository} and {workflow} are replaced. "
        "Default: github-actions.",
    ),
    Input(
        name="resource-attributes",
        description="Additional resource attributes of runs, as k=v,k=v. "
        "Alternative: OTEL_RESOURCE_ATTRIBUTES.",
    ),
    Input(
        name="trace-url",
        description="Template of the link to the trace in the summary; {trace_id}, {span_id}, "
        "{start} and {end} (Unix milliseconds) are replaced.",
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
        description="Folder for undelivered telemetry, as OTLP JSON lines. Default: "
        "$RUNNER_TEMP/flow-telemetry; on the command line ./flow-telemetry-spool.",
    ),
    Input(
        name="log-level",
        default="info",
        description="Log level: error, warning, info or debug.",
    ),
)
INPUT = {row.name: row for row in INPUTS}

Value = TypeVar("Value")


def text_of(inputs: Mapping[str, str], name: str) -> str:
    """Return the trimmed text of an input, or its default unless that is an expression."""
    default = INPUT[name].default
    return inputs.get(name, "").strip() or ("" if "${{" in default else default)


def optional(
    inputs: Mapping[str, str], name: str, parse: Callable[[str, str], Value]
) -> Value | None:
    """Return the parsed value of an input, None if it is empty."""
    text = text_of(inputs, name)
    return parse(name, text) if text else None
