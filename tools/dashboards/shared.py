"""Variables and expressions that several dashboards have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.dashboards import panels
from tools.dashboards.promql import Query

FAILED = "failure|error|timeout"
_SEEN = "flow_run_count(_total)?|flow_change_count(_total)?|flow_deployment_count(_total)?"

REPOSITORY = ("github.repository=~", "$repository")
# Work items of Jira belong to no repository, and are shown with every choice.
REPOSITORY_OR_NONE = ("github.repository=~", "$repository|")
# Only the metrics of runs and jobs have the team; others are chosen by its repositories.
TEAM = ("team=~", "$team")


def metric_variables(*more: Any) -> list[Any]:
    """Return the variables of a dashboard of metrics."""
    return [
        panels.source("metrics", "Metrics", "prometheus", "Prometheus, Mimir or VictoriaMetrics."),
        panels.form(),
        panels.labels(
            "team",
            "Team",
            values_of("flow_run_count", "team"),
            "The resource attribute `team` of your workflows, if the store makes a label of it.",
            every=".*",
        ),
        panels.labels(
            "repository",
            "Repository",
            f'label_values({{__name__=~"{_SEEN}",team=~"$team"}}, github_repository)',
            "Repositories in the time range; those of the team if one is chosen.",
        ),
        *more,
    ]


def values_of(metric: str, label: str, more: str = "") -> str:
    """Return a query for the values of a label; ``more`` are further conditions of its series."""
    # Both names, so that it works for any form of the metric.
    conditions = ",".join(filter(None, (f'__name__=~"{metric}(_total)?"', more)))
    return f"label_values({{{conditions}}}, {label})"


def sweep_variable() -> Any:
    """Return the variable for the time in which a sweep has read open work at least once."""
    return panels.choice(
        "sweep",
        "Last sweep within",
        ("2h", "1d", "8d"),
        "Open work is read by sweeps: choose somewhat more than the time between two of them.",
    )


def at_least_zero(expression: str) -> str:
    """Return 0 instead of nothing, for a count of things that may never have happened."""
    return f"{expression} or vector(0)"


def failures(query: Query, window: str, by: Sequence[str] = ()) -> str:
    """Return the share of runs that failed, among those that came to a result."""
    failed = query.only({"cicd.pipeline.result=~": FAILED}).total("flow.run.count", window, by)
    ended = query.only({"cicd.pipeline.result=~": f"success|{FAILED}"})
    return query.share(failed, ended.total("flow.run.count", window, by))
