"""Cobertura, JaCoCo, Clover, LCOV, coverage.py, Go; kept totals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Job, Run
from flow_telemetry.model.reports import (
    UNITS,
    Counts,
    Coverage,
    CoverageTotals,
    CoverageUnit,
    Covered,
    PackageCounts,
    PackageCoverage,
)
from flow_telemetry.reports import files
from flow_telemetry.reports.files import MEBIBYTE, Content, one_line, parent_folder, parse_count
from flow_telemetry.reports.xml import XmlAttributes, list_values, read_events, read_opening
from flow_telemetry.rules.coverage import by_name, largest

# Adding up what was covered, over files and packages.

# More lines than the largest projects have; each takes memory while a report is read.
MOST_LINES = 3_000_000
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]{1,3})?")

NOTHING = Covered(covered=0, coverable=0)


def total(parts: Iterable[Covered]) -> Covered:
    """Return the sum."""
    covered = coverable = 0
    for part in parts:
        covered += part.covered
        coverable += part.coverable
    return Covered(covered=covered, coverable=coverable)


def covered_of(covered: int | None, coverable: int | None) -> Covered | None:
    """Return the two as one, None where one is missing or more was covered than can be."""
    if covered is None or coverable is None or covered > coverable:
        return None
    return Covered(covered=covered, coverable=coverable)


def count_hits(counts: Mapping[object, int]) -> Covered:
    """Return how many of them were hit at least once."""
    return Covered(covered=sum(1 for hits in counts.values() if hits > 0), coverable=len(counts))


def parse_hits(text: str | None) -> int | None:
    """Return how often something was hit, None where a text does not tell.

    Of what is more than is worth counting, or was counted as `3.0`, only whether it was hit: 1.
    """
    found = parse_count(text)
    if found is None and text is not None and (number := _NUMBER.fullmatch(text.strip()[:64])):
        return 1 if number[1].strip("0.") else 0
    return found


@dataclass(slots=True)
class _Package:
    lines: list[Covered] = field(default_factory=list)
    branches: list[Covered] = field(default_factory=list)


class _Counter:
    """The packages of a report, each the sum of what is added under its name."""

    def __init__(self, name: str) -> None:
        """Take the report's name, for errors."""
        self._name = name
        self._packages: dict[str, _Package] = {}
        self._left = MOST_LINES

    def count_one(self) -> None:
        """Count a line that is kept for a while; ReportError once there are too many."""
        self._left -= 1
        if self._left < 0:
            raise ReportError(f"{self._name} has more than {MOST_LINES:,} lines; it is not read")

    def add(self, package: str, lines: Covered, branches: Covered | None = None) -> None:
        """Add a file's (or package's) lines and, where they were looked at, branches."""
        own = self._packages.setdefault(package, _Package())
        own.lines.append(lines)
        if branches is not None:
            own.branches.append(branches)

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not self._packages

    def lines(self) -> Covered:
        """Return the lines of all packages."""
        return total(part for own in self._packages.values() for part in own.lines)

    def branches(self) -> Covered | None:
        """Return the branches of all packages; None where none were looked at."""
        parts = [part for own in self._packages.values() for part in own.branches]
        return total(parts) if parts else None

    def packages(self) -> tuple[PackageCoverage, ...]:
        """Return the packages in order of their names."""
        return tuple(self._in_order())

    def _in_order(self) -> Iterator[PackageCoverage]:
        for name, own in sorted(self._packages.items()):
            branches = total(own.branches) if own.branches else None
            yield PackageCoverage(name=name, lines=total(own.lines), branches=branches)


# Cobertura's XML, as coverage.py, gcovr, coverlet and many others write it.

_CONDITIONS = re.compile(r"\(([0-9]{1,9})/([0-9]{1,9})\)")


def read_cobertura(content: Content, name: str) -> Coverage:
    """Return what the report says: its own totals where it has them, else the sum of its lines.

    Raises:
        ReportError: it cannot be read, or tells of no line.
    """
    reader = _Lines(name)
    read_events(content, name, reader)
    counter, root = reader.counter, reader.root
    lines = covered_of(parse_count(root.get("lines-covered")), parse_count(root.get("lines-valid")))
    if lines is None and counter.empty:
        raise ReportError(f"{name} has Cobertura's format, but tells of no line")
    if lines is None or not lines.coverable:
        lines = counter.lines()
    branches = covered_of(
        parse_count(root.get("branches-covered")), parse_count(root.get("branches-valid"))
    )
    if branches is None or not branches.coverable:
        branches = counter.branches()
    return Coverage(
        name=name,
        format="cobertura",
        lines=lines,
        branches=branches,
        packages=counter.packages(),
    )


