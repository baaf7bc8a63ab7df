"""Test reports to spans: one for each suite and case that was chosen, and why cases failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flow_telemetry.model.reports import (
    CaseFailure,
    CaseResult,
    TestCase,
    TestSuite,
)
from flow_telemetry.model.test_results import TestCounts
from flow_telemetry.rules.test_counts import counts_of, is_failing
from flow_telemetry.rules.test_places import PlacedCase, SuitePlace, place_cases
from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals import limits, semconv
from flow_telemetry.signals import test_semconv as names
from flow_telemetry.signals.limits import nanoseconds
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.signals.spans import Facts, SpanMaker
from flow_telemetry.telemetry import Span, SpanEvent

_ERROR_TYPE = {CaseResult.FAILED: "failure", CaseResult.ERROR: "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSuite:
    """A suite of a report, its place, and the positions of its cases that get a span.

    ``cases`` is None where the suite itself gets none.
    """

    report: str
    suite: TestSuite
    place: SuitePlace
    cases: frozenset[int] | None


def spans_of_tests(make: SpanMaker, job: str, suites: Iterable[PlacedSuite]) -> Iterator[Span]:
    """Return the spans of suites, each before those of its cases; ``job`` is the reference."""
    references = _References(job)
    for placed in suites:
        if placed.cases is not None:
            own = references.of(_part(placed))
            yield _suite_span(make, own, placed)
            yield from _case_spans(make, own, placed, references)


def references_of_tests(job: str, suites: Iterable[PlacedSuite]) -> Iterator[str]:
    """Return the references of the spans that `spans_of_tests` makes, without making them."""
    references = _References(job)
    for placed in suites:
        if placed.cases is not None:
            yield references.of(_part(placed))
            for position in sorted(placed.cases):
                yield references.of(placed.suite.cases[position].part(placed.report))


def case_status(case: TestCase) -> str:
    """Return the status of a case by the conventions: `pass`, `fail`, or our `skipped`."""
    if case.result is CaseResult.PASSED:
        return names.PASS
    return names.SKIPPED if case.result is CaseResult.SKIPPED else names.FAIL


def count_facts(counts: TestCounts, left_out: int) -> Facts:
    """Return the counts of a suite or job, and how many entries have no span."""
    return (
        (names.CASES_TOTAL, counts.total),
        (names.CASES_PASSED, counts.passed),
        (names.CASES_FAILED, counts.failed),
        (names.CASES_SKIPPED, counts.skipped),
        (names.CASES_FLAKY, counts.flaky),
        (names.CASES_LEFT_OUT, left_out or None),
    )


class _References:
    """The references of a job's tests, each once: a colon in a name can make two of them equal."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._taken: set[str] = set()

    def of(self, part: str) -> str:
        wanted = reference = self._job + part
        number = 1
        while reference in self._taken:
            number += 1
            reference = f"{wanted}:{number}"
        self._taken.add(reference)
        return reference


def _part(placed: PlacedSuite) -> str:
    return f"#test:{placed.report}:{placed.suite.name}"


def _suite_span(make: SpanMaker, reference: str, placed: PlacedSuite) -> Span:
    suite, place = placed.suite, placed.place
    counts = counts_of(suite.cases)
    left_out = len(suite.cases) - len(placed.cases or ())
    return make.span(
        Entity.TEST_SUITE,
        reference,
        place.parent,
        suite.name or placed.report,
        place.interval,
        facts=(
            (names.SUITE_NAME, suite.name),
            (names.SUITE_STATUS, _suite_status(counts)),
            (semconv.ERROR_TYPE, "failure" if counts.failed else None),
            (names.REPORT, placed.report),
            (names.CODE_FILE_PATH, suite.file),
            (names.SUITE_DURATION, suite.duration),
            (names.ESTIMATED, None if place.told else True),
            *count_facts(counts, left_out),
        ),
        error=f"{counts.failed:,} of {counts.total:,} cases failed" if counts.failed else None,
    )


def _suite_status(counts: TestCounts) -> str:
    if counts.failed:
        return names.SUITE_FAILURE
    return names.SUITE_SUCCESS if counts.passed else names.SUITE_SKIPPED


def _case_spans(
    make: SpanMaker, parent: str, placed: PlacedSuite, references: _References
) -> Iterator[Span]:
    if placed.cases:
        for each in place_cases(placed.suite, placed.place, placed.cases):
            reference = references.of(each.case.part(placed.report))
            yield _case_span(make, reference, parent, each, placed.report)


def _case_span(
    make: SpanMaker, reference: str, parent: str, placed: PlacedCase, report: str
) -> Span:
    case, interval = placed.case, placed.interval
    return make.span(
        Entity.TEST_CASE,
        reference,
        parent,
        _span_name(case),
        interval,
        facts=(
            (names.CASE_NAME, case.full_name),
            (names.CASE_STATUS, case_status(case)),
            (semconv.ERROR_TYPE, _ERROR_TYPE.get(case.result)),
            (names.SUITE_NAME, case.suite),
            (names.REPORT, report),
            (names.CASE_KEY, f"{report}:{case.suite}:{case.full_name}"),
            (names.CODE_FILE_PATH, case.file),
            (names.CASE_DURATION, case.duration),
            (names.CASE_FLAKY, True if case.flaky else None),
            (names.CASE_RUN_AGAIN, True if case.run_again else None),
            (names.CASE_OTHER_FAILURES, len(case.attempts) or None),
            (names.CASE_SKIP_REASON, _skip_reason(case)),
            (names.ESTIMATED, None if placed.told else True),
        ),
        events=_exceptions(case, interval),
        error=_description(case.failure) if is_failing(case) else None,
    )


def _span_name(case: TestCase) -> str:
    """The name with its class, unless the suite says that already or there is no room for it."""
    full = case.full_name
    alone = case.class_name == case.suite or len(full) > limits.LONGEST_NAME
    return (case.name if alone else full) or "unnamed test"


def _skip_reason(case: TestCase) -> str | None:
    if case.result is not CaseResult.SKIPPED or case.failure is None:
        return None
    return case.failure.message or case.failure.text


def _exceptions(case: TestCase, interval: Interval) -> tuple[SpanEvent, ...]:
    """Why it failed, each time: reports tell no times of failures, so they stand at the end."""
    last = (case.failure or CaseFailure(),) if is_failing(case) else ()
    failures = (*last, *case.attempts)[: limits.MOST_EVENTS]
    return tuple(
        SpanEvent(
            name=names.EXCEPTION_EVENT,
            time=nanoseconds(interval.end),
            attributes=limits.attributes(
                (
                    (names.EXCEPTION_TYPE, each.type),
                    (names.EXCEPTION_MESSAGE, each.message or _description(each)),
                    (names.EXCEPTION_STACKTRACE, each.text),
                )
            ),
        )
        for each in failures
    )


def _description(failure: CaseFailure | None) -> str:
    told = failure or CaseFailure()
    return told.message or told.type or "the test failed, and its report does not say why"
