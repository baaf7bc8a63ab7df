"""TRX, the test report of .NET (`dotnet test --logger trx`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestSuite
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    LONGEST_TEXT,
    Content,
    clean_line,
    clean_lines,
    parse_seconds,
    parse_time,
)
from flow_telemetry.reports.xml import DATA, END, XmlAttributes, read_events
from flow_telemetry.rules.tests import is_failing

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


# The elements that are a result of a test, by its kind.
_RESULT_TAGS = {
    f"{kind}Result" for kind in ("UnitTest", "WebTest", "LoadTest", "ManualTest", "GenericTest")
} | {"TestResult", "TestResultAggregation"}
# The outcomes of a run that did not go well, and the name of the case that stands for them.
_FAILED_RUNS = {"failed", "error", "timeout", "aborted", "disconnected"}
RUN_ERROR = "(test run)"


def read_suites(content: Content, name: str) -> tuple[TestSuite, ...]:
    """Return the classes of a report as suites, in the order of their first results.

    If the run failed though none of its results did, as after a crash of the test host, the run
    itself is a failed case.

    Raises:
        ReportError: it cannot be read, or is of another tool.
    """
    report = _read_report(content, name)
    if not report.results and report.outcome is None:
        raise ReportError(
            f"{name} is not a test report of .NET, although its root is `TestRun`: it has neither "
            "results nor a summary. Let the tool write JUnit's XML"
        )
    suites: dict[str, list[TestCase]] = {}
    for result in report.results:
        # A result that contains others only sums them up.
        if not result.has_children:
            case = _build_case(result, report.classes.get(result.attributes.get("testId", ""), ""))
            suites.setdefault(case.suite, []).append(case)
    failed = any(is_failing(case) for cases in suites.values() for case in cases)
    if not failed and (report.outcome or "").lower() in _FAILED_RUNS:
        suites.setdefault("", []).append(_build_run_error(report))
    return tuple(TestSuite(name=name, cases=tuple(cases)) for name, cases in suites.items())


def _build_run_error(report: _Report) -> TestCase:
    text = clean_lines(report.text)
    message = clean_lines(text.partition("\n")[0], LONGEST_MESSAGE)
    return TestCase(
        name=RUN_ERROR,
        result=CaseResult.ERROR,
        failure=CaseFailure(message=message or f"the run ended as `{report.outcome}`", text=text),
    )


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


@dataclass(slots=True)
class _Report:
    """A report: its results, and the class names by the id of the test.

    ``outcome`` is that of the run, None without a summary; ``text`` what the run said.
    """

    results: list[_Result] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    outcome: str | None = None
    text: str = ""
    _test: str = ""

    def add_definition(self, path: Sequence[str], attributes: XmlAttributes) -> None:
        """Add what an element says of a test or of the run; its tag is the last of the path."""
        tag = path[-1]
        if tag == "UnitTest":
            self._test = attributes.get("id", "")
        elif tag == "TestMethod" and "UnitTest" in path and self._test:
            # The name of an assembly may follow the class: `Shop.CartTests, Shop.Tests`.
            self.classes[self._test] = clean_line(attributes.get("className", "").split(",")[0])
        elif tag == "ResultSummary":
            self.outcome = attributes.get("outcome", "")


def _read_report(content: Content, name: str) -> _Report:
    report = _Report()
    open_results: list[_Result] = []
    path: list[str] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == DATA:
            if path[-2:-1] == ["ErrorInfo"] and path[-1] in _TEXTS and open_results:
                open_results[-1].add_text(path[-1], tag)
            elif path[-2:] == ["RunInfo", "Text"] and len(report.text) < LONGEST_TEXT:
                report.text += tag[:LONGEST_TEXT]
        elif kind == END:
            path.pop()
            if tag in _RESULT_TAGS:
                open_results.pop()
        elif tag in _RESULT_TAGS:
            path.append(tag)
            if open_results:
                open_results[-1].has_children = True
            open_results.append(_Result(attributes))
            report.results.append(open_results[-1])
        else:
            path.append(tag)
            report.add_definition(path, attributes)
    return report


def _build_case(result: _Result, class_name: str) -> TestCase:
    attributes = result.attributes
    started_at, zoned = parse_time(attributes.get("startTime"))
    name = clean_line(attributes.get("testName"))
    outcome = attributes.get("outcome", "error").lower()
    failure = CaseFailure(
        message=clean_lines(result.texts.get("Message"), LONGEST_MESSAGE),
        text=clean_lines(result.texts.get("StackTrace")),
    )
    return TestCase(
        name=name.removeprefix(f"{class_name}."),
        suite=class_name,
        class_name=class_name,
        # VSTest leaves out the outcome of a test that had an error.
        result=_RESULTS.get(outcome, CaseResult.SKIPPED),
        duration=parse_seconds(attributes.get("duration")),
        started_at=started_at,
        zoned=zoned,
        failure=failure if failure != CaseFailure() else None,
    )
