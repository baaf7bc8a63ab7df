"""Which suites and cases of tests get a span, where not all of them may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flow_telemetry.model.reports import (
    TestSuite,
)
from flow_telemetry.rules.test_counts import is_failing


def choose_spans(suites: Sequence[TestSuite], most: int) -> list[frozenset[int] | None]:
    """Return for each suite the positions of its cases that get a span; None where it gets none.

    ``most`` bounds the spans of suites and cases together. Where they are more, failures come
    first and then flaky cases, each with its suite; then the other suites, the longest first; then
    the slowest cases of all.
    """
    if len(suites) + sum(len(suite.cases) for suite in suites) <= most:
        return [frozenset(range(len(suite.cases))) for suite in suites]
    chosen = _Chosen(suites, most)
    for number, at in _telling(suites):
        chosen.take_case(number, at)
    for number in sorted(range(len(suites)), key=lambda number: -suite_seconds(suites[number])):
        chosen.take_suite(number)
    for number, at in _slowest(suites):
        chosen.take_case(number, at)
    return [None if cases is None else frozenset(cases) for cases in chosen.cases]


def suite_seconds(suite: TestSuite) -> float:
    """Return how long a suite took: the tool's word, else the time of its cases together."""
    if suite.duration is not None:
        return suite.duration
    return sum(case.duration or 0.0 for case in suite.cases)


class _Chosen:
    """What was taken so far, and how many more may be."""

    def __init__(self, suites: Sequence[TestSuite], most: int) -> None:
        self.cases: list[set[int] | None] = [None for _ in suites]
        self._left = most

    def take_suite(self, number: int) -> None:
        if self.cases[number] is None and self._left > 0:
            self.cases[number] = set()
            self._left -= 1

    def take_case(self, number: int, at: int) -> None:
        """Take a case and, where it is not there yet, its suite; neither where one has no room."""
        if self._left < (2 if self.cases[number] is None else 1):
            return
        self.take_suite(number)
        cases = self.cases[number]
        if cases is not None and at not in cases:
            cases.add(at)
            self._left -= 1


def _telling(suites: Sequence[TestSuite]) -> Iterator[tuple[int, int]]:
    """The cases that say something: those that failed for good, the flaky ones, run-again ones."""
    found: list[tuple[int, int, int]] = []
    for number, suite in enumerate(suites):
        for at, case in enumerate(suite.cases):
            if case.run_again:
                found.append((2, number, at))
            elif is_failing(case):
                found.append((0, number, at))
            elif case.flaky:
                found.append((1, number, at))
    return ((number, at) for _, number, at in sorted(found))


def _slowest(suites: Sequence[TestSuite]) -> Iterator[tuple[int, int]]:
    found = sorted(
        (-(case.duration or 0.0), number, at)
        for number, suite in enumerate(suites)
        for at, case in enumerate(suite.cases)
    )
    return ((number, at) for _, number, at in found)
