"""What a job leaves behind: test reports, coverage, and lines of its log.

Durations are seconds. Texts are cut to what an attribute holds, and have no control characters
but for line feeds and tabs where they have several lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class CaseResult(Enum):
    """How a test case ended; an error is a failure outside of what the test asserts."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFailure:
    """Why a case failed, or was skipped: an exception's type, message and stack trace."""

    type: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """A test case, or one of the times that it was run, where the report has an entry for each.

    ``suite`` is the suite's name below those around it (`outer > inner`); ``file`` the source
    file, where the report tells it. ``number`` counts the entries of one suite, class and name in
    the report, from 1. ``failure`` is why it failed or was skipped. ``attempts`` holds the other
    failures of the same entry, as surefire writes them: before it passed, or after ``failure``.
    ``run_again``: it failed, and a later entry is of the same case. ``flaky``: it passed after it
    had failed. ``started_at`` without ``zoned`` was given without a zone, and is read as UTC.
    """

    __test__ = False  # pytest takes a class of that name for one of tests

    name: str
    suite: str = ""
    class_name: str = ""
    file: str = ""
    number: int = 1
    result: CaseResult = CaseResult.PASSED
    duration: float | None = None
    started_at: datetime | None = None
    zoned: bool = False
    failure: CaseFailure | None = None
    attempts: tuple[CaseFailure, ...] = ()
    run_again: bool = False
    flaky: bool = False

    @property
    def full_name(self) -> str:
        """Its name with that of the class before it; jest gives one name for both."""
        if self.class_name in {"", self.name}:
            return self.name
        return f"{self.class_name}.{self.name}"

    def part(self, report: str) -> str:
        """Return what follows the owner's in its flow reference, in a report of that name."""
        repeated = f":{self.number}" if self.number > 1 else ""
        return f"#test:{report}:{self.suite}:{self.full_name}{repeated}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSuite:
    """A suite that has cases of its own; suites inside others stand beside them.

    ``started_at`` without ``zoned`` was given without a zone, and is read as UTC. ``duration`` is
    the tool's word, which is not always the sum of its cases.
    """

    __test__ = False

    name: str
    file: str = ""
    duration: float | None = None
    started_at: datetime | None = None
    zoned: bool = False
    cases: tuple[TestCase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """A test report; ``name`` is its path below the workspace, with slashes."""

    __test__ = False

    name: str
    suites: tuple[TestSuite, ...] = ()

    @property
    def cases(self) -> tuple[TestCase, ...]:
        """All cases in the order of the report."""
        return tuple(case for suite in self.suites for case in suite.cases)


class CoverageUnit(Enum):
    """What a tool counts: lines of code, or statements (Go, Clover)."""

    LINE = "line"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How many of the lines (or branches) that can be covered were."""

    covered: int
    coverable: int

    @property
    def ratio(self) -> float | None:
        """Return the share from 0 to 1; None where there is nothing to cover."""
        return self.covered / self.coverable if self.coverable else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCoverage:
    """The coverage of a package, or of a folder where the format has no packages."""

    name: str
    lines: Covered
    branches: Covered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A coverage report; ``branches`` is None where the tool did not look at them.

    ``format`` is the word that the documentation has for it (`cobertura`). ``name`` is the
    report's path below the workspace. ``packages`` are in order of their names.
    """

    name: str
    format: str
    lines: Covered
    branches: Covered | None = None
    unit: CoverageUnit = CoverageUnit.LINE
    packages: tuple[PackageCoverage, ...] = ()


class LogLevel(Enum):
    """What GitHub marks a line of a log as."""

    DEBUG = "debug"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a run's log, without colours and marks.

    ``job`` is the job's name as GitHub's archive has it (see `log_names`), ``step`` the step's
    number, None where the archive has only files of whole jobs. ``number`` counts the lines as they
    were read, from 1. ``time`` is None for lines before the first that has one. ``group`` is the
    group that the line stands in, its title included.
    """

    job: str
    step: int | None = None
    number: int = 0
    time: datetime | None = None
    text: str = ""
    group: str = ""
    level: LogLevel | None = None
