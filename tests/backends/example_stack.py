"""The programs of `examples/compose.yaml`, as processes with the configurations of the examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.backends import programs
from tests.backends.programs import Running
from tests.backends.recipes import started

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleStack:
    """A Collector at `otlp`, and the programs behind it."""

    otlp: str
    jaeger: Running
    prometheus: Running
    logs: Running


@contextmanager
def example_stack(folder: Path) -> Iterator[ExampleStack]:
    """Start all of them with empty storages."""
    services = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))["services"]
    words = services["prometheus"]["command"]
    (features,) = (each.split("=")[1].split(",") for each in words if "enable-feature" in each)
    config = yaml.safe_load((EXAMPLES / "prometheus.yaml").read_text("utf-8"))
    folders = [folder / name for name in ("jaeger", "prometheus", "logs", "collector")]
    for each in folders:
        each.mkdir()
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
        yield ExampleStack(otlp=collector.otlp, jaeger=jaeger, prometheus=prometheus, logs=logs)
