"""JUnit XML, written by surefire, pytest, gotestsum, jest, Gradle and many others.

There is no standard: each tool has its own attributes, and leaves out others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestSuite
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    Content,
    clean_line,
    clean_lines,
    has_decimal_comma,
    parse_count,
    parse_seconds,
    parse_time,
    remove_time,
    remove_workspace,
)
from flow_telemetry.reports.reruns import Writer, find_writer, merge_entries
from flow_telemetry.reports.xml import DATA, END, START, XmlAttributes, list_values, read_events
from flow_telemetry.rules.tests import is_failing
from flow_telemetry.text import counted

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element, TreeBuilder

# The elements of a report, as a stream.

_MOST_ELEMENTS_OF_CASE = 10_000
_OUTPUT = {"system-out", "system-err"}
_SUITES = {"testsuites", "testsuite"}
_FAILURES = {"error", "failure"}
# The name of the case that stands for an error of a suite, outside of its cases.
SUITE_ERROR = "(suite)"
_MOST_REMARKS = 2


@dataclass(slots=True)
class _Suite:
    """A suite while it is read.

    ``times`` are the times of its cases as they are written. ``listed`` counts the cases in it
    and in the suites below it, ``failing`` their failures, of which a case may have several.
    """

    name: str
    attributes: XmlAttributes
    writer: Writer = Writer.OTHER
    cases: list[TestCase] = field(default_factory=list)
    times: list[str | None] = field(default_factory=list)
    names: list[tuple[str | None, str | None]] = field(default_factory=list)
    below: list[_Suite] = field(default_factory=list)
    listed: int = 0
    failing: int = 0

    @property
    def counted(self) -> tuple[int, int]:
        """The numbers of cases and of failures that it lists."""
        return self.listed, self.failing

    @property
    def declared(self) -> tuple[int, int, int]:
        """The numbers of tests, failures and errors that the suite declares; 0 if it does not."""
        tests, failures, errors = (
            parse_count(self.attributes.get(key)) or 0 for key in ("tests", "failures", "errors")
        )
        return tests, failures, errors


def read_suites(content: Content, name: str) -> tuple[tuple[TestSuite, ...], tuple[str, ...]]:
    """Return the suites of a report that have cases, and remarks on what it does not list.

    Raises:
        ReportError: it cannot be read.
    """
    root = _read_suites(content, name)
    suites = [suite for suite in _list_below(root) if suite.cases]
    decimal_comma = any(
        has_decimal_comma(time)
        for suite in suites
        for time in (suite.attributes.get("time"), *suite.times)
    )
    found: list[str] = []
    _describe_unlisted(root, found)
    remarks = [f"{name} {remark}" for remark in found]
    if len(remarks) > _MOST_REMARKS:
        more = len(remarks) - _MOST_REMARKS
        remarks[_MOST_REMARKS:] = [f"{name} declares failures or tests in {more:,} further suites"]
    return tuple(_build_suite(suite, decimal_comma) for suite in suites), tuple(remarks)


def _list_below(suite: _Suite) -> Iterator[_Suite]:
    left = [suite]
    while left:
        suite = left.pop()
        yield suite
        left += reversed(suite.below)


def _read_suites(content: Content, name: str) -> _Suite:
    """Return a suite of all suites of a report, which has the cases outside of them."""
    open_suites = [_Suite("", {})]
    reader = _CaseReader(name)
    outer: list[str] = []  # the tags around
    for kind, tag, attributes in read_events(content, name):
        if reader.builder is not None:
            element = reader.add(reader.builder, kind, tag, attributes)
            if element is not None:
                _add_case(open_suites, element)
        elif kind == START:
            in_suite = bool(outer) and outer[-1] in _SUITES
            if tag == "testcase" or (tag in _FAILURES and in_suite):
                reader.begin(tag, attributes)
                continue
            outer.append(tag)
            if tag == "property" and attributes.get("name"):
                _add_property(open_suites[-1], attributes["name"])
            elif tag in _SUITES:
                _open_suite(open_suites, tag, attributes)
        elif kind == END:
            outer.pop()
            if tag in _SUITES:
                closed = open_suites.pop()
                open_suites[-1].listed += closed.listed
                open_suites[-1].failing += closed.failing
    return open_suites[0]


def _open_suite(open_suites: list[_Suite], tag: str, attributes: XmlAttributes) -> None:
    """Open a suite; a nested one is named with the suites around it."""
    around = open_suites[-1]
    name = remove_workspace(clean_line(attributes.get("name")))
    own = "" if tag == "testsuites" else remove_time(name)
    full_name = clean_line(f"{around.name} > {own}") if around.name and own else own or around.name
    suite = _Suite(full_name, attributes, find_writer(attributes, ()))
    around.below.append(suite)
    open_suites.append(suite)


def _add_property(suite: _Suite, name: str) -> None:
    if suite.writer is Writer.OTHER:
        suite.writer = find_writer(suite.attributes, (name,))


def _add_case(open_suites: list[_Suite], element: Element) -> None:
    suite = open_suites[-1]
    case = _parse_case(element, suite)
    suite.cases.append(case)
    suite.times.append(element.get("time"))
    suite.names.append((element.get("classname"), element.get("name")))
    suite.listed += 1
    suite.failing += is_failing(case) + len(case.attempts)


class _CaseReader:
    """Reader of one case at a time, or of an error of a suite as a case.

    ``builder`` is None between cases.
    """

    def __init__(self, name: str) -> None:
        # Not imported at the top, because most jobs have no reports.
        from xml.etree.ElementTree import TreeBuilder  # noqa: PLC0415

        self._new_builder = TreeBuilder
        self._name = name
        self._elements = 0
        self._is_suite_error = False
        self.builder: TreeBuilder | None = None
        self._open_tags: list[str] = []  # of the case

    def begin(self, tag: str, attributes: XmlAttributes) -> None:
        self.builder = builder = self._new_builder()
        self._elements = 0
        self._is_suite_error = tag != "testcase"
        if self._is_suite_error:
            builder.start("testcase", {"name": SUITE_ERROR})
        self.add(builder, START, tag, attributes)

    def add(
        self, builder: TreeBuilder, kind: str, tag: str, attributes: XmlAttributes
    ) -> Element | None:
        """Add an event; return the case if it is complete."""
        if kind == START:
            self._elements += 1
            if self._elements > _MOST_ELEMENTS_OF_CASE:
                raise ReportError(
                    f"{self._name} has a test case of more than {_MOST_ELEMENTS_OF_CASE:,} "
                    "elements. It was not read"
                )
            builder.start(tag, dict(attributes))
            self._open_tags.append(tag)
        elif kind == DATA:
            if self._open_tags[-1] not in _OUTPUT:
                builder.data(tag)
        else:
            builder.end(tag)
            self._open_tags.pop()
            if not self._open_tags:
                return self._close(builder)
        return None

    def _close(self, builder: TreeBuilder) -> Element:
        if self._is_suite_error:
            builder.end("testcase")
        self.builder = None
        return builder.close()


# What a report declares, but does not list.


def _describe_unlisted(suite: _Suite, remarks: list[str], around: _Suite | None = None) -> None:
    """Add what suites declare and no case tells: tests, failures, or errors of the whole."""
    before = len(remarks)
    for below in suite.below:
        _describe_unlisted(below, remarks, suite)
    tests, failures, errors = suite.declared
    most = max(failures, errors)
    # fpcunit writes an empty suite that repeats the numbers of those beside it.
    repeated = around is not None and (tests, failures + errors) == around.counted
    if len(remarks) > before or repeated:
        return
    if tests and not suite.listed:
        failed = f", of which {most:,} failed" if most else ""
        remarks.append(f"declares {counted(tests, 'test')}{failed}{_named(suite)}, but lists none")
    elif most > suite.failing:
        listed = suite.failing or "none"
        remarks.append(f"declares {counted(most, 'failure')}{_named(suite)}, but lists {listed}")
    elif suite.below and failures + errors > _failures_below(suite):
        more = failures + errors - _failures_below(suite)
        remarks.append(
            f"declares {more:,} failures more than its suites{_named(suite)}; a package that did "
            "not build has no suite, for example"
        )


def _failures_below(suite: _Suite) -> int:
    """Return the failures that the suites below declare, or list if that is more."""
    declared = sum(sum(below.declared[1:]) for below in suite.below)
    return max(declared, suite.failing)


def _named(suite: _Suite) -> str:
    return f" in the suite `{suite.name}`" if suite.name else ""


# Records of suites and cases.


def _build_suite(suite: _Suite, decimal_comma: bool) -> TestSuite:
    cases = suite.cases
    if decimal_comma:
        cases = [
            replace(case, duration=parse_seconds(time, decimal_comma=True))
            for case, time in zip(cases, suite.times, strict=True)
        ]
    started_at, zoned = parse_time(suite.attributes.get("timestamp"))
    return TestSuite(
        name=suite.name,
        file=clean_line(next(list_values(suite.attributes, "file", "filepath"), "")),
        duration=parse_seconds(suite.attributes.get("time"), decimal_comma=decimal_comma),
        started_at=started_at,
        zoned=zoned,
        cases=tuple(merge_entries(cases, suite.writer, suite.names)),
    )


def _parse_case(element: Element, suite: _Suite) -> TestCase:
    started_at, zoned = parse_time(element.get("timestamp"))
    result, failure, attempts = _parse_outcome(element, suite.writer)
    class_name = remove_time(remove_workspace(clean_line(element.get("classname"))))
    return TestCase(
        name=_parse_name(element, started_at, suite),
        suite=suite.name,
        class_name=class_name,
        file=clean_line(next(list_values(element.attrib, "file", "filepath"), "")),
        result=result,
        duration=parse_seconds(element.get("time")),
        started_at=started_at,
        zoned=zoned,
        failure=failure,
        attempts=attempts,
        flaky=result is CaseResult.PASSED and bool(attempts),
    )


def _parse_name(element: Element, started_at: datetime | None, suite: _Suite) -> str:
    """Return the name of a case without a time of the day on which it ran."""
    name = clean_line(element.get("name"))
    if "20" not in name:  # nearly every name, and there are very many
        return name
    day = started_at or parse_time(suite.attributes.get("timestamp"))[0]
    return name if day is None else remove_time(name, of_day=day)


# What a tool writes as `status` or `result`, in letters only, if no element tells the result.
_NOT_RUN = {
    *("notrun", "disabled", "skipped", "suppressed", "ignored", "pending", "todo", "untested"),
    *("notexecuted", "inconclusive", "skip"),
}
_USUAL = {None, "run", "completed"}
_FAILED = {"fail", "failed", "failure", "broken", "undefined"}
_ERROR = {"error", "errored", "timeout", "timedout", "crashed", "aborted"}


def _parse_outcome(
    element: Element, writer: Writer
) -> tuple[CaseResult, CaseFailure | None, tuple[CaseFailure, ...]]:
    """Return the result, its reason, and the other failures in the entry.

    A case with `<skipped>` is skipped even if it failed: it was expected to (todo, mayfail). In
    pytest's reports the error beside it is that of another phase.
    """
    if not len(element):
        return _parse_status(element), None, ()
    from junitparser import Error, Failure, Skipped, xunit2  # noqa: PLC0415

    kinds: Any = xunit2.TestCase
    case = kinds.fromelem(element)
    reruns = tuple(_parse_failure(rerun, rerun.stack_trace) for rerun in case.interim_result)
    entries = list(case.result)
    skips = [entry for entry in entries if isinstance(entry, Skipped)]
    errors: list[Any] = [entry for entry in entries if isinstance(entry, Error)]
    failed: list[Any] = errors or [entry for entry in entries if isinstance(entry, Failure)]
    if skips and not (errors and writer is Writer.PYTEST):
        return CaseResult.SKIPPED, _parse_failure(skips[0]), ()
    if failed:
        others = (
            _parse_failure(entry)
            for entry in entries
            if entry is not failed[0] and not isinstance(entry, Skipped)
        )
        result = CaseResult.ERROR if errors else CaseResult.FAILED
        return result, _parse_failure(failed[0]), (*others, *reruns)
    return _parse_status(element), None, reruns


def _parse_status(element: Element) -> CaseResult:
    """Return the result of a case without an element that tells it."""
    written = {element.get("status"), element.get("result")} - _USUAL
    if not written:
        return CaseResult.PASSED
    words = {"".join(filter(str.isalpha, (text or "").lower())) for text in written}
    if words & _NOT_RUN:
        return CaseResult.SKIPPED
    if words & _ERROR:
        return CaseResult.ERROR
    return CaseResult.FAILED if words & _FAILED else CaseResult.PASSED


def _parse_failure(entry: Any, stack_trace: str | None = None) -> CaseFailure:
    """Without a message, as jest writes it, the first line of the text is the message."""
    text = clean_lines(stack_trace or entry.text)
    return CaseFailure(
        type=clean_line(entry.type),
        message=clean_lines(entry.message, LONGEST_MESSAGE) or clean_line(text.partition("\n")[0]),
        text=text,
    )
