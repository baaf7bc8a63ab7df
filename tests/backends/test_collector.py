"""The recipes of the Collector in a real one, as they are printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.backends.recipes import PAGE, environ_of, recipe_with, recipes, started, written
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.receiver import Receiver
from tests.fakes.world import World, job, step
from tests.support.ports import free_ports
from tests.support.program import Program
from tests.support.victoria import asked
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

LIVE, COUNTS = "otlp_http/live", "otlp_http/counts"
SIGNALS = {"traces": "traces", "logs": "events", "metrics": "metrics"}


def pipelines_of(text: str) -> list[str]:
    """Return the names of the pipelines of a configuration."""
    return list(yaml.safe_load(text)["service"]["pipelines"])


def test_all_recipes_are_tried() -> None:
    """The page keeps its configurations."""
    assert len(recipes()) == len(re.findall(r"^service:$", PAGE, re.MULTILINE))
    assert len(recipes()) >= 7


@pytest.mark.parametrize("text", recipes())
def test_a_recipe_loads(text: str, tmp_path: Path) -> None:
    """Under the components' current names: nothing is called deprecated."""
    words = ["validate", "--config", str(written(text, tmp_path))]
    done = programs.run_collector(words, environ_of(text, tmp_path))
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr + done.stdout


WHOLE = [each for each in recipes() if {*SIGNALS} <= set(pipelines_of(str(each.values[0])))]