class _Lines:
    """Collects the lines of a package's files; a line may stand under its method and its class."""

    def __init__(self, name: str) -> None:
        self.counter = _Counter(name)
        self.root: XmlAttributes = {}
        self._package = ""
        self._file = ""
        self._hits: dict[object, int] = {}
        self._branches: dict[object, Covered] = {}

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "line":
            self._add(attributes)
        elif tag == "class":
            self._file = attributes.get("filename", "")
        elif tag == "package":
            self._package = one_line(attributes.get("name")) or "."
        elif tag == "coverage" and not self.root:
            self.root = attributes

    def end(self, tag: str) -> None:
        if tag == "package":
            branches = total(self._branches.values()) if self._branches else None
            self.counter.add(self._package, count_hits(self._hits), branches)
            self._hits, self._branches = {}, {}

    def data(self, text: str) -> None: ...

    def _add(self, attributes: XmlAttributes) -> None:
        number, times = parse_count(attributes.get("number")), parse_hits(attributes.get("hits"))
        if number is None or times is None:
            return
        line = (self._file, number)
        if line not in self._hits:
            self.counter.count_one()
        self._hits[line] = max(times, self._hits.get(line, 0))
        found = _CONDITIONS.search(attributes.get("condition-coverage", "")[:64])
        branches = covered_of(int(found[1]), int(found[2])) if found else None
        if branches is not None:
            self._branches[line] = max(
                branches, self._branches.get(line, branches), key=lambda each: each.covered
            )


# Clover's XML, as PHPUnit and Istanbul (jest) write it. It counts statements.

_CLOVER_LEVELS = {"project", "testproject", "package", "file", "class"}


def read_clover(content: Content, name: str) -> Coverage:
    """Return the statements, and conditionals as branches, of all files and of each package.

    A file outside of a package counts for its folder.

    Raises:
        ReportError: it cannot be read, or has no metrics.
    """
    reader = _Metrics(name)
    read_events(content, name, reader)
    if reader.counter.empty and reader.of_project is None:
        raise ReportError(f"{name} has no metrics of statements; is it Clover's XML?")
    lines, branches = reader.of_project or (reader.counter.lines(), reader.counter.branches())
    return Coverage(
        name=name,
        format="clover",
        lines=lines,
        branches=branches,
        unit=CoverageUnit.STATEMENT,
        packages=reader.counter.packages(),
    )


class _Metrics:
    """Keeps the metrics of the project and of its files."""

    def __init__(self, name: str) -> None:
        self.counter = _Counter(name)
        self.of_project: tuple[Covered, Covered | None] | None = None
        self._levels: list[str] = []
        self._package = ""
        self._file = ""

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "metrics" and "testproject" not in self._levels:
            self._count(self._levels[-1] if self._levels else "", attributes)
        if tag in _CLOVER_LEVELS:
            self._levels.append(tag)
        if tag == "package":
            self._package = one_line(attributes.get("name"))
        elif tag == "file":
            self._file = next(list_values(attributes, "path", "name"), "")

    def end(self, tag: str) -> None:
        if tag in _CLOVER_LEVELS:
            self._levels.pop()
        if tag == "package":
            self._package = ""

    def data(self, text: str) -> None: ...

    def _count(self, level: str, attributes: XmlAttributes) -> None:
        lines = _pair(attributes, "statements")
        if lines is None:
            return
        branches = _pair(attributes, "conditionals")
        if level == "file":
            self.counter.add(self._package or parent_folder(self._file), lines, branches)
        elif level == "project":
            self.of_project = (lines, branches)


def _pair(attributes: XmlAttributes, kind: str) -> Covered | None:
    return covered_of(
        parse_count(attributes.get(f"covered{kind}")), parse_count(attributes.get(kind))
    )


# JaCoCo's XML, whose counters stand at every level.

_JACOCO_LEVELS = {"report", "group", "package", "class", "method", "sourcefile"}


