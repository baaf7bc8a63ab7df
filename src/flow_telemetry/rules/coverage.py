"""Coverage totals of several reports, duplicates among them, and the change since the base."""

from __future__ import annotations

from collections.abc import Iterable

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


def find_duplicates(reports: Iterable[Coverage]) -> dict[str, str]:
    """Return the names of duplicate reports, with the names of the reports that they repeat.

    Many tools write one measurement in several formats: reports are duplicates if their formats
    differ and all numbers are equal. Two reports of one format are two measurements.
    """
    firsts: dict[object, Coverage] = {}
    duplicates: dict[str, str] = {}
    for report in reports:
        numbers = (report.lines, report.branches, report.unit)
        first = firsts.setdefault(numbers, report)
        if first.format != report.format:
            duplicates[report.name] = first.name
    return duplicates


def totals(reports: Iterable[Coverage]) -> CoverageTotals:
    """Return the sums over all reports, in total and by package."""
    reports = list(reports)
    counts = _sum(_count(report, report.unit) for report in reports)
    packages = (
        PackageCounts(name=package.name, counts=_count(package, report.unit))
        for report in reports
        for package in report.packages
    )
    return CoverageTotals(counts=counts, packages=merge_packages(packages))


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
    counted = [covered for covered in counts if covered is not None]
    if not counted:
        return None
    return Covered(
        covered=sum(covered.covered for covered in counted),
        coverable=sum(covered.coverable for covered in counted),
    )
