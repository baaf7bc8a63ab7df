"""Test and coverage reports, findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

# What a job leaves behind: test reports, coverage, and lines of its log.
#
# Durations are seconds. Texts are cut to what an attribute holds, and have no control characters
# but for line feeds and tabs where they have several lines.


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

    ``job`` is the job's name as GitHub's archive has it (see `parse_log_name`), ``step`` the step's
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


# What the tests of a job came to: counts, and the cases that a person wants to see.


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCounts:
    """How many cases ended how; ``failed`` holds errors too, and ``passed`` the flaky ones."""

    __test__ = False  # pytest takes a class of that name for one of tests

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    flaky: int = 0

    @property
    def total(self) -> int:
        """All cases, each once however often it was run."""
        return self.passed + self.failed + self.skipped

    def __add__(self, other: TestCounts) -> TestCounts:
        """Return the counts of both together."""
        return TestCounts(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            flaky=self.flaky + other.flaky,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """A case that failed or is flaky: its suite, its name, why, and its seconds where known."""

    suite: str
    name: str
    message: str = ""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSummary:
    """The tests of a job, for its summary.

    ``seconds`` is the time of all cases together; ``failing`` and ``flaky`` are the first of them.
    """

    __test__ = False

    reports: int
    suites: int
    counts: TestCounts
    seconds: float
    failing: tuple[CaseSummary, ...] = ()
    flaky: tuple[CaseSummary, ...] = ()


# The coverage of a job: all of its reports together, and against that of the base.


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCounts:
    """What was covered by what is counted; None is what no report counts.

    Tools count lines of code or, as Go's and Clover, statements, and some count branches too.
    """

    lines: Covered | None = None
    statements: Covered | None = None
    branches: Covered | None = None

    def each(self) -> Iterator[tuple[str, Covered]]:
        """Return what is counted, by the word for one of it: line, statement, branch."""
        for unit, covered in zip(UNITS, (self.lines, self.statements, self.branches), strict=True):
            if covered is not None:
                yield unit, covered

    def of(self, unit: str) -> Covered | None:
        """Return what was covered of a unit."""
        return dict(self.each()).get(unit)


UNITS = ("line", "statement", "branch")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCounts:
    """The coverage of a package in all reports; the name is the tool's."""

    name: str
    counts: CoverageCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTotals:
    """What all reports together say; ``packages`` are in order of their names."""

    counts: CoverageCounts
    packages: tuple[PackageCounts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCoverage:
    """The coverage of a job, for who is told of it.

    ``reports`` is how many were counted. ``base`` is what the same job had on ``base_branch``, the
    branch that the pull request is to be merged into; ``base_missing_reason`` is why it is not
    known, in words. ``file`` is the path of the totals as the base's are read from, ``artifact``
    the name under which the workflow is to keep it.
    """

    totals: CoverageTotals
    reports: int
    base: CoverageTotals | None = None
    base_branch: str = ""
    base_missing_reason: str = ""
    file: str = ""
    artifact: str = ""


# What tools in a job wrote in OpenTelemetry's own format, as counts.


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTraces:
    """What was found in files of tools and goes along with an export.

    ``spans`` are those of the job's own trace, ``other_spans`` those of ``other_traces`` further
    ones; ``records`` are log records, ``points`` data points of metrics.
    """

    files: int = 0
    spans: int = 0
    other_spans: int = 0
    other_traces: int = 0
    records: int = 0
    points: int = 0
