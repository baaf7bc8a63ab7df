"""The coverage of a job: all of its reports together, and against that of the base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flow_telemetry.model.reports import Covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
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
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageTotals:
    """What all reports together say; ``packages`` are in order of their names."""

    counts: Counts
    packages: tuple[PackageCounts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCoverage:
    """The coverage of a job, for who is told of it.

    ``reports`` is how many were counted. ``base`` is what the same job had on ``base_branch``, the
    branch that the pull request is to be merged into; ``base_lacks`` is why it is not known, in
    words. ``file`` is the path of the totals as the base's are read from, ``artifact`` the name
    under which the workflow is to keep it.
    """

    totals: CoverageTotals
    reports: int
    base: CoverageTotals | None = None
    base_branch: str = ""
    base_lacks: str = ""
    file: str = ""
    artifact: str = ""
