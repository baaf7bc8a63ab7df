"""Coverage totals of several reports, duplicates among them, and the change since the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flow_telemetry.model.reports import (
    Coverage,
    CoverageCounts,
    CoverageTotals,
    CoverageUnit,
    Covered,
    PackageCounts,
    PackageCoverage,
)

OTHER_PACKAGES = "(other)"


# Two formats of one measurement list the same files, but for those in which nothing is coverable.
_SHARE = 0.75
# The formats, the preferred ones first: those that count lines and give totals of their own.
_PREFERRED = (
    *("cobertura", "jacoco", "lcov", "coverage.py", "llvm-cov", "istanbul", "simplecov", "sonar"),
    *("go", "opencover", "clover"),
)


def find_duplicates(reports: Iterable[Coverage]) -> dict[str, str]:
    """Return the names of duplicate reports, with the name of a report that they repeat.

    Many tools write one measurement in several formats: reports of different formats are
    duplicates if they are on the same source files. Of each set of files one format counts, the one
    with most files. Two reports of one format are two measurements.
    """
    reports = list(reports)
    duplicates: dict[str, str] = {}
    if len({report.format for report in reports}) < 2:
        return duplicates
    for group in _group_by_files(reports):
        files: dict[str, set[str]] = {}
        for report in group:
            files.setdefault(report.format, set()).update(report.files)
        best = min(files, key=lambda form: (-len(files[form]), _PREFERRED.index(form)))
        kept = next(report for report in group if report.format == best)
        duplicates |= {report.name: kept.name for report in group if report.format != best}
    return duplicates


def _group_by_files(reports: Sequence[Coverage]) -> list[list[Coverage]]:
    """Return groups of reports that are, directly or not, on the same source files."""
    paths = [_Paths(report.files) for report in reports]
    groups: list[list[int]] = []
    for number, report in enumerate(reports):
        joined = [number]
        apart: list[list[int]] = []
        for group in groups:
            is_same = any(
                reports[other].format != report.format
                and _measure_the_same(report, paths[number], reports[other], paths[other])
                for other in group
            )
            if is_same:
                joined = [*group, *joined]
            else:
                apart.append(group)
        groups = [*apart, joined]
    return [[reports[number] for number in sorted(group)] for group in groups]


def _measure_the_same(one: Coverage, paths: _Paths, other: Coverage, other_paths: _Paths) -> bool:
    """Whether reports are on the same files; if one names none, whether all numbers are equal."""
    if not one.files or not other.files:
        numbers = (one.lines, one.branches, one.unit)
        return numbers == (other.lines, other.branches, other.unit)
    if len(one.files) > len(other.files):
        paths, other_paths = other_paths, paths
    shared = sum(map(other_paths.contains, paths.files))
    return shared >= _SHARE * len(paths.files)


class _Paths:
    """The source files of a report, for a search by a whole path or by its end."""

    def __init__(self, files: frozenset[str]) -> None:
        self.files = files
        self._loose = {path for path in files if not path.startswith("/")}
        # The ends of paths; a path that begins at the workspace ends with no other such path.
        self._ends = {end for path in files for end in _list_ends(path)}
        self._loose_ends = {end for path in self._loose for end in _list_ends(path)}

    def contains(self, path: str) -> bool:
        """Whether one of the files can be the file with this path."""
        if path in self.files:
            return True
        if path.startswith("/"):
            return path[1:] in self._loose_ends or not self._loose.isdisjoint(_list_ends(path))
        return path in self._ends or any(
            end in self.files or f"/{end}" in self.files for end in _list_ends(path)
        )


def _list_ends(path: str) -> Iterator[str]:
    """Yield a path without its first folders: `a/b/c`, `b/c`, `c`."""
    rest = path.lstrip("/")
    while rest:
        yield rest
        rest = rest.partition("/")[2]


def totals(reports: Iterable[Coverage]) -> CoverageTotals:
    """Return the sums over all reports, in total and by package.

    A unit of which nothing is coverable is left out, and so is a package without any unit.
    """
    reports = list(reports)
    counts = _sum(_count(report, report.unit) for report in reports)
    packages = (
        PackageCounts(name=package.name, counts=_count(package, report.unit))
        for report in reports
        for package in report.packages
    )
    merged = merge_packages(packages)
    return CoverageTotals(
        counts=counts, packages=tuple(p for p in merged if p.counts != CoverageCounts())
    )


def merge_packages(packages: Iterable[PackageCounts]) -> tuple[PackageCounts, ...]:
    """Return the packages in order of their names; packages of the same name are merged."""
    counts: dict[str, list[CoverageCounts]] = {}
    for package in packages:
        counts.setdefault(package.name, []).append(package.counts)
    return tuple(PackageCounts(name=name, counts=_sum(counts[name])) for name in sorted(counts))


def largest_packages(packages: Iterable[PackageCounts], most: int) -> tuple[PackageCounts, ...]:
    """Return the ``most`` packages with most to cover, and the sum of the others at the end."""

    def size(counts: CoverageCounts) -> int:
        # Branches are in lines that are counted already.
        return sum(covered.coverable for unit, covered in counts.by_unit() if unit != "branch")

    by_size = sorted(packages, key=lambda package: (-size(package.counts), package.name))
    result, rest = by_size[:most], by_size[most:]
    if rest:
        others = _sum(package.counts for package in rest)
        result.append(PackageCounts(name=OTHER_PACKAGES, counts=others))
    return tuple(result)


def change(now: CoverageCounts, before: CoverageCounts, unit: str) -> float | None:
    """Return the change of a unit's coverage in percentage points; None if unknown."""
    current, base = now.of(unit), before.of(unit)
    if current is None or base is None or current.ratio is None or base.ratio is None:
        return None
    return 100 * (current.ratio - base.ratio)


def _count(coverage: Coverage | PackageCoverage, unit: CoverageUnit) -> CoverageCounts:
    if unit is CoverageUnit.STATEMENT:
        return CoverageCounts(statements=coverage.lines, branches=coverage.branches)
    return CoverageCounts(lines=coverage.lines, branches=coverage.branches)


def _sum(counts: Iterable[CoverageCounts]) -> CoverageCounts:
    counts = list(counts)
    return CoverageCounts(
        lines=_sum_covered(one.lines for one in counts),
        statements=_sum_covered(one.statements for one in counts),
        branches=_sum_covered(one.branches for one in counts),
    )


def _sum_covered(counts: Iterable[Covered | None]) -> Covered | None:
    counted = [covered for covered in counts if covered is not None and covered.coverable]
    if not counted:
        return None
    return Covered(
        covered=sum(covered.covered for covered in counted),
        coverable=sum(covered.coverable for covered in counted),
    )
