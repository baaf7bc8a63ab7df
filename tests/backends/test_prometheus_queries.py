"""Each documented query of Prometheus in a real one, on the demo in each form and spacing.

The demo is sent at its own spacing (a third of it is older than the week that the queries ask for),
at once by the program itself, and by three exporters in parallel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from threading import Lock
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.backends import programs
from tests.backends.programs import Running, send
from tests.backends.recipes import recipe_with, started
from tests.stories.test_documented_queries import EXPECTED, PROMQL, Demo
from tests.support.program import Program
from tests.support.stored_demo import DemoExport, deltas_of, demo_exports, gauges_of
from tests.support.waiting import until

from flow_telemetry.telemetry import EncodedRequest, Signal

NATIVE = "otlp-native-delta-ingestion"
FORMS = ("gauges", "deltas", "totals")
# Longer than the demo takes, so that its parts can be stored as old as they are.
OLD = {"out_of_order_time_window": "30d"}
SENDERS: Mapping[str, Callable[[list[DemoExport]], Iterator[ExportMetricsServiceRequest]]] = {
    "gauges": gauges_of,
    "deltas": deltas_of,
    "totals": deltas_of,
}


@dataclass(frozen=True)
class Store:
    """A Prometheus, and where exports are sent so that it has them in a form."""

    prometheus: Running
    otlp: str

    def values(self, query: str) -> dict[str, float]:
        """Return the values of a query by the value of its one label, if it has one."""
        found = self.prometheus.get("/api/v1/query", query=query)["data"]["result"]
        return {next(iter(e["metric"].values()), ""): float(e["value"][1]) for e in found}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo's exports, made once."""
    return Demo(*demo_exports(tmp_path_factory.mktemp("demo")))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """A function that starts an empty store for a form; all end with the module."""
    with ExitStack() as stack:

        def start(form: str) -> Store:
            folder = tmp_path_factory.mktemp(form)
            features = (NATIVE,) if form == "deltas" else ()
            prometheus = stack.enter_context(programs.prometheus(folder, *features, tsdb=OLD))
            if form != "totals":
                return Store(prometheus, prometheus.otlp)
            # Traces and logs are not sent.
            names = ("otlp_http/prometheus", "otlp_http/traces", "otlp_http/logs")
            text, endpoints = (
                recipe_with("delta_to_cumulative", names[0]),
                dict.fromkeys(names, prometheus.otlp),
            )
            collector = stack.enter_context(started(text, folder, endpoints))
            return Store(prometheus, collector.otlp)

        yield start


@pytest.fixture(scope="module")
def spaced(demo: Demo, stores: Callable[[str], Store]) -> Mapping[str, Store]:
    """Stores of each form with the demo at its own spacing."""
    found = {}
    for form in FORMS:
        found[form] = stores(form)
        send(found[form].otlp, map(encoded, SENDERS[form](demo.exports)))
    return found


def encoded(request: ExportMetricsServiceRequest) -> EncodedRequest:
    """Return a request as it is sent."""
    return EncodedRequest(signal=Signal.METRICS, body=request.SerializeToString(), items=1)


def questions(*forms: str) -> list[str]:
    """Return the comments of the documented queries for forms."""
    return [comment for comment in PROMQL if comment.partition(": ")[0] in forms]


@pytest.mark.parametrize("comment", questions(*FORMS))
def test_a_query_counts_the_last_week(
    comment: str, demo: Demo, spaced: Mapping[str, Store]
) -> None:
    """Of the demo at its own spacing, and nothing of the exports before."""
    form, _, question = comment.partition(": ")
    expected = EXPECTED[question](demo)
    assert expected, f"the demo has nothing for: {question}"
    assert_all(spaced[form], {comment: expected})


def as_one_week(demo: Demo) -> Demo:
    """Return a demo whose exports are all of now."""
    return Demo([replace(export, age=0) for export in demo.exports], demo.spans)


@pytest.mark.parametrize("form", FORMS)
def test_queries_count_what_is_sent_at_once(
    form: str, demo: Demo, program: Program, stores: Callable[[str], Store]
) -> None:
    """By the program itself, which falls back to gauges if deltas are refused."""
    store, now = stores(form), as_one_week(demo)
    result = program.command("demo", "--otlp-endpoint", store.otlp, "--signals", "metrics")
    assert result.status == 0, result.stderr
    assert ("gauge" in result.stderr) == (form == "gauges")
    assert_all(store, {q: EXPECTED[q.partition(": ")[2]](now) for q in questions(form)})


class Stamps:
    """Times of sending in Unix milliseconds; like real exporters, no two senders share one."""

    def __init__(self) -> None:
        self._lock, self._last = Lock(), 0

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000_000)
            return self._last


@pytest.mark.parametrize("form", ["gauges", "deltas"])
def test_queries_count_what_three_exporters_send_in_parallel(
    form: str, demo: Demo, stores: Callable[[str], Store]
) -> None:
    """Each sends all of the demo: sums are three times as large, quantiles and maxima are not."""
    store, now, stamps = stores(form), as_one_week(demo), Stamps()
    requests = list(SENDERS[form](now.exports))

    def export() -> None:
        for request in requests:
            send(store.otlp, [encoded(stamped(request, stamps.next()))])

    with ThreadPoolExecutor(3) as pool:
        for sent in [pool.submit(export) for _ in range(3)]:
            sent.result()
    tripled = Demo([export for export in now.exports for _ in range(3)], now.spans)
    assert_all(store, {q: EXPECTED[q.partition(": ")[2]](tripled) for q in questions(form)})


def test_two_gauges_of_one_millisecond_are_one(demo: Demo, stores: Callable[[str], Store]) -> None:
    """Of equal values one is kept, without a word: it is why `metric-shape: gauge` may lose one."""
    store = stores("gauges")
    (request,) = islice(gauges_of(as_one_week(demo).exports), 1)
    for _ in range(2):
        send(store.otlp, [encoded(stamped(request, 1_000 * int(time.time())))])
    query = "sum(sum_over_time(flow_run_count[1h]))"
    until(lambda: store.values(query), "nothing is stored")
    assert store.values(query) == {"": 1}


def assert_all(store: Store, expected: Mapping[str, Mapping[str, float]]) -> None:
    """Assert the values of documented queries; nothing else may be there but zeros."""
    for comment, values in expected.items():
        found: dict[str, float] = {}

        def is_right(
            comment: str = comment,
            values: Mapping[str, float] = values,
            found: dict[str, float] = found,
        ) -> bool:
            now = store.values(PROMQL[comment]).items()
            found.clear()
            found.update((k, v) for k, v in now if v or k in values)
            return found == pytest.approx(values)

        try:
            until(is_right, comment)
        except AssertionError:
            assert found == pytest.approx(values), comment


def stamped(request: ExportMetricsServiceRequest, milliseconds: int) -> ExportMetricsServiceRequest:
    """Return a request whose points all have one time of sending."""
    copy = ExportMetricsServiceRequest.FromString(request.SerializeToString())
    for point in points_of(copy):
        point.time_unix_nano = milliseconds * 1_000_000
        point.start_time_unix_nano = (milliseconds - 1) * 1_000_000
    return copy


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Any]:
    """Yield the points of a request."""
    for group in request.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                yield from getattr(metric, str(metric.WhichOneof("data"))).data_points
