"""Metrics leave as deltas, and as gauges where a backend takes no deltas."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from tests.fakes.backends import Prometheus
from tests.fakes.faults import Answer, Request, status
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.otlp import METRICS, decoded
from tests.fakes.receiver import Receiver, partial_success
from tests.otlp.builders import (
    DURATION,
    ERRORS,
    LOAD,
    RESOURCE,
    make_target,
    measured,
    seconds_from_now,
)
from tests.otlp.strategies import measurements
from tests.otlp.test_halves import prepared_of
from tests.support.spool import text_of

from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks, as_gauges, has_deltas
from flow_telemetry.otlp.lines import encode_request, parse_otlp_lines
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.series import SeriesTable, gauge_points
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.settings import MetricShape
from flow_telemetry.telemetry import Delivery, EncodedRequest, Measurement, Signal, Telemetry

DAY_OF_BUILDS = [
    measured(DURATION, 40, result="success"),
    measured(DURATION, 600, result="success"),
    measured(DURATION, 90, result="failure"),
    measured(ERRORS, 1, **{"error.type": "timeout"}),
    measured(ERRORS, 2, **{"error.type": "timeout"}),
    measured(LOAD, 7),
    measured(LOAD, 5),
]


def send(
    receiver: Receiver,
    folder: Path,
    stream: Iterable[Telemetry],
    policy: MetricShape = MetricShape.AUTO,
) -> Delivery:
    """Send metrics under a policy."""
    exporter = OtlpExporter(
        targets={Signal.METRICS: make_target(receiver.url, signal=Signal.METRICS)},
        spool=Spool(folder / "spool"),
        deadline=seconds_from_now(20),
        fallbacks=Fallbacks(metric_shape=policy),
    )
    [delivery] = exporter.deliver(stream)
    return delivery


def values(points: Iterable[MetricPoint]) -> list[tuple[str, str, float]]:
    """Name, kind and value of each point, by name."""
    return sorted((point.name, point.kind, point.value) for point in points)


def test_a_duration_is_a_delta_histogram(receiver: Receiver, tmp_path: Path) -> None:
    """The observations of one series are one point, with their sum, extremes and buckets."""
    before = time.time_ns()
    send(receiver, tmp_path, DAY_OF_BUILDS)
    success, failure = sorted(receiver.points_of("cicd.pipeline.run.duration"), key=by_result)[::-1]
    assert (success.kind, success.temporality, success.unit) == ("histogram", "DELTA", "s")
    assert (success.count, success.value) == (2, 640)
    assert (success.least, success.greatest) == (40, 600)
    filled = [
        (bound, count)
        for bound, count in zip(success.bounds, success.buckets, strict=False)
        if count
    ]
    assert filled == [(45, 1), (600, 1)]
    assert len(success.buckets) == len(success.bounds) + 1
    assert (failure.count, failure.value) == (1, 90)
    assert success.resource == RESOURCE.attributes
    assert success.scope == "flow-telemetry"
    assert success.description == "Duration of a pipeline run."
    assert before - 1_000_000 <= success.start < success.time <= time.time_ns()


def by_result(point: MetricPoint) -> str:
    return str(point.attributes["result"])


def test_a_count_is_a_delta_sum_and_a_state_a_gauge(receiver: Receiver, tmp_path: Path) -> None:
    """Counts add up, of states the last one stands."""
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS)
    [errors] = receiver.points_of("cicd.pipeline.run.errors")
    [load] = receiver.points_of("flow.load")
    assert (errors.kind, errors.temporality, errors.monotonic) == ("sum", "DELTA", True)
    assert (errors.value, errors.attributes) == (3, {"error.type": "timeout"})
    assert (load.kind, load.temporality, load.value) == ("gauge", "", 5)
    assert (delivery.collected, delivery.sent, delivery.requests) == (4, 4, 1)
    assert delivery.notices == ()


AS_GAUGES = [
    ("cicd.pipeline.run.duration.count", "gauge", 1),
    ("cicd.pipeline.run.duration.count", "gauge", 2),
    ("cicd.pipeline.run.duration.max", "gauge", 90),
    ("cicd.pipeline.run.duration.max", "gauge", 600),
    ("cicd.pipeline.run.duration.sum", "gauge", 90),
    ("cicd.pipeline.run.duration.sum", "gauge", 640),
    ("cicd.pipeline.run.errors", "gauge", 3),
    ("flow.load", "gauge", 5),
]


@pytest.mark.parametrize("code", [500, 400])
def test_a_backend_without_deltas_gets_gauges(
    receiver: Receiver, tmp_path: Path, code: int
) -> None:
    """Prometheus loses the whole request, Mimir says 400: all points arrive, and one notice."""
    receiver.script("/v1/metrics", Prometheus(code), times=None)
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS)
    assert values(receiver.metrics) == AS_GAUGES
    assert (delivery.sent, delivery.spooled, delivery.requests) == (4, 0, 2)
    assert delivery.failures == ()
    [notice] = delivery.notices
    assert "no metrics of delta temporality" in notice
    assert "metric-shape: gauge" in notice


def test_a_backend_that_rejects_deltas_in_part_gets_gauges(
    receiver: Receiver, tmp_path: Path
) -> None:
    """A partial success may name the temporality, too."""
    receiver.script("/v1/metrics", partial_success(3, "unsupported aggregation temporality"))
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS)
    assert (delivery.sent, delivery.rejected, len(delivery.notices)) == (4, 0, 1)
    assert values(receiver.metrics[-len(AS_GAUGES) :]) == AS_GAUGES


def test_a_refusal_is_remembered_for_the_export(receiver: Receiver, tmp_path: Path) -> None:
    """What was not under way when deltas were refused leaves as gauges at once."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    many = [measured(DURATION, n, job=f"job {n}") for n in range(10_000)]
    delivery = send(receiver, tmp_path, many)
    refused = [received for received in receiver.requests if received.status == 500]
    assert len({point.attributes["job"] for point in receiver.metrics}) == 10_000
    assert delivery.requests == len(receiver.requests)
    assert len(refused) <= 6 < len(receiver.requests) - len(refused)


