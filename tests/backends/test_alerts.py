"""Unit tests of the rules, by Prometheus's own promtool: when an alert fires, and when not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.backends.programs import LONGEST_WAIT_SECONDS, binary
from tests.support.grafana import ROOT

pytestmark = pytest.mark.timeout(300)  # promtool takes some seconds for each day.
FORMS = ("gauges", "deltas", "totals")
ALERTS = ROOT / "alerts" / "alerts.yaml"
QUEUE = {"flow_runner_labels": "ubuntu-24.04"}
WORKFLOW = {"github_repository": "acme/shop", "cicd_pipeline_name": "CI"}
SHOP = {"github_repository": "acme/shop"}
Series = Mapping[str, str]


def run(*words: str) -> str:
    """Return what promtool prints (AssertionError: it failed)."""
    done = subprocess.run(
        [str(binary("promtool")), *words],
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "alerts").glob("*.yaml")), ids=lambda p: p.stem)
def test_prometheus_loads_the_rules(path: Path) -> None:
    """Expressions and templates of texts."""
    assert "SUCCESS" in run("check", "rules", "--lint=all", "--lint-fatal", str(path))


def firing(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """Return the series of an alert that fires."""
    own = {"alertname": name, "alertstate": "firing", "severity": severity, **labels}
    return {"labels": f"ALERTS{selector(own)}", "value": 1}


def selector(labels: Mapping[str, str]) -> str:
    return f"{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}"


def try_rules(
    folder: Path,
    form: str,
    series: Series,
    at: str,
    expected: Sequence[dict[str, Any]],
    expression: str = 'ALERTS{alertstate="firing"}',
) -> None:
    """Assert which alerts fire at a time of minutes with samples, or an expression's values."""
    content = {
        "rule_files": [str(ALERTS), str(ROOT / "alerts" / f"recorded-{form}.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": expression,
                        "eval_time": at,
                        "exp_samples": list(expected),
                    }
                ],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert "SUCCESS" in run("test", "rules", str(path))


def waits(form: str, *, slow: bool, fewer: int = 1) -> Series:
    """Return a wait each minute, or each so many minutes, for three hours."""
    gap = f" _x{fewer - 1}" if fewer > 1 else ""
    every = " ".join([f"1{gap}"] * (180 // fewer))
    within = every.replace("1", "0") if slow else every
    seconds = every.replace("1", "400" if slow else "20")
    labels = selector(QUEUE)
    bucket = selector({**QUEUE, "le": "300.0"})
    name = "flow_job_queue_time"
    if form == "gauges":
        return {f"{name}_max_seconds{labels}": seconds}
    if form == "deltas":
        return {f"{name}_seconds_count{labels}": every, f"{name}_seconds_bucket{bucket}": within}
    return {
        f"{name}_seconds_count{labels}": added_up(every),
        f"{name}_seconds_bucket{bucket}": added_up(within),
    }


def added_up(values: str) -> str:
    """Return the totals of samples, as a Collector sends them on."""
    total, found = 0, []
    for value in values.split():
        if value.startswith("_"):
            found.append(value)
            continue
        total += int(value)
        found.append(str(total))
    return " ".join(found)


def counted(form: str, name: str, labels: Mapping[str, str], values: str) -> Series:
    """Return a sum in a form."""
    if form == "gauges":
        return {f"{name}{selector(labels)}": values}
    return {f"{name}_total{selector(labels)}": values if form == "deltas" else added_up(values)}


@pytest.mark.parametrize("form", FORMS)
def test_slow_runners_burn_the_budget(form: str, tmp_path: Path) -> None:
    """Within three hours the fast alerts fire, and the slow one as well."""
    expected = [
        firing("JobsWaitTooLong1h", "page", **QUEUE),
        firing("JobsWaitTooLong6h", "page", **QUEUE),
        firing("JobsWaitTooLong3d", "ticket", **QUEUE),
    ]
    try_rules(tmp_path, form, waits(form, slow=True), "2h30m", expected)


@pytest.mark.parametrize("form", FORMS)
def test_fast_runners_and_few_jobs_are_quiet(form: str, tmp_path: Path) -> None:
    """Of few jobs nothing can be said: here one in 50 minutes."""
    try_rules(tmp_path, form, waits(form, slow=False), "2h30m", [])
    try_rules(tmp_path, form, waits(form, slow=True, fewer=50), "2h30m", [])


@pytest.mark.parametrize("form", FORMS)
def test_a_broken_default_branch(form: str, tmp_path: Path) -> None:
    """Three of eight runs of a day failed; pull requests do not count."""
    name = "flow_run_count"
    common = {**WORKFLOW, "flow_branch": "default"}
    series = {
        **counted(form, name, {**common, "cicd_pipeline_result": "success"}, "1 _ 1 _ 1 _ 1 _ 1"),
        **counted(form, name, {**common, "cicd_pipeline_result": "failure"}, "1 _x3 1 _ 1"),
        **counted(
            form,
            name,
            {**WORKFLOW, "flow_branch": "other", "cicd_pipeline_result": "failure"},
            "1 1 1 1",
        ),
    }
    try_rules(tmp_path, form, series, "30m", [firing("DefaultBranchFails", "ticket", **WORKFLOW)])
    # A day later nothing of it is left.
    try_rules(tmp_path, form, series, "25h", [])


@pytest.mark.parametrize("form", FORMS)
def test_errors_of_the_platform(form: str, tmp_path: Path) -> None:
    """Five within an hour, in two repositories."""
    cause = {"cicd_system_component": "agent", "error_type": "runner_lost"}
    series: dict[str, str] = {}
    for repository, values in (("acme/shop", "1 _ 1 1"), ("acme/web", "1 _x4 1")):
        series |= counted(
            form, "cicd_system_errors", {"github_repository": repository, **cause}, values
        )
    try_rules(tmp_path, form, series, "20m", [firing("PlatformErrors", "page", **cause)])
    try_rules(tmp_path, form, dict([series.popitem()]), "20m", [])


@pytest.mark.parametrize("form", FORMS)
def test_long_waits_for_a_review(form: str, tmp_path: Path) -> None:
    """Three days on average."""
    name, labels = "flow_change_time_to_first_review", selector(SHOP)
    total, count = "172800 _ 345600", "1 _ 1"
    if form == "totals":
        total, count = added_up(total), added_up(count)
    series = {f"{name}_seconds_sum{labels}": total, f"{name}_seconds_count{labels}": count}
    if form == "gauges":
        series = {f"{name}_sum_seconds{labels}": total, f"{name}_count{labels}": count}
    try_rules(tmp_path, form, series, "20m", [firing("ReviewsTakeLong", "ticket", **SHOP)])


@pytest.mark.parametrize(
    ("values", "waits_of_an_hour"),
    [
        ("100 _x89 105", 5),  # added up
        ("_x90 3", 3),  # new
        ("100 _x89 7", 7),  # after a restart of the Collector
        ("100 _x100", None),  # nothing for more than an hour
    ],
)
def test_totals_of_an_hour(values: str, waits_of_an_hour: int | None, tmp_path: Path) -> None:
    """A total that is smaller than before began at zero again."""
    series = {f"flow_job_queue_time_seconds_count{selector(QUEUE)}": values}
    name = "flow:waits:sum1h"
    expected = [{"labels": f"{name}{selector(QUEUE)}", "value": waits_of_an_hour}]
    found = expected if waits_of_an_hour is not None else []
    try_rules(tmp_path, "totals", series, "95m", found, name)


def test_open_work_that_is_stuck(tmp_path: Path) -> None:
    """As sweeps read it, hourly; what is younger is left alone."""
    job = {**WORKFLOW, **QUEUE}
    age = "flow_job_active_age_seconds"
    phase = "flow_change_phase_age_seconds"
    series = {
        f"{age}{selector({**job, 'flow_job_state': 'in_progress'})}": "25000 _x59 28600",
        f"{age}{selector({**job, 'flow_job_state': 'queued'})}": "4000 _x59 7600",
        f"{phase}{selector({**SHOP, 'flow_phase': 'awaiting-review'})}": "300000 _x59 303600",
        f"{phase}{selector({**SHOP, 'flow_phase': 'draft'})}": "9000000 _x59 9003600",
    }
    expected = [
        firing("PullRequestForgotten", "ticket", **SHOP),
        firing("RunIsStuck", "ticket", **job),
        firing("JobGetsNoRunner", "page", **job),
    ]
    try_rules(tmp_path, "gauges", series, "90m", expected)
    young = dict.fromkeys(series, "60 _x59 3500")
    try_rules(tmp_path, "gauges", young, "90m", [])
