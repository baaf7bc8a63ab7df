"""Each query of the dashboards and alerts in real stores that hold the demo and a quarter.

The stores have the metrics in each form: gauges, deltas and totals in Prometheus, gauges in
VictoriaMetrics. Known values are counted from the facts of the quarter.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from tests.backends.programs import Running, send
from tests.backends.quarter_stores import FORMS, Store, step_metrics, stores
from tests.support.grafana import EVERYTHING, METRICS, ROOT, Target, explored, links_of, targets
from tests.support.quarter import DAYS, PLATFORM, REPOSITORIES, JobFact, Quarter
from tests.support.stored_demo import demo_exports, quantile_of_buckets
from tests.support.victoria import BINARY
from tests.support.waiting import until

from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.otlp.series import boundaries
from flow_telemetry.telemetry import EncodedRequest, Signal

# Four stores are filled before the first test of each.
pytestmark = pytest.mark.timeout(600)
QUARTER = {repository.full_name for repository in REPOSITORIES.values()}
TARGETS = [target for path in METRICS for target in targets(path)]
BOUNDS = {i.name: boundaries(i) for i in INSTRUMENTS}
VALUES = {
    **EVERYTHING,
    "__range": f"{DAYS}d",
    "sweep": "2h",
    "repository": f"({'|'.join(sorted(QUARTER))})",
}
# The store of the demo, whose repository is none of the quarter's.
WITH_DEMO = {**VALUES, "repository": f"({'|'.join(sorted({*QUARTER, 'acme/shop'}))})"}
QUANTILE = "histogram_quantile"
Result = Mapping[tuple[str, ...], float]
T = TypeVar("T")


@dataclass(frozen=True)
class Filled:
    """The stores, and what is in them: the quarter, and the durations of the demo's steps."""

    stores: Callable[[str], Store]
    quarter: Quarter
    steps: Mapping[tuple[str, str, str], list[float]]


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, demo_requests: Sequence[EncodedRequest]
) -> Iterator[Filled]:
    """Stores of each form."""
    folder = tmp_path_factory.mktemp("stores")
    now = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=1)
    quarter = Quarter(now)
    demo, _ = demo_exports(tmp_path_factory.mktemp("demo"))
    of_steps, steps = step_metrics(folder, demo_requests, now)
    with stores(folder, quarter, demo, [of_steps]) as found:
        yield Filled(found, quarter, steps)


def of(filled: Filled, form: str) -> Store:
    """Return the store of a form."""
    if form == "victoria" and BINARY is None:
        pytest.skip("no victoria-metrics on PATH; .ci/victoria-metrics fetches it")
    return filled.stores(form)


def _name(value: Any) -> str:
    if isinstance(value, Target):
        return f"{value.file} {value.title} {value.ref}"
    return str(value)


@pytest.mark.parametrize("form", FORMS)
def test_no_panel_is_empty(form: str, filled: Filled) -> None:
    """Nor is a query, but for quantiles, which gauges do not have."""
    store, now = of(filled, form), filled.quarter.now
    panels: dict[tuple[str, str], bool] = {}
    for target in TARGETS:
        expression = target.filled({**WITH_DEMO, "form": store.form})
        if target.instant:
            found = [value for _, value in store.instant(expression, now)]
        else:
            start = now - timedelta(days=DAYS)
            series = store.over(expression, start, now, target.interval)
            found = [value for _, values in series for value in values]
        has_values = any(map(math.isfinite, found))
        only_quantiles = target.text.startswith(QUANTILE) and form in ("gauges", "victoria")
        assert has_values != only_quantiles, target
        panel = (target.file, target.title)
        panels[panel] = panels.get(panel, False) or has_values
    assert all(panels.values())
    assert len(panels) > 60


# Counts by hand, from the facts of the quarter.


def by(
    facts: Iterable[T], key: Callable[[T], tuple[str, ...]]
) -> Mapping[tuple[str, ...], list[T]]:
    """Return facts by a key."""
    groups: dict[tuple[str, ...], list[T]] = defaultdict(list)
    for fact in facts:
        groups[key(fact)].append(fact)
    return groups


