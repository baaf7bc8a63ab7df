"""What a summary says of the coverage of a job: in all, by package, and against the base."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.coverage import (
    Counts,
    CoverageTotals,
    JobCoverage,
)
from flow_telemetry.rules.coverage import OTHER_PACKAGES, change, largest
from flow_telemetry.views.escape import markdown, markdown_code
from flow_telemetry.views.summary_lines import LONGEST_NAME, Section, table

MOST_PACKAGES = 10
_PLURALS = {"line": "lines", "statement": "statements", "branch": "branches"}


def coverage_sections(coverage: JobCoverage) -> Iterator[Section]:
    """Return the totals with their change, and a table of the largest packages."""
    yield Section(" ".join([f"**Coverage** {_totals(coverage)}.", *_against(coverage)]))
    yield Section(_packages(coverage), name="the table of coverage")


def _totals(coverage: JobCoverage) -> str:
    counts, before = coverage.totals.counts, _counts(coverage.base)
    return " · ".join(
        f"{_ratio(counts, before, unit)} of {covered.coverable:,} {_PLURALS[unit]}"
        for unit, covered in counts.each()
    )


def _against(coverage: JobCoverage) -> list[str]:
    if not coverage.base_branch:
        return []
    branch = markdown_code(coverage.base_branch, LONGEST_NAME)
    if coverage.base_lacks:
        lacks = markdown(coverage.base_lacks, LONGEST_NAME)
        return [f"The change against {branch} is not known: {lacks}."]
    return [f"The change is against {branch}, in percentage points."]


def _packages(coverage: JobCoverage) -> str:
    packages = largest(coverage.totals.packages, MOST_PACKAGES)
    if not packages:
        return ""
    units = [unit for unit, _ in coverage.totals.counts.each()]
    base = coverage.base.packages if coverage.base is not None else ()
    before = {each.name: each.counts for each in base if each.name != OTHER_PACKAGES}
    rows = (
        (
            markdown(package.name, LONGEST_NAME),
            *(_ratio(package.counts, before.get(package.name, Counts()), unit) for unit in units),
        )
        for package in packages
    )
    head = ("Package", *(_PLURALS[unit].capitalize() for unit in units))
    return table(head, rows, right=range(1, len(head)))


def _ratio(now: Counts, before: Counts, unit: str) -> str:
    """Return `82.4 % (+0.3)`; nothing where it does not count the unit."""
    covered = now.of(unit)
    if covered is None:
        return ""
    if covered.ratio is None:
        return "none to cover"
    changed = change(now, before, unit)
    shown = "" if changed is None else f" ({_signed(changed)})"
    return f"{_percent(100 * covered.ratio)} %{shown}"


def _percent(value: float) -> str:
    """With one decimal; what is not all is not shown as all, nor what is something as nothing."""
    text = f"{value:.1f}"
    if text == "100.0" and value < 100:
        return "99.9"
    return "0.1" if text == "0.0" and value > 0 else text


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "±0.0" if text in ("+0.0", "-0.0") else text


def _counts(totals: CoverageTotals | None) -> Counts:
    return Counts() if totals is None else totals.counts
