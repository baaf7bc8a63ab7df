"""The metrics of the demo in three forms, as they are stored by what a user may have.

A third of its exports is ten days old, and the others are three, so that a query over a week has
something to leave out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from tests.fakes.demo.triggers import triggers
from tests.fakes.demo.world import REPOSITORY, demo_world
from tests.fakes.github import FakeGitHub
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.receiver import Receiver
from tests.fakes.spans import SpanRecord
from tests.support.victoria import posted
from tools.dashboards.promql import prometheus_name

from flow_telemetry.demo.program import start_action
from flow_telemetry.otlp.fallback import as_gauges
from flow_telemetry.telemetry import EncodedRequest, Signal

DAY = 86_400
CUMULATIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoExport:
    """The metrics of one export of the demo, and its age in seconds."""

    age: float
    requests: Sequence[ExportMetricsServiceRequest]

    @property
    def points(self) -> list[MetricPoint]:
        """The points as they were sent: deltas."""
        return [point for request in self.requests for point in points_in(request)]

    @property
    def recent(self) -> bool:
        """Whether it is of the last seven days."""
        return self.age < 7 * DAY

    def time(self, now: float) -> int:
        """Return its time in Unix nanoseconds."""
        return int((now - self.age) * 1_000) * 1_000_000


def demo_exports(folder: Path) -> tuple[list[DemoExport], list[SpanRecord]]:
    """Run the demo's events through the action; return what each sent, and all spans."""
    world, sent = demo_world(), []
    with FakeGitHub(world) as github, Receiver() as receiver:
        with start_action(
            github_url=github.url,
            server_url=world.server_url,
            repository=REPOSITORY,
            otlp_endpoint=receiver.url,
            environ=dict(os.environ),
            folder=folder,
        ) as action:
            for number, trigger in enumerate(triggers(world)):
                before = len(receiver.requests_to("metrics"))
                action.export(trigger.variables, trigger.payload)
                requests = [r.message for r in receiver.requests_to("metrics")[before:]]
                age = (3 if number % 3 else 10) * DAY - number * 60
                sent.append(DemoExport(age=age, requests=requests))
        spans = receiver.spans
    return sorted(sent, key=lambda export: -export.age), spans


def deltas_of(exports: Sequence[DemoExport]) -> Iterator[ExportMetricsServiceRequest]:
    """Yield what is sent by default, each point as old as its export and 1 ms long."""
    now = time.time()
    for export in exports:
        for request in export.requests:
            aged = ExportMetricsServiceRequest.FromString(request.SerializeToString())
            for *_, point in _points(aged):
                point.time_unix_nano = export.time(now)
                point.start_time_unix_nano = export.time(now) - 1_000_000
                for exemplar in getattr(point, "exemplars", ()):
                    exemplar.time_unix_nano = export.time(now)
            yield aged


def gauges_of(exports: Sequence[DemoExport]) -> Iterator[ExportMetricsServiceRequest]:
    """Yield what `metric-shape: gauge` sends."""
    for request in deltas_of(exports):
        body = request.SerializeToString()
        encoded = as_gauges(EncodedRequest(signal=Signal.METRICS, body=body, items=1))
        yield ExportMetricsServiceRequest.FromString(encoded.body)


def store_gauges(exports: Sequence[DemoExport], database: str) -> None:
    """Store what `metric-shape: gauge` sends."""
    for request in gauges_of(exports):
        _post(database, request)


def store_totals(exports: Sequence[DemoExport], database: str) -> None:
    """Store what a Collector with deltatocumulative sends on: the sum of each series so far."""
    now = time.time()
    totals: dict[tuple[str, str, str], Any] = {}
    for export in exports:
        for request in export.requests:
            summed = ExportMetricsServiceRequest.FromString(request.SerializeToString())
            for resource, metric, point in _points(summed):
                kind = metric.WhichOneof("data")
                point.time_unix_nano = export.time(now)
                if kind == "gauge":
                    continue
                point.start_time_unix_nano = exports[0].time(now) - 1
                getattr(metric, kind).aggregation_temporality = CUMULATIVE
                attributes = sorted((a.key, str(a.value)) for a in point.attributes)
                key = (metric.name, repr(attributes), resource)
                if key in totals:
                    _add(point, totals[key], kind)
                totals[key] = type(point).FromString(point.SerializeToString())
            _post(database, summed)


def store_deltas(exports: Sequence[DemoExport], database: str) -> None:
    """Store what Prometheus with `otlp-native-delta-ingestion` stores: each delta as a sample."""
    now = time.time()
    lines = [
        f"{name}{{{_labels(labels)}}} {value!r} {export.time(now) // 1_000_000}\n"
        for export in exports
        for point in export.points
        for name, labels, value in samples(point)
    ]
    posted(f"{database}/api/v1/import/prometheus", "".join(lines).encode(), "text/plain")


def samples(point: MetricPoint) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the samples of a point, as Prometheus stores them: name, labels, value."""
    name = prometheus_name(point.name, point.unit, point.kind)
    labels = {
        key.replace(".", "_"): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in point.attributes.items()
    }
    if point.kind != "histogram":
        yield name, labels, point.value
        return
    below = 0
    for bound, count in zip((*map(str, point.bounds), "+Inf"), point.buckets, strict=True):
        below += count
        yield f"{name}_bucket", {**labels, "le": bound}, below
    yield f"{name}_sum", labels, point.value
    yield f"{name}_count", labels, point.count


def quantile_of_buckets(bounds: Sequence[float], counts: Sequence[int], share: float) -> float:
    """Return a quantile as `histogram_quantile` defines it: interpolated within one bucket."""
    rank, below = share * sum(counts), 0
    for (lower, upper), count in zip(pairwise((0.0, *bounds)), counts, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below += count
    return bounds[-1]


def _labels(labels: Mapping[str, str]) -> str:
    escaped = {k: v.replace("\\", "\\\\").replace('"', '\\"') for k, v in labels.items()}
    return ",".join(f'{key}="{value}"' for key, value in escaped.items())


def _points(request: ExportMetricsServiceRequest) -> Iterator[tuple[str, Any, Any]]:
    """Yield the resource as text, the metric, and each of its points."""
    for group in request.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                for point in getattr(metric, str(metric.WhichOneof("data"))).data_points:
                    yield str(group.resource), metric, point


def _add(point: Any, before: Any, kind: str) -> None:
    if kind == "sum":
        if point.WhichOneof("value") == "as_int":
            point.as_int += before.as_int
        else:
            point.as_double += before.as_double
        return
    point.count += before.count
    point.sum += before.sum
    for number, count in enumerate(before.bucket_counts):
        point.bucket_counts[number] += count


def _post(database: str, request: ExportMetricsServiceRequest) -> None:
    url = f"{database}/opentelemetry/v1/metrics"
    posted(url, request.SerializeToString(), "application/x-protobuf")
