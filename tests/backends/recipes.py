"""The configurations of the Collector in docs/guides/recipes.md, as they are printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.backends import programs
from tests.backends.programs import Running
from tests.support.ports import free_ports

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "recipes.md").read_text(encoding="utf-8")


def recipes() -> list[Any]:
    """Return the text of each configuration as a parameter named after its exporters."""
    found = []
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        config = yaml.safe_load(text)
        if "service" in config:
            found.append(pytest.param(text, id=" ".join(config["exporters"])))
    return found


def environ_of(text: str, folder: Path) -> dict[str, str]:
    """Write a file for each credential that a configuration names; return the variable for it."""
    for name in re.findall(r"\$\{file:\$\{env:CREDENTIALS_DIRECTORY\}/([\w-]+)\}", text):
        (folder / name).write_text(f"secret {name}", encoding="utf-8")
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def written(text: str, folder: Path) -> Path:
    """Write a configuration into a file."""
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def recipe_with(*components: str) -> str:
    """Return the text of the one configuration that has these components."""
    found = [str(each.values[0]) for each in recipes()]
    (text,) = (each for each in found if all(f"\n  {name}:\n" in each for name in components))
    return text


@contextmanager
def started(
    text: str,
    folder: Path,
    endpoints: Mapping[str, str],
    telemetry: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[Running]:
    """Start a Collector with a configuration as it is printed, but for the addresses.

    ``endpoints`` are those of exporters by name, ``telemetry`` is what the Collector says of
    itself, and ``more`` are settings that only save time.
    """
    (port,) = free_ports(1)
    here = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {name: {"endpoint": endpoint} for name, endpoint in endpoints.items()},
        "service": {"telemetry": telemetry or {"metrics": {"level": "none"}}},
        **more,
    }
    configs = [str(written(text, folder)), f"yaml:{json.dumps(here)}"]
    pipelines: Mapping[str, Any] = yaml.safe_load(text)["service"]["pipelines"]
    (signal, *_) = (name for name in pipelines if name.partition("/")[1] == "")
    with programs.collector(folder, configs, port, environ_of(text, folder), signal) as running:
        yield running
