"""Stores that hold the demo and a generated quarter, each in one form of the metrics."""

from __future__ import annotations

import urllib.error
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.backends import programs
from tests.backends.programs import send
from tests.backends.recipes import recipe_with, started
from tests.fakes.metrics import points_in
from tests.fakes.receiver import Receiver
from tests.support.quarter import Export, Quarter
from tests.support.stored_demo import DemoExport, deltas_of
from tests.support.victoria import victoria_metrics
from tests.support.waiting import until

from flow_telemetry.otlp.fallback import as_gauges
from flow_telemetry.otlp.sdk import SdkEncoder
from flow_telemetry.otlp.series import SeriesTable
from flow_telemetry.telemetry import EncodedRequest, Signal

FORMS = ("gauges", "deltas", "totals", "victoria")
_NATIVE = "otlp-native-delta-ingestion"
_CONFIG = {
    "global": {"scrape_interval": "1h"},
    "storage": {"tsdb": {"out_of_order_time_window": "120d"}},
    "otlp": {"promote_resource_attributes": ["service.name", "service.namespace", "team"]},
}
# Without them 90 days become a thousand blocks of two hours, of which most are soon deleted.
_FLAGS = (
    "--storage.tsdb.retention.time=365d",
    "--storage.tsdb.min-block-duration=365d",
    "--storage.tsdb.max-block-duration=365d",
)
_MILLISECOND = 1_000_000
# Exports in one request, which a store takes faster than as many requests.
_TOGETHER = 60


