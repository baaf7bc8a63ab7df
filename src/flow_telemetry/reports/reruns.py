"""Entries of one test case in a report: runs of one test, or distinct tests of one name.

Parameters, browsers and shared examples give several tests one name, so entries are runs of one
test only if the tool that wrote the suite is known to write an entry for each run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum

from flow_telemetry.model.reports import CaseResult, TestCase, TestSuite
from flow_telemetry.rules.tests import is_failing


class Writer(Enum):
    """Tools whose suites need rules of their own."""

    GOTESTSUM = "gotestsum"
    GRADLE = "Gradle"
    PYTEST = "pytest"
    OTHER = "other"


# The attributes of a suite, in the order in which these tools write them.
_PYTEST = ("name", "errors", "failures", "skipped", "tests", "time", "timestamp", "hostname")
_GRADLE = ("name", "tests", "skipped", "failures", "errors", "timestamp", "hostname", "time")
_TEARDOWN = ("failed on teardown", "test teardown failure")


def find_writer(attributes: Mapping[str, str], properties: Iterable[str]) -> Writer:
    """Return the tool that wrote a suite, by its attributes and the names of its properties."""
    if "go.version" in properties:
        return Writer.GOTESTSUM
    order = tuple(attributes)
    if order == _PYTEST or attributes.get("name") == "pytest":
        return Writer.PYTEST
    return Writer.GRADLE if order == _GRADLE else Writer.OTHER


def merge_entries(
    cases: Sequence[TestCase], writer: Writer, names: Sequence[object] = ()
) -> list[TestCase]:
    """Return the cases of one suite, those that were run again with `run_again` and `flaky`.

    ``names`` are the names as they are written: cut ones may be those of distinct tests.
    """
    if writer is Writer.OTHER:
        return list(cases)
    groups: dict[object, list[int]] = {}
    for position, case in enumerate(cases):
        if case.name:
            key = names[position] if names else (case.class_name, case.name)
            groups.setdefault(key, []).append(position)
    merged: list[TestCase | None] = list(cases)
    for positions in groups.values():
        if len(positions) > 1:
            merge = _merge_pytest if writer is Writer.PYTEST else _mark_runs
            entries = merge([cases[position] for position in positions])
            for position, entry in zip(positions, entries, strict=True):
                merged[position] = entry
    return [case for case in merged if case is not None]


def number_cases(suites: Iterable[TestSuite]) -> tuple[TestSuite, ...]:
    """Return the suites of a report with `number` and `namesake` of entries of one name."""
    suites = tuple(suites)
    # In a large report hardly any name is repeated, and the other cases stay the same objects.
    counts = Counter(_case_key(case) for suite in suites for case in suite.cases)
    repeated = {key for key, count in counts.items() if count > 1}
    if not repeated:
        return suites
    seen: Counter[tuple[str, ...]] = Counter()
    ended: Counter[tuple[str, ...]] = Counter()

    def number(case: TestCase) -> TestCase:
        key = _case_key(case)
        if key not in repeated:
            return case
        seen[key] += 1
        namesake = ended[key] + 1
        ended[key] += not case.run_again
        return replace(case, number=seen[key], namesake=namesake)

    return tuple(replace(suite, cases=tuple(map(number, suite.cases))) for suite in suites)


def _mark_runs(entries: Sequence[TestCase]) -> list[TestCase]:
    """Mark the runs of one test, if each run but the last one failed.

    A skip does not count as a run, so it never replaces a failure.
    """
    runs = [entry for entry in entries if entry.result is not CaseResult.SKIPPED]
    if len(runs) < 2 or not all(map(is_failing, runs[:-1])):
        return list(entries)
    last = runs[-1]
    return [
        replace(entry, flaky=entry.result is CaseResult.PASSED)
        if entry is last
        else replace(entry, run_again=entry.result is not CaseResult.SKIPPED)
        for entry in entries
    ]


def _merge_pytest(entries: Sequence[TestCase]) -> list[TestCase | None]:
    """Merge the entries of a test in a suite of pytest; None for one that is part of another.

    pytest-rerunfailures writes a run that failed and was run again as an entry that looks passed.
    pytest writes two entries if a test fails and its teardown too.
    """
    merged = list(_merge_teardown(entries))
    last = max(position for position, entry in enumerate(merged) if entry is not None)
    reruns = {
        position
        for position, entry in enumerate(merged[:last])
        if entry is not None and entry.result is CaseResult.PASSED
    }
    final = merged[last]
    if final is not None and reruns and final.result is CaseResult.PASSED:
        merged[last] = replace(final, flaky=True)
    return [
        replace(entry, result=CaseResult.FAILED, run_again=True)
        if entry is not None and position in reruns
        else entry
        for position, entry in enumerate(merged)
    ]


def _merge_teardown(entries: Sequence[TestCase]) -> Iterator[TestCase | None]:
    last = entries[-1]
    before = entries[-2]
    message = last.failure.message if last.failure is not None else ""
    yield from entries[:-2]
    if is_failing(before) and last.result is CaseResult.ERROR and message.startswith(_TEARDOWN):
        both = (before.duration or 0.0) + (last.duration or 0.0)
        failures = (*before.attempts, *((last.failure,) if last.failure else ()))
        yield replace(before, attempts=failures, duration=both)
        yield None
    else:
        yield from (before, last)


def _case_key(case: TestCase) -> tuple[str, ...]:
    return (case.suite, case.class_name, case.name)