def mean(
    facts: Iterable[T], key: Callable[[T], tuple[str, ...]], of: Callable[[T], float]
) -> Result:
    """Return means by a key."""
    return {k: statistics.fmean(map(of, group)) for k, group in by(facts, key).items()}


def total(
    facts: Iterable[T], key: Callable[[T], tuple[str, ...]], of: Callable[[T], float]
) -> Result:
    """Return sums by a key."""
    return {k: sum(map(of, group)) for k, group in by(facts, key).items()}


def nothing(_: object) -> tuple[str, ...]:
    return ()


def repository(fact: Any) -> tuple[str, ...]:
    return (fact.repository,)


def workflow(fact: JobFact) -> tuple[str, ...]:
    return (fact.workflow, fact.repository)


def labels(fact: JobFact) -> tuple[str, ...]:
    return (fact.labels,)


def task(fact: JobFact) -> tuple[str, ...]:
    return (fact.workflow, fact.name, fact.repository)


def attempts(quarter: Quarter) -> list[list[JobFact]]:
    """Return the jobs of each attempt."""
    return list(by(quarter.jobs, lambda job: (str(job.run), str(job.attempt))).values())


def ran(jobs: list[JobFact]) -> float:
    """Return the time from the start of the first job to the end of the last."""
    return max(j.queued + j.seconds for j in jobs) - min(j.queued for j in jobs)


def failed(jobs: list[JobFact]) -> bool:
    return any(job.cause for job in jobs)


def of_attempts(
    quarter: Quarter, of: Callable[[list[JobFact]], float], fold: Callable[[list[float]], float]
) -> Result:
    """Return a value of the attempts of each workflow."""
    groups = by(attempts(quarter), lambda jobs: workflow(jobs[0]))
    return {key: fold([of(jobs) for jobs in group]) for key, group in groups.items()}


def cost(job: JobFact) -> float:
    return math.ceil(job.seconds / 60) * job.price


def minutes(job: JobFact) -> float:
    return math.ceil(job.seconds / 60) * (2 if "windows" in job.labels else 1)


def quantile(name: str, share: float, values: Sequence[float]) -> float:
    """Return a quantile as buckets have it."""
    bounds = BOUNDS[name]
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(value > bound for bound in bounds)] += 1
    return quantile_of_buckets(bounds, counts, share)


def recent(quarter: Quarter, facts: Iterable[Any], days: float = 30) -> list[Any]:
    """Return facts of the last days."""
    return [fact for fact in facts if fact.at > quarter.now - timedelta(days=days)]


def per_repository(quarter: Quarter, value: Callable[[list[Any]], float | None]) -> Result:
    """Return a value of the deployments of 30 days of each repository."""
    groups = by(recent(quarter, quarter.deployments), repository)
    values = {key: value(group) for key, group in groups.items()}
    return {key: found for key, found in values.items() if found is not None}


def failure_rate(deployments: list[Any]) -> float:
    failed = [d for d in deployments if not d.succeeded or d.rollback]
    return len(failed) / len(deployments)


def lead_time(deployments: list[Any]) -> float | None:
    times = [seconds for d in deployments for seconds in d.lead_times]
    return statistics.fmean(times) if times else None


def restore(deployments: list[Any]) -> float | None:
    times = [d.restore for d in deployments if d.restore is not None]
    return statistics.fmean(times) if times else None


def overall(quarter: Quarter, value: Callable[[list[Any]], float | None]) -> Result:
    found = value(recent(quarter, quarter.deployments))
    assert found is not None
    return {(): found}


