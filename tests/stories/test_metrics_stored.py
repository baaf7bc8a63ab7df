"""Metrics in a real VictoriaMetrics, which takes gauges and drops deltas without a word."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.records import Run
from tests.fakes.world import World, happened, job, step
from tests.support import closings
from tests.support.program import Program
from tests.support.victoria import LONGEST_WAIT_SECONDS, MARKS, queried, victoria_metrics

pytestmark = MARKS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The address of an empty database; it ends in any case."""
    with victoria_metrics(tmp_path) as address:
        yield address


def stored(database: str, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
    """Return the series of a metric with their newest values, by a query as a dashboard's.

    What has been sent shows a little later: this waits for the first.
    """
    # MetricsQL wants the dots of label names escaped.
    wanted = {"__name__": name, **{key.replace("__", r"\."): text for key, text in labels.items()}}
    query = "{" + ", ".join(f'{key}="{text}"' for key, text in wanted.items()) + "}"
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while not (found := queried(database, f"last_over_time({query}[1h])")):
        assert time.monotonic() < until, f"nothing is stored for {query}"
        time.sleep(0.1)
    return found


def values(database: str, name: str, **labels: str) -> list[float]:
    """Return the values alone."""
    return [value for _, value in stored(database, name, **labels)]


def metrics_to(database: str) -> dict[str, Any]:
    """Return the inputs that send metrics to the database, and nothing else."""
    return {"otlp_endpoint": f"{database}/opentelemetry", "signals": "metrics"}


def export(program: Program, run: Run, database: str, **inputs: Any) -> None:
    """Export the metrics of a run, which nothing refuses."""
    result = program.export(run, **metrics_to(database), **inputs)
    assert (result.warnings, result.outputs["status"]) == ([], "exported")


def test_a_run_is_read_back_by_query(program: Program, world: World, database: str) -> None:
    """Each value under its own name, with its attributes and the resource's as labels."""
    run = world.run(
        jobs=[
            job("build", queued=5, steps=[step("Compile", 30)]),
            job("test", "failure", queued=15, steps=[step("Run pytest", 60, "failure")]),
        ]
    )
    export(program, run, database, metric_shape="gauge")
    duration = "cicd.pipeline.run.duration.sum"
    ((labels, seconds),) = stored(database, duration, cicd__pipeline__run__state="executing")
    assert seconds == 70
    assert (labels["cicd.pipeline.name"], labels["cicd.pipeline.result"]) == ("CI", "failure")
    assert (labels["flow.branch"], labels["service.name"]) == ("default", "github-actions")
    assert sorted(values(database, "flow.job.queue_time.sum")) == [5, 15]
    assert values(database, "cicd.pipeline.run.errors") == [1]


def test_a_pull_request_is_read_back_by_query(
    program: Program, world: World, database: str
) -> None:
    """Opened at six, reviewed at seven, merged at eight."""
    world.pull_request(
        7,
        opened_at="2026-11-24T06:00:00Z",
        merged_at="2026-11-24T08:00:00Z",
        timeline=[happened("reviewed", at="2026-11-24T07:00:00Z", by="bob", review="approved")],
    )
    closings.pull_request(program, 7, metric_shape="gauge", **metrics_to(database))
    assert values(database, "flow.change.time_to_merge.sum") == [7200]
    assert values(database, "flow.change.time_to_first_review.sum") == [3600]
    assert values(database, "flow.change.lines.sum", vcs__line_change__type="added") == [120]


def test_deltas_are_dropped_without_a_word(program: Program, world: World, database: str) -> None:
    """Why the recipe says `metric-shape: gauge`: no answer tells that they were not kept."""
    export(program, world.run(workflow="Deltas", jobs=[job("build")]), database)
    gauges = world.run(workflow="Gauges", jobs=[job("build")])
    export(program, gauges, database, metric_shape="gauge")
    kept = stored(database, "flow.run.count")
    assert [labels["cicd.pipeline.name"] for labels, _ in kept] == ["Gauges"]
