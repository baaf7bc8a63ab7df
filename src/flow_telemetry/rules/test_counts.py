"""Which cases of test reports count, and as what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flow_telemetry.model.reports import (
    CaseResult,
    TestCase,
    TestReport,
)
from flow_telemetry.model.test_results import TestCounts


def is_failing(case: TestCase) -> bool:
    """Whether an entry is one of a failure, also of one that was run again."""
    return case.result is CaseResult.FAILED or case.result is CaseResult.ERROR


def counts_of(cases: Iterable[TestCase]) -> TestCounts:
    """Return the counts of cases; an entry that was run again is no case of its own."""
    passed = failed = skipped = flaky = 0
    for case in cases:
        if case.run_again:
            continue
        if case.result is CaseResult.PASSED:
            passed += 1
            flaky += case.flaky
        elif case.result is CaseResult.SKIPPED:
            skipped += 1
        else:
            failed += 1
    return TestCounts(passed=passed, failed=failed, skipped=skipped, flaky=flaky)


def known_name(case: TestCase) -> str:
    """Return what tells a case from others of a job, whatever the attempt: suite and name."""
    return f"{case.suite}: {case.full_name}" if case.suite else case.full_name


def with_flaky(reports: Sequence[TestReport], failed: frozenset[str]) -> tuple[TestReport, ...]:
    """Return the reports with the cases as flaky that passed now and failed in the attempt before.

    ``failed`` are the known names of those that failed. Where several cases have one such name it
    is not known which of them did, so they stay as they are.
    """
    if not failed:
        return tuple(reports)
    times = Counter(
        name
        for report in reports
        for case in report.cases
        if case.number == 1 and (name := known_name(case)) in failed
    )
    flaky = {name for name, count in times.items() if count == 1}
    return tuple(_with_flaky(report, flaky) for report in reports)


def _with_flaky(report: TestReport, names: set[str]) -> TestReport:
    return replace(
        report,
        suites=tuple(
            replace(
                suite,
                cases=tuple(
                    replace(case, flaky=True)
                    if case.result is CaseResult.PASSED and known_name(case) in names
                    else case
                    for case in suite.cases
                ),
            )
            for suite in report.suites
        ),
    )
