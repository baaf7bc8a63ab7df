"""Coverage over several reports: what counts once, sums, and changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flow_telemetry.model.reports import (
    Counts,
    Coverage,
    CoverageTotals,
    CoverageUnit,
    Covered,
    PackageCounts,
    PackageCoverage,
)

OTHER_PACKAGES = "(other)"


def repeated(reports: Iterable[Coverage]) -> dict[str, str]:
    """Return the names of reports that say again what another one says, with that one's name.

    Many tools write one measurement in several formats; it is one where the formats differ and all
    numbers are equal. Two reports of one format are of two measurements.
    """
    firsts: dict[object, Coverage] = {}
    again: dict[str, str] = {}
    for report in reports:
        numbers = (report.lines, report.branches, report.unit)
        first = firsts.setdefault(numbers, report)
        if first.format != report.format:
            again[report.name] = first.name
    return again


def totals(reports: Iterable[Coverage]) -> CoverageTotals:
    """Return the sum of reports, in all and by package."""
    counted = list(reports)
    counts = _sum(_counts(each, each.unit) for each in counted)
    packages = (
        PackageCounts(name=package.name, counts=_counts(package, each.unit))
        for each in counted
        for package in each.packages
    )
    return CoverageTotals(counts=counts, packages=by_name(packages))


def by_name(packages: Iterable[PackageCounts]) -> tuple[PackageCounts, ...]:
    """Return the packages in order of their names; those of one name are one."""
    named: dict[str, list[Counts]] = {}
    for package in packages:
        named.setdefault(package.name, []).append(package.counts)
    return tuple(PackageCounts(name=name, counts=_sum(named[name])) for name in sorted(named))


def largest(packages: Iterable[PackageCounts], most: int) -> tuple[PackageCounts, ...]:
    """Return the packages with most to cover, at most so many, and the rest as one at the end."""
    by_size = sorted(packages, key=lambda package: (-_size(package.counts), package.name))
    kept, rest = by_size[:most], by_size[most:]
    if rest:
        others = _sum(package.counts for package in rest)
        kept.append(PackageCounts(name=OTHER_PACKAGES, counts=others))
    return tuple(kept)


def change(now: Counts, before: Counts, unit: str) -> float | None:
    """Return by how many percentage points a unit is covered more than before; None if unknown."""
    one, other = now.of(unit), before.of(unit)
    if one is None or other is None or one.ratio is None or other.ratio is None:
        return None
    return 100 * (one.ratio - other.ratio)


def _counts(of: Coverage | PackageCoverage, unit: CoverageUnit) -> Counts:
    counts = Counts(branches=of.branches)
    if unit is CoverageUnit.STATEMENT:
        return replace(counts, statements=of.lines)
    return replace(counts, lines=of.lines)


def _sum(parts: Iterable[Counts]) -> Counts:
    known = list(parts)
    return Counts(
        lines=_total(part.lines for part in known),
        statements=_total(part.statements for part in known),
        branches=_total(part.branches for part in known),
    )


def _total(parts: Iterable[Covered | None]) -> Covered | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Covered(
        covered=sum(part.covered for part in known), coverable=sum(part.coverable for part in known)
    )


def _size(counts: Counts) -> int:
    return sum(covered.coverable for unit, covered in counts.each() if unit != "branch")
