"""Each documented query, executed in a real VictoriaMetrics, counts what one counts by hand."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.metrics import MetricPoint
from tests.fakes.spans import SpanRecord
from tests.support.stored_demo import (
    DAY,
    DemoExport,
    demo_exports,
    quantile_of_buckets,
    samples,
    store_deltas,
    store_gauges,
    store_totals,
)
from tests.support.victoria import MARKS, asked, queried, victoria_metrics
from tools.dashboards.promql import prometheus_name

from flow_telemetry.mapping.instruments import INSTRUMENTS

DOCS = Path(__file__).parents[2] / "docs"
FAILED = ("failure", "error", "timeout")
WORKFLOW, TASK, KIND = "cicd.pipeline.name", "cicd.pipeline.task.name", "flow.work_item.flow_type"
PRODUCTION = {"flow.deployment.production": True}
# Longer than the ten days of the demo; by default it keeps a month.
KEEP = "-retentionPeriod=3"

Result = Mapping[str, float]


def documented(language: str) -> Iterator[tuple[str, str]]:
    """Yield the comment of each documented query, and the query."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL):
            for part in re.split(r"\n\n", block.strip("\n")):
                comment, _, query = part.partition("\n")
                assert comment.startswith("# "), part
                yield comment.removeprefix("# "), query


PROMQL = dict(documented("promql"))
METRICSQL = dict(documented("metricsql"))


