"""TRX, the test report of .NET (`dotnet test --logger trx`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestSuite
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    LONGEST_TEXT,
    Content,
    clean_line,
    clean_lines,
    parse_clock,
    parse_time,
)
from flow_telemetry.reports.xml import XmlAttributes, read_events

# The outcomes of Microsoft's schema; with any other outcome, the test did not run to its end.
_RESULTS = {
    "passed": CaseResult.PASSED,
    "passedbutrunaborted": CaseResult.PASSED,
    "completed": CaseResult.PASSED,
    "warning": CaseResult.PASSED,
    "failed": CaseResult.FAILED,
    "error": CaseResult.ERROR,
    "timeout": CaseResult.ERROR,
    "aborted": CaseResult.ERROR,
    "disconnected": CaseResult.ERROR,
}
_TEXTS = {"Message", "StackTrace"}


def read_suites(content: Content, name: str) -> tuple[TestSuite, ...]:
    """Return the classes of a report as suites, in the order of their first results.

    Raises:
        ReportError: it cannot be read.
    """
    reader = _Results()
    read_events(content, name, reader)
    suites: dict[str, list[TestCase]] = {}
    for case in reader.cases():
        suites.setdefault(case.suite, []).append(case)
    return tuple(TestSuite(name=name, cases=tuple(cases)) for name, cases in suites.items())


@dataclass(slots=True)
class _Result:
    """A result while it is read; a result that contains others only sums them up."""

    attributes: XmlAttributes
    texts: dict[str, str] = field(default_factory=dict)
    holds_others: bool = False


class _Results:
    """Collects results, and the classes of tests, which follow them."""

    def __init__(self) -> None:
        self._open: list[_Result] = []
        self._all: list[_Result] = []
        self._classes: dict[str, str] = {}
        self._test = ""
        self._text = ""
        self._in_error = False

    def cases(self) -> Iterator[TestCase]:
        for result in self._all:
            if not result.holds_others:
                yield _build_case(
                    result, self._classes.get(result.attributes.get("testId", ""), "")
                )

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "UnitTestResult":
            if self._open:
                self._open[-1].holds_others = True
            self._open.append(_Result(attributes))
            self._all.append(self._open[-1])
        elif tag == "UnitTest":
            self._test = attributes.get("id", "")
        elif tag == "TestMethod" and self._test:
            # The name of an assembly may follow that of the class: `Shop.CartTests, Shop.Tests`.
            self._classes[self._test] = clean_line(attributes.get("className", "").split(",")[0])
        elif tag == "ErrorInfo":
            self._in_error = True
        elif self._in_error and tag in _TEXTS:
            self._text = tag

    def end(self, tag: str) -> None:
        if tag == "UnitTestResult" and self._open:
            self._open.pop()
        elif tag == "UnitTest":
            self._test = ""
        elif tag == "ErrorInfo":
            self._in_error = False
        elif tag == self._text:
            self._text = ""

    def data(self, text: str) -> None:
        if self._text and self._open:
            texts = self._open[-1].texts
            beginning = texts.get(self._text, "")
            if len(beginning) < LONGEST_TEXT:
                texts[self._text] = beginning + text[: 2 * LONGEST_TEXT]


def _build_case(result: _Result, class_name: str) -> TestCase:
    attributes = result.attributes
    started_at, zoned = parse_time(attributes.get("startTime"))
    name = clean_line(attributes.get("testName"))
    failure = CaseFailure(
        message=clean_lines(result.texts.get("Message"), LONGEST_MESSAGE),
        text=clean_lines(result.texts.get("StackTrace")),
    )
    return TestCase(
        name=name.removeprefix(f"{class_name}."),
        suite=class_name,
        class_name=class_name,
        result=_RESULTS.get(attributes.get("outcome", "").lower(), CaseResult.SKIPPED),
        duration=parse_clock(attributes.get("duration")),
        started_at=started_at,
        zoned=zoned,
        failure=failure if failure != CaseFailure() else None,
    )
