"""Sums of coverage over the files and packages of a report, and names of source files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import Coverage, CoverageUnit, Covered, PackageCoverage
from flow_telemetry.reports.files import clean_line, normalize_path, parse_count

# The largest projects have fewer lines; each takes memory while a report is read.
MOST_LINES = 3_000_000
# The longest path of Linux; all ends of paths are compared.
_LONGEST_PATH = 4096
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]{1,3})?")

NOTHING = Covered(covered=0, coverable=0)


def total(counts: Iterable[Covered]) -> Covered:
    """Add counts up."""
    covered = coverable = 0
    for count in counts:
        covered += count.covered
        coverable += count.coverable
    return Covered(covered=covered, coverable=coverable)


def parse_covered(covered: object, coverable: object) -> Covered | None:
    """Return two counts as one; None if one is missing, or more was covered than is coverable."""
    least, most = parse_count(covered), parse_count(coverable)
    if least is None or most is None or least > most:
        return None
    return Covered(covered=least, coverable=most)


def count_hits(counts: Mapping[object, int]) -> Covered:
    """Return how many lines or branches were hit at least once."""
    return Covered(covered=sum(1 for hits in counts.values() if hits > 0), coverable=len(counts))


def parse_hits(text: str | None) -> int | None:
    """Return how often something was hit; None if a text is not a number.

    A number that is too large, or has a fraction such as `3.5`, counts as 1, or as 0 if it is zero.
    """
    hits = parse_count(text)
    if hits is None and text is not None and (number := _NUMBER.fullmatch(text.strip()[:64])):
        return 1 if number[1].strip("0.") else 0
    return hits


# Names of packages and source files.


def normalize_package(name: str, workspace: str = "") -> str:
    """Return the name of a package, which some tools make from a path; `.` if it has none."""
    name = clean_line(name)
    if "/" in name or "\\" in name:
        return clean_line(normalize_path(name, workspace)) or "."
    return name or "."


def _place_file(written: str, path: str) -> str:
    """Return the path of `Coverage.files` of a file in the report."""
    is_absolute = written.startswith(("/", "\\")) or written[1:2] == ":"
    in_workspace = is_absolute and not path.startswith("/") and path[1:2] != ":"
    return f"/{path}" if in_workspace else path.lstrip("/")


class Counter:
    """Sums of lines and branches for each package of a report; ``name`` is for errors."""

    def __init__(self, name: str, workspace: str = "") -> None:
        self._name = name
        self._workspace = workspace
        # By package; without branches if none were measured in it.
        self._lines: dict[str, Covered] = {}
        self._branches: dict[str, Covered] = {}
        self._left = MOST_LINES
        self._files: dict[str, str] = {}

    def count_one(self) -> None:
        """Count a line that takes memory.

        Raises:
            ReportError: the report has too many.
        """
        self._left -= 1
        if self._left < 0:
            raise ReportError(f"{self._name} has more than {MOST_LINES:,} lines; it is not read")

    def name_file(self, path: str) -> str:
        """Note that the report is on a source file; return its normalized path."""
        known = self._files.get(path)
        if known is None:
            self.count_one()
            known = self._files[path] = normalize_path(path, self._workspace)
        return known

    def add(self, package: str, lines: Covered, branches: Covered | None = None) -> None:
        """Add the lines of a file or package and, if they were measured, its branches."""
        self._lines[package] = total((self._lines.get(package, NOTHING), lines))
        if branches is not None:
            self._branches[package] = total((self._branches.get(package, NOTHING), branches))

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not self._lines

    def build(
        self,
        format_name: str,
        lines: Covered | None = None,
        branches: Covered | None = None,
        unit: CoverageUnit = CoverageUnit.LINE,
    ) -> Coverage:
        """Return the coverage; totals that the report does not have are those of its packages.

        Without any branch, branches were not measured.
        """
        if lines is None or not lines.coverable:
            lines = total(self._lines.values())
        if branches is None or not branches.coverable:
            branches = total(self._branches.values())
        return Coverage(
            name=self._name,
            format=format_name,
            lines=lines,
            branches=branches if branches.coverable else None,
            unit=unit,
            packages=tuple(
                PackageCoverage(name=name, lines=lines, branches=self._branches_of(name))
                for name, lines in sorted(self._lines.items())
            ),
            files=frozenset(
                _place_file(*pair)
                for pair in self._files.items()
                if 0 < len(pair[1]) <= _LONGEST_PATH
            ),
        )

    def _branches_of(self, package: str) -> Covered | None:
        branches = self._branches.get(package, NOTHING)
        return branches if branches.coverable else None
