"""Which tests get a span, where not all of them may."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flow_telemetry.model.reports import CaseResult, TestCase, TestCounts, TestReport, TestSuite
from flow_telemetry.rules.tests import choose_spans, count_cases, mark_flaky


def case(name: str, seconds: float = 0, result: str = "passed", **facts: Any) -> TestCase:
    """Return a case of the suite `s`."""
    return TestCase(name=name, suite="s", duration=seconds, result=CaseResult(result), **facts)


def suite(*cases: TestCase) -> TestSuite:
    """Return the suite of some cases."""
    return TestSuite(name="s", cases=cases)


QUICK = suite(*(case(str(n), n) for n in range(5)))
MIXED = suite(case("a", 9), case("b", 0, "failed"), case("c", 0, flaky=True))


def test_where_all_fit_all_are_chosen() -> None:
    """Suites count as well."""
    assert choose_spans([QUICK, MIXED], 10) == [frozenset(range(5)), frozenset(range(3))]


def test_failures_come_first_then_flaky_then_suites_then_slow_ones() -> None:
    """With each bound one more is chosen."""
    found = [choose_spans([QUICK, MIXED], most) for most in range(1, 7)]
    assert found == [
        [frozenset(), None],
        [None, frozenset({1})],
        [None, frozenset({1, 2})],
        [frozenset(), frozenset({1, 2})],
        [frozenset(), frozenset({0, 1, 2})],
        [frozenset({4}), frozenset({0, 1, 2})],
    ]


CASES = st.builds(
    TestCase,
    name=st.just("c"),
    duration=st.none() | st.floats(0, 100),
    result=st.sampled_from(CaseResult),
    flaky=st.booleans(),
    run_again=st.booleans(),
)


@given(
    st.lists(st.lists(CASES, max_size=6).map(lambda c: suite(*c)), max_size=6), st.integers(1, 50)
)
def test_no_more_are_chosen_than_may_be(suites: list[TestSuite], most: int) -> None:
    """And no room is left while something is left out."""
    chosen = choose_spans(suites, most)
    spans = sum(1 + len(cases) for cases in chosen if cases is not None)
    assert len(chosen) == len(suites)
    assert spans == min(most, len(suites) + sum(len(each.cases) for each in suites))


def test_what_was_run_again_is_no_case_of_its_own() -> None:
    """It counts by how it ended; errors are failures."""
    cases = [
        case("a", 1, "failed", run_again=True),
        case("a", 1, flaky=True),
        case("b", 1, "error"),
        case("c", 1, "skipped"),
    ]
    counts = count_cases(cases)
    assert counts == TestCounts(passed=1, failed=1, skipped=1, flaky=1)
    assert counts.total == 3


def report(name: str, *cases: TestCase) -> TestReport:
    """Return a report of the suite `s`."""
    return TestReport(name=name, suites=(suite(*cases),))


def test_what_failed_in_the_attempt_before_and_passed_now_is_flaky() -> None:
    """Only what passed, and only what is known to be the one that failed."""
    found = mark_flaky(
        [
            report("a", case("x"), case("y"), case("z", 0, "failed"), case("w")),
            report("b", case("w")),
        ],
        frozenset({"s: x", "s: z", "s: w"}),
    )
    assert [c.name for r in found for c in r.cases if c.flaky] == ["x"]
