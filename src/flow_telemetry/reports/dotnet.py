"""Test reports of .NET's runners: the XML of xUnit (v2 and v3) and of NUnit 3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestSuite
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    LONGEST_TEXT,
    Content,
    clean_line,
    clean_lines,
    parse_seconds,
    parse_time,
    remove_workspace,
)
from flow_telemetry.reports.junit import SUITE_ERROR
from flow_telemetry.reports.xml import DATA, END, XmlAttributes, read_events

_MESSAGE, _TRACE = "message", "stack-trace"


@dataclass(slots=True)
class _Entry:
    """A test, or an error outside of tests, with the texts in it by the tags around them."""

    tag: str
    attributes: XmlAttributes
    exception: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    has_tests: bool = False

    def add_text(self, tag: str, text: str) -> None:
        """Add a piece of a text, up to a little more than its limit."""
        beginning = self.texts.get(tag, "")
        if len(beginning) < LONGEST_TEXT:
            self.texts[tag] = beginning + text[: 2 * LONGEST_TEXT]

    def failure(self) -> CaseFailure | None:
        failure = CaseFailure(
            type=clean_line(self.exception),
            message=clean_lines(self.texts.get(_MESSAGE), LONGEST_MESSAGE),
            text=clean_lines(self.texts.get(_TRACE)),
        )
        return failure if failure != CaseFailure() else None


def _read_entries(content: Content, name: str, tags: set[str], texts: set[str]) -> Iterator[_Entry]:
    """Yield the elements of these tags when they end, with the texts directly below them.

    ``texts`` are the tags that may be around a text: a failure and a reason.
    """
    path: list[str] = []
    entries: list[_Entry] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == DATA:
            # An element with entries in it may have a failure before them.
            if entries and len(path) > 1 and (path[-2] in texts or path[-1] in texts):
                entries[-1].add_text(_TRACE if path[-1] == _TRACE else _MESSAGE, tag)
        elif kind == END:
            path.pop()
            if tag in tags:
                yield entries.pop()
        else:
            path.append(tag)
            if tag in tags:
                for around in entries:
                    around.has_tests = True
                entries.append(_Entry(tag, attributes))
            elif tag in texts and entries:
                entries[-1].exception = attributes.get("exception-type", "")


def _group(cases: Iterable[TestCase]) -> tuple[TestSuite, ...]:
    """Return the classes as suites, in the order of their first cases."""
    suites: dict[str, list[TestCase]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    return tuple(TestSuite(name=name, cases=tuple(cases)) for name, cases in suites.items())


# xUnit: `<assemblies>` with a `<test>` for each test.

_TEXTS = {"failure", "reason"}
_XUNIT_RESULTS = {"pass": CaseResult.PASSED, "fail": CaseResult.FAILED}


def read_xunit(content: Content, name: str) -> tuple[TestSuite, ...]:
    """Return the classes of a report of xUnit as suites.

    An error outside of tests, such as that of a fixture, is a case.

    Raises:
        ReportError: it cannot be read.
    """
    return _group(map(_build_xunit, _read_entries(content, name, {"test", "error"}, _TEXTS)))


def _build_xunit(entry: _Entry) -> TestCase:
    attributes = entry.attributes
    if entry.tag == "error":
        return TestCase(name=SUITE_ERROR, result=CaseResult.ERROR, failure=entry.failure())
    class_name = clean_line(attributes.get("type"))
    started_at, zoned = parse_time(attributes.get("start-rtf"))
    return TestCase(
        name=clean_line(attributes.get("name")).removeprefix(f"{class_name}."),
        suite=class_name,
        class_name=class_name,
        file=clean_line(attributes.get("source-file")),
        result=_XUNIT_RESULTS.get(attributes.get("result", "").lower(), CaseResult.SKIPPED),
        duration=parse_seconds(attributes.get("time")),
        started_at=started_at,
        zoned=zoned,
        failure=entry.failure(),
    )


# NUnit 3: `<test-run>` with suites in suites and a `<test-case>` for each test.

_NUNIT_RESULTS = {
    "passed": CaseResult.PASSED,
    "warning": CaseResult.PASSED,
    "failed": CaseResult.FAILED,
}


def read_nunit(content: Content, name: str) -> tuple[TestSuite, ...]:
    """Return the classes of a report of NUnit 3 as suites.

    A suite that failed by itself, in its teardown or because it could not be loaded, is a case.

    Raises:
        ReportError: it cannot be read.
    """
    entries = _read_entries(content, name, {"test-case", "test-suite"}, _TEXTS)
    return _group(
        _build_nunit(entry) for entry in entries if entry.tag == "test-case" or _failed_alone(entry)
    )


def _failed_alone(suite: _Entry) -> bool:
    """Whether no test below a failed suite tells of its failure."""
    failed = suite.attributes.get("result", "").lower() == "failed"
    return failed and (suite.attributes.get("site") == "TearDown" or not suite.has_tests)


def _build_nunit(entry: _Entry) -> TestCase:
    attributes = entry.attributes
    is_case = entry.tag == "test-case"
    full_name = remove_workspace(clean_line(attributes.get("fullname")))
    class_name = clean_line(attributes.get("classname")) or full_name
    result = _NUNIT_RESULTS.get(attributes.get("result", "").lower(), CaseResult.SKIPPED)
    if result is CaseResult.FAILED and (attributes.get("label") or not is_case):
        result = CaseResult.ERROR  # the labels are `Error`, `Cancelled` and `Invalid`
    started_at, zoned = parse_time(attributes.get("start-time"))
    return TestCase(
        name=clean_line(attributes.get("name")) if is_case else SUITE_ERROR,
        suite=class_name,
        class_name=class_name if is_case else "",
        result=result,
        duration=parse_seconds(attributes.get("duration")),
        started_at=started_at,
        zoned=zoned,
        failure=entry.failure(),
    )
