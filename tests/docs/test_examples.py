"""The examples fit together: files, ports and versions are those that the tests run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MODULES = ROOT / "tests" / "backends"


def loaded(name: str) -> Any:
    """Return the content of an example."""
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


SERVICES = loaded("compose.yaml")["services"]


def test_the_compose_file_follows_its_schema() -> None:
    """Containers do not run here: the schema of the specification is what can be checked."""
    words = ["--builtin-schema", "vendor.compose-spec", str(EXAMPLES / "compose.yaml")]
    check = [sys.executable, "-m", "check_jsonschema", *words]
    done = subprocess.run(check, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_files_are_there_and_its_ports_stay_on_this_machine() -> None:
    """Nothing has a password."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            assert (EXAMPLES / volume.split(":")[0]).exists(), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert set(service.get("depends_on", ())) <= SERVICES.keys()


def test_its_versions_are_those_that_run_in_the_tests() -> None:
    """But for the dashboard, which has no module of Go."""
    modules = {
        "collector": r"collector/otelcol v(?P<version>\S+)",
        "prometheus": r"prometheus/prometheus v0\.3(?P<minor>\d\d)\.(?P<patch>\d+)",
        "victoria-logs": r"VictoriaLogs v(?P<version>\S+)",
    }
    for name, pattern in modules.items():
        found = re.search(pattern, (MODULES / name / "go.mod").read_text(encoding="utf-8"))
        assert found is not None
        parts = found.groupdict()
        version = parts.get("version") or f"3.{int(parts['minor'])}.{parts['patch']}"
        assert SERVICES[name]["image"].rpartition(":")[2].removeprefix("v") == version


def test_the_image_of_jaeger_is_of_the_release_that_runs_in_the_tests() -> None:
    """One release has a version as a module and another one as a program, by Jaeger's changelog."""
    module = (MODULES / "jaeger" / "go.mod").read_text(encoding="utf-8")
    assert re.search(r"jaegertracing/jaeger v1\.76\.0\b", module)
    assert SERVICES["jaeger"]["image"] == "jaegertracing/jaeger:2.13.0"


def test_the_readme_says_of_each_image_what_has_run() -> None:
    """With its present version."""
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \w+ \| `(\S+)` \| \S", page, re.MULTILINE)
    assert listed == [service["image"] for service in SERVICES.values()]


def test_the_addresses_are_those_of_the_services() -> None:
    """The Collector and the dashboard find each by its name and port."""
    texts = [(EXAMPLES / name).read_text("utf-8") for name in ("collector.yaml", "grafana.yaml")]
    ports = {"jaeger": {"4318", "16686"}, "victoria-logs": {"9428"}, "prometheus": {"9090"}}
    addresses = re.findall(r"http://([\w-]+):(\d+)", "\n".join(texts))
    assert {name for name, _ in addresses} == ports.keys()
    assert all(port in ports[name] for name, port in addresses)
