"""The fake GitHub and an OTLP sink in a process of their own, which counts what they are asked.

    python -m benchmarks.servers --jobs 20 --steps 10 --latency 0.1

It prints a line of JSON with both addresses, and the event file of the run's end; then, for each
line that it reads, what was asked and what arrived since the last one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import threading
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.events import workflow_run
from tests.fakes.faults import Answer, Request
from tests.fakes.github import FakeGitHub
from tests.fakes.server import LocalServer

from benchmarks.worlds import Size, make_world

_RATE_LIMIT = 1_000_000
_MESSAGES = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class Sink:
    """Takes OTLP as fast as it comes; what arrived is decoded only when somebody asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self.server = LocalServer(self._take)

    def _take(self, request: Request) -> Answer:
        with self._lock:
            self._requests.append(request)
        content_type = request.headers.get("content-type", "")
        body = b"{}" if "json" in content_type else b""
        return Answer(headers={"Content-Type": content_type}, body=body)

    def taken(self) -> dict[str, int]:
        """Return requests, bytes and items by signal since the last time; a span id counts once."""
        with self._lock:
            requests, self._requests = self._requests, []
        found = {"otlp_requests": len(requests), "bytes": sum(len(r.body) for r in requests)}
        for signal in _MESSAGES:
            of_signal = (r for r in requests if r.path.endswith(f"/{signal}"))
            found[signal] = len({item for r in of_signal for item in _items(r, signal)})
        return found


def _items(request: Request, signal: str) -> list[str]:
    """What tells the items of a request apart: the ids of spans, the numbers of the others."""
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "json" in request.headers.get("content-type", ""):
        return _items_in_json(json.loads(body), signal)
    message: Any = _MESSAGES[signal]()
    message.ParseFromString(body)
    if signal == "traces":
        scopes = (s for r in message.resource_spans for s in r.scope_spans)
        return [span.span_id.hex() for scope in scopes for span in scope.spans]
    if signal == "logs":
        scopes = (s for r in message.resource_logs for s in r.scope_logs)
        return _numbered(request, sum(len(scope.log_records) for scope in scopes))
    scopes = (s for r in message.resource_metrics for s in r.scope_metrics)
    return _numbered(request, sum(len(scope.metrics) for scope in scopes))


def _items_in_json(message: Any, signal: str) -> list[str]:
    spans = [
        span["spanId"]
        for resource in message.get("resourceSpans", ())
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    metrics = sum(
        len(scope["metrics"])
        for resource in message.get("resourceMetrics", ())
        for scope in resource["scopeMetrics"]
    )
    return spans if signal == "traces" else [f"{id(message)}/{n}" for n in range(metrics)]


def _numbered(request: Request, count: int) -> list[str]:
    return [f"{id(request)}/{number}" for number in range(count)]


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--changes", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    world, run = make_world(Size(options.jobs, options.steps), changes=options.changes)
    sink = Sink()
    # A sweep is measured as a server without limits lets it run: the limits make it wait.
    limit = None if options.changes else _RATE_LIMIT
    github = FakeGitHub(world, rate_limit=limit, latency=options.latency)
    with github, sink.server:
        event = workflow_run(world, run)
        say({"github": github.url, "otlp": sink.server.url, "event": event})
        for _ in sys.stdin:
            asked, github.requests = github.requests, []
            say({"requests": len(asked), **sink.taken()})
    return 0


def say(payload: object) -> None:
    """Write a line of JSON to the program that started this one."""
    sys.stdout.write(json.dumps(payload) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
