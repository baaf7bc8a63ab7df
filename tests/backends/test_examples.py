"""The examples as they are printed: one address for all signals, three backends behind it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import yaml
from tests.backends import programs
from tests.backends.programs import Running
from tests.backends.recipes import started
from tests.backends.test_victoria_logs import stored
from tests.backends.traces import read
from tests.support.grafana import EVERYTHING, ROOT, targets
from tests.support.program import Program
from tests.support.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_demo_arrives_in_all_backends(program: Program, tmp_path: Path) -> None:
    """Spans in Jaeger, events in VictoriaLogs, and metrics as deltas in Prometheus."""
    services = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))["services"]
    words = services["prometheus"]["command"]
    (features,) = (each.split("=")[1].split(",") for each in words if "enable-feature" in each)
    config = yaml.safe_load((EXAMPLES / "prometheus.yaml").read_text("utf-8"))
    folders = [tmp_path / name for name in ("jaeger", "prometheus", "logs", "collector")]
    for folder in folders:
        folder.mkdir()
    with (
        programs.jaeger(folders[0]) as jaeger,
        programs.prometheus(folders[1], *features, config=config) as prometheus,
        programs.victoria_logs(folders[2], *services["victoria-logs"]["command"]) as logs,
        started(
            (EXAMPLES / "collector.yaml").read_text("utf-8"),
            folders[3],
            {
                "otlp_http/jaeger": jaeger.otlp,
                "otlp_http/prometheus": prometheus.otlp,
                "otlp_http/victoria-logs": logs.otlp,
            },
        ) as collector,
    ):
        result = program.command("demo", "--otlp-endpoint", collector.otlp)
        assert result.status == 0, result.stderr
        assert "gauge" not in result.stderr
        traces = re.findall(r"^  ([0-9a-f]{32})  .*?(\d+) spans$", result.stdout, re.MULTILINE)
        assert len(traces) == 3
        for trace_id, spans in traces:
            until(partial(has_spans, jaeger, trace_id, int(spans)), "spans do not arrive")
        until(lambda: stored(logs, "_time:90d *"), "events do not arrive")
        query = 'sum(sum_over_time(flow_run_count_total{cicd_pipeline_result="failure"}[1h]))'
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