def read_jacoco(content: Content, name: str) -> Coverage:
    """Return the counters of lines and branches: the report's own, and each package's.

    Packages of one name in several groups (modules) are one.

    Raises:
        ReportError: it cannot be read, or has no counter of lines.
    """
    reader = _Counters(name)
    read_events(content, name, reader)
    lines = reader.of_report.get("LINE")
    if lines is None and reader.counter.empty:
        raise ReportError(
            f"{name} has no counter of lines; is it JaCoCo's XML, and were the classes compiled "
            "with debug information?"
        )
    return Coverage(
        name=name,
        format="jacoco",
        lines=lines or reader.counter.lines(),
        branches=reader.of_report.get("BRANCH") or reader.counter.branches(),
        packages=reader.counter.packages(),
    )


class _Counters:
    """Keeps the counters of the report and of its packages; those further down are their parts."""

    def __init__(self, name: str) -> None:
        self.counter = _Counter(name)
        self.of_report: dict[str, Covered] = {}
        self._of_package: dict[str, Covered] = {}
        self._package = ""
        self._levels: list[str] = []

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "counter" and self._levels:
            self._count(self._levels[-1], attributes)
        elif tag in _JACOCO_LEVELS:
            self._levels.append(tag)
        if tag == "package":
            self._package = one_line(attributes.get("name", "").replace("/", ".")) or "."
            self._of_package = {}

    def end(self, tag: str) -> None:
        if tag in _JACOCO_LEVELS:
            self._levels.pop()
        if tag == "package" and self._of_package:
            lines = self._of_package.get("LINE", NOTHING)
            self.counter.add(self._package, lines, self._of_package.get("BRANCH"))

    def data(self, text: str) -> None: ...

    def _count(self, level: str, attributes: XmlAttributes) -> None:
        counters = {"report": self.of_report, "package": self._of_package}.get(level)
        covered, missed = (
            parse_count(attributes.get("covered")),
            parse_count(attributes.get("missed")),
        )
        kind = attributes.get("type", "")
        if counters is not None and kind in {"LINE", "BRANCH"} and None not in (covered, missed):
            counters[kind] = Covered(covered=covered or 0, coverable=(covered or 0) + (missed or 0))


# LCOV's tracefile (`lcov.info`), as lcov, Istanbul, cargo-llvm-cov and others write it.

_FIRST = ("TN:", "SF:", "#")


def looks_like_lcov(head: str) -> bool:
    """Whether a file that begins so has the format."""
    return head.startswith(_FIRST)


def read_lcov(content: Content, name: str) -> Coverage:
    """Return what was covered; folders of source files are the packages.

    A file that has several sections, one a test, counts once.

    Raises:
        ReportError: it cannot be read, or tells of no file.
    """
    counter = _Counter(name)
    source_files = _source_files(files.read_text(content, name), counter)
    if not source_files:
        raise ReportError(f"{name} tells of no source file (`SF:`); is it LCOV's tracefile?")
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
    """What is known of a file: its lines, or where they are left out only their sums."""

    line_hits: dict[object, int] = field(default_factory=dict)
    branch_hits: dict[object, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def lines(self) -> Covered:
        if self.line_hits:
            return count_hits(self.line_hits)
        return covered_of(self.sums.get("LH"), self.sums.get("LF")) or NOTHING

    def branches(self) -> Covered | None:
        if self.branch_hits:
            return count_hits(self.branch_hits)
        return covered_of(self.sums.get("BRH"), self.sums.get("BRF"))


def _source_files(text: str, counter: _Counter) -> dict[str, _SourceFile]:
    found: dict[str, _SourceFile] = {}
    file = _SourceFile()
    for line in text.split("\n"):
        kind, _, value = line.partition(":")
        if kind == "SF":
            file = found.setdefault(value.strip(), _SourceFile())
        elif kind in {"DA", "BRDA"}:
            counter.count_one()
            _add(file, kind, value.strip().split(","))
        elif kind in {"LF", "LH", "BRF", "BRH"}:
            file.sums[kind] = max(file.sums.get(kind, 0), parse_count(value) or 0)
    return found


def _add(file: _SourceFile, kind: str, values: list[str]) -> None:
    """`DA:line,hits[,checksum]` and `BRDA:line,block,branch,hits or -`."""
    kept, at = (file.line_hits, 1) if kind == "DA" else (file.branch_hits, 3)
    if len(values) <= at or parse_count(values[0]) is None:
        return
    key: object = int(values[0]) if kind == "DA" else tuple(values[:3])
    kept[key] = max(kept.get(key, 0), parse_hits(values[at]) or 0)


# coverage.py's own JSON (`coverage json`).


def read_coverage_py(content: Content, name: str) -> Coverage:
    """Return what was covered; folders of source files are the packages.

    Raises:
        ReportError: it cannot be read, or is other JSON.
    """
    report = _decoded(files.read_text(content, name), name)
    counter = _Counter(name)
    for path, file in take.child(report, "files").items():
        summary = take.child(file, "summary") if isinstance(file, dict) else {}
        lines = _lines(summary)
        if lines is not None:
            counter.add(parent_folder(path), lines, _branches(summary))
    totals = take.child(report, "totals")
    lines = _lines(totals)
    if lines is None:
        raise ReportError(
            f"{name} is JSON, but not coverage.py's: it has no `totals` of lines. Write it with "
            "`coverage json`"
        )
    return Coverage(
        name=name,
        format="coverage.py",
        lines=lines,
        branches=_branches(totals),
        packages=counter.packages(),
    )


def _decoded(text: str, name: str) -> Payload:
    try:
        report: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{name} is no whole JSON document; the tool that writes it may have been cut off"
        ) from error
    return report if isinstance(report, dict) else {}


