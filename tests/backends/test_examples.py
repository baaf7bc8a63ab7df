"""The examples as they are printed: one address for all signals, three backends behind it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from tests.backends.example_stack import example_stack
from tests.backends.programs import Running
from tests.backends.test_victoria_logs import stored
from tests.backends.traces import read
from tests.support.grafana import EVERYTHING, ROOT, targets
from tests.support.program import Program
from tests.support.waiting import until


def test_the_demo_arrives_in_all_backends(program: Program, tmp_path: Path) -> None:
    """Spans in Jaeger, events in VictoriaLogs, and metrics as deltas in Prometheus."""
    with example_stack(tmp_path) as stack:
        result = program.command("demo", "--otlp-endpoint", stack.otlp)
        assert result.status == 0, result.stderr
        assert "gauge" not in result.stderr
        traces = re.findall(r"^  ([0-9a-f]{32})  .*?(\d+) spans$", result.stdout, re.MULTILINE)
        assert len(traces) == 3
        for trace_id, spans in traces:
            until(partial(has_spans, stack.jaeger, trace_id, int(spans)), "spans do not arrive")
        until(lambda: stored(stack.logs, "_time:90d *"), "events do not arrive")
        query = 'sum(sum_over_time(flow_run_count_total{cicd_pipeline_result="failure"}[1h]))'
        prometheus = stack.prometheus
        until(lambda: prometheus.get("/api/v1/query", query=query)["data"]["result"], "metrics")
        (found,) = prometheus.get("/api/v1/query", query=query)["data"]["result"]
        assert float(found["value"][1]) == 2
        for panel in targets(ROOT / "dashboards" / "ci-health.json"):
            if panel.title in ("Runs", "Failed runs", "Mean wait for a runner"):
                expression = panel.filled(
                    {**EVERYTHING, "repository": "acme/shop", "form": ".*", "__range": "30d"}
                )
                data = prometheus.get("/api/v1/query", query=expression)["data"]
                assert float(data["result"][0]["value"][1]) > 0, panel.title


def has_spans(jaeger: Running, trace_id: str, spans: int) -> bool:
    return len(read(jaeger, trace_id).spans) == spans
