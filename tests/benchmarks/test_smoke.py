"""The benchmarks run, so that a figure can be had at any time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="what a child used is told by POSIX only")
def test_a_small_run_fills_the_table(tmp_path: Path) -> None:
    """Two jobs of three steps arrive whole, with at most four requests; no peer is needed."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--peers", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| 2 jobs")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    requests, spans = cells[7], cells[9]
    assert int(requests) <= 4
    assert spans == "13"
    assert "start alone, wall" in done.stdout
    assert "No peer ran" in done.stdout


def test_the_sweep_of_a_small_organization_is_measured_and_modelled(tmp_path: Path) -> None:
    """Real sweeps and the model of them export the same things."""
    command = [sys.executable, "-m", "benchmarks.organization", "costs", "check", "model"]
    command += ["--costs", str(tmp_path / "costs.json"), "--fitted", "3", "--sweeps", "2"]
    command += ["--checked", "2", "--check-sweeps", "1", "--repositories", "6", "--days", "1"]
    command += ["--limits", "5000", "--shards", "2", "--apps", "2", "--hours"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    (exported,) = [row for row in rows if row[0] == "things exported"]
    assert int(exported[1]) > 5
    assert abs(int(exported[1]) - int(exported[2])) <= 1
    one, two = [row for row in rows if row[0] == "5,000"]
    assert (one[1], two[1]) == ("1", "2")
    assert one[8] == two[8] == "0%"


def test_the_requests_of_a_sweep_are_counted() -> None:
    """In a small repository too, a thing takes no more of them than it may in a large one."""
    command = [sys.executable, "-m", "benchmarks.sweep_requests", "--runs", "100"]
    command += ["--changes", "50", "--issues", "50", "--days", "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("|")
    ]
    asked = {row[0]: row for row in rows}
    for name in ("runs", "pull requests", "issues", "deployments"):
        _, things, _, each, bar = asked[name]
        assert int(things) >= 50
        assert 0 < float(each) <= float(bar)
