"""Coverage reports: the format of a file by its content, LCOV, Go's profile, and stored totals."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import islice

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
)
from flow_telemetry.reports import files
from flow_telemetry.reports.coverage_counts import (
    NOTHING,
    Counter,
    count_hits,
    parse_covered,
    parse_hits,
)
from flow_telemetry.reports.coverage_json import decode_object, read_json
from flow_telemetry.reports.coverage_xml import (
    read_clover,
    read_cobertura,
    read_jacoco,
    read_opencover,
    read_sonar,
)
from flow_telemetry.reports.files import MEBIBYTE, Content, clean_line, parent_folder, parse_count
from flow_telemetry.reports.xml import read_opening
from flow_telemetry.rules.coverage import largest_packages, merge_packages

# LCOV's tracefile (`lcov.info`), written by lcov, Istanbul, cargo-llvm-cov and others.

LCOV_BEGINNINGS = ("TN:", "SF:", "#", "VER:")


def read_lcov(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the coverage, with the folders of source files as packages.

    A file with several sections, one for each test, counts once.

    Raises:
        ReportError: it cannot be read, or has no source file.
    """
    counter = Counter(name, workspace)
    source_files: dict[str, _SourceFile] = {}
    file = _SourceFile()
    for line in files.read_lines(content, name):
        kind, _, value = line.partition(":")
        if kind == "SF":
            file = source_files.setdefault(counter.name_file(value.strip()), _SourceFile())
        elif kind in {"DA", "BRDA"}:
            counter.count_one()
            file.add_hits(kind, value.strip())
        elif kind in {"LF", "LH", "BRF", "BRH"}:
            file.sums[kind] = max(file.sums.get(kind, 0), parse_count(value) or 0)
    if not source_files:
        raise ReportError(
            f"{name} contains no source file (`SF:`). Check that it is LCOV's tracefile"
        )
    for path, file in source_files.items():
        counter.add(parent_folder(path), file.lines(), file.branches())
    return counter.build("lcov")


@dataclass(slots=True)
class _SourceFile:
    """A source file: its lines, or only their sums if the lines are left out."""

    line_hits: dict[object, int] = field(default_factory=dict)
    branch_hits: dict[object, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def add_hits(self, kind: str, value: str) -> None:
        """Add `DA:line,hits[,checksum]` or `BRDA:line,block,branch,hits or -`.

        A branch of LCOV 2 may be an expression that contains commas.
        """
        first, *rest = value.split(",")
        number = parse_count(first)
        if number is None or len(rest) < (1 if kind == "DA" else 3):
            return
        if kind == "DA":
            self.line_hits[number] = max(self.line_hits.get(number, 0), parse_hits(rest[0]) or 0)
        else:
            branch, times = (number, *rest[:-1]), parse_hits(rest[-1]) or 0
            self.branch_hits[branch] = max(self.branch_hits.get(branch, 0), times)

    def lines(self) -> Covered:
        if self.line_hits:
            return count_hits(self.line_hits)
        return parse_covered(self.sums.get("LH"), self.sums.get("LF")) or NOTHING

    def branches(self) -> Covered | None:
        if self.branch_hits:
            return count_hits(self.branch_hits)
        return parse_covered(self.sums.get("BRH"), self.sums.get("BRF"))


# Go's coverage profile (`go test -coverprofile`). It counts statements, like `go tool cover`.

# acme.com/shop/cart.go:12.34,15.2 3 1: a block from line.column to line.column, the number of its
# statements, and how often it ran.
_BLOCK = re.compile(r"(.+):([0-9]+\.[0-9]+,[0-9]+\.[0-9]+) ([0-9]{1,9}) ([0-9]+)\s*")


def read_go(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the statements that ran, in total and for each package.

    A block that is listed several times, because tests of several packages ran it, counts once.

    Raises:
        ReportError: it cannot be read, or has a line that is not a block.
    """
    counter = Counter(name, workspace)
    packages: dict[str, dict[tuple[str, str], tuple[int, bool]]] = {}
    for number, line in enumerate(files.read_lines(content, name), 1):
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
        file = counter.name_file(file)
        blocks = packages.setdefault(parent_folder(file), {})
        _, run_before = blocks.get((file, place), (0, False))
        blocks[file, place] = (int(statements), run_before or bool(runs.strip("0")))
    for package, blocks in packages.items():
        covered = sum(statements for statements, run in blocks.values() if run)
        coverable = sum(statements for statements, _ in blocks.values())
        counter.add(package, Covered(covered=covered, coverable=coverable))
    return counter.build("go", unit=CoverageUnit.STATEMENT)


# The format of a report, by its content.

_HEAD = 4096
# What writes a format that is not read, and what to do, by its root.
_CONVERTERS = {
    "results": "`dotnet-coverage` wrote it. Use its option `-f cobertura`",
    "CoverageDSPriv": "Visual Studio wrote it. Use `dotnet-coverage merge -f cobertura`",
    "Root": "dotCover wrote it. Use coverlet, or `dotnet-coverage` with `-f cobertura`",
    "phpunit": "PHPUnit wrote it. Use its option `--coverage-clover FILE`",
    "crap_result": "PHPUnit wrote it. Use its option `--coverage-clover FILE`",
    "testsuites": "it is a report of tests. Name it in `reports` or `test-reports`",
    "testsuite": "it is a report of tests. Name it in `reports` or `test-reports`",
}
# Of the formats that are read, and of those for which an error tells what to do.
ROOTS = frozenset({"report", "CoverageSession", "coverage", *_CONVERTERS}) - {
    *("testsuites", "testsuite", "phpunit"),
}


def read_coverage(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the coverage in total and for each package.

    Args:
        content: the file, or its bytes.
        name: its path below the workspace; errors name it.
        workspace: the path of the workspace, to which names of files and packages are relative.

    Raises:
        ReportError: it cannot be read, or has none of the formats.
    """
    first = next(files.read_chunks(content, name))[:_HEAD]
    head = files.decode_text(first).lstrip()
    if head.startswith("<"):
        return _read_xml(content, name, workspace)
    if head.startswith("{"):
        return read_json(content, name, workspace)
    if head.startswith("mode:"):
        return read_go(content, name, workspace)
    if head.startswith(LCOV_BEGINNINGS):
        return read_lcov(content, name, workspace)
    if "<?xml" in head:
        return _read_xml(content, name, workspace)
    raise _unknown_format(name)


def _read_xml(content: Content, name: str, workspace: str) -> Coverage:
    """Read XML by its root; Cobertura, Clover and Sonar's format have the same one."""
    (root, attributes), *children = read_opening(content, name)
    first = children[0][0] if children else ""
    if root == "report":
        return read_jacoco(content, name, workspace)
    if root == "CoverageSession":
        return read_opencover(content, name, workspace)
    if root == "coverage" and "line-rate" not in attributes and first == "project":
        return read_clover(content, name, workspace)
    if root == "coverage" and "line-rate" not in attributes and first == "file":
        return read_sonar(content, name, workspace)
    if root == "coverage":
        return read_cobertura(content, name, workspace)
    hint = f": {_CONVERTERS[root]}" if root in _CONVERTERS else ""
    raise _unknown_format(name, f": its root is `{clean_line(root, 64)}`{hint}")


def _unknown_format(name: str, reason: str = "") -> ReportError:
    return ReportError(
        f"{name} is not a coverage report of a supported format{reason}. Supported are Cobertura, "
        "JaCoCo, Clover, OpenCover and Sonar's (XML), LCOV, JSON of coverage.py, Istanbul, "
        "llvm-cov and SimpleCov, and Go's profile"
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
    stored = decode_object(content)
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
