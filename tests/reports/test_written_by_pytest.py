"""A report as pytest really writes it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flow_telemetry.model.reports import CaseResult
from flow_telemetry.reports.tests import read_test_report

TESTS = """\
import pytest

def test_passes(): pass

@pytest.mark.parametrize("name", ["a", "b\\n<&>"])
def test_names(name): pass

class TestCart:
    def test_fails(self): assert 1 == 2, "one & two"

@pytest.fixture
def broken(): raise RuntimeError("no cart")

def test_error(broken): pass

@pytest.mark.skip(reason="later")
def test_skipped(): pass
"""


def test_what_pytest_writes(tmp_path: Path) -> None:
    """Each result with its reason; the suite began when it ran."""
    (tmp_path / "test_shop.py").write_text(TESTS)
    before = datetime.now(timezone.utc)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull),
            *("--rootdir=.", "--junitxml=junit.xml", "test_shop.py"),
        ],
        cwd=tmp_path,
        env={**environ, "TZ": "UTC"},
        check=False,
        capture_output=True,
    )
    report = read_test_report(tmp_path / "junit.xml", "junit.xml")
    (suite,) = report.suites
    assert suite.name == "pytest"
    assert suite.started_at is not None
    assert abs(suite.started_at - before) < timedelta(minutes=2)
    by_name = {case.name.partition("[")[0]: case for case in suite.cases}
    assert {name: case.result.value for name, case in by_name.items()} == {
        "test_passes": "passed",
        "test_names": "passed",
        "test_fails": "failed",
        "test_error": "error",
        "test_skipped": "skipped",
    }
    assert len(suite.cases) == 6
    failed, error = by_name["test_fails"].failure, by_name["test_error"].failure
    assert failed is not None
    assert error is not None
    assert by_name["test_fails"].class_name == "test_shop.TestCart"
    assert "one & two" in failed.message
    assert "no cart" in error.message
    assert by_name["test_error"].result is CaseResult.ERROR
