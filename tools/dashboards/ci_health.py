"""The dashboard CI health: duration, queues, failures and cost of builds."""

from __future__ import annotations

from tools.dashboards import panels
from tools.dashboards.panels import (
    DOLLARS,
    GREEN,
    HOURS_AND_DAYS,
    INTERVAL,
    NUMBER,
    PERCENT,
    RANGE,
    RED,
    SECONDS,
    YELLOW,
    Column,
    Sheet,
    Target,
)
from tools.dashboards.promql import Query
from tools.dashboards.shared import (
    FAILED,
    REPOSITORY,
    TEAM,
    at_least_zero,
    failures,
    metric_variables,
    sweep_variable,
    values_of,
)

RUNS = Query((REPOSITORY, TEAM, ("flow.branch=~", "$branch|")))
EXECUTING = RUNS.only({"cicd.pipeline.run.state": "executing"})
# Open work has neither branch nor, in most stores, team.
OPEN = Query((REPOSITORY,))
WORKFLOW = ("github.repository", "cicd.pipeline.name")
JOB = (*WORKFLOW, "cicd.pipeline.task.name")
LABELS = ("flow.runner.labels",)
FAILURE_STEPS = ((None, GREEN), (0.1, YELLOW), (0.25, RED))
QUEUE_STEPS = ((None, GREEN), (60, YELLOW), (300, RED))
_REPOSITORY_HEAD, _WORKFLOW_HEAD = (
    {"github_repository": "Repository"},
    {"cicd_pipeline_name": "Workflow"},
)
_JOB_HEAD = {"cicd_pipeline_task_name": "Job"}


def sheet() -> Sheet:
    """Return the dashboard."""
    made = Sheet(
        uid="flow-ci-health",
        title="CI health",
        description="Duration, queues, failures and cost of workflow runs.",
        variables=metric_variables(
            panels.labels(
                "branch",
                "Branch",
                values_of("flow_run_count", "flow_branch"),
                "`default`, `other` (pull requests) or `tag`.",
                every=".*",
            ),
            sweep_variable(),
        ),
        tags=("ci",),
    )
    _overview(made)
    _durations(made)
    _queues(made)
    _failures(made)
    _cost(made)
    _slow_and_flaky(made)
    return made


def _overview(made: Sheet) -> None:
    made.row("Overview")
    for panel in (
        panels.number(
            "Runs",
            "Runs that ended; each attempt counts. A sudden drop means that exports are missing: "
            "look at the sweep's last run.",
            Target(RUNS.total("flow.run.count", RANGE)),
            unit=NUMBER,
        ),
        panels.number(
            "Failed runs",
            "Share of runs with a result that failed. Choose the branch `default` to see broken "
            "builds only: there, more than one in ten deserves a look at the causes below.",
            Target(failures(RUNS, RANGE)),
            unit=PERCENT,
            steps=FAILURE_STEPS,
        ),
        panels.number(
            "Mean wait for a runner",
            "Time from the moment that a job could start to its start. Above a minute, compare "
            "the runner labels below and add runners where jobs wait.",
            Target(RUNS.mean("flow.job.queue_time", RANGE)),
            unit=SECONDS,
            steps=QUEUE_STEPS,
        ),
        panels.number(
            "Platform errors",
            "Failures that the code did not cause: lost runners, no runner, billing, errors of "
            "GitHub. Re-run these; repeated ones are a case for whoever runs the runners.",
            Target(at_least_zero(RUNS.total("cicd.system.errors", RANGE))),
            unit=NUMBER,
            steps=((None, GREEN), (1, YELLOW), (20, RED)),
        ),
        panels.number(
            "Re-runs",
            "Attempts after the first. Each is a person who waited twice, often for a flaky test.",
            Target(at_least_zero(RUNS.total("flow.run.retries", RANGE))),
            unit=NUMBER,
        ),
        panels.number(
            "Cost",
            "Estimate in USD by the prices of the runners. What a plan includes is not subtracted.",
            Target(RUNS.total("flow.job.cost", RANGE)),
            unit=DOLLARS,
        ),
    ):
        made.add(panel, width=4, height=4)