@dataclass(frozen=True)
class Demo:
    """What the demo sent."""

    exports: list[DemoExport]
    spans: list[SpanRecord]

    def recent(self, name: str) -> list[MetricPoint]:
        """Return the points of a metric of the last seven days."""
        exports = [export for export in self.exports if export.recent]
        return [point for export in exports for point in export.points if point.name == name]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo's exports, made once."""
    return Demo(*demo_exports(tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="module")
def databases(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The addresses of databases by the form in which they keep the demo's metrics."""
    folder = tmp_path_factory.mktemp("stored")
    names = "-opentelemetry.usePrometheusNaming"
    with (
        victoria_metrics(folder / "gauges", KEEP, names) as gauges,
        victoria_metrics(folder / "dots", KEEP) as dots,
        victoria_metrics(folder / "deltas", KEEP) as deltas,
        victoria_metrics(folder / "totals", KEEP, names) as totals,
    ):
        store_gauges(demo.exports, gauges)
        store_gauges(demo.exports, dots)
        store_deltas(demo.exports, deltas)
        store_totals(demo.exports, totals)
        found = {"gauges": gauges, "VictoriaMetrics": dots, "deltas": deltas, "totals": totals}
        for database in found.values():
            asked(f"{database}/internal/force_flush")
        yield found


# Counts by hand, from the points as the receiver got them.


def added(points: list[MetricPoint], label: str, of: Callable[[MetricPoint], float]) -> Result:
    """Return sums by the value of an attribute, an empty text if a point has none."""
    sums: dict[str, float] = {}
    for point in points:
        key = str(point.attributes.get(label, ""))
        sums[key] = sums.get(key, 0) + of(point)
    return sums


def value_of(point: MetricPoint) -> float:
    return point.value


def failed_runs(demo: Demo) -> Result:
    points = demo.recent("flow.run.count")
    failed = [p for p in points if p.attributes.get("cicd.pipeline.result") in FAILED]
    return added(failed, WORKFLOW, value_of)


def mean_queue_time(demo: Demo) -> Result:
    points = demo.recent("flow.job.queue_time")
    counts = added(points, TASK, lambda point: point.count)
    return {task: total / counts[task] for task, total in added(points, TASK, value_of).items()}


def longest_job(demo: Demo) -> Result:
    longest: dict[str, float] = {}
    for point in demo.recent("flow.job.duration"):
        task = str(point.attributes[TASK])
        longest[task] = max(longest.get(task, 0), point.greatest or 0)
    return longest


def closed_items(demo: Demo) -> Result:
    return added(demo.recent("flow.work_item.count"), KIND, value_of)


def cost(demo: Demo) -> Result:
    return {"": sum(point.value for point in demo.recent("flow.job.cost"))}


def quantile(points: list[MetricPoint], share: float) -> Result:
    """Return a quantile as `histogram_quantile` defines it: interpolated within one bucket."""
    counts = [sum(column) for column in zip(*(point.buckets for point in points), strict=True)]
    return {"": quantile_of_buckets(points[0].bounds, counts, share)}


def quantile_of_jobs(demo: Demo) -> Result:
    return quantile(demo.recent("flow.job.duration"), 0.9)


def in_production(points: list[MetricPoint]) -> list[MetricPoint]:
    return [point for point in points if PRODUCTION.items() <= point.attributes.items()]


def median_lead_time(demo: Demo) -> Result:
    return quantile(in_production(demo.recent("flow.deployment.lead_time")), 0.5)


def failure_rate(demo: Demo) -> Result:
    failures = in_production(demo.recent("flow.deployment.failures"))
    kinds = ("rollback", "revert")
    repairs = [
        point
        for point in in_production(demo.recent("flow.deployment.remediations"))
        if point.attributes.get("flow.deployment.kind") in kinds
    ]
    all_of_them = in_production(demo.recent("flow.deployment.count"))
    ended = [p for p in all_of_them if p.attributes["deployment.status"] != "cancelled"]
    return {"": sum(map(value_of, [*failures, *repairs])) / sum(map(value_of, ended))}


EXPECTED: Mapping[str, Callable[[Demo], Result]] = {
    "failed runs of each workflow": failed_runs,
    "mean queue time of each job in seconds": mean_queue_time,
    "longest run of each job in seconds": longest_job,
    "closed work items by kind of work": closed_items,
    "90 % of the runs of jobs are shorter, in seconds": quantile_of_jobs,
    "median lead time for changes in seconds": median_lead_time,
    "cost in USD": cost,
    "change failure rate of production": failure_rate,
}


@pytest.mark.victoriametrics
@pytest.mark.parametrize("comment", [*PROMQL, *METRICSQL])
@pytest.mark.skipif(MARKS[1].args[0], reason=MARKS[1].kwargs["reason"])
def test_a_query_counts_what_was_sent(
    comment: str, demo: Demo, databases: Mapping[str, str]
) -> None:
    """In the last seven days, and nothing of the exports before."""
    form, _, question = comment.partition(": ")
    expected = EXPECTED[question](demo)
    assert expected, f"the demo has nothing for: {question}"
    found = queried(databases[form], {**PROMQL, **METRICSQL}[comment])
    # A query groups by one label, or by none. A total that did not change shows as 0.
    values = {next(iter(labels.values()), ""): value for labels, value in found}
    moved = {group: value for group, value in values.items() if value or group in expected}
    assert moved == pytest.approx(expected)
    assert moved == values or form == "totals"


def test_the_demo_has_both_old_and_recent_failures(demo: Demo) -> None:
    """So that a query that ignores its range, or the first value of a series, is found out.

    The failures in the metrics are the runs whose spans failed.
    """
    everything = [point for export in demo.exports for point in export.points]
    failed = [
        point
        for point in everything
        if point.name == "flow.run.count" and point.attributes["cicd.pipeline.result"] in FAILED
    ]
    spans = {
        span.attributes["flow.reference"]
        for span in demo.spans
        if span.attributes["flow.entity.type"] == "run"
        and span.attributes.get("cicd.pipeline.result") in FAILED
    }
    assert sum(point.value for point in failed) == len(spans)
    recent = sum(failed_runs(demo).values())
    assert 0 < recent < len(spans)


@pytest.mark.victoriametrics
@pytest.mark.skipif(MARKS[1].args[0], reason=MARKS[1].kwargs["reason"])
def test_the_table_of_names_is_what_is_stored(demo: Demo, databases: Mapping[str, str]) -> None:
    """Each name in each column, in a database that keeps that form."""
    page = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    section = page.partition("### Names of the series")[2].partition("###")[0]
    rows = re.findall(
        r"^\| `(flow\.[^`]+)`.*?\| (.*?) \| (.*?) \| (.*?) \|$", section, re.MULTILINE
    )
    assert len(rows) >= 6
    for metric, *columns in rows:
        forms = (("gauges",), ("deltas", "totals"), ("VictoriaMetrics",))
        for column, kept in zip(columns, forms, strict=True):
            for name in re.findall(r"`([^`]+)`", column):
                for form in kept:
                    query = f'count(last_over_time({{__name__="{name}"}}[20d]))'
                    assert queried(databases[form], query), (metric, form, name)


def test_names_follow_the_rules_of_prometheus() -> None:
    """Those of all of our metrics in the documented queries are names that there are."""
    known = set()
    for each in INSTRUMENTS:
        kind = each.kind.value
        name = prometheus_name(each.name, each.unit, kind)
        if kind == "histogram":
            known |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
            gauges = {".count": "{x}", ".sum": each.unit, ".max": each.unit}
            known |= {prometheus_name(each.name + s, u, "gauge") for s, u in gauges.items()}
        else:
            known |= {name, prometheus_name(each.name, each.unit, "gauge")}
    for comment, query in PROMQL.items():
        named = set(re.findall(r"\b(?:flow|cicd)_\w+(?=[{\[])", query))
        assert named, comment
        assert named <= known, comment


@pytest.mark.parametrize("comment", PROMQL)
@pytest.mark.skipif(
    importlib.util.find_spec("promql_parser") is None, reason="no wheel of promql-parser here"
)
def test_a_query_is_promql(comment: str) -> None:
    """By the parser of another project."""
    import promql_parser  # noqa: PLC0415 - has no wheels for some platforms

    promql_parser.parse(PROMQL[comment])


def test_no_page_asks_for_a_rate_of_sparse_series() -> None:
    """`rate` and `increase` do not see the first value of a series."""
    for comment, query in {**PROMQL, **METRICSQL}.items():
        assert not re.search(r"\b(i?rate|increase|i?delta)\s*\(", query), comment
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"\b(rate|increase)\(\w", text), page.name


def test_every_question_is_asked() -> None:
    """And each form has queries."""
    asked_for = {comment.partition(": ")[2] for comment in (*PROMQL, *METRICSQL)}
    assert asked_for == EXPECTED.keys()
    forms = {comment.partition(": ")[0] for comment in PROMQL}
    assert forms == {"gauges", "deltas", "totals"}


def test_samples_are_cumulative_over_buckets(demo: Demo) -> None:
    """As Prometheus keeps a histogram: the last bucket has the count."""
    for point in demo.recent("flow.job.duration"):
        stored = {(name, labels.get("le")): value for name, labels, value in samples(point)}
        name = "flow_job_duration_seconds"
        assert stored[f"{name}_bucket", "+Inf"] == stored[f"{name}_count", None] == point.count
    assert {export.age > 7 * DAY for export in demo.exports} == {True, False}
