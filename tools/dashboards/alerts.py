"""Prometheus rules: recorded sums of runs, waits and reviews, and the alerts on them.

A metric has one of three forms in a store (`promql.Form`), so there are three files with recording
rules, of which a user loads one, and one file with alerts on what they record. Open work is a gauge
in every form, and needs no recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from tools.dashboards.promql import BY_NAME, Form, Query, label, prometheus_name
from tools.dashboards.shared import FAILED

# The objective: of all jobs, this share gets a runner within this time.
OBJECTIVE, WITHIN_SECONDS = 0.95, 300
# Burn rates after https://sre.google/workbook/alerting-on-slos/: a budget of 30 days is gone in two
# days, in five days, or in a little less than 30.
BURNS = (
    ("1h", "10m", 14.4, "page", 10),
    ("6h", "1h", 6.0, "page", 20),
    ("3d", "6h", 1.0, "ticket", 50),
)
QUEUE_WINDOWS = ("10m", "1h", "6h", "3d")
MOST_FAILURES, FEWEST_RUNS = 0.25, 8
LABELS = ("flow.runner.labels",)
WORKFLOW = ("github.repository", "cicd.pipeline.name")
HOUR, DAY = 3600, 86_400
_HEAD = {
    Form.GAUGES: (
        "Recorded sums for a store that has gauges: Prometheus without flags, Mimir, Grafana\n"
        "# Cloud, VictoriaMetrics. A wait counts as slow if the longest of its export was."
    ),
    Form.DELTAS: (
        "Recorded sums for a store that has deltas: Prometheus with otlp-native-delta-ingestion."
    ),
    Form.TOTALS: (
        "Recorded sums for a store that has totals, by a Collector with delta_to_cumulative."
    ),
}
_MADE = "Made by `make dashboards`; docs/guides/dashboards.md describes it."

Rule = dict[str, Any]


def files() -> dict[str, str]:
    """Return the content of each file of rules by its name."""
    recorded = {
        f"recorded-{form.value}.yaml": _text(head, "flow-telemetry recorded", recordings(form))
        for form, head in _HEAD.items()
    }
    head = "Alerts on one of the files recorded-*.yaml, and on open work that sweeps read."
    return {**recorded, "alerts.yaml": _text(head, "flow-telemetry alerts", list(alerts()))}


def recordings(form: Form) -> list[Rule]:
    """Return the recording rules for a form of metrics."""
    query = Query(form=form)
    failed = query.only({"cicd.pipeline.result=~": FAILED, "flow.branch": "default"})
    ended = query.only({"cicd.pipeline.result=~": f"success|{FAILED}", "flow.branch": "default"})
    rules = []
    for window in QUEUE_WINDOWS:
        slow, waits = _waits(query, window)
        rules.append(_recorded(f"flow:waits:sum{window}", waits))
        rules.append(_recorded(f"flow:slow_waits:sum{window}", slow))
    rules += [
        _recorded("flow:runs:sum1d", ended.total("flow.run.count", "1d", WORKFLOW)),
        _recorded("flow:failed_runs:sum1d", failed.total("flow.run.count", "1d", WORKFLOW)),
        _recorded(
            "flow:system_errors:sum1h",
            query.total("cicd.system.errors", "1h", ("cicd.system.component", "error.type")),
        ),
        _recorded(
            "flow:time_to_first_review_seconds:mean7d",
            query.mean("flow.change.time_to_first_review", "7d", ("github.repository",)),
        ),
    ]
    return rules


def alerts() -> Iterator[Rule]:
    """Yield the alerts."""
    for long, short, burn, severity, fewest in BURNS:
        yield _alert(
            f"JobsWaitTooLong{long.capitalize()}",
            f"{_above(long, burn)}\n  and {_above(short, burn)}"
            f"\n  and flow:waits:sum{long} >= {fewest}",
            severity=severity,
            summary="Jobs on {{ $labels.flow_runner_labels }} wait too long for a runner",
            description=(
                f"{{{{ $value | humanizePercentage }}}} of the jobs of {long} waited more than "
                f"{WITHIN_SECONDS // 60} minutes; the objective is {1 - OBJECTIVE:.0%} at most. "
                "Add runners with these labels, or look for jobs that occupy them."
            ),
        )
    yield _alert(
        "DefaultBranchFails",
        f"flow:failed_runs:sum1d / flow:runs:sum1d > {MOST_FAILURES}\n"
        f"  and flow:runs:sum1d >= {FEWEST_RUNS}",
        severity="ticket",
        summary="{{ $labels.cicd_pipeline_name }} fails on the default branch of "
        "{{ $labels.github_repository }}",
        description=(
            "{{ $value | humanizePercentage }} of the runs of a day failed. Repair or revert "
            "before the next merge: everybody's pull requests fail by it."
        ),
    )
    yield _alert(
        "PlatformErrors",
        "sum by (cicd_system_component, error_type) (flow:system_errors:sum1h) >= 5",
        severity="page",
        summary="CI fails by {{ $labels.error_type }} ({{ $labels.cicd_system_component }})",
        description=(
            "{{ $value }} failures of an hour were not the code's. For `agent` look at the "
            "runners, for `scheduler` at their number, for `github` at githubstatus.com."
        ),
    )
    yield _alert(
        "ReviewsTakeLong",
        f"flow:time_to_first_review_seconds:mean7d > {2 * DAY}",
        severity="ticket",
        summary="Pull requests of {{ $labels.github_repository }} wait long for a review",
        description=(
            "The first review came after {{ $value | humanizeDuration }}, mean of seven days. "
            "Agree on a time for reviews, or on smaller pull requests."
        ),
    )
    yield from _alerts_on_open_work()


def _alerts_on_open_work() -> Iterator[Rule]:
    waiting = _oldest(
        "flow.change.phase.age", 'flow_phase="awaiting-review"', ("github.repository",)
    )
    yield _alert(
        "PullRequestForgotten",
        f"{waiting} > {3 * DAY}",
        severity="ticket",
        summary="A pull request of {{ $labels.github_repository }} has no review",
        description=(
            "The one that waits longest has waited for {{ $value | humanizeDuration }}. Review or "
            "close it."
        ),
    )
    by = ("github.repository", "cicd.pipeline.name", "flow.runner.labels")
    running = _oldest("flow.job.active.age", 'flow_job_state="in_progress"', by)
    queued = _oldest("flow.job.active.age", 'flow_job_state="queued"', by)
    yield _alert(
        "RunIsStuck",
        f"{running} > {6 * HOUR}",
        severity="ticket",
        summary="A job of {{ $labels.cicd_pipeline_name }} in {{ $labels.github_repository }} "
        "is stuck",
        description=(
            "It has run for {{ $value | humanizeDuration }}. Cancel it, and set `timeout-minutes`: "
            "GitHub's own limit is six hours, or five days on your runners."
        ),
    )
    yield _alert(
        "JobGetsNoRunner",
        f"{queued} > {HOUR}",
        severity="page",
        summary="A job of {{ $labels.cicd_pipeline_name }} in {{ $labels.github_repository }} "
        "gets no runner",
        description=(
            "It has waited for {{ $value | humanizeDuration }} for a runner with the labels "
            "{{ $labels.flow_runner_labels }}. No runner has them, or all are busy."
        ),
    )


def _waits(query: Query, window: str) -> tuple[str, str]:
    """Return the slow waits and all waits for a runner, by label."""
    name = "flow.job.queue_time"
    if query.form is not Form.GAUGES:
        every = query.count(name, window, LABELS)
        fast = query.up_to(WITHIN_SECONDS, name, window, LABELS)
        return f"{every}\n  - ({fast})", every
    # Gauges have no buckets, and one sample for each export and job: a minute at a time, each
    # sample is seen once, and is slow if the longest of its waits is.
    longest = prometheus_name(f"{name}.max", BY_NAME[name].unit, "gauge")
    by = ", ".join(map(label, LABELS))
    slow = f"last_over_time({longest}[1m]) > bool {WITHIN_SECONDS}"
    return (
        f"sum by ({by}) (sum_over_time(({slow})[{window}:1m]))",
        f"sum by ({by}) (count_over_time({longest}[{window}]))",
    )


def _above(window: str, burn: float) -> str:
    limit = round(burn * (1 - OBJECTIVE), 4)
    return f"flow:slow_waits:sum{window} / (flow:waits:sum{window} > 0) > {limit}"


def _oldest(name: str, matcher: str, by: Sequence[str]) -> str:
    series = prometheus_name(name, BY_NAME[name].unit, "gauge")
    labels = ", ".join(map(label, by))
    # Somewhat more than the time between two sweeps.
    return f"max by ({labels}) (last_over_time({series}{{{matcher}}}[2h]))"


def _recorded(name: str, expression: str) -> Rule:
    return {"record": name, "expr": expression}


def _alert(name: str, expression: str, *, severity: str, summary: str, description: str) -> Rule:
    return {
        "alert": name,
        "expr": expression,
        "for": "5m",
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": description},
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def _text(head: str, group: str, rules: Sequence[Rule]) -> str:
    content = {"groups": [{"name": group, "interval": "1m", "rules": list(rules)}]}
    body = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1_000, allow_unicode=True)
    return f"# {head}\n# {_MADE}\n{body}"