def test_gauges_at_once(receiver: Receiver, tmp_path: Path) -> None:
    """`metric-shape: gauge` is for a backend that drops deltas in silence."""
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS, MetricShape.GAUGE)
    assert values(receiver.metrics) == AS_GAUGES
    assert (delivery.requests, delivery.notices) == (1, ())


def test_histograms_and_nothing_else(receiver: Receiver, tmp_path: Path) -> None:
    """`metric-shape: histogram` never falls back: what is refused is spooled as it is."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS, MetricShape.HISTOGRAM)
    assert (delivery.requests, delivery.sent, delivery.spooled) == (1, 0, 4)
    [failure] = delivery.failures
    assert "invalid temporality" in failure.problem
    [file] = delivery.spool_files
    assert Path(file).name.startswith("metrics-")
    assert '"histogram"' in text_of(Path(file))


@pytest.mark.parametrize("refusal", [status(500, "disk full"), status(415, "delta too large")])
def test_another_refusal_is_not_tried_again(
    receiver: Receiver, tmp_path: Path, refusal: object
) -> None:
    """Gauges do not help where temporality is not the reason."""
    receiver.script("/v1/metrics", refusal, times=None)  # type: ignore[arg-type]
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS)
    assert (delivery.requests, delivery.spooled, delivery.notices) == (1, 4, ())


def test_gauges_that_are_refused_are_not_tried_as_gauges_again(
    receiver: Receiver, tmp_path: Path
) -> None:
    """There is no third shape."""
    receiver.script("/v1/metrics", status(400, "temporality"), times=None)
    delivery = send(receiver, tmp_path, [measured(LOAD, 7)])
    assert (delivery.requests, delivery.spooled) == (1, 1)


PROMETHEUS = (
    "out of order sample",
    "out of bounds",
    "too old sample",
    "duplicate sample for timestamp",
)


@pytest.mark.parametrize("said", PROMETHEUS)
def test_points_whose_times_are_refused_leave_once_more(
    receiver: Receiver, tmp_path: Path, said: str
) -> None:
    """With the time of sending; another export had sent later points of the series."""
    receiver.script("/v1/metrics", status(400, said))
    before = time.time_ns()
    delivery = send(receiver, tmp_path, [points_of(DAY_OF_BUILDS)])
    assert (delivery.sent, delivery.spooled, delivery.requests) == (4, 0, 2)
    [notice] = delivery.notices
    assert "storage.tsdb.out_of_order_time_window" in notice
    stamped = [p for p in receiver.metrics if p.name != "flow.load"]
    assert all(point.time >= before for point in stamped)
    assert {point.time - point.start for point in stamped} == {1_000_000}


def test_points_whose_times_are_refused_twice_are_kept(receiver: Receiver, tmp_path: Path) -> None:
    """The setting of the backend is named, not the path of the endpoint."""
    receiver.script("/v1/metrics", status(400, "out of order sample"), times=None)
    delivery = send(receiver, tmp_path, DAY_OF_BUILDS)
    assert (delivery.requests, delivery.spooled) == (2, 4)
    [failure] = delivery.failures
    assert "storage.tsdb.out_of_order_time_window" in failure.advice
    assert "otlp-endpoint" not in failure.advice


def points_of(stream: Iterable[Measurement]) -> EncodedRequest:
    """A request with their points, as a line of the spool holds it."""
    series = SeriesTable()
    for each in stream:
        series.add(each)
    return prepared_of(series.points(1, 2), Signal.METRICS)


def of_a_tool(**metric: Any) -> EncodedRequest:
    """A request with one metric, as a tool may write it."""
    metrics = [{"name": "cache.hits", "unit": "1", **metric}]
    line = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    [request] = parse_otlp_lines([(1, line.encode())], "tool.jsonl")[0]
    return encode_request(request)


def read(request: EncodedRequest) -> list[MetricPoint]:
    """The points of a request."""
    message: Any = decode_request(request)
    return points_in(message)


@pytest.mark.parametrize("code", [500, 400])
def test_what_was_kept_in_a_file_leaves_as_gauges_too(
    receiver: Receiver, tmp_path: Path, code: int
) -> None:
    """A file tells all that gauges need: how many, how much, and the greatest."""
    receiver.script("/v1/metrics", Prometheus(code), times=None)
    delivery = send(receiver, tmp_path, [points_of(DAY_OF_BUILDS), points_of(DAY_OF_BUILDS)])
    assert values(receiver.metrics) == sorted(2 * AS_GAUGES)
    assert (delivery.sent, delivery.spooled, delivery.failures) == (8, 0, ())
    [notice] = delivery.notices
    assert "no metrics of delta temporality" in notice


def test_a_request_that_was_prepared_is_turned_at_once(receiver: Receiver, tmp_path: Path) -> None:
    """`metric-shape: gauge` is for everything that leaves."""
    receiver.script("/v1/metrics", Prometheus(), times=None)
    delivery = send(receiver, tmp_path, [points_of(DAY_OF_BUILDS)], MetricShape.GAUGE)
    assert values(receiver.metrics) == AS_GAUGES
    assert (delivery.requests, delivery.notices) == (1, ())


@given(measured_ones=measurements())
def test_gauges_say_what_the_deltas_said(measured_ones: list[Measurement]) -> None:
    """Of what and when; how many there were and how much adds up, and nothing is a delta."""
    before = points_of(measured_ones)
    after = as_gauges(before)
    assert not has_deltas(after)
    assert {point.kind for point in read(after)} == {"gauge"}

    def told(point: MetricPoint, name: str, value: float) -> tuple[Any, ...]:
        attributes, resource = sorted(point.attributes.items()), sorted(point.resource.items())
        return name, value, point.time, point.description, str(attributes), str(resource)

    expected = []
    for old in read(before):
        if old.kind == "histogram":
            expected += [
                told(old, f"{old.name}.count", old.count),
                told(old, f"{old.name}.sum", old.value),
                told(old, f"{old.name}.max", old.greatest or 0),
            ]
        else:
            expected.append(told(old, old.name, old.value))
    assert sorted(told(new, new.name, new.value) for new in read(after)) == sorted(expected)


@given(measured_ones=measurements())
def test_gauges_are_the_same_from_memory_and_from_a_file(measured_ones: list[Measurement]) -> None:
    """`metric-shape: gauge` and a refusal lead to the same points."""
    series = SeriesTable()
    for each in measured_ones:
        series.add(each)
    at_once = prepared_of(tuple(gauge_points(series.points(1, 2))), Signal.METRICS)

    def told(request: EncodedRequest) -> list[str]:
        return sorted(map(repr, read(request)))

    assert told(at_once) == told(as_gauges(points_of(measured_ones)))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("flow.job.duration", "{job}"),
        ("cicd.pipeline.run.duration", "{run}"),
        ("flow.work_item.lead_time", "{item}"),
        ("flow.change.phase.duration", "{change}"),
        ("http.server.request.duration", "{value}"),
    ],
)
def test_the_count_of_a_duration_counts_things(name: str, unit: str) -> None:
    """Seconds would be wrong, and the unit 1 a ratio for Prometheus."""
    [count, total, greatest] = read(
        as_gauges(points_of([measured(replace(DURATION, name=name), 5)]))
    )
    assert (count.unit, total.unit, greatest.unit) == (unit, "s", "s")


def test_all_observations_of_all_exports_add_up() -> None:
    """As `sum_over_time` adds them up: three legs of a matrix are three, not the last one."""
    exports = [[measured(DURATION, n) for n in range(m, m + 3)] for m in range(5)]
    points = [point for export in exports for point in read(as_gauges(points_of(export)))]
    sums = {
        name: sum(p.value for p in points if p.name == name) for name in {p.name for p in points}
    }
    assert sums["cicd.pipeline.run.duration.count"] == 15
    assert sums["cicd.pipeline.run.duration.sum"] == sum(
        n for e in range(5) for n in range(e, e + 3)
    )


A_NUMBER = {"timeUnixNano": "7", "startTimeUnixNano": "5", "asInt": "3"}
CUMULATIVE = {"dataPoints": [A_NUMBER], "aggregationTemporality": 2, "isMonotonic": True}


@pytest.mark.parametrize(
    "metric",
    [
        {"sum": CUMULATIVE},
        {"gauge": {"dataPoints": [A_NUMBER]}},
        {"summary": {"dataPoints": [{"timeUnixNano": "7", "count": "1", "sum": 2.0}]}},
        {},
    ],
)
def test_what_is_no_delta_stays(metric: dict[str, Any]) -> None:
    """Cumulative values and summaries are taken as they are, and others would say less."""
    request = of_a_tool(**metric)
    assert not has_deltas(request)
    assert as_gauges(request) == request


@pytest.mark.parametrize("kind", ["histogram", "exponentialHistogram"])
@pytest.mark.parametrize(
    ("facts", "gauges"),
    [
        ({"count": "2", "sum": 5.0, "max": 4.0}, {".count": 2, ".sum": 5, ".max": 4}),
        ({"count": "2", "sum": 5.0}, {".count": 2, ".sum": 5}),
        ({"count": "0", "sum": 0.0}, {".count": 0, ".sum": 0}),
        ({"count": "2"}, {".count": 2}),
    ],
)
def test_of_a_tools_histogram_there_is_what_it_has(
    kind: str, facts: dict[str, Any], gauges: dict[str, float]
) -> None:
    """Tools may leave out the sum and the greatest value."""
    point = {"timeUnixNano": "7", "startTimeUnixNano": "5", **facts}
    request = of_a_tool(**{kind: {"dataPoints": [point], "aggregationTemporality": 1}})
    assert has_deltas(request)
    found = read(as_gauges(request))
    assert {p.name.removeprefix("cache.hits"): p.value for p in found} == gauges
    assert {(p.kind, p.time, p.start) for p in found} == {("gauge", 7, 0)}


def test_a_request_that_is_too_large_as_gauges_arrives_in_parts(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Both forms of it are cut at the same place, so what is left is what did not arrive."""

    def answer(request: Request, real: Answer) -> Answer:
        refused = Prometheus()(request, real)
        message: Any = decoded(request, METRICS)
        too_large = refused.status == 200 and len(points_in(message)) > 3
        return Answer(status=413, kept=()) if too_large else refused

    receiver.script("/v1/metrics", answer, times=None)
    delivery = send(receiver, tmp_path, [points_of(DAY_OF_BUILDS)])
    assert values(receiver.metrics) == AS_GAUGES
    assert (delivery.sent, delivery.spooled) == (4, 0)
