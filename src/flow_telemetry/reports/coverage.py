"""Coverage reports (Cobertura, JaCoCo, Clover, LCOV, coverage.py, Go), and stored totals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Job, Run
from flow_telemetry.model.reports import (
    UNITS,
    Coverage,
    CoverageCounts,
    CoverageTotals,
    CoverageUnit,
    Covered,
    PackageCounts,
    PackageCoverage,
)
from flow_telemetry.reports import files
from flow_telemetry.reports.files import MEBIBYTE, Content, clean_line, parent_folder, parse_count
from flow_telemetry.reports.xml import (
    END,
    START,
    XmlAttributes,
    list_values,
    read_events,
    read_opening,
)
from flow_telemetry.rules.coverage import largest_packages, merge_packages

# Sums over files and packages.

# The largest projects have fewer lines; each takes memory while a report is read.
MOST_LINES = 3_000_000
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

    A number that is too large, or has a fraction such as `3.0`, counts as 1, or as 0 if it is zero.
    """
    hits = parse_count(text)
    if hits is None and text is not None and (number := _NUMBER.fullmatch(text.strip()[:64])):
        return 1 if number[1].strip("0.") else 0
    return hits


class _Counter:
    """Sums of lines and branches for each package of a report; ``name`` is for errors."""

    def __init__(self, name: str) -> None:
        self._name = name
        # By package; without branches if none were measured in it.
        self._lines: dict[str, Covered] = {}
        self._branches: dict[str, Covered] = {}
        self._left = MOST_LINES

    def count_one(self) -> None:
        """Count a line that takes memory.

        Raises:
            ReportError: the report has too many.
        """
        self._left -= 1
        if self._left < 0:
            raise ReportError(f"{self._name} has more than {MOST_LINES:,} lines; it is not read")

    def add(self, package: str, lines: Covered, branches: Covered | None = None) -> None:
        """Add the lines of a file or package and, if they were measured, its branches."""
        self._lines[package] = total((self._lines.get(package, NOTHING), lines))
        if branches is not None:
            self._branches[package] = total((self._branches.get(package, NOTHING), branches))

    @property
    def empty(self) -> bool:
        return not self._lines

    def lines(self) -> Covered:
        return total(self._lines.values())

    def branches(self) -> Covered | None:
        """Return the branches of all packages; None if none were measured."""
        return total(self._branches.values()) if self._branches else None

    def packages(self) -> tuple[PackageCoverage, ...]:
        """Return the packages in order of their names."""
        return tuple(
            PackageCoverage(name=name, lines=lines, branches=self._branches.get(name))
            for name, lines in sorted(self._lines.items())
        )


# Cobertura's XML, written by coverage.py, gcovr, coverlet and many others.

_CONDITIONS = re.compile(r"\(([0-9]{1,9})/([0-9]{1,9})\)")


def read_cobertura(content: Content, name: str) -> Coverage:
    """Return the totals of the report, or the sum of its lines if it has none, and its packages.

    Raises:
        ReportError: it cannot be read, or has no lines.
    """
    counter = _Counter(name)
    root: XmlAttributes = {}
    # The lines of the current package. A line may be listed under its method and its class.
    hits: dict[object, int] = {}
    branch_counts: dict[object, Covered] = {}
    package = file = ""
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "line":
            _add_line(counter, hits, branch_counts, file, attributes)
        elif kind == START and tag == "class":
            file = attributes.get("filename", "")
        elif kind == START and tag == "package":
            package = clean_line(attributes.get("name")) or "."
        elif kind == START and tag == "coverage":
            root = root or attributes
        elif kind == END and tag == "package":
            counted = total(branch_counts.values()) if branch_counts else None
            counter.add(package, count_hits(hits), counted)
            hits, branch_counts = {}, {}
    lines = parse_covered(root.get("lines-covered"), root.get("lines-valid"))
    if lines is None and counter.empty:
        raise ReportError(f"{name} has Cobertura's format, but contains no lines")
    if lines is None or not lines.coverable:
        lines = counter.lines()
    branches = parse_covered(root.get("branches-covered"), root.get("branches-valid"))
    if branches is None or not branches.coverable:
        branches = counter.branches()
    return Coverage(
        name=name,
        format="cobertura",
        lines=lines,
        branches=branches,
        packages=counter.packages(),
    )


def _add_line(
    counter: _Counter,
    hits: dict[object, int],
    branch_counts: dict[object, Covered],
    file: str,
    attributes: XmlAttributes,
) -> None:
    number, times = parse_count(attributes.get("number")), parse_hits(attributes.get("hits"))
    if number is None or times is None:
        return
    line = (file, number)
    if line not in hits:
        counter.count_one()
    hits[line] = max(times, hits.get(line, 0))
    conditions = _CONDITIONS.search(attributes.get("condition-coverage", "")[:64])
    branches = parse_covered(conditions[1], conditions[2]) if conditions else None
    if branches is not None:
        branch_counts[line] = max(
            branches, branch_counts.get(line, branches), key=lambda count: count.covered
        )