KNOWN: Mapping[tuple[str, str, str], Callable[[Quarter], Result]] = {
    ("ci-health", "Runs", "A"): lambda q: {(): len(attempts(q))},
    ("ci-health", "Failed runs", "A"): lambda q: {
        (): sum(map(failed, attempts(q))) / len(attempts(q))
    },
    ("ci-health", "Mean wait for a runner", "A"): lambda q: mean(
        q.jobs, nothing, lambda job: job.queued
    ),
    ("ci-health", "Platform errors", "A"): lambda q: total(
        q.jobs, nothing, lambda job: job.cause in PLATFORM
    ),
    ("ci-health", "Re-runs", "A"): lambda q: {(): sum(jobs[0].attempt > 1 for jobs in attempts(q))},
    ("ci-health", "Cost", "A"): lambda q: total(q.jobs, nothing, cost),
    ("ci-health", "Which workflows are slow or fail?", "A"): lambda q: of_attempts(
        q, lambda _: 1, sum
    ),
    ("ci-health", "Which workflows are slow or fail?", "B"): lambda q: of_attempts(
        q, failed, statistics.fmean
    ),
    ("ci-health", "Which workflows are slow or fail?", "C"): lambda q: of_attempts(
        q, ran, statistics.fmean
    ),
    ("ci-health", "Which workflows are slow or fail?", "D"): lambda q: of_attempts(
        q, ran, lambda values: quantile("cicd.pipeline.run.duration", 0.9, values)
    ),
    ("ci-health", "Which runners are too few?", "A"): lambda q: total(q.jobs, labels, lambda _: 1),
    ("ci-health", "Which runners are too few?", "B"): lambda q: mean(
        q.jobs, labels, lambda job: job.queued
    ),
    ("ci-health", "Which runners are too few?", "C"): lambda q: {
        key: quantile("flow.job.queue_time", 0.9, [job.queued for job in group])
        for key, group in by(q.jobs, labels).items()
    },
    ("ci-health", "Which runners are too few?", "E"): lambda q: mean(
        q.jobs, labels, lambda job: job.seconds
    ),
    ("ci-health", "Which runners are too few?", "F"): lambda q: {
        key: quantile("flow.job.duration", 0.9, [job.seconds for job in group])
        for key, group in by(q.jobs, labels).items()
    },
    ("ci-health", "Which workflows are slow or fail?", "F"): lambda q: mean(
        q.jobs, workflow, lambda job: job.queued
    ),
    ("ci-health", "Which jobs fail most?", "A"): lambda q: total(
        [job for job in q.jobs if job.cause], task, lambda _: 1
    ),
    ("ci-health", "Billable minutes by runner label", "A"): lambda q: total(
        [job for job in q.jobs if job.price], labels, minutes
    ),
    ("ci-health", "Most expensive workflows", "A"): lambda q: total(q.jobs, workflow, cost),
    ("ci-health", "Where are tests flaky?", "A"): lambda q: total(
        [job for job in q.jobs if job.flaky], task, lambda job: job.flaky
    ),
    ("ci-health", "Where are tests flaky?", "B"): lambda q: {
        key: sum(job.flaky for job in group) / sum(job.tests for job in group)
        for key, group in by([job for job in q.jobs if job.tests], task).items()
    },
    ("pull-requests", "Open", "A"): lambda q: {(): sum(q.open_changes.values())},
    ("pull-requests", "Merged", "A"): lambda q: total(q.changes, nothing, lambda c: c.merged),
    ("pull-requests", "Closed without merge", "A"): lambda q: total(
        q.changes, nothing, lambda c: not c.merged
    ),
    ("pull-requests", "Mean time to merge", "A"): lambda q: mean(
        [c for c in q.changes if c.merged], nothing, lambda c: c.end
    ),
    ("pull-requests", "Mean time in each phase", "A"): lambda q: {
        ("awaiting-review",): statistics.fmean(c.review for c in q.changes),
        ("awaiting-merge",): statistics.fmean(c.end - c.review for c in q.changes),
    },
    ("pull-requests", "States of pull requests", "A"): lambda q: {
        ("awaiting_review",): sum(c.review for c in q.changes),
        ("awaiting_merge",): sum(c.end - c.review for c in q.changes),
    },
    ("pull-requests", "Waits by repository", "A"): lambda q: total(
        q.changes, repository, lambda c: c.merged
    ),
    ("pull-requests", "Waits by repository", "B"): lambda q: mean(
        q.changes, repository, lambda c: c.review
    ),
    ("pull-requests", "Waits by repository", "C"): lambda q: {
        key: quantile("flow.change.time_to_first_review", 0.5, [c.review for c in group])
        for key, group in by(q.changes, repository).items()
    },
    ("features", "Velocity", "A"): lambda q: {(): len(q.items)},
    ("features", "Mean flow time", "A"): lambda q: mean(q.items, nothing, lambda i: i.cycle),
    ("features", "Flow efficiency", "A"): lambda q: mean(
        q.items, nothing, lambda i: 1 - i.blocked / i.cycle
    ),
    ("features", "Flow load", "A"): lambda _: {(): 4 * len(QUARTER)},
    ("features", "Oldest item in progress", "A"): lambda _: {(): 12 * 86_400},
    ("features", "Features closed", "A"): lambda q: {(): len(q.features)},
    ("features", "Features", "A"): lambda q: total(
        q.features, lambda f: (f.key,), lambda f: f.seconds
    ),
    ("features", "Features", "F"): lambda q: total(
        q.features, lambda f: (f.key,), lambda f: f.changes
    ),
    ("features", "Time blocked by cause", "A"): lambda q: {
        ("flag",): sum(i.blocked for i in q.items)
    },
    ("features", "Flow distribution", "A"): lambda q: total(
        q.items,
        lambda i: ({"Story": "feature", "Bug": "defect", "Task": ""}[i.type],),
        lambda _: 1,
    ),
    ("dora", "Deployments a day", "A"): lambda q: overall(
        q, lambda found: sum(d.succeeded for d in found) / 30
    ),
    ("dora", "Lead time for changes", "A"): lambda q: {
        (): quantile(
            "flow.deployment.lead_time",
            0.5,
            [s for d in recent(q, q.deployments) for s in d.lead_times],
        )
    },
    ("dora", "Lead time for changes", "B"): lambda q: overall(q, lead_time),
    ("dora", "Change failure rate", "A"): lambda q: overall(q, failure_rate),
    ("dora", "Time to restore", "B"): lambda q: overall(q, restore),
    ("dora", "Rework", "A"): lambda q: overall(
        q, lambda found: sum(d.rollback for d in found) / sum(d.succeeded for d in found)
    ),
    ("dora", "The four keys by repository, last 30 days", "A"): lambda q: per_repository(
        q, lambda found: sum(d.succeeded for d in found) / 30
    ),
    ("dora", "The four keys by repository, last 30 days", "B"): lambda q: per_repository(
        q, lead_time
    ),
    ("dora", "The four keys by repository, last 30 days", "C"): lambda q: per_repository(
        q, failure_rate
    ),
    ("dora", "The four keys by repository, last 30 days", "D"): lambda q: per_repository(
        q, restore
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_known_values_are_right(form: str, filled: Filled) -> None:
    """As one counts them from the facts; a total that did not change shows as 0."""
    store, quarter = of(filled, form), filled.quarter
    asked = {(target.file, target.title, target.ref): target for target in TARGETS}
    wrong = {}
    for place, count in KNOWN.items():
        target = asked[place]
        if target.text.startswith(QUANTILE) and form in ("gauges", "victoria"):
            continue
        expression = target.filled({**VALUES, "form": store.form})
        found = {
            tuple(value for _, value in sorted(metric.items())) or (): value
            for metric, value in store.instant(expression, quarter.now)
        }
        expected = count(quarter)
        assert expected, place
        # A label that is missing has no value to sort.
        found = {key or (("",) if ("",) in expected else ()): v for key, v in found.items()}
        moved = {key: v for key, v in found.items() if v or key in expected}
        if moved != pytest.approx(expected, rel=1e-6):
            wrong[place] = (moved, expected)
    assert wrong == {}


@pytest.mark.parametrize("form", FORMS)
def test_bars_count_everything_once(form: str, filled: Filled) -> None:
    """The bars of a graph add up to the number of the whole time."""
    store, quarter = of(filled, form), filled.quarter
    expected = {
        "Merged pull requests by repository": total(
            quarter.changes, repository, lambda c: c.merged
        ),
        "Failures by cause": total(
            [job for job in quarter.jobs if job.cause], lambda job: (job.cause,), lambda _: 1
        ),
        "Cost by repository": total(quarter.jobs, repository, cost),
    }
    for target in TARGETS:
        if target.title not in expected:
            continue
        expression = target.filled({**VALUES, "form": store.form})
        start = quarter.now - timedelta(days=DAYS)
        series = store.over(expression, start, quarter.now, target.interval)
        found = {tuple(metric.values()): sum(values) for metric, values in series}
        assert found == pytest.approx(expected[target.title]), target


@pytest.mark.parametrize("form", FORMS)
def test_the_last_point_of_a_line_is_the_number_of_the_key(form: str, filled: Filled) -> None:
    """The lines of DORA are over 7 and 30 days, whatever the distance of the points is."""
    store, quarter = of(filled, form), filled.quarter
    (line,) = (t for t in TARGETS if (t.title, t.ref) == ("Change failure rate over time", "B"))
    expression = line.filled({**VALUES, "form": store.form})
    start = quarter.now - timedelta(days=60)
    ((_, values),) = store.over(expression, start, quarter.now, "1d")
    assert values[-1] == pytest.approx(failure_rate(recent(quarter, quarter.deployments)))
    assert len(values) == 61


@pytest.mark.parametrize("form", FORMS)
def test_a_repository_can_be_chosen(form: str, filled: Filled) -> None:
    """And then nothing of the others counts."""
    store, quarter = of(filled, form), filled.quarter
    for place, facts in (
        (("ci-health", "Which jobs fail most?", "A"), [j for j in quarter.jobs if j.cause]),
        (("features", "Velocity", "A"), quarter.items),
        (("dora", "Deployments by result", "A"), quarter.deployments),
    ):
        (target,) = (t for t in TARGETS if (t.file, t.title, t.ref) == place)
        values = {**VALUES, "repository": "acme/web", "__interval": "90d", "form": store.form}
        expression = target.filled(values).replace("[7d]", "[90d]").replace(" 7d)", " 90d)")
        found = sum(value for _, value in store.instant(expression, quarter.now))
        assert found == len([f for f in facts if f.repository == "acme/web"])


@pytest.mark.parametrize("form", FORMS)
def test_a_team_has_its_repositories(form: str, filled: Filled) -> None:
    """As Grafana asks for the values of the variable: by the series of the team."""
    store, quarter = of(filled, form), filled.quarter
    data = store.get(
        "/api/v1/series",
        **{"match[]": '{__name__=~"flow_run_count(_total)?",team=~"checkout"}'},
        start=str((quarter.now - timedelta(days=DAYS)).timestamp()),
        end=str(quarter.now.timestamp()),
    )
    assert {series["github_repository"] for series in data} == {"acme/web", "acme/billing"}


@pytest.mark.parametrize("form", FORMS)
def test_the_slowest_steps_are_the_demo_s(form: str, filled: Filled) -> None:
    """Of the metrics that a real Collector makes of spans; ten of them are shown."""
    store = of(filled, form)
    (target,) = (t for t in TARGETS if t.title == "Slowest steps")
    found = {
        (metric["cicd_pipeline_name"], metric["flow_job_name"], metric["span_name"]): value
        for metric, value in store.instant(target.filled(VALUES), filled.quarter.now)
    }
    means = {where: statistics.fmean(times) for where, times in filled.steps.items()}
    slowest = sorted(means.values(), reverse=True)[:10]
    assert sorted(found.values(), reverse=True) == pytest.approx(slowest)
    assert {where: means[where] for where in found} == pytest.approx(found)


def test_a_link_finds_the_trace_of_its_feature(
    jaeger: Running, demo_requests: Sequence[EncodedRequest]
) -> None:
    """The search of the link, as Grafana sends it to a real Jaeger."""
    send(jaeger.otlp, [each for each in demo_requests if each.signal is Signal.TRACES])
    _, link, _ = links_of(ROOT / "dashboards" / "features.json", "Features")
    query = explored(link["url"], "acme/shop#100")
    tags = dict(tag.split("=", 1) for tag in query["tags"].split())
    found: list[Any] = []
    now = datetime.now(timezone.utc)

    def is_there() -> bool:
        found[:] = jaeger.get(
            "/api/traces",
            service=query["service"],
            tags=json.dumps(tags),
            start=str(int((now - timedelta(days=DAYS)).timestamp() * 1e6)),
            end=str(int(now.timestamp() * 1e6)),
        )["data"]
        return bool(found)

    until(is_there, "the search finds nothing")
    (trace,) = found
    kinds = {
        tag["value"] for s in trace["spans"] for tag in s["tags"] if tag["key"] == "flow.trace"
    }
    assert kinds == {"feature"}


# The rules of the alerts


def rules(name: str) -> dict[str, str]:
    """Return the expressions of a file of rules by their names."""
    content = yaml.safe_load((ROOT / "alerts" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {
        rule.get("record") or rule["alert"]: rule["expr"]
        for group in content["groups"]
        for rule in group["rules"]
    }


@pytest.mark.parametrize("form", FORMS)
def test_recorded_sums_are_right(form: str, filled: Filled) -> None:
    """Each file for the stores of its form."""
    store, quarter = of(filled, form), filled.quarter
    recorded = rules(f"recorded-{'gauges' if form == 'victoria' else form}")
    three_days = recent(quarter, quarter.jobs, 3)
    a_day = [
        jobs
        for jobs in attempts(quarter)
        if jobs[0].branch == "default" and recent(quarter, jobs, 1)
    ]
    week = recent(quarter, quarter.changes, 7)
    expected: Mapping[str, Result] = {
        "flow:waits:sum3d": total(three_days, labels, lambda _: 1),
        "flow:slow_waits:sum3d": total(three_days, labels, lambda job: job.queued > 300),
        "flow:runs:sum1d": {
            key: len(found) for key, found in by(a_day, lambda j: workflow(j[0])).items()
        },
        "flow:time_to_first_review_seconds:mean7d": mean(week, repository, lambda c: c.review),
    }
    for name, values in expected.items():
        found = {
            tuple(value for _, value in sorted(metric.items())): value
            for metric, value in store.instant(recorded[name], quarter.now)
            if metric.get("github_repository", "acme/web") in QUARTER
        }
        if "waits" in name:  # The demo's jobs have other labels.
            found = {key: value for key, value in found.items() if key in values}
        assert {k: v for k, v in found.items() if v or k in values} == pytest.approx(values), name
    # All others are executed as well.
    for name, expression in recorded.items():
        store.instant(expression, quarter.now)
        assert name.startswith("flow:")


@pytest.mark.parametrize("form", FORMS)
def test_alerts_on_open_work_fire(form: str, filled: Filled) -> None:
    """In each repository a job waits since two hours, and another has run for seven."""
    store, quarter = of(filled, form), filled.quarter
    alerts = rules("alerts")
    for name, seconds in (("RunIsStuck", 7 * 3600), ("JobGetsNoRunner", 2 * 3600)):
        found = store.instant(alerts[name], quarter.now)
        assert {metric["github_repository"] for metric, _ in found} == QUARTER
        assert {value for _, value in found} == {seconds}
    store.instant(alerts["PullRequestForgotten"], quarter.now)


def test_every_alert_is_tried() -> None:
    """Here, or by the unit tests of the rules."""
    own = Path(__file__).read_text(encoding="utf-8")
    units = (Path(__file__).parent / "test_alerts.py").read_text(encoding="utf-8")
    assert [name for name in rules("alerts") if f'"{name}"' not in own + units] == []
    assert Counter(rule.split(":")[0] for rule in rules("recorded-gauges")) == {"flow": 12}
