"""Entries of one test case: told apart by numbers, and which of them were run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flow_telemetry.model.reports import (
    CaseResult,
    TestCase,
    TestSuite,
)

_FAILING = {CaseResult.FAILED, CaseResult.ERROR}


def numbered(suites: Iterable[TestSuite]) -> tuple[TestSuite, ...]:
    """Return the suites of a report with `number`, `run_again` and `flaky` of their cases.

    gotestsum and Gradle write an entry for each time that a case was run. A failure before
    another entry of the same suite, class and name was run again; what passed after one is flaky.
    """
    suites = tuple(suites)
    repeated = {
        name: times
        for name, times in Counter(_names(case for s in suites for case in s.cases)).items()
        if times > 1
    }
    if not repeated:
        return suites
    seen: Counter[tuple[str, ...]] = Counter()
    failed: set[tuple[str, ...]] = set()
    return tuple(
        replace(suite, cases=tuple(_told_apart(suite.cases, repeated, seen, failed)))
        for suite in suites
    )


def _told_apart(
    cases: Iterable[TestCase],
    repeated: dict[tuple[str, ...], int],
    seen: Counter[tuple[str, ...]],
    failed: set[tuple[str, ...]],
) -> Iterator[TestCase]:
    for case in cases:
        name = _name(case)
        if name not in repeated:
            yield case
            continue
        seen[name] += 1
        failing = case.result in _FAILING
        yield replace(
            case,
            number=seen[name],
            run_again=failing and seen[name] < repeated[name],
            flaky=case.flaky or (case.result is CaseResult.PASSED and name in failed),
        )
        if failing:
            failed.add(name)


def with_reruns_of_pytest(cases: Sequence[TestCase], declared: int | None) -> list[TestCase]:
    """Return a suite's cases with the reruns of pytest-rerunfailures as the failures they are.

    It writes a failure that is run again as an entry that looks passed, and leaves it out of the
    suite's own count (``declared``), by which it is known.
    """
    last = {_name(case): index for index, case in enumerate(cases)}
    if declared != len(last) or declared == len(cases):
        return list(cases)
    return [
        replace(case, result=CaseResult.FAILED)
        if case.result is CaseResult.PASSED and index < last[_name(case)]
        else case
        for index, case in enumerate(cases)
    ]


def _names(cases: Iterable[TestCase]) -> Iterator[tuple[str, ...]]:
    return map(_name, cases)


def _name(case: TestCase) -> tuple[str, ...]:
    return (case.suite, case.class_name, case.name)