# Clover's XML, written by PHPUnit and Istanbul (jest). It counts statements.

_CLOVER_LEVELS = {"project", "testproject", "package", "file", "class"}


def read_clover(content: Content, name: str) -> Coverage:
    """Return the statements, and conditionals as branches, of all files and of each package.

    A file outside of a package counts for its folder.

    Raises:
        ReportError: it cannot be read, or has no metrics.
    """
    counter = _Counter(name)
    project: tuple[Covered, Covered | None] | None = None
    levels: list[str] = []
    package = file = ""
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "metrics" and "testproject" not in levels:
            lines = _parse_metric(attributes, "statements")
            branches = _parse_metric(attributes, "conditionals")
            level = levels[-1] if levels else ""
            if lines is not None and level == "file":
                counter.add(package or parent_folder(file), lines, branches)
            elif lines is not None and level == "project":
                project = (lines, branches)
        elif kind == START and tag in _CLOVER_LEVELS:
            levels.append(tag)
            if tag == "package":
                package = clean_line(attributes.get("name"))
            elif tag == "file":
                file = next(list_values(attributes, "path", "name"), "")
        elif kind == END and tag in _CLOVER_LEVELS:
            levels.pop()
            package = "" if tag == "package" else package
    if counter.empty and project is None:
        raise ReportError(f"{name} has no metrics of statements. Check that it is Clover's XML")
    total_lines, total_branches = project or (counter.lines(), counter.branches())
    return Coverage(
        name=name,
        format="clover",
        lines=total_lines,
        branches=total_branches,
        unit=CoverageUnit.STATEMENT,
        packages=counter.packages(),
    )


def _parse_metric(attributes: XmlAttributes, kind: str) -> Covered | None:
    return parse_covered(attributes.get(f"covered{kind}"), attributes.get(kind))


# JaCoCo's XML, which has counters at every level.

_JACOCO_LEVELS = {"report", "group", "package", "class", "method", "sourcefile"}


def read_jacoco(content: Content, name: str) -> Coverage:
    """Return the counters of lines and branches: the report's own, and each package's.

    Packages of one name in several groups (modules) are one.

    Raises:
        ReportError: it cannot be read, or has no counter of lines.
    """
    counter = _Counter(name)
    # The counters of the report and of the current package, by their type. They include all lower
    # levels.
    report: dict[str, Covered] = {}
    package_counters: dict[str, Covered] = {}
    package = ""
    levels: list[str] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "counter" and levels:
            if levels[-1] in {"report", "package"}:
                counters = report if levels[-1] == "report" else package_counters
                counters.update(_parse_counter(attributes))
        elif kind == START and tag in _JACOCO_LEVELS:
            levels.append(tag)
            if tag == "package":
                package = clean_line(attributes.get("name", "").replace("/", ".")) or "."
                package_counters = {}
        elif kind == END and tag in _JACOCO_LEVELS:
            levels.pop()
            if tag == "package" and package_counters:
                package_lines = package_counters.get("LINE", NOTHING)
                counter.add(package, package_lines, package_counters.get("BRANCH"))
    lines = report.get("LINE")
    if lines is None and counter.empty:
        raise ReportError(
            f"{name} has no counter of lines. Check that it is JaCoCo's XML, and that the classes "
            "were compiled with debug information"
        )
    return Coverage(
        name=name,
        format="jacoco",
        lines=lines or counter.lines(),
        branches=report.get("BRANCH") or counter.branches(),
        packages=counter.packages(),
    )


def _parse_counter(attributes: XmlAttributes) -> dict[str, Covered]:
    covered, missed = parse_count(attributes.get("covered")), parse_count(attributes.get("missed"))
    kind = attributes.get("type", "")
    if kind not in {"LINE", "BRANCH"} or covered is None or missed is None:
        return {}
    return {kind: Covered(covered=covered, coverable=covered + missed)}


# LCOV's tracefile (`lcov.info`), written by lcov, Istanbul, cargo-llvm-cov and others.

_LCOV_BEGINNINGS = ("TN:", "SF:", "#")


