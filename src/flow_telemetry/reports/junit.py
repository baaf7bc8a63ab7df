"""JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestReport, TestSuite
from flow_telemetry.reports import trx
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    Content,
    clean_line,
    clean_lines,
    has_decimal_comma,
    parse_count,
    parse_seconds,
    parse_time,
)
from flow_telemetry.reports.xml import (
    DATA,
    END,
    START,
    XmlAttributes,
    list_values,
    read_events,
    read_opening,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element, TreeBuilder

# Repeated entries of one test case: their numbers, and the reruns.

_FAILING = {CaseResult.FAILED, CaseResult.ERROR}


def number_cases(suites: Iterable[TestSuite]) -> tuple[TestSuite, ...]:
    """Return the suites of a report with `number`, `run_again` and `flaky` of their cases.

    gotestsum and Gradle write an entry for each run of a case. A failure before another entry of
    the same suite, class and name was run again; a case that passed after a failure is flaky.
    """
    suites = tuple(suites)
    # In a large report hardly any case is repeated, and the others stay the same objects.
    repeated = {
        name: times
        for name, times in Counter(_case_key(case) for s in suites for case in s.cases).items()
        if times > 1
    }
    if not repeated:
        return suites
    seen: Counter[tuple[str, ...]] = Counter()
    failed: set[tuple[str, ...]] = set()
    return tuple(
        replace(suite, cases=tuple(_number_entries(suite.cases, repeated, seen, failed)))
        for suite in suites
    )


def _number_entries(
    cases: Iterable[TestCase],
    repeated: dict[tuple[str, ...], int],
    seen: Counter[tuple[str, ...]],
    failed: set[tuple[str, ...]],
) -> Iterator[TestCase]:
    for case in cases:
        name = _case_key(case)
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


def _restore_pytest_reruns(cases: Sequence[TestCase], declared: int | None) -> list[TestCase]:
    """Return the cases of a suite with the reruns of pytest-rerunfailures as failures.

    It writes a failure that is run again as an entry that looks passed. Such a rerun is not in the
    suite's own count (``declared``), which shows that there are any.
    """
    last = {_case_key(case): index for index, case in enumerate(cases)}
    if declared != len(last) or declared == len(cases):
        return list(cases)
    return [
        replace(case, result=CaseResult.FAILED)
        if case.result is CaseResult.PASSED and index < last[_case_key(case)]
        else case
        for index, case in enumerate(cases)
    ]


def _case_key(case: TestCase) -> tuple[str, ...]:
    return (case.suite, case.class_name, case.name)


# JUnit's XML, written by surefire, pytest, gotestsum, jest, Gradle and many others.
#
# There is no standard: each tool has its own attributes, and leaves out others.

_MOST_ELEMENTS_OF_CASE = 10_000
_OUTPUT = {"system-out", "system-err"}
# The statuses of a test that GoogleTest did not run; it writes no element for that.
_NOT_RUN = {"notrun", "disabled", "skipped", "suppressed"}


def read_test_report(content: Content, name: str) -> TestReport:
    """Return the suites and cases of a test report: JUnit's XML, or TRX of .NET.

    Args:
        content: the file, or its bytes.
        name: its path below the workspace; errors and identities name it.

    Raises:
        ReportError: it cannot be read, or is not a test report.
    """
    root = read_opening(content, name)[0][0]
    if root == "TestRun":
        return TestReport(name=name, suites=number_cases(trx.read_suites(content, name)))
    if root not in {"testsuites", "testsuite"}:
        raise ReportError(
            f"{name} is not a test report: its root is `{clean_line(root, 64)}`. "
            "JUnit's format has `testsuites` or `testsuite`, and .NET's has `TestRun`"
        )
    suites = _read_suites(content, name)
    decimal_comma = any(
        has_decimal_comma(time)
        for suite in suites
        for time in (suite.attributes.get("time"), *suite.times)
    )
    return TestReport(
        name=name,
        suites=number_cases(_build_suite(suite, decimal_comma) for suite in suites if suite.cases),
    )


@dataclass(slots=True)
class _Suite:
    """A suite before it is complete; ``times`` are the unparsed durations of its cases."""

    name: str
    attributes: XmlAttributes
    cases: list[TestCase] = field(default_factory=list)
    times: list[str | None] = field(default_factory=list)


def _read_suites(content: Content, name: str) -> list[_Suite]:
    """Return all suites in the order of their elements, of which one case is kept at a time."""
    # Safe, because defusedxml parses the document.
    from xml.etree.ElementTree import TreeBuilder  # noqa: PLC0415

    suites = [_Suite("", {})]
    open_suites = list(suites)
    case: TreeBuilder | None = None
    open_tags: list[str] = []  # of the case
    elements = 0
    for kind, tag, attributes in read_events(content, name):
        if kind == DATA:
            if case is not None and open_tags[-1] not in _OUTPUT:
                case.data(tag)
        elif kind == START and (case is not None or tag == "testcase"):
            case = TreeBuilder() if case is None else case
            elements += 1
            if elements > _MOST_ELEMENTS_OF_CASE:
                raise ReportError(
                    f"{name} has a test case of more than {_MOST_ELEMENTS_OF_CASE:,} elements. It "
                    "was not read"
                )
            case.start(tag, dict(attributes))
            open_tags.append(tag)
        elif case is not None:
            case.end(tag)
            open_tags.pop()
            if not open_tags:
                element, suite = case.close(), open_suites[-1]
                suite.cases.append(_parse_case(element, suite.name))
                suite.times.append(element.get("time"))
                case, elements = None, 0
        elif tag == "testsuite" and kind == END:
            open_suites.pop()
        elif tag == "testsuite":
            # A nested suite is named with the suites around it.
            own, outer = clean_line(attributes.get("name")), open_suites[-1].name
            full_name = clean_line(f"{outer} > {own}") if outer and own else own or outer
            open_suites.append(_Suite(full_name, attributes))
            suites.append(open_suites[-1])
    return suites


def _build_suite(suite: _Suite, decimal_comma: bool) -> TestSuite:
    cases = suite.cases
    if decimal_comma:
        cases = [
            replace(case, duration=parse_seconds(time, decimal_comma=True))
            for case, time in zip(cases, suite.times, strict=True)
        ]
    started_at, zoned = parse_time(suite.attributes.get("timestamp"))
    declared = parse_count(suite.attributes.get("tests"))
    return TestSuite(
        name=suite.name,
        file=clean_line(next(list_values(suite.attributes, "file", "filepath"), "")),
        duration=parse_seconds(suite.attributes.get("time"), decimal_comma=decimal_comma),
        started_at=started_at,
        zoned=zoned,
        cases=tuple(_restore_pytest_reruns(cases, declared)),
    )


def _parse_case(element: Element, suite: str) -> TestCase:
    started_at, zoned = parse_time(element.get("timestamp"))
    result, failure, attempts = _parse_outcome(element)
    return TestCase(
        name=clean_line(element.get("name")),
        suite=suite,
        class_name=clean_line(element.get("classname")),
        file=clean_line(next(list_values(element.attrib, "file", "filepath"), "")),
        result=result,
        duration=parse_seconds(element.get("time")),
        started_at=started_at,
        zoned=zoned,
        failure=failure,
        attempts=attempts,
        flaky=result is CaseResult.PASSED and bool(attempts),
    )


def _parse_outcome(
    element: Element,
) -> tuple[CaseResult, CaseFailure | None, tuple[CaseFailure, ...]]:
    """Return the result, its reason, and the failures of other attempts."""
    if not len(element):
        skipped = {element.get("status"), element.get("result")} & _NOT_RUN
        return (CaseResult.SKIPPED if skipped else CaseResult.PASSED), None, ()
    from junitparser import Error, Failure, Skipped, xunit2  # noqa: PLC0415

    kinds: Any = xunit2.TestCase
    case = kinds.fromelem(element)
    attempts = tuple(_parse_failure(rerun, rerun.stack_trace) for rerun in case.interim_result)
    for kind, result in (
        (Error, CaseResult.ERROR),
        (Failure, CaseResult.FAILED),
        (Skipped, CaseResult.SKIPPED),
    ):
        first = next((entry for entry in case.result if isinstance(entry, kind)), None)
        if first is not None:
            return result, _parse_failure(first), attempts
    return CaseResult.PASSED, None, attempts


def _parse_failure(entry: Any, stack_trace: str | None = None) -> CaseFailure:
    """Without a message, as jest writes it, the first line of the text is the message."""
    text = clean_lines(stack_trace or entry.text)
    return CaseFailure(
        type=clean_line(entry.type),
        message=clean_lines(entry.message, LONGEST_MESSAGE) or clean_line(text.partition("\n")[0]),
        text=text,
    )