@pytest.mark.parametrize("text", WHOLE)
def test_a_recipe_passes_the_demo_through(
    text: str, program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Every span and event arrives; metrics too, as totals where the recipe adds them up."""
    config = yaml.safe_load(text)
    signals = ",".join(SIGNALS[name] for name in config["service"]["pipelines"])
    endpoints = dict.fromkeys(config["exporters"], receiver.url)
    with started(text, tmp_path, endpoints) as collector:
        url = collector.otlp
        result = program.command("demo", "--otlp-endpoint", url, "--signals", signals)
        assert result.status == 0, result.stderr
        said = re.search(r"Sent ([\d,]+) spans, ([\d,]+) events and ([\d,]+) ", result.stderr)
        assert said is not None, result.stderr
        spans, events, points = (int(each.replace(",", "")) for each in said.groups())
        until(lambda: len(receiver.spans) >= spans, "spans do not arrive")
        until(lambda: len(receiver.events) >= events, "events do not arrive")
        until(lambda: len(receiver.metrics) >= points, "metrics do not arrive")
    assert (len(receiver.spans), len(receiver.events)) == (spans, events)
    assert len(receiver.metrics) == points
    added_up = "delta_to_cumulative" in config.get("processors", ())
    temporalities = {point.temporality for point in receiver.metrics if point.kind != "gauge"}
    assert temporalities == {"CUMULATIVE" if added_up else "DELTA"}


@pytest.mark.parametrize(
    "text", [each for each in recipes() if "CREDENTIALS_DIRECTORY" in str(each.values[0])]
)
def test_without_its_credentials_a_recipe_does_not_load(text: str, tmp_path: Path) -> None:
    """Neither without the variable nor without the file: no request goes out without them."""
    words = ["validate", "--config", str(written(text, tmp_path))]
    for environ in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        done = programs.run_collector(words, environ)
        assert done.returncode != 0
        assert "no such file or directory" in done.stderr


def test_an_unset_variable_would_be_an_empty_header(tmp_path: Path) -> None:
    """Why the recipes have files in place of variables."""
    text = recipe_with("otlp_http/dynatrace")
    text = re.sub(r"\$\{file:.*\}", "${env:DYNATRACE_TOKEN}", text)
    done = programs.run_collector(["validate", "--config", str(written(text, tmp_path))], {})
    assert (done.returncode, "${env:DYNATRACE_TOKEN}" in text) == (0, True)


def test_added_up_histograms_keep_buckets_and_their_first_exemplars(
    demo_requests: Sequence[EncodedRequest], receiver: Receiver, tmp_path: Path
) -> None:
    """Each total has the exemplars of the first delta of its series, never those of a later one."""
    metrics = [each for each in demo_requests if each.signal is Signal.METRICS]
    with summing(tmp_path, receiver) as collector:
        send(collector.otlp, metrics)
        until(lambda: len(receiver.requests) >= len(metrics), "not everything arrives")
    points = receiver.points_of("flow.job.duration")
    assert {point.temporality for point in points} == {"CUMULATIVE"}
    assert all(sum(point.buckets) == point.count for point in points)
    sent = [point for each in metrics for point in points_in_request(each)]
    first: dict[str, MetricPoint] = {}
    for point in sent:
        if point.name == "flow.job.duration":
            first.setdefault(series_of(point), point)
    grown = [point for point in points if point.count > first[series_of(point)].count]
    assert grown
    for point in points:
        assert point.exemplars == first[series_of(point)].exemplars


def series_of(point: MetricPoint) -> str:
    return repr(sorted(point.attributes.items()))


def test_deltas_out_of_order_are_dropped_and_counted(
    demo_requests: Sequence[EncodedRequest], receiver: Receiver, tmp_path: Path
) -> None:
    """The response is a success: only the Collector's own metrics say so."""
    (port,) = free_ports(1)
    pull = {"exporter": {"prometheus": {"host": "127.0.0.1", "port": port}}}
    telemetry = {"metrics": {"level": "normal", "readers": [{"pull": pull}]}}
    first = next(each for each in demo_requests if each.signal is Signal.METRICS)
    with summing(tmp_path, receiver, telemetry=telemetry) as collector:
        send(collector.otlp, [first])
        until(lambda: receiver.metrics, "nothing arrives")
        send(collector.otlp, [first])  # ends when the first one ended, which is not later
        until(lambda: dropped_points(port), "nothing is dropped")
        assert dropped_points(port) == len(
            [p for p in points_in_request(first) if p.kind != "gauge"]
        )


def dropped_points(port: int) -> int:
    """Return how many points the Collector says that it dropped."""
    lines = asked(f"http://127.0.0.1:{port}/metrics").decode().splitlines()
    counts = [x for x in lines if x.startswith("otelcol_deltatocumulative_datapoints")]
    return sum(int(float(x.split()[-1])) for x in counts if "error=" in x)


@contextmanager
def summing(folder: Path, receiver: Receiver, **service: Any) -> Iterator[Running]:
    """The Collector that adds up deltas for Prometheus."""
    text = recipe_with("delta_to_cumulative", "otlp_http/prometheus")
    endpoints = dict.fromkeys(yaml.safe_load(text)["exporters"], receiver.url)
    with started(text, folder, endpoints, **service) as running:
        yield running


def points_in_request(request: EncodedRequest) -> list[MetricPoint]:
    return points_in(ExportMetricsServiceRequest.FromString(request.body))


def test_metrics_of_steps_do_not_grow_with_pull_requests(
    program: Program, world: World, receiver: Receiver, tmp_path: Path
) -> None:
    """With `span-names: plain`: the second one adds to the series of the first."""
    text = recipe_with("span_metrics")
    series = []
    interval = {"span_metrics": {"metrics_flush_interval": "200ms"}}
    endpoints = dict.fromkeys(yaml.safe_load(text)["exporters"], receiver.url)
    with started(text, tmp_path, endpoints, connectors=interval) as collector:
        for times, number in enumerate((123, 124, 125), start=1):
            world.pull_request(number, branch=f"fix-{number}")
            jobs = [job("test", steps=[step("Run pytest", 170), step("Run mypy", 50)])]
            run = world.run(branch=f"fix-{number}", event="pull_request", jobs=jobs)
            result = program.export(
                run, otlp_endpoint=collector.otlp, signals="traces", span_names="plain"
            )
            assert result.status == 0, result.log
            wanted = 2 * times
            until(partial(has_counted, receiver, wanted), "the steps are not counted")
            series.append(len(latest(receiver)))
    assert series == [2, 2, 2]
    for point in latest(receiver).values():
        # The step of 170 s is in a bucket of its own, not above the last one.
        assert point.bounds[-1] == 86_400
        assert point.buckets[-1] == 0


def latest(receiver: Receiver) -> Mapping[str, MetricPoint]:
    """Return the last point of each series of durations."""
    points = receiver.points_of("traces.span.metrics.duration")
    return {repr(sorted(point.attributes.items())): point for point in points}


def has_counted(receiver: Receiver, wanted: int) -> bool:
    return sum(point.count for point in latest(receiver).values()) == wanted


def test_events_are_counted_by_name(
    demo_requests: Sequence[EncodedRequest], tmp_path: Path
) -> None:
    """In Prometheus behind the Collector: as many of each name as the demo has."""
    logs = [each for each in demo_requests if each.signal is Signal.LOGS]
    with Receiver() as receiver:
        send(receiver.url, logs)
        expected = Counter(event.event_name for event in receiver.events)
    assert len(expected) > 10
    query = "sum by (event_name) (last_over_time(flow_events_total[1h]))"
    with Receiver() as receiver, programs.prometheus(tmp_path) as prometheus:
        endpoints = {COUNTS: prometheus.otlp, "otlp_http/logs": receiver.url}
        folder = tmp_path / "collector"
        folder.mkdir()
        with started(recipe_with(COUNTS), folder, endpoints) as collector:
            send(collector.otlp, logs)

            def found() -> dict[str, float]:
                result = prometheus.get("/api/v1/query", query=query)["data"]["result"]
                return {e["metric"]["event_name"]: float(e["value"][1]) for e in result}

            until(lambda: found() == expected, f"not everything is counted: {expected}")


def test_counts_at_the_times_of_their_events_would_be_dropped(
    demo_requests: Sequence[EncodedRequest], receiver: Receiver, tmp_path: Path
) -> None:
    """Why the recipe sets times: events of one name that come later can be older."""
    (port,) = free_ports(1)
    pull = {"exporter": {"prometheus": {"host": "127.0.0.1", "port": port}}}
    telemetry = {"metrics": {"level": "normal", "readers": [{"pull": pull}]}}
    text = recipe_with(COUNTS).replace("[transform/now, delta", "[delta")
    endpoints = dict.fromkeys((COUNTS, "otlp_http/logs"), receiver.url)
    with started(text, tmp_path, endpoints, telemetry=telemetry) as collector:
        logs = [each for each in demo_requests if each.signal is Signal.LOGS]
        send(collector.otlp, reversed(logs))
        until(lambda: dropped_points(port), "nothing is dropped")


def test_the_trace_of_the_feature_is_left_out(
    demo_requests: Sequence[EncodedRequest], receiver: Receiver, tmp_path: Path
) -> None:
    """And nothing else."""
    with Receiver() as plain:
        traces = [each for each in demo_requests if each.signal is Signal.TRACES]
        send(plain.url, traces)
        live = [span for span in plain.spans if span.attributes["flow.trace"] == "live"]
        assert len(live) < len(plain.spans)
        with started(recipe_with(LIVE), tmp_path, {LIVE: receiver.url}) as collector:
            send(collector.otlp, traces)
            until(lambda: len(receiver.spans) >= len(live), "spans do not arrive")
    assert {span.attributes["flow.trace"] for span in receiver.spans} == {"live"}
    assert len(receiver.spans) == len(live)
