"""Tests, coverage and log lines of a job, results of checks, and counts of tool traces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

# Reports of a job: tests, coverage, and lines of its log
#
# Durations are seconds. Texts are truncated to the length of an attribute. Control characters are
# removed, except line feeds and tabs in texts of several lines.


class CaseResult(Enum):
    """Results of test cases; an error is a failure outside the assertions of the test."""

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
    """A test case, or one execution of it if the report has an entry for each execution.

    ``suite`` is the suite's name after those of the suites around it (`outer > inner`); ``file`` is
    the source file, if the report has it. ``number`` counts the entries of one suite, class and
    name in the report, from 1; ``namesake`` counts the tests, of which each may have several
    entries. ``failure`` is why the case failed or was skipped. ``attempts`` are the other failures
    in the same entry: of runs before the case passed, as surefire writes them, or besides
    ``failure``. ``run_again``: the case failed, and a later entry is of the same case. ``flaky``:
    the case passed after it had failed. If ``zoned`` is False, the report has ``started_at``
    without a zone, and it was read as UTC.
    """

    __test__ = False  # Otherwise pytest would collect the class because of its name.

    name: str
    suite: str = ""
    class_name: str = ""
    file: str = ""
    number: int = 1
    namesake: int = 1
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
        """The name after the name of the class; jest uses one name for both."""
        if self.class_name in {"", self.name}:
            return self.name
        return f"{self.class_name}.{self.name}"

    @property
    def key(self) -> str:
        """Suite and name, which are the same in each run; `:2` for the second of one name."""
        repeated = f":{self.namesake}" if self.namesake > 1 else ""
        return f"{self.suite}:{self.full_name}{repeated}"

    @property
    def reference_suffix(self) -> str:
        """The end of its flow reference, after that of its owner."""
        repeated = f":{self.number}" if self.number > 1 else ""
        return f"#test:{self.suite}:{self.full_name}{repeated}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSuite:
    """A suite with its own cases; nested suites are separate suites.

    If ``zoned`` is False, the report has ``started_at`` without a zone, and it was read as UTC.
    ``duration`` is the reported one, which is not always the sum of the cases.
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
    """A test report; ``name`` is its path relative to the workspace, with slashes.

    ``remarks`` are texts about what the report declares but does not list.
    """

    __test__ = False

    name: str
    suites: tuple[TestSuite, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[TestCase, ...]:
        """All cases in the order of the report."""
        return tuple(case for suite in self.suites for case in suite.cases)


class CoverageUnit(Enum):
    """The unit that a tool counts: lines of code, or statements (Go, Clover)."""

    LINE = "line"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Numbers of covered and coverable lines, statements or branches."""

    covered: int
    coverable: int

    @property
    def ratio(self) -> float | None:
        """Return the share from 0 to 1; None if nothing is coverable."""
        return self.covered / self.coverable if self.coverable else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCoverage:
    """The coverage of a package, or of a folder if the format has no packages."""

    name: str
    lines: Covered
    branches: Covered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A coverage report; ``branches`` is None if the tool measured none.

    ``format`` is its name in the documentation (`cobertura`). ``name`` is the report's path
    relative to the workspace. ``packages`` are in order of their names. ``files`` are the source
    files that were measured: a path that begins with a slash begins at the workspace; others are
    the end of a path.
    """

    name: str
    format: str
    lines: Covered
    branches: Covered | None = None
    unit: CoverageUnit = CoverageUnit.LINE
    packages: tuple[PackageCoverage, ...] = ()
    files: frozenset[str] = frozenset()


class LogLevel(Enum):
    """Levels of log lines that GitHub marks."""

    DEBUG = "debug"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a run's log, without colours and marks.

    ``job`` is the job's name in GitHub's archive (`parse_log_name`), ``step`` the step's number,
    None if the archive has only files of whole jobs. ``number`` counts the lines in order of
    reading, from 1. ``time`` is None for lines before the first line with a time. ``group`` is the
    title of the group that contains the line; the line with the title belongs to the group.
    """

    job: str
    step: int | None = None
    number: int = 0
    time: datetime | None = None
    text: str = ""
    group: str = ""
    level: LogLevel | None = None


# Results of the tests of a job: counts, and the cases for the summary


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCounts:
    """Numbers of cases by result; ``failed`` includes errors, and ``passed`` flaky cases."""

    __test__ = False  # Otherwise pytest would collect the class because of its name.

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    flaky: int = 0

    @property
    def total(self) -> int:
        """The number of cases; one that was run several times counts once."""
        return self.passed + self.failed + self.skipped

    def __add__(self, other: TestCounts) -> TestCounts:
        """Return the sums of both counts."""
        return TestCounts(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            flaky=self.flaky + other.flaky,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """A failed or flaky case; ``duration`` is in seconds, None if unknown."""

    suite: str
    name: str
    message: str = ""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSummary:
    """The tests of a job, for its summary.

    ``seconds`` is the total time of all cases; ``failing`` and ``flaky`` are limited in number. If
    ``incomplete``, reports declare tests or failures that they do not list.
    """

    __test__ = False

    reports: int
    suites: int
    counts: TestCounts
    seconds: float
    failing: tuple[CaseSummary, ...] = ()
    flaky: tuple[CaseSummary, ...] = ()
    incomplete: bool = False


# The coverage of a job: totals of all reports, and that of the base


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCounts:
    """The coverage by unit; None for a unit that no report counts.

    Tools count lines of code or statements (Go, Clover), and some count branches too.
    """

    lines: Covered | None = None
    statements: Covered | None = None
    branches: Covered | None = None

    def by_unit(self) -> Iterator[tuple[str, Covered]]:
        """Yield the counted units, as line, statement or branch, with their coverage."""
        for unit, covered in zip(UNITS, (self.lines, self.statements, self.branches), strict=True):
            if covered is not None:
                yield unit, covered

    def of(self, unit: str) -> Covered | None:
        """Return the coverage of a unit; None if it was not counted."""
        return dict(self.by_unit()).get(unit)


UNITS = ("line", "statement", "branch")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCounts:
    """The coverage of a package in all reports, by the name that the tools use."""

    name: str
    counts: CoverageCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTotals:
    """The sums over all reports; ``packages`` are in order of their names."""

    counts: CoverageCounts
    packages: tuple[PackageCounts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCoverage:
    """The coverage of a job.

    ``reports`` is the number of reports. ``base`` is the coverage of the same job on
    ``base_branch``, the branch that the pull request is to be merged into; ``base_missing_reason``
    is a text about why it is unknown. ``file`` is the path of the totals, which later runs read as
    their base; ``artifact`` is the name of the artifact in which the workflow must store it.
    """

    totals: CoverageTotals
    reports: int
    base: CoverageTotals | None = None
    base_branch: str = ""
    base_missing_reason: str = ""
    file: str = ""
    artifact: str = ""


# Results of `flow-telemetry check`


class CheckState(Enum):
    """Results of a check; UNSURE if it was not possible or not necessary."""

    WORKS = "works"
    FAILS = "fails"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    ``message`` has details; for a failure, the likely reason and what to do. It has no secrets.
    """

    what: str
    state: CheckState
    message: str = ""


# Telemetry that tools in a job wrote as OTLP


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTraces:
    """Numbers of exported items from the files of tools.

    ``spans`` are those of the job's own trace, ``other_spans`` those of ``other_traces`` other
    traces; ``records`` are log records, ``points`` data points of metrics.
    """

    files: int = 0
    spans: int = 0
    other_spans: int = 0
    other_traces: int = 0
    records: int = 0
    points: int = 0
