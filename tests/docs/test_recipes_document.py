"""The recipes can be copied: their YAML is whole, and names only what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flow_telemetry.settings import MetricShape
from flow_telemetry.settings.inputs import INPUT

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "recipes.md").read_text(encoding="utf-8")
BACKENDS = ("Prometheus", "Grafana Cloud", "Datadog", "Honeycomb", "Dynatrace")
PARTS = {
    heading: text
    for heading, _, text in (
        part.partition("\n") for part in re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    )
}
_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
BLOCKS: list[Any] = [yaml.safe_load(text) for text in _YAML.findall(PAGE)]
COLLECTORS = [block for block in BLOCKS if isinstance(block, dict) and "service" in block]
STEPS = [step for block in BLOCKS if isinstance(block, list) for step in block]
KINDS = ("receivers", "processors", "exporters")


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_backend_has_its_recipe(backend: str) -> None:
    """With the configuration of a Collector, and a source."""
    text = PARTS[backend] + PARTS.get(f"{backend} behind a Collector", "")
    assert "service:\n  pipelines:" in text or "extensions: [" in text
    assert re.search(r"\[(doc|source|issue)\]\(https://", text)


@pytest.mark.parametrize("config", COLLECTORS, ids=lambda config: next(iter(config["exporters"])))
def test_a_collector_has_all_the_parts_of_its_pipelines(config: dict[str, Any]) -> None:
    """None is missing, and none stands there for nothing."""
    pipelines, connectors = config["service"]["pipelines"], set(config.get("connectors", ()))
    for kind in KINDS:
        used = {name for each in pipelines.values() for name in each.get(kind, ())}
        # A connector is an exporter of one pipeline and a receiver of another.
        assert used - connectors == set(config.get(kind, ())), kind
        assert kind == "processors" or connectors <= used
    assert set(config["service"].get("extensions", ())) == set(config.get("extensions", ()))
    assert {name.partition("/")[0] for name in pipelines} <= {"traces", "metrics", "logs"}


def test_deltas_are_added_up_for_who_refuses_them() -> None:
    """And for longer than a workflow pauses; the others get them as they are."""
    adding = {
        next(iter(each["exporters"])): each["processors"]["delta_to_cumulative"]["max_stale"]
        for each in COLLECTORS
        if "delta_to_cumulative" in each.get("processors", ())
    }
    names = ("otlp_http/prometheus", "otlp_http/grafana", "otlp_http/counts")
    assert adding == dict.fromkeys(names, "720h")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["with"]["otlp-endpoint"])
def test_a_step_uses_inputs_that_there_are(step: dict[str, Any]) -> None:
    """And a shape that there is."""
    assert step["with"].keys() <= INPUT.keys()
    MetricShape(step["with"].get("metric-shape", "auto"))


def test_inputs_in_the_text_are_legal() -> None:
    """Whatever stands as `input: value`."""
    named = re.findall(r"`([a-z]+(?:-[a-z]+)*): [^`]+`", PAGE)
    assert set(named) - {"endpoint"} <= INPUT.keys()
