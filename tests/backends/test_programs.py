"""The programs are pinned, and built anew if and only if what they are made from changes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tools import backends

VERSIONS = {
    "collector": "go.opentelemetry.io/collector/otelcol v0.161.0",
    "jaeger": "github.com/jaegertracing/jaeger v1.76.0",
    "prometheus": "github.com/prometheus/prometheus v0.316.0",
    "promtool": "github.com/prometheus/prometheus v0.316.0",
    "victoria-logs": "github.com/VictoriaMetrics/VictoriaLogs v1.52.1",
}
# A Go that is new enough, with a proxy that answers at once.
GO = """#!/bin/sh
case "$2" in GOVERSION) echo go1.26.8 ;; GOPROXY) echo file:///proxy ;; esac
"""
PACKAGES = {"clickhouse": "chdb-core==26.9.0", "phoenix": "arize-phoenix==20.26.1"}


def test_there_are_eight_programs() -> None:
    """Each has its versions and their hashes."""
    assert backends.names() == tuple(sorted([*PACKAGES, backends.TRACEQL, *VERSIONS]))
    for name, version in PACKAGES.items():
        lock = backends.HERE.lock(name).read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(version)}\b[^\n]* \\\n    --hash", lock, re.MULTILINE)
    lock = json.loads((backends.HERE.sources / backends.TRACEQL / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages["node_modules/@grafana/lezer-traceql"]["version"] == "1.0.0"
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    for name, version in VERSIONS.items():
        folder = backends.HERE.sources / name
        assert version in (folder / "go.mod").read_text(encoding="utf-8")
        assert (folder / "go.sum").exists()


def test_the_components_of_the_collector_are_of_one_release() -> None:
    """Those of the contrib repository have one version, but for a part that is replaced."""
    text = (backends.HERE.sources / "collector" / "go.mod").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "collector-contrib/" in line]
    ours = [line for line in lines if "// indirect" not in line and "=>" not in line]
    assert len(ours) == 10
    assert {line.split()[-1] for line in ours} == {"v0.161.0"}


def test_a_binary_belongs_to_its_files(tmp_path: Path) -> None:
    """Another version, hash or line of code is another binary; line ends are none."""
    shutil.copytree(backends.HERE.sources / "collector", tmp_path / "collector")
    places = backends.Places(sources=tmp_path, locks=tmp_path)
    first = backends.binary("collector", places)
    seen = {first}
    for name in ("go.mod", "go.sum", "main.go"):
        path = tmp_path / "collector" / name
        content = path.read_bytes()
        path.write_bytes(content.replace(b"\n", b"\r\n"))
        assert backends.binary("collector", places) == first
        path.write_bytes(content + b"\n")
        seen.add(backends.binary("collector", places))
        path.write_bytes(content)
    assert len(seen) == 4
    assert backends.binary("collector", places) == first


@pytest.mark.parametrize("name", backends.ENVIRONMENTS)
def test_a_python_package_belongs_to_its_lock(name: str, tmp_path: Path) -> None:
    """Its program is the Python of an environment; whatever else changes, it stays."""
    places = backends.Places(locks=tmp_path)
    places.lock(name).write_text("package==1\n", encoding="utf-8")
    first = backends.binary(name, places)
    assert first.name.startswith("python")
    (tmp_path / "other.txt").write_text("package==2\n", encoding="utf-8")
    assert backends.binary(name, places) == first
    places.lock(name).write_text("package==2\n", encoding="utf-8")
    assert backends.binary(name, places) != first


def test_a_program_that_is_there_is_not_built_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even Go is needed."""
    places = backends.Places(binaries=tmp_path / ".backends")
    made = backends.binary("jaeger", places)
    made.parent.mkdir()
    made.touch()
    monkeypatch.setenv("PATH", "")
    assert backends.main(["jaeger"], places) == 0
    assert f"{made.name} is there" in capsys.readouterr().out


def test_without_go_the_reason_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a failure where somebody asked for the programs, as a line in CI."""
    places = backends.Places(binaries=tmp_path / ".backends")
    monkeypatch.setenv("PATH", "")
    backends.why_no_go.cache_clear()
    assert backends.main([], places) == 1
    assert backends.NO_GO in capsys.readouterr().err
    assert backends.main(["--if-possible"], places) == 0
    assert backends.NO_GO in capsys.readouterr().out
    backends.why_no_go.cache_clear()


def test_without_npm_the_other_programs_are_built(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the grammar of TraceQL is left out, with its reason."""
    places = backends.Places(binaries=tmp_path / ".backends")
    for name in backends.names():
        if name != backends.TRACEQL:
            made = backends.binary(name, places)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").write_text(GO, encoding="utf-8")
    (tmp_path / "bin" / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    backends.why_no_go.cache_clear()
    assert backends.main(["--if-possible"], places) == 0
    said = capsys.readouterr().out
    assert f"not built: traceql: {backends.NO_NPM}" in said
    assert "jaeger" in said
    backends.why_no_go.cache_clear()
