"""The events of Go's tests (`go test -json`), a JSON object in each line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import CaseFailure, CaseResult, TestCase, TestSuite
from flow_telemetry.reports.files import (
    LONGEST_MESSAGE,
    LONGEST_TEXT,
    Content,
    clean_line,
    clean_lines,
    parse_time,
    read_lines,
)
from flow_telemetry.reports.junit import SUITE_ERROR
from flow_telemetry.reports.reruns import Writer, merge_entries
from flow_telemetry.rules.tests import is_failing

_RESULTS = {
    "pass": CaseResult.PASSED,
    "bench": CaseResult.PASSED,
    "fail": CaseResult.FAILED,
    "skip": CaseResult.SKIPPED,
}
# More seconds than these are not a duration.
_LONGEST = 1e8
# Lines of Go's own that say nothing of the reason.
_FRAMES = ("=== ", "--- ", "FAIL", "ok ", "PASS")


@dataclass(slots=True)
class _Test:
    """A test that runs: what it printed, and when it began."""

    started_at: str = ""
    output: str = ""

    def add(self, text: object) -> None:
        if isinstance(text, str) and len(self.output) < LONGEST_TEXT:
            self.output += text[:LONGEST_TEXT]

    def failure(self, message: str = "") -> CaseFailure:
        lines = map(str.strip, self.output.split("\n"))
        first = next((line for line in lines if line and not line.startswith(_FRAMES)), "")
        return CaseFailure(
            message=message or clean_lines(first, LONGEST_MESSAGE), text=clean_lines(self.output)
        )


@dataclass(slots=True)
class _Package:
    """A package: its ended cases, its open tests by name, and its own output."""

    name: str
    cases: list[TestCase] = field(default_factory=list)
    open_tests: dict[str, _Test] = field(default_factory=dict)
    own: _Test = field(default_factory=_Test)
    duration: float | None = None
    # How often the package was run: gotestsum runs failed tests again in a run of their own.
    ends: int = 0
    failed: bool = False

    def add(self, event: dict[str, Any]) -> None:
        """Add an event of the package, or of a test in it."""
        action, test = str(event.get("Action")), event.get("Test")
        if action in {"output", "build-output"}:
            target = self.open_tests.get(test) if isinstance(test, str) else self.own
            (target or self.own).add(event.get("Output"))
        elif isinstance(test, str):
            self._add_test(action, test, event)
        elif action in _RESULTS:
            self.duration = _parse_elapsed(event)
            self.ends += 1
            self.failed = action == "fail"
            self._end_tests()

    def _add_test(self, action: str, test: str, event: dict[str, Any]) -> None:
        if action == "run":
            self.open_tests[test] = _Test(started_at=str(event.get("Time", "")))
        elif action in _RESULTS:
            ended = self.open_tests.pop(test, _Test())
            self._add_case(test, _RESULTS[action], ended, duration=_parse_elapsed(event))

    def finish(self) -> list[TestCase]:
        """Return the cases; a test that is still open was not finished, as in a file cut off."""
        self._end_tests()
        writer = Writer.GOTESTSUM if self.ends > 1 else Writer.OTHER
        cases = merge_entries(self.cases, writer)
        if self.failed and not any(is_failing(case) and not case.run_again for case in cases):
            self._add_case(SUITE_ERROR, CaseResult.ERROR, self.own)
            cases.append(self.cases[-1])
        return cases

    def _end_tests(self) -> None:
        for test, still_open in self.open_tests.items():
            self._add_case(test, CaseResult.ERROR, still_open, "the test did not end")
        self.open_tests = {}

    def _add_case(
        self,
        name: str,
        result: CaseResult,
        test: _Test,
        message: str = "",
        *,
        duration: float | None = None,
    ) -> None:
        started_at, zoned = parse_time(test.started_at)
        passed = result is CaseResult.PASSED
        self.cases.append(
            TestCase(
                name=clean_line(name),
                suite=self.name,
                class_name="" if name == SUITE_ERROR else self.name,
                result=result,
                duration=duration,
                started_at=started_at,
                zoned=zoned,
                failure=None if passed else test.failure(message),
            )
        )


def read_go_test(content: Content, name: str) -> tuple[TestSuite, ...]:
    """Return the packages as suites. A package that failed without a failed test has a case for it.

    Lines that are not JSON, such as those of the compiler, are left out.

    Raises:
        ReportError: it cannot be read, or has no events of tests.
    """
    packages: dict[str, _Package] = {}
    for line in read_lines(content, name):
        event = _parse_event(line)
        package = clean_line(str(event.get("Package") or event.get("ImportPath") or ""))
        # Go names the package of a compiled test `acme.com/shop [acme.com/shop.test]`.
        package = package.partition(" ")[0]
        if package:
            packages.setdefault(package, _Package(package)).add(event)
    if not packages:
        raise ReportError(
            f"{name} is JSON, but not a test report. Of JSON, only the events of `go test -json` "
            "are read; let other tools write JUnit's XML"
        )
    return tuple(
        TestSuite(
            name=package.name,
            duration=package.duration,
            cases=tuple(cases),
        )
        for package in packages.values()
        if (cases := package.finish())
    )


def _parse_event(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) and isinstance(event.get("Action"), str) else {}


def _parse_elapsed(event: dict[str, Any]) -> float | None:
    elapsed = event.get("Elapsed")
    if not isinstance(elapsed, int | float) or isinstance(elapsed, bool):
        return None
    return float(elapsed) if 0 <= elapsed < _LONGEST else None