def read_lcov(content: Content, name: str) -> Coverage:
    """Return the coverage, with the folders of source files as packages.

    A file with several sections, one for each test, counts once.

    Raises:
        ReportError: it cannot be read, or has no source file.
    """
    counter = _Counter(name)
    source_files: dict[str, _SourceFile] = {}
    file = _SourceFile()
    for line in files.read_text(content, name).split("\n"):
        kind, _, value = line.partition(":")
        if kind == "SF":
            file = source_files.setdefault(value.strip(), _SourceFile())
        elif kind in {"DA", "BRDA"}:
            counter.count_one()
            file.add_hits(kind, value.strip().split(","))
        elif kind in {"LF", "LH", "BRF", "BRH"}:
            file.sums[kind] = max(file.sums.get(kind, 0), parse_count(value) or 0)
    if not source_files:
        raise ReportError(
            f"{name} contains no source file (`SF:`). Check that it is LCOV's tracefile"
        )
    for path, file in source_files.items():
        counter.add(parent_folder(path), file.lines(), file.branches())
    return Coverage(
        name=name,
        format="lcov",
        lines=counter.lines(),
        branches=counter.branches(),
        packages=counter.packages(),
    )


@dataclass(slots=True)
class _SourceFile:
    """A source file: its lines, or only their sums if the lines are left out."""

    line_hits: dict[object, int] = field(default_factory=dict)
    branch_hits: dict[object, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def add_hits(self, kind: str, values: list[str]) -> None:
        """Add `DA:line,hits[,checksum]` or `BRDA:line,block,branch,hits or -`."""
        hits, at = (self.line_hits, 1) if kind == "DA" else (self.branch_hits, 3)
        if len(values) <= at or parse_count(values[0]) is None:
            return
        key: object = int(values[0]) if kind == "DA" else tuple(values[:3])
        hits[key] = max(hits.get(key, 0), parse_hits(values[at]) or 0)

    def lines(self) -> Covered:
        if self.line_hits:
            return count_hits(self.line_hits)
        return parse_covered(self.sums.get("LH"), self.sums.get("LF")) or NOTHING

    def branches(self) -> Covered | None:
        if self.branch_hits:
            return count_hits(self.branch_hits)
        return parse_covered(self.sums.get("BRH"), self.sums.get("BRF"))


# coverage.py's own JSON (`coverage json`).


def read_coverage_py(content: Content, name: str) -> Coverage:
    """Return the coverage, with the folders of source files as packages.

    Raises:
        ReportError: it cannot be read, or is other JSON.
    """
    report = _decode_object(files.read_text(content, name))
    if report is None:
        raise ReportError(
            f"{name} is not a complete JSON document. The tool that writes it may have been cut off"
        )
    counter = _Counter(name)
    for path, file in take.child(report, "files").items():
        summary = take.child(file, "summary") if isinstance(file, dict) else {}
        lines = _parse_lines(summary)
        if lines is not None:
            counter.add(parent_folder(path), lines, _parse_branches(summary))
    totals = take.child(report, "totals")
    lines = _parse_lines(totals)
    if lines is None:
        raise ReportError(
            f"{name} is JSON, but not coverage.py's: it has no `totals` of lines. Write it with "
            "`coverage json`"
        )
    return Coverage(
        name=name,
        format="coverage.py",
        lines=lines,
        branches=_parse_branches(totals),
        packages=counter.packages(),
    )


def _decode_object(content: str | bytes) -> Payload | None:
    """Return a JSON object; {} for other JSON, None for what is not JSON."""
    try:
        decoded: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else {}


def _parse_lines(summary: Payload) -> Covered | None:
    return parse_covered(summary.get("covered_lines"), summary.get("num_statements"))


def _parse_branches(summary: Payload) -> Covered | None:
    return parse_covered(summary.get("covered_branches"), summary.get("num_branches"))


# Go's coverage profile (`go test -coverprofile`). It counts statements, like `go tool cover`.

# acme.com/shop/cart.go:12.34,15.2 3 1: a block from line.column to line.column, the number of its
# statements, and how often it ran.
_BLOCK = re.compile(r"(.+):([0-9]+\.[0-9]+,[0-9]+\.[0-9]+) ([0-9]{1,9}) ([0-9]+)\s*")


def read_go(content: Content, name: str) -> Coverage:
    """Return the statements that ran, in total and for each package.

    A block that is listed several times, because tests of several packages ran it, counts once.

    Raises:
        ReportError: it cannot be read, or has a line that is not a block.
    """
    counter = _Counter(name)
    packages: dict[str, dict[tuple[str, str], tuple[int, bool]]] = {}
    for number, line in enumerate(files.read_text(content, name).split("\n"), 1):
        # Profiles that were concatenated have several first lines.
        if line.startswith("mode:") or not line.strip():
            continue
        block = _BLOCK.fullmatch(line[:4096])
        if block is None:
            raise ReportError(
                f"{name} contains something other than a block of a Go coverage profile in line "
                f"{number}. It may have been cut off"
            )
        counter.count_one()
        file, place, statements, runs = block.groups()
        blocks = packages.setdefault(parent_folder(file), {})
        _, run_before = blocks.get((file, place), (0, False))
        blocks[file, place] = (int(statements), run_before or bool(runs.strip("0")))
    for package, blocks in packages.items():
        covered = sum(statements for statements, run in blocks.values() if run)
        coverable = sum(statements for statements, _ in blocks.values())
        counter.add(package, Covered(covered=covered, coverable=coverable))
    return Coverage(
        name=name,
        format="go",
        lines=counter.lines(),
        unit=CoverageUnit.STATEMENT,
        packages=counter.packages(),
    )


# The format of a report, by its content.

_HEAD = 4096


def read_coverage(content: Content, name: str) -> Coverage:
    """Return the coverage in total and for each package.

    Args:
        content: the file, or its bytes.
        name: its path below the workspace; errors name it.

    Raises:
        ReportError: it cannot be read, or has none of the formats.
    """
    head = files.decode_text(next(files.read_chunks(content, name))[:_HEAD]).lstrip()
    if head.startswith("<"):
        return _read_xml(content, name)
    if head.startswith("{"):
        return read_coverage_py(content, name)
    if head.startswith("mode:"):
        return read_go(content, name)
    if head.startswith(_LCOV_BEGINNINGS):
        return read_lcov(content, name)
    raise _unknown_format(name)


def _read_xml(content: Content, name: str) -> Coverage:
    """Read XML by its root; Cobertura and Clover have the same root, but other elements in it."""
    (root, attributes), *children = read_opening(content, name)
    if root == "report":
        return read_jacoco(content, name)
    if root == "coverage" and "line-rate" in attributes:
        return read_cobertura(content, name)
    if root == "coverage":
        first = children[0][0] if children else ""
        return (read_clover if first == "project" else read_cobertura)(content, name)
    raise _unknown_format(name, f": its root is `{clean_line(root, 64)}`")


def _unknown_format(name: str, reason: str = "") -> ReportError:
    return ReportError(
        f"{name} is not a coverage report of a supported format{reason}. Supported are Cobertura, "
        "JaCoCo and Clover (XML), LCOV, coverage.py's JSON and Go's profile"
    )


# The totals of a job, stored for later runs in a small JSON file, version 1.
#
#     {"format": "flow-telemetry coverage", "version": 1, "repository": "acme/shop", "run": 1000,
#      "commit": "…", "job": "test", "totals": {"line": {"covered": 3, …}},  # noqa: ERA001
#      "packages": [{"name": "shop", "line": {"covered": 3, "coverable": 4}}]}
#
# Units are line, statement and branch. The file is read from an artifact, so anyone who can run a
# workflow may have written it.

FORMAT, VERSION = "flow-telemetry coverage", 1
MOST_PACKAGES = 1000
LARGEST_STORED = 4 * MEBIBYTE


def format_stored_totals(totals: CoverageTotals, run: Run, job: Job) -> str:
    """Return the text of the file, with at most the 1,000 largest packages."""
    stored = {
        "format": FORMAT,
        "version": VERSION,
        "repository": run.repository.full_name,
        "run": run.id,
        "commit": run.head_sha,
        "job": job.name,
        "totals": _format_counts(totals.counts),
        "packages": [
            {"name": package.name, **_format_counts(package.counts)}
            for package in largest_packages(totals.packages, MOST_PACKAGES)
        ],
    }
    return json.dumps(stored, separators=(",", ":")) + "\n"


def read_stored_totals(content: bytes, name: str) -> CoverageTotals:
    """Return the totals in such a file.

    Args:
        content: the file.
        name: its name in errors.

    Raises:
        ReportError: it is not such a file, or has another version.
    """
    stored = _decode_object(content)
    if stored is None:
        raise ReportError(f"{name} is not JSON")
    if stored.get("format") != FORMAT:
        raise ReportError(f"{name} is not a coverage file of flow-telemetry")
    if stored.get("version") != VERSION:
        raise ReportError(
            f"{name} was written by another version of flow-telemetry and cannot be read"
        )
    totals = _parse_counts(take.child(stored, "totals"))
    if totals == CoverageCounts():
        raise ReportError(f"{name} has no totals")
    # One more than is written, for the sum of the others.
    packages = (
        PackageCounts(name=clean_line(take.text(package, "name")), counts=_parse_counts(package))
        for package in islice(take.children(stored, "packages"), MOST_PACKAGES + 1)
    )
    return CoverageTotals(
        counts=totals,
        packages=merge_packages(p for p in packages if p.name and p.counts != CoverageCounts()),
    )


def _format_counts(counts: CoverageCounts) -> dict[str, dict[str, int]]:
    return {
        unit: {"covered": covered.covered, "coverable": covered.coverable}
        for unit, covered in counts.by_unit()
    }


def _parse_counts(payload: Payload) -> CoverageCounts:
    units = (take.child(payload, unit) for unit in UNITS)
    lines, statements, branches = (
        parse_covered(counts.get("covered"), counts.get("coverable")) for counts in units
    )
    return CoverageCounts(lines=lines, statements=statements, branches=branches)
