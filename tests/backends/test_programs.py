"""The programs are pinned, and built anew if and only if what they are made from changes."""

from __future__ import annotations

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


def test_there_are_six_programs() -> None:
    """Each has its versions and their hashes."""
    assert backends.names() == tuple(sorted([backends.CLICKHOUSE, *VERSIONS]))
    assert "chdb-core==26.9.0 \\\n    --hash" in backends.HERE.lock.read_text(encoding="utf-8")
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
    places = backends.Places(sources=tmp_path, lock=tmp_path / "lock.txt")
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


def test_clickhouse_belongs_to_its_lock(tmp_path: Path) -> None:
    """Its program is the Python of an environment; whatever else changes, it stays."""
    places = backends.Places(lock=tmp_path / "lock.txt")
    places.lock.write_text("chdb-core==1\n", encoding="utf-8")
    first = backends.binary(backends.CLICKHOUSE, places)
    assert first.name.startswith("python")
    places.lock.write_text("chdb-core==2\n", encoding="utf-8")
    assert backends.binary(backends.CLICKHOUSE, places) != first


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
    backends.why_not.cache_clear()
    assert backends.main([], places) == 1
    assert backends.NO_GO in capsys.readouterr().err
    assert backends.main(["--if-possible"], places) == 0
    assert backends.NO_GO in capsys.readouterr().out
    backends.why_not.cache_clear()
