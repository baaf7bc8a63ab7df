"""What the tests of a job came to: counts, and the cases that a person wants to see."""

from __future__ import annotations

from dataclasses import dataclass


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
class CaseTold:
    """A case that failed or is flaky: its suite, its name, why, and its seconds where known."""

    suite: str
    name: str
    message: str = ""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsTold:
    """The tests of a job, for its summary.

    ``seconds`` is the time of all cases together; ``failing`` and ``flaky`` are the first of them.
    """

    __test__ = False

    reports: int
    suites: int
    counts: TestCounts
    seconds: float
    failing: tuple[CaseTold, ...] = ()
    flaky: tuple[CaseTold, ...] = ()