def _durations(made: Sheet) -> None:
    made.row("How long do runs take?")
    by = ("cicd.pipeline.name",)
    name = "cicd.pipeline.run.duration"
    made.add(
        panels.lines(
            "Duration of runs by workflow",
            "From the start of the first job to the end of the last. A median that creeps up is "
            "a step that got slower: see the slowest jobs below. Gauges have only the mean.",
            Target(EXECUTING.quantile(0.5, name, INTERVAL, by), "{{cicd_pipeline_name}} p50"),
            Target(EXECUTING.quantile(0.9, name, INTERVAL, by), "{{cicd_pipeline_name}} p90"),
            Target(EXECUTING.mean(name, INTERVAL, by), "{{cicd_pipeline_name}} mean"),
            unit=SECONDS,
        ),
        width=12,
        height=9,
    )
    made.add(
        panels.rows(
            "Which workflows are slow or fail?",
            "One row for each workflow. Begin with those that run often and fail often.",
            {**_REPOSITORY_HEAD, **_WORKFLOW_HEAD},
            Column("Runs", RUNS.total("flow.run.count", RANGE, WORKFLOW), NUMBER),
            Column("Failed", failures(RUNS, RANGE, WORKFLOW), PERCENT, FAILURE_STEPS),
            Column("Mean", EXECUTING.mean(name, RANGE, WORKFLOW), SECONDS),
            Column("90 % are shorter", EXECUTING.quantile(0.9, name, RANGE, WORKFLOW), SECONDS),
            Column("Longest", EXECUTING.longest(name, RANGE, WORKFLOW), SECONDS),
            Column(
                "Mean wait", RUNS.mean("flow.job.queue_time", RANGE, WORKFLOW), SECONDS, QUEUE_STEPS
            ),
            Column(
                "90 % wait less",
                RUNS.quantile(0.9, "flow.job.queue_time", RANGE, WORKFLOW),
                SECONDS,
            ),
            sort="Runs",
        ),
        width=12,
        height=9,
    )


def _queues(made: Sheet) -> None:
    made.row("How long do jobs wait for a runner?")
    name = "flow.job.queue_time"
    made.add(
        panels.lines(
            "Queue time by runner label",
            "Waits of jobs by the labels that they request. A p90 above five minutes at the same "
            "hours each day means too few runners then. Gauges have only the mean.",
            Target(RUNS.quantile(0.5, name, INTERVAL, LABELS), "{{flow_runner_labels}} p50"),
            Target(RUNS.quantile(0.9, name, INTERVAL, LABELS), "{{flow_runner_labels}} p90"),
            Target(RUNS.mean(name, INTERVAL, LABELS), "{{flow_runner_labels}} mean"),
            unit=SECONDS,
        ),
        width=12,
    )
    made.add(
        panels.rows(
            "Which runners are too few?",
            "One row for each combination of labels. Long waits at few jobs: runners start slowly. "
            "Long waits at many jobs: there are too few.",
            {"flow_runner_labels": "Labels"},
            Column("Jobs", RUNS.total("flow.job.count", RANGE, LABELS), NUMBER),
            Column("Mean wait", RUNS.mean(name, RANGE, LABELS), SECONDS, QUEUE_STEPS),
            Column("90 % wait less", RUNS.quantile(0.9, name, RANGE, LABELS), SECONDS),
            Column("Longest wait", RUNS.longest(name, RANGE, LABELS), SECONDS),
            Column("Mean duration", RUNS.mean("flow.job.duration", RANGE, LABELS), SECONDS),
            Column(
                "90 % are shorter",
                RUNS.quantile(0.9, "flow.job.duration", RANGE, LABELS),
                SECONDS,
            ),
            Column("Cost", RUNS.total("flow.job.cost", RANGE, LABELS), DOLLARS),
            sort="Jobs",
        ),
        width=12,
    )
    active = OPEN.state("flow.job.active", "$sweep", ("flow.job.state", "flow.runner.labels"))
    made.add(
        panels.ranking(
            "Jobs that wait and run now",
            "Read by sweeps with `sweep-runs`. Jobs in state `queued` are the depth of the queue, "
            "those in state `in_progress` are busy runners.",
            Target(active, "{{flow_job_state}} {{flow_runner_labels}}"),
            unit=NUMBER,
        ),
        width=12,
        height=7,
    )
    oldest = OPEN.state(
        "flow.job.active.age", "$sweep", ("flow.job.state", "flow.runner.labels"), "max"
    )
    made.add(
        panels.ranking(
            "Longest wait and longest job now",
            "Read by sweeps with `sweep-runs`. A job in progress for hours is stuck: cancel it, "
            "and set `timeout-minutes`. For one that is queued for an hour, compare its labels "
            "with those of your runners.",
            Target(oldest, "{{flow_job_state}} {{flow_runner_labels}}"),
            unit=HOURS_AND_DAYS,
            steps=((None, GREEN), (3600, YELLOW), (6 * 3600, RED)),
        ),
        width=12,
        height=7,
    )


