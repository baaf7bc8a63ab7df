"""ClickHouse with the tables of the Collector's exporter, filled as that exporter fills them.

    clickhouse.store(receiver.spans, receiver.events, receiver.metrics)
    clickhouse.rows("SELECT count() AS spans FROM otel_traces")

The exporter speaks ClickHouse's own protocol, which needs a server, and this is a library: so the
rows are made here, as `exporter_traces.go`, `exporter_logs.go` and `internal/metrics` make them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.logs.v1 import logs_pb2
from tests.backends.programs import LONGEST_WAIT_SECONDS, binary
from tests.fakes.logs import LogEntry
from tests.fakes.metrics import MetricPoint
from tests.fakes.spans import SpanRecord

TABLES = Path(__file__).parent / "clickhouse_tables"
_TEMPORALITIES = {"": 0, "DELTA": 1, "CUMULATIVE": 2}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """A database in a folder; each call is a process of its own."""

    folder: Path

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return self.execute(statement)[-1]

    def execute(self, *statements: str) -> list[list[dict[str, Any]]]:
        """Execute statements (AssertionError: one failed, with what ClickHouse says of it)."""
        done = subprocess.run(
            [str(binary("clickhouse")), "-I", str(TABLES / "run.py"), str(self.folder)],
            input=json.dumps(statements),
            capture_output=True,
            encoding="utf-8",
            timeout=LONGEST_WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def create(self) -> None:
        """Create the tables."""
        self.execute(*(path.read_text("utf-8") for path in sorted(TABLES.glob("*.sql"))))

    def store(
        self,
        spans: Iterable[SpanRecord],
        events: Iterable[LogEntry] = (),
        points: Sequence[MetricPoint] = (),
    ) -> None:
        """Store what a receiver got, as often as it got it."""
        tables = {
            "otel_traces": list(map(_span_row, spans)),
            "otel_logs": list(map(_event_row, events)),
            "otel_metrics_sum": [_sum_row(each) for each in points if each.kind == "sum"],
            "otel_metrics_histogram": [
                _histogram_row(each) for each in points if each.kind == "histogram"
            ],
        }
        self.execute(*(_insert(table, rows) for table, rows in tables.items() if rows))


def _insert(table: str, rows: Iterable[Row]) -> str:
    lines = "\n".join(json.dumps(row) for row in rows)
    return f"INSERT INTO {table} FORMAT JSONEachRow\n{lines}"


def _span_row(span: SpanRecord) -> Row:
    return {
        "Timestamp": _instant(span.start),
        "TraceId": span.trace_id,
        "SpanId": span.span_id,
        "ParentSpanId": span.parent_span_id,
        "SpanName": span.name,
        "SpanKind": span.kind.capitalize(),
        "ServiceName": span.resource.get("service.name", ""),
        "ResourceAttributes": _texts(span.resource),
        "ScopeName": span.scope,
        "SpanAttributes": _texts(span.attributes),
        "Duration": span.end - span.start,
        "StatusCode": span.status.capitalize(),
        "StatusMessage": span.message,
        "Events.Timestamp": [_instant(event.time) for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [_texts(event.attributes) for event in span.events],
        "Links.TraceId": [link.trace_id for link in span.links],
        "Links.SpanId": [link.span_id for link in span.links],
        "Links.TraceState": [""] * len(span.links),
        "Links.Attributes": [_texts(link.attributes) for link in span.links],
    }


def _event_row(event: LogEntry) -> Row:
    return {
        "Timestamp": _instant(event.time),
        "TraceId": event.trace_id,
        "SpanId": event.span_id,
        "SeverityText": event.severity_text,
        "SeverityNumber": logs_pb2.SeverityNumber.Value(f"SEVERITY_NUMBER_{event.severity}"),
        "ServiceName": event.resource.get("service.name", ""),
        "Body": event.body,
        "ResourceAttributes": _texts(event.resource),
        "LogAttributes": _texts(event.attributes),
        "EventName": event.event_name,
    }


def _sum_row(point: MetricPoint) -> Row:
    return {**_point_row(point), "Value": point.value, "IsMonotonic": point.monotonic}


def _histogram_row(point: MetricPoint) -> Row:
    values = {"Count": point.count, "Sum": point.value, "Min": point.least, "Max": point.greatest}
    buckets = {"BucketCounts": point.buckets, "ExplicitBounds": point.bounds}
    return {**_point_row(point), **values, **buckets}


def _point_row(point: MetricPoint) -> Row:
    return {
        "ResourceAttributes": _texts(point.resource),
        "ScopeName": point.scope,
        "ServiceName": point.resource.get("service.name", ""),
        "MetricName": point.name,
        "MetricDescription": point.description,
        "MetricUnit": point.unit,
        "Attributes": _texts(point.attributes),
        "StartTimeUnix": point.start // 10**9,
        "TimeUnix": point.time // 10**9,
        "Exemplars.FilteredAttributes": [{} for _ in point.exemplars],
        "Exemplars.TimeUnix": [point.time // 10**9 for _ in point.exemplars],
        "Exemplars.Value": [value for value, *_ in point.exemplars],
        "Exemplars.SpanId": [span for *_, span in point.exemplars],
        "Exemplars.TraceId": [trace for _, trace, _ in point.exemplars],
        "AggregationTemporality": _TEMPORALITIES[point.temporality],
    }


def _instant(nanoseconds: int) -> str:
    """Return seconds with nine decimals, which a DateTime64(9) takes."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{seconds}.{rest:09}"


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return attributes as the Collector writes them: lists as JSON, 2.0 as 2."""
    return {name: _text(value) for name, value in attributes.items()}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Sequence):
        return json.dumps(list(value), separators=(",", ":"))
    return str(value)
