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
