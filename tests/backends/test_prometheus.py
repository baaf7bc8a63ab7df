"""The demo's metrics in a real Prometheus: refused deltas, and its two ways to take them."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.fakes.metrics import MetricPoint
from tests.fakes.receiver import Receiver
from tests.support.program import Program, Result
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

NATIVE, ADDING = "otlp-native-delta-ingestion", "otlp-deltatocumulative"


@pytest.fixture
def points(demo_requests: tuple[EncodedRequest, ...]) -> list[MetricPoint]:
    """The points of the demo."""
    with Receiver() as receiver:
        send(receiver.url, (each for each in demo_requests if each.signal is Signal.METRICS))
        return receiver.metrics


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Running]:
    """A Prometheus that refuses deltas, as by default."""
    with programs.prometheus(tmp_path) as running:
        yield running


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Running]:
    """A Prometheus that stores deltas as they are."""
    with programs.prometheus(tmp_path, NATIVE) as running:
        yield running


@pytest.fixture
def adding(tmp_path: Path) -> Iterator[Running]:
    """A Prometheus that adds up deltas."""
    with programs.prometheus(tmp_path, ADDING) as running:
        yield running


def demo_sent(program: Program, backend: Running) -> Result:
    """Send the demo's metrics by the command."""
    result = program.command("demo", "--otlp-endpoint", backend.otlp, "--signals", "metrics")
    assert result.status == 0, result.stderr
    return result


def queried(backend: Running, query: str) -> dict[str, float]:
    """Return the values of a query, by the workflow or job of their series."""
    answer = backend.get("/api/v1/query", query=query)["data"]["result"]
    return {next(iter(each["metric"].values()), ""): float(each["value"][1]) for each in answer}


def settled(backend: Running, query: str) -> dict[str, float]:
    """Return the values of a query as soon as it has any."""
    until(lambda: queried(backend, query), f"nothing is stored for {query}")
    return queried(backend, query)


def failed_runs(points: list[MetricPoint]) -> dict[str, float]:
    """Return how many runs of each workflow failed."""
    counts: Counter[str] = Counter()
    for point in points:
        if point.name == "flow.run.count" and point.attributes["cicd.pipeline.result"] == "failure":
            counts[point.attributes["cicd.pipeline.name"]] += int(point.value)
    return {name: float(count) for name, count in counts.items()}


def job_seconds(points: list[MetricPoint]) -> dict[str, float]:
    """Return the sum of the durations of each job."""
    sums: dict[str, float] = defaultdict(float)
    for point in points:
        if point.name == "flow.job.duration":
            sums[point.attributes["cicd.pipeline.task.name"]] += point.value
    return dict(sums)


def test_refused_deltas_become_gauges_that_add_up(
    program: Program, plain: Running, points: list[MetricPoint]
) -> None:
    """By the documented queries, over the exports of several runs of one workflow."""
    result = demo_sent(program, plain)
    assert "gauge" in result.stderr
    failures = 'flow_run_count{cicd_pipeline_result="failure"}'
    query = f"sum by (cicd_pipeline_name) (sum_over_time({failures}[7d]))"
    assert settled(plain, query) == failed_runs(points)
    query = "sum by (cicd_pipeline_task_name) (sum_over_time(flow_job_duration_sum_seconds[7d]))"
    assert settled(plain, query) == pytest.approx(job_seconds(points))


def test_deltas_are_stored_as_they_are(
    program: Program, native: Running, points: list[MetricPoint]
) -> None:
    """With the flag of native deltas nothing is lost, not even for quantiles."""
    assert "gauge" not in demo_sent(program, native).stderr
    failures = 'flow_run_count_total{cicd_pipeline_result="failure"}'
    query = f"sum by (cicd_pipeline_name) (sum_over_time({failures}[7d]))"
    assert settled(native, query) == failed_runs(points)
    query = "sum by (cicd_pipeline_task_name) (sum_over_time(flow_job_duration_seconds_sum[7d]))"
    assert settled(native, query) == pytest.approx(job_seconds(points))


def test_deltas_are_added_up(program: Program, adding: Running, points: list[MetricPoint]) -> None:
    """With the flag of added deltas a counter ends at the number of runs."""
    assert "gauge" not in demo_sent(program, adding).stderr
    failures = 'flow_run_count_total{cicd_pipeline_result="failure"}'
    query = f"sum by (cicd_pipeline_name) (last_over_time({failures}[7d]))"
    assert settled(adding, query) == failed_runs(points)


def test_exemplars_lead_from_a_bucket_to_its_trace(
    program: Program, points: list[MetricPoint], tmp_path: Path
) -> None:
    """With native deltas and the storage of exemplars: the slow job's trace is one click away."""
    with programs.prometheus(tmp_path, NATIVE, "exemplar-storage") as backend:
        demo_sent(program, backend)
        until(lambda: exemplars(backend), "no exemplar is stored")
        found = exemplars(backend)
    sent = [point for point in points if point.name == "flow.job.duration"]
    values = {value for point in sent for value, *_ in point.exemplars}
    assert {float(each["value"]) for each in found} <= values
    assert all(re.fullmatch("[0-9a-f]{32}", each["labels"]["trace_id"]) for each in found)
    assert all(re.fullmatch("[0-9a-f]{16}", each["labels"]["span_id"]) for each in found)


def exemplars(backend: Running) -> list[dict[str, Any]]:
    """Return the exemplars of the durations of jobs in the last hour."""
    now = time.time()
    answer = backend.get(
        "/api/v1/query_exemplars",
        query="flow_job_duration_seconds_bucket",
        start=str(now - 3_600),
        end=str(now + 60),
    )
    return [each for series in answer["data"] for each in series["exemplars"]]
