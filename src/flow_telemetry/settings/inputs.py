"""The inputs of the action, which are the flags of the command line too: one table of them all.

``action.yml``, the README's table and the help text of the command are checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "FLOW_TELEMETRY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input: its name with hyphens, its default as the action gives it, and what it does."""

    name: str
    description: str
    default: str = ""

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
        description="Headers for the endpoint: a list k=v,k=v, one k=v per line, or a JSON "
        "object. Instead: OTEL_EXPORTER_OTLP_HEADERS.",
    ),
    Input(
        name="github-token",
        default="${{ github.token }}",
        description="Token that reads the run: it needs `actions: read`, and for all of the "
        "trace `checks: read`, `pull-requests: read` and `deployments: read`.",
    ),
    Input(
        name="mode",
        default="auto",
        description="What to export. auto: on workflow_run the run that completed, otherwise "
        "this run. run: the run that run-id names, otherwise this run.",
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
        description="Root of the trace: run, change (the pull request) or feature (named by "
        "feature-key). Default: change, or feature where feature-key is given.",
    ),
    Input(
        name="feature-key",
        description="Key of the feature that the run belongs to: ACME-42 (Jira), 17, #17 or "
        "acme/shop#17 (GitHub), or tracker/key for any other tracker.",
    ),
    Input(
        name="namespace",
        description="Keeps ids apart where keys of two trackers may meet. The same in all "
        "workflows whose spans are to meet. Default: empty.",
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
        description="Whether to write a job summary.",
    ),
    Input(
        name="fail-on-error",
        default="false",
        description="Whether a failure to read or send fails the step. By default it is a "
        "warning and the build stays green.",
    ),
    Input(
        name="timeout",
        description="Seconds for everything: waiting, reading, sending and retrying. "
        "Default: 60; on the command line none.",
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
INPUT = {each.name: each for each in INPUTS}