@dataclass(frozen=True)
class Store:
    """A store with the API of Prometheus; ``form`` is the value of the dashboards' variable."""

    url: str
    form: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of a response.

        AssertionError: the store refused the query, and why.
        """
        running = programs.Running(url=self.url, otlp="", log=Path())
        try:
            return running.get(path, **parameters)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()}\n{parameters}") from None

    def instant(self, expression: str, at: datetime) -> list[tuple[Mapping[str, str], float]]:
        """Return the values of an expression at a time."""
        data = self.get("/api/v1/query", query=expression, time=str(at.timestamp()), nocache="1")
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def over(
        self, expression: str, start: datetime, end: datetime, step: str
    ) -> list[tuple[Mapping[str, str], list[float]]]:
        """Return the values of an expression over a time."""
        data = self.get(
            "/api/v1/query_range",
            query=expression,
            start=str(start.timestamp()),
            end=str(end.timestamp()),
            step=step,
            nocache="1",
        )
        return [(s["metric"], [float(v) for _, v in s["values"]]) for s in data["result"]]


@contextmanager
def stores(
    folder: Path,
    quarter: Quarter,
    demo: Sequence[DemoExport],
    more: Sequence[EncodedRequest] = (),
) -> Iterator[Callable[[str], Store]]:
    """Yield a function that returns the store of a form, which it fills when it is first asked.

    ``more`` are requests with totals, which each store gets as they are.
    """
    requests = [*quarter_requests(quarter), *map(_encoded, deltas_of(demo))]
    with ExitStack() as stack:

        @cache
        def start(form: str) -> Store:
            own = folder / form
            own.mkdir()
            url, otlp = _start(stack, form, own)
            send(otlp, requests if form in ("deltas", "totals") else map(as_gauges, requests))
            send(otlp, more)
            store = Store(url=url, form="totals" if form == "totals" else ".*")
            _wait(store, quarter)
            return store

        yield start


def step_metrics(
    folder: Path, requests: Iterable[EncodedRequest], now: datetime
) -> tuple[EncodedRequest, Mapping[tuple[str, str, str], list[float]]]:
    """Return the metrics that a Collector makes of the steps in requests, with a time.

    And the durations of the steps in seconds, by workflow, job and name.
    """
    text = recipe_with("span_metrics")
    traces = [request for request in requests if request.signal is Signal.TRACES]
    with Receiver() as plain:
        send(plain.url, traces)
        steps = {
            span.span_id: span
            for span in plain.spans
            if span.attributes["flow.trace"] == "live"
            and span.attributes["flow.entity.type"] == "step"
        }
        sent = len([s for s in plain.spans if s.span_id in steps])
    durations: dict[tuple[str, str, str], list[float]] = {}
    for step in steps.values():
        where = step.attributes["cicd.pipeline.name"], step.attributes["flow.job.name"]
        durations.setdefault((*where, step.name), []).append((step.end - step.start) / 1e9)
    flush = {"span_metrics": {"metrics_flush_interval": "200ms"}}
    with Receiver() as receiver:
        endpoints = dict.fromkeys(yaml.safe_load(text)["exporters"], receiver.url)
        with started(text, folder, endpoints, connectors=flush) as collector:
            send(collector.otlp, traces)
            until(lambda: _counted(receiver) == sent == len(steps), "the steps are not counted")
        last = receiver.requests_to("metrics")[-1].message
    for group in last.resource_metrics:
        for metric in (m for scoped in group.scope_metrics for m in scoped.metrics):
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                point.time_unix_nano = int(now.timestamp()) * 1_000_000_000
                point.start_time_unix_nano = point.time_unix_nano - 1_000_000_000
                del point.exemplars[:]
    return _encoded(last), durations


def _counted(receiver: Receiver) -> int:
    """Return the number of steps in the last metrics of a receiver."""
    requests = receiver.requests_to("metrics")
    if not requests:
        return 0
    points = points_in(requests[-1].message)
    return sum(p.count for p in points if p.name == "traces.span.metrics.duration")


def _start(stack: ExitStack, form: str, folder: Path) -> tuple[str, str]:
    if form == "victoria":
        words = ("-opentelemetry.usePrometheusNaming", "-retentionPeriod=1y")
        url = stack.enter_context(victoria_metrics(folder, *words))
        return url, f"{url}/opentelemetry"
    features = (_NATIVE,) if form == "deltas" else ()
    prometheus = stack.enter_context(
        programs.prometheus(folder, *features, config=_CONFIG, flags=_FLAGS)
    )
    if form != "totals":
        return prometheus.url, prometheus.otlp
    names = ("otlp_http/prometheus", "otlp_http/traces", "otlp_http/logs")
    text = recipe_with("delta_to_cumulative", names[0])
    collector = stack.enter_context(started(text, folder, dict.fromkeys(names, prometheus.otlp)))
    return prometheus.url, collector.otlp


def _wait(store: Store, quarter: Quarter) -> None:
    """Wait until the last export can be read: a Collector responds before it has sent."""
    query = 'count(last_over_time(flow_load{github_repository="acme/billing"}[5m]))'
    until(lambda: store.instant(query, quarter.now), f"the quarter does not arrive in {store.url}")
    query = "count(last_over_time(traces_span_metrics_duration_seconds_count[5m]))"
    until(lambda: store.instant(query, quarter.now), f"the steps do not arrive in {store.url}")


def quarter_requests(quarter: Quarter) -> Iterator[EncodedRequest]:
    """Yield the requests of the quarter's exports in their order, several in one."""
    exports = iter([export for export in quarter.exports if export.measurements])
    while batch := list(islice(exports, _TOGETHER)):
        merged = ExportMetricsServiceRequest()
        for export in batch:
            merged.MergeFromString(export_request(export).body)
        yield _encoded(merged)


def span_requests(quarter: Quarter) -> Iterator[EncodedRequest]:
    """Yield the requests of the quarter's spans."""
    exports = iter([export for export in quarter.exports if export.spans])
    while batch := list(islice(exports, _TOGETHER)):
        yield SdkEncoder(Signal.TRACES).encode([s for export in batch for s in export.spans])


def export_request(export: Export) -> EncodedRequest:
    """Return the metrics of an export, whose points have the time of its sending."""
    table = SeriesTable()
    for measurement in export.measurements:
        table.add(measurement)
    now = round(export.at.timestamp() * 1000) * _MILLISECOND
    return SdkEncoder(Signal.METRICS).encode(table.points(now - _MILLISECOND, now))


def _encoded(request: ExportMetricsServiceRequest) -> EncodedRequest:
    return EncodedRequest(signal=Signal.METRICS, body=request.SerializeToString(), items=1)
