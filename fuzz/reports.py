"""Files that a job left behind, byte by byte: test reports, and coverage of all formats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import Coverage, TestReport
from flow_telemetry.reports.coverage import read_coverage, read_stored_totals
from flow_telemetry.reports.tests import read_test_report
from flow_telemetry.rules import (
    coverage,
)
from flow_telemetry.rules import tests as test_rules
from flow_telemetry.rules.intervals import Interval
from fuzz.scenarios import COVERAGE, JUNIT

_AT = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
_JOB = test_rules.StepSpan(
    reference="github.com/acme/shop/actions/runs/1/job/2",
    interval=Interval(_AT, _AT.replace(hour=4)),
)
LCOV = "TN:\nSF:shop/a.py\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nBRF:2\nBRH:1\nend_of_record\n"
GO = "mode: set\nshop/a.go:3.10,5.2 2 1\nshop/a.go:7.1,9.2 1 0\n"
COVERAGE_PY = (
    '{"meta": {"version": "7.6"}, "files": {"shop/a.py": {"summary": {"covered_lines": 3, '
    '"num_statements": 4, "covered_branches": 1, "num_branches": 2}}}, "totals": '
    '{"covered_lines": 3, "num_statements": 4, "covered_branches": 1, "num_branches": 2}}'
)
JACOCO = (
    '<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">'
    '<report name="shop"><package name="shop/cart"><counter type="LINE" missed="2" covered="8"/>'
    '</package><counter type="LINE" missed="2" covered="8"/><counter type="BRANCH" missed="1" '
    'covered="3"/></report>'
)
CLOVER = (
    '<?xml version="1.0"?><coverage generated="1"><project timestamp="1"><package name="shop">'
    '<file name="a.php"><line num="1" type="stmt" count="1"/><metrics statements="4" '
    'coveredstatements="3" conditionals="2" coveredconditionals="1"/></file></package><metrics '
    'statements="4" coveredstatements="3" conditionals="2" coveredconditionals="1"/></project>'
    "</coverage>"
)
TRX = (
    '<?xml version="1.0" encoding="utf-8"?><TestRun xmlns="http://microsoft.com/schemas/VisualStudio'
    '/TeamTest/2010"><Times start="2026-11-24T03:43:00.1+01:00"/><Results><UnitTestResult '
    'testId="1" testName="Adds" duration="00:00:01.25" outcome="Failed" startTime="2026-11-24T03'
    ':43:00.1+01:00"><Output><ErrorInfo><Message>no</Message><StackTrace>at x</StackTrace>'
    '</ErrorInfo></Output></UnitTestResult></Results><TestDefinitions><UnitTest id="1"><TestMethod '
    'className="Shop.Cart, Shop" name="Adds"/></UnitTest></TestDefinitions></TestRun>'
)
KEPT = (
    '{"version": 1, "counts": {"lines": [8, 10], "branches": null}, "packages": '
    '[{"name": "shop", "counts": {"lines": [8, 10]}}]}'
)
_EXAMPLES = (JUNIT, TRX, COVERAGE, JACOCO, CLOVER, LCOV, GO, COVERAGE_PY, KEPT)


def run(data: bytes) -> None:
    """Read a file as each kind of report, and reckon with what it says."""
    try:
        _placed(read_test_report(data, "report.xml"))
    except ReportError as error:
        str(error).encode()
    try:
        _summed(read_coverage(data, "coverage.xml"))
    except ReportError as error:
        str(error).encode()
    try:
        coverage.largest_packages(read_stored_totals(data, "kept.json").packages, 10)
    except ReportError as error:
        str(error).encode()


def _placed(report: TestReport) -> None:
    written = test_rules.ReportContext(steps=(_JOB,), job=_JOB, at=_AT.replace(minute=50))
    wanted = test_rules.choose_spans(report.suites, 100)
    places = test_rules.place_suites(report.suites, written)
    for suite, place, cases in zip(report.suites, places, wanted, strict=True):
        for _, interval, _ in test_rules.place_cases(suite, place, cases or frozenset()):
            assert interval.start <= interval.end
        test_rules.count_cases(suite.cases)
        suite.name.encode()
    test_rules.mark_flaky([report], frozenset())


def _summed(found: Coverage) -> None:
    totals = coverage.totals([found, found])
    for package in coverage.largest_packages(totals.packages, 10):
        package.name.encode()
    for unit in ("lines", "branches"):
        coverage.change(totals.counts, totals.counts, unit)


def seeds() -> Iterator[bytes]:
    """Yield a report of each format."""
    yield from (example.encode() for example in _EXAMPLES)
    yield JUNIT.replace('version="1.0"', 'version="1.0" encoding="utf-16"').encode("utf-16")
