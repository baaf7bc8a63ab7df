"""The recipes of the Collector in a real one, as they are printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.backends import programs
from tests.fakes.receiver import Receiver
from tests.support.ports import free_ports
from tests.support.program import Program
from tests.support.waiting import until

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
# What the Collector of these tests has not; there is no account to send to either.
NOT_THERE = {"datadog"}
SIGNALS = {"traces": "traces", "logs": "events", "metrics": "metrics"}


def recipes() -> list[Any]:
    """Return the text of each configuration, and its exporters as its name."""
    found = []
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        config = yaml.safe_load(text)
        if "service" in config and not NOT_THERE & config["exporters"].keys():
            found.append(pytest.param(text, id=" ".join(config["exporters"])))
    return found


def environ_of(text: str) -> dict[str, str]:
    """Return a value for each variable that a configuration names."""
    return {name: f"secret-{name.lower()}" for name in re.findall(r"\$\{env:(\w+)\}", text)}


def written(text: str, folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_but_one_of_the_recipes_are_tried() -> None:
    """The page keeps its configurations."""
    assert len(recipes()) == len(re.findall(r"^service:$", PAGE, re.MULTILINE)) - len(NOT_THERE)
    assert len(recipes()) >= 4


@pytest.mark.parametrize("text", recipes())
def test_a_recipe_loads(text: str, tmp_path: Path) -> None:
    """Under the components' current names: nothing is called deprecated."""
    words = ["validate", "--config", str(written(text, tmp_path))]
    done = programs.run_collector(words, environ_of(text))
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr + done.stdout


@pytest.mark.parametrize("text", recipes())
def test_a_recipe_passes_the_demo_through(
    text: str, program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    """Every span and event arrives; metrics too, as totals where the recipe adds them up."""
    config = yaml.safe_load(text)
    (port,) = free_ports(1)
    # What the recipe leaves open: the addresses here. The rest is as it is printed.
    here = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {name: {"endpoint": receiver.url} for name in config["exporters"]},
        "service": {"telemetry": {"metrics": {"level": "none"}}},
    }
    pipelines = config["service"]["pipelines"]
    signals = ",".join(SIGNALS[name] for name in pipelines)
    configs = [str(written(text, tmp_path)), f"yaml:{json.dumps(here)}"]
    with programs.collector(tmp_path, configs, port, environ_of(text)) as collector:
        url = collector.otlp
        result = program.command("demo", "--otlp-endpoint", url, "--signals", signals)
        assert result.status == 0, result.stderr
        said = re.search(r"Sent ([\d,]+) spans, ([\d,]+) events and ([\d,]+) ", result.stderr)
        assert said is not None, result.stderr
        spans, events, points = (int(each.replace(",", "")) for each in said.groups())
        until(lambda: len(receiver.spans) >= spans, "spans do not arrive")
        until(lambda: len(receiver.events) >= events, "events do not arrive")
        until(lambda: len(receiver.metrics) >= points, "metrics do not arrive")
    assert (len(receiver.spans), len(receiver.events)) == (spans, events)
    assert len(receiver.metrics) == points
    added_up = "delta_to_cumulative" in config.get("processors", ())
    temporalities = {point.temporality for point in receiver.metrics if point.kind != "gauge"}
    assert temporalities == {"CUMULATIVE" if added_up else "DELTA"}