def _failures(made: Sheet) -> None:
    made.row("Why do runs fail?")
    made.add(
        panels.bars(
            "Failures by cause",
            "Jobs that failed. `failure` is the code's; `timeout`, `out_of_memory`, `no_space` and "
            "`setup_failed` are the workflow's; the others are the platform's.",
            Target(
                RUNS.total("cicd.pipeline.run.errors", INTERVAL, ("error.type",)), "{{error_type}}"
            ),
            unit=NUMBER,
        ),
        width=8,
    )
    component = ("cicd.system.component", "error.type")
    made.add(
        panels.bars(
            "Platform errors by component",
            "`agent` is the runner, `scheduler` is a runner that did not come, `github` is GitHub. "
            "Send this to whoever runs your runners.",
            Target(
                at_least_zero(RUNS.total("cicd.system.errors", INTERVAL, component)),
                "{{cicd_system_component}} {{error_type}}",
            ),
            unit=NUMBER,
        ),
        width=8,
    )
    failed = RUNS.only({"cicd.pipeline.task.run.result=~": FAILED})
    made.add(
        panels.rows(
            "Which jobs fail most?",
            "One row for each job with failures. Fix the one that costs most time: failures times "
            "mean duration.",
            {**_REPOSITORY_HEAD, **_WORKFLOW_HEAD, **_JOB_HEAD},
            Column("Failures", failed.total("flow.job.count", RANGE, JOB), NUMBER),
            Column("Mean duration", failed.mean("flow.job.duration", RANGE, JOB), SECONDS),
            sort="Failures",
        ),
        width=8,
    )


def _cost(made: Sheet) -> None:
    made.row("What does it cost?")
    cost = "flow.job.cost"
    made.add(
        panels.bars(
            "Cost by repository",
            "Estimate in USD for each day. A step up without more runs is a larger runner or a "
            "wider matrix.",
            Target(RUNS.total(cost, INTERVAL, ("github.repository",)), "{{github_repository}}"),
            unit=DOLLARS,
        ),
        width=8,
    )
    workflows = RUNS.total(cost, RANGE, WORKFLOW)
    made.add(
        panels.ranking(
            "Most expensive workflows",
            "The ten that cost most. Path filters, caches and `concurrency` with "
            "`cancel-in-progress` save most here.",
            Target(f"topk(10, {workflows})", "{{github_repository}} {{cicd_pipeline_name}}"),
            unit=DOLLARS,
        ),
        width=8,
    )
    minutes = RUNS.total("flow.job.billable_time", RANGE, LABELS)
    made.add(
        panels.ranking(
            "Billable minutes by runner label",
            "Minutes of a plan: rounded up for each job, Windows twice, macOS ten times. Move jobs "
            "that do not need Windows or macOS.",
            Target(f"topk(10, {minutes})", "{{flow_runner_labels}}"),
            unit="m",
        ),
        width=8,
    )


def _slow_and_flaky(made: Sheet) -> None:
    made.row("What is slow or flaky?")
    jobs = RUNS.mean("flow.job.duration", RANGE, JOB)
    made.add(
        panels.ranking(
            "Slowest jobs",
            "Mean time on a runner, the ten largest. Split or cache the job that every pull "
            "request waits for.",
            Target(f"topk(10, {jobs})", "{{cicd_pipeline_name}} / {{cicd_pipeline_task_name}}"),
            unit=SECONDS,
        ),
        width=8,
        height=9,
    )
    made.add(
        panels.ranking(
            "Slowest steps",
            "Mean duration, the ten largest. It needs the metrics that a Collector makes of spans "
            "(docs/guides/recipes.md, Metrics of spans); the dashboard in SQL needs only spans.",
            Target(
                f"topk(10, {slowest_steps()})",
                "{{cicd_pipeline_name}} / {{flow_job_name}} / {{span_name}}",
            ),
            unit=SECONDS,
        ),
        width=8,
        height=9,
    )
    flaky = RUNS.total("flow.test.flaky", RANGE, JOB)
    tests = RUNS.total("flow.test.count", RANGE, JOB)
    made.add(
        panels.rows(
            "Where are tests flaky?",
            "Tests that passed after they had failed, from test reports. Their names are on spans: "
            "search for `flow.test.case.flaky`, or use the dashboard in SQL.",
            {**_REPOSITORY_HEAD, **_WORKFLOW_HEAD, **_JOB_HEAD},
            Column("Flaky", flaky, NUMBER),
            Column("Of all tests", f"{flaky} / {tests}", PERCENT),
            sort="Flaky",
        ),
        width=8,
        height=9,
    )


def slowest_steps() -> str:
    """Return the mean duration of steps, of the totals that `span_metrics` sends.

    They come every minute, so a day is enough to find the last one.
    """
    by = "sum by (cicd_pipeline_name, flow_job_name, span_name)"

    def added(part: str) -> str:
        series = f"traces_span_metrics_duration_seconds_{part}[1d]"
        last, before = f"last_over_time({series})", f"last_over_time({series} offset {RANGE})"
        return f"{by} ({last} - {before} >= 0 or {last})"

    return f"{added('sum')} / {added('count')}"