def _lines(summary: Payload) -> Covered | None:
    return covered_of(
        parse_count(summary.get("covered_lines")), parse_count(summary.get("num_statements"))
    )


def _branches(summary: Payload) -> Covered | None:
    return covered_of(
        parse_count(summary.get("covered_branches")), parse_count(summary.get("num_branches"))
    )


# Go's coverage profile (`go test -coverprofile`). It counts statements, as `go tool cover`.

# acme.com/shop/cart.go:12.34,15.2 3 1: a block from line.column to line.column, the number of its
# statements, and how often it was run.
_BLOCK = re.compile(r"(.+):([0-9]+\.[0-9]+,[0-9]+\.[0-9]+) ([0-9]{1,9}) ([0-9]+)\s*")


def read_go(content: Content, name: str) -> Coverage:
    """Return the statements that were run, in all and per package.

    A block that stands there several times, since tests of several packages ran it, counts once.

    Raises:
        ReportError: it cannot be read, or has a line that is no block.
    """
    counter = _Counter(name)
    packages: dict[str, dict[tuple[str, str], tuple[int, bool]]] = {}
    for number, line in enumerate(files.read_text(content, name).split("\n"), 1):
        # Profiles that were put one after another have several first lines.
        if line.startswith("mode:") or not line.strip():
            continue
        block = _BLOCK.fullmatch(line[:4096])
        if block is None:
            raise ReportError(
                f"{name} has something else than a block of a Go coverage profile in line "
                f"{number}; it may have been cut off"
            )
        counter.count_one()
        file, place, statements, runs = block.groups()
        blocks = packages.setdefault(parent_folder(file), {})
        _, run_before = blocks.get((file, place), (0, False))
        blocks[file, place] = (int(statements), run_before or bool(runs.strip("0")))
    for package, blocks in packages.items():
        counter.add(package, _sum(blocks))
    return Coverage(
        name=name,
        format="go",
        lines=counter.lines(),
        unit=CoverageUnit.STATEMENT,
        packages=counter.packages(),
    )


def _sum(blocks: dict[tuple[str, str], tuple[int, bool]]) -> Covered:
    return Covered(
        covered=sum(statements for statements, run in blocks.values() if run),
        coverable=sum(statements for statements, _ in blocks.values()),
    )


# Which format a coverage report has, by its content.

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 4096


def read_coverage(content: Content, name: str) -> Coverage:
    """Return what a coverage report says, in all and per package.

    Args:
        content: the file, or what was in it.
        name: its path below the workspace; errors name it.

    Raises:
        ReportError: it cannot be read, or has none of the formats.
    """
    head = _head(content, name)
    if head.startswith("<"):
        return _read_xml(content, name)
    if head.startswith("{"):
        return read_coverage_py(content, name)
    if head.startswith("mode:"):
        return read_go(content, name)
    if looks_like_lcov(head):
        return read_lcov(content, name)
    raise _unknown(name)


