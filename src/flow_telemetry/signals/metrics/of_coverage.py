"""The coverage of a job to measurements: in all, of its packages, and against the base."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.coverage import (
    CoverageTotals,
    JobCoverage,
    PackageCounts,
)
from flow_telemetry.rules.coverage import by_name, change, largest
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import limits
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.metrics.points import Points
from flow_telemetry.telemetry import Measurement

# Each package is a series for each unit; a backend counts those.
MOST_PACKAGES = 50


def coverage_measurements(coverage: JobCoverage, points: Points) -> Iterator[Measurement]:
    """Return the measurements of a job's coverage; ``points`` is what those of the job share.

    Of very many packages the largest have series of their own, and the rest have one together.
    """
    counts = coverage.totals.counts
    for unit, covered in counts.each():
        of_unit = points.knowing((names.COVERAGE_UNIT, unit))
        yield from of_unit.of(table.COVERAGE_COVERED, covered.covered)
        yield from of_unit.of(table.COVERAGE_COVERABLE, covered.coverable)
        yield from of_unit.of(table.COVERAGE_RATIO, covered.ratio)
        if coverage.base is not None:
            changed = change(counts, coverage.base.counts, unit)
            yield from of_unit.signed(table.COVERAGE_CHANGE, changed)
    for package in _packages(coverage.totals):
        yield from _of_package(package, points)


def _packages(totals: CoverageTotals) -> tuple[PackageCounts, ...]:
    """Names that are cut may become equal, which are one series then."""
    cut = by_name(
        PackageCounts(name=limits.name(each.name), counts=each.counts) for each in totals.packages
    )
    return largest(cut, MOST_PACKAGES)


def _of_package(package: PackageCounts, points: Points) -> Iterator[Measurement]:
    for unit, covered in package.counts.each():
        of_unit = points.knowing((names.COVERAGE_UNIT, unit), (names.PACKAGE, package.name))
        yield from of_unit.of(table.PACKAGE_COVERED, covered.covered)
        yield from of_unit.of(table.PACKAGE_COVERABLE, covered.coverable)
        yield from of_unit.of(table.PACKAGE_RATIO, covered.ratio)
