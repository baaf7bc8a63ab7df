"""TRX, the test report of .NET (`dotnet test --logger trx`)."""

from __future__ import annotations

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
from flow_telemetry.reports.xml import DATA, END, XmlAttributes, read_events

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
    results, classes = _read_results(content, name)
    suites: dict[str, list[TestCase]] = {}
    for result in results:
        # A result that contains others only sums them up.
        if not result.has_children:
            case = _build_case(result, classes.get(result.attributes.get("testId", ""), ""))
            suites.setdefault(case.suite, []).append(case)
    return tuple(TestSuite(name=name, cases=tuple(cases)) for name, cases in suites.items())


@dataclass(slots=True)
class _Result:
    """A result; ``texts`` are its message and stack trace, by tag."""

    attributes: XmlAttributes
    texts: dict[str, str] = field(default_factory=dict)
    has_children: bool = False

    def add_text(self, tag: str, text: str) -> None:
        """Add a piece of a text, up to a little more than its limit."""
        beginning = self.texts.get(tag, "")
        if len(beginning) < LONGEST_TEXT:
            self.texts[tag] = beginning + text[: 2 * LONGEST_TEXT]


def _read_results(content: Content, name: str) -> tuple[list[_Result], dict[str, str]]:
    """Return the results, and the class names by the id of the test; these follow the results."""
    results: list[_Result] = []
    open_results: list[_Result] = []
    classes: dict[str, str] = {}
    test = ""
    path: list[str] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == DATA:
            if path[-2:-1] == ["ErrorInfo"] and path[-1] in _TEXTS and open_results:
                open_results[-1].add_text(path[-1], tag)
        elif kind == END:
            path.pop()
            if tag == "UnitTestResult":
                open_results.pop()
        else:
            path.append(tag)
            if tag == "UnitTestResult":
                if open_results:
                    open_results[-1].has_children = True
                open_results.append(_Result(attributes))
                results.append(open_results[-1])
            elif tag == "UnitTest":
                test = attributes.get("id", "")
            elif tag == "TestMethod" and "UnitTest" in path and test:
                # The name of an assembly may follow the class: `Shop.CartTests, Shop.Tests`.
                classes[test] = clean_line(attributes.get("className", "").split(",")[0])
    return results, classes


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