def _head(content: Content, name: str) -> str:
    head = next(files.read_chunks(content, name))[:_HEAD]
    text = head.decode("utf-16" if head.startswith(_UTF_16) else "utf-8-sig", errors="replace")
    return text.lstrip()


def _read_xml(content: Content, name: str) -> Coverage:
    """Cobertura's and Clover's roots have one name; what is in them differs."""
    (root, attributes), *inside = read_opening(content, name)
    if root == "report":
        return read_jacoco(content, name)
    if root == "coverage" and "line-rate" in attributes:
        return read_cobertura(content, name)
    if root == "coverage":
        first = inside[0][0] if inside else ""
        return (read_clover if first == "project" else read_cobertura)(content, name)
    raise _unknown(name, f": its root is `{one_line(root, 64)}`")


def _unknown(name: str, reason: str = "") -> ReportError:
    return ReportError(
        f"{name} is no coverage report that is known{reason}. Known are Cobertura, JaCoCo and "
        "Clover (XML), LCOV, coverage.py's JSON and Go's profile"
    )


# Coverage reports of six formats, told apart by what is in them.

__all__ = ["read_coverage"]


# The coverage of a job as it is kept for later runs: a small JSON file, version 1.
#
#     {"format": "flow-telemetry coverage", "version": 1, "repository": "acme/shop", "run": 1000,
#      "commit": "…", "job": "test", "totals": {"line": {"covered": 3, …}},  # noqa: ERA001
#      "packages": [{"name": "shop", "line": {"covered": 3, "coverable": 4}}]}
#
# Units are line, statement and branch. It comes back out of an artifact, so anybody who may run a
# workflow could have written it.

FORMAT, VERSION = "flow-telemetry coverage", 1
MOST_PACKAGES = 1000
LARGEST_KEPT = 4 * MEBIBYTE


def kept_coverage(totals: CoverageTotals, run: Run, job: Job) -> str:
    """Return the file's text; of very many packages the largest stand there by name."""
    kept = {
        "format": FORMAT,
        "version": VERSION,
        "repository": run.repository.full_name,
        "run": run.id,
        "commit": run.head_sha,
        "job": job.name,
        "totals": _of_counts(totals.counts),
        "packages": [
            {"name": package.name, **_of_counts(package.counts)}
            for package in largest(totals.packages, MOST_PACKAGES)
        ],
    }
    return json.dumps(kept, separators=(",", ":")) + "\n"


def read_kept_coverage(content: bytes, name: str) -> CoverageTotals:
    """Return what a file of this form holds.

    Args:
        content: the file.
        name: what errors call it.

    Raises:
        ReportError: it is no such file, or one of another version.
    """
    kept = _decoded_totals(content, name)
    if kept.get("format") != FORMAT:
        raise ReportError(f"{name} holds no coverage that flow-telemetry wrote")
    if kept.get("version") != VERSION:
        raise ReportError(
            f"{name} is of another version of flow-telemetry, whose form is not known"
        )
    counts = _counts(take.child(kept, "totals"))
    if counts == Counts():
        raise ReportError(f"{name} has no totals")
    return CoverageTotals(counts=counts, packages=by_name(_packages(kept)))


def _decoded_totals(content: bytes, name: str) -> Payload:
    try:
        decoded: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{name} is no JSON") from error
    return decoded if isinstance(decoded, dict) else {}


def _packages(kept: Payload) -> Iterator[PackageCounts]:
    for number, package in enumerate(take.children(kept, "packages")):
        if number > MOST_PACKAGES:
            return
        name, counts = one_line(take.text(package, "name")), _counts(package)
        if name and counts != Counts():
            yield PackageCounts(name=name, counts=counts)


def _of_counts(counts: Counts) -> dict[str, dict[str, int]]:
    return {
        unit: {"covered": covered.covered, "coverable": covered.coverable}
        for unit, covered in counts.each()
    }


def _counts(payload: Payload) -> Counts:
    of_unit = (take.child(payload, unit) for unit in UNITS)
    lines, statements, branches = (
        covered_of(parse_count(each.get("covered")), parse_count(each.get("coverable")))
        for each in of_unit
    )
    return Counts(lines=lines, statements=statements, branches=branches)
