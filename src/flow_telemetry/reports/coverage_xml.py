"""Coverage reports in XML: Cobertura, Clover, JaCoCo, OpenCover and Sonar's generic format."""

from __future__ import annotations

import re

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import Coverage, CoverageUnit, Covered
from flow_telemetry.reports.coverage_counts import (
    NOTHING,
    Counter,
    count_hits,
    normalize_package,
    parse_covered,
    parse_hits,
    total,
)
from flow_telemetry.reports.files import Content, clean_line, parent_folder, parse_count
from flow_telemetry.reports.xml import DATA, END, START, XmlAttributes, list_values, read_events


def _add_total(before: Covered | None, count: Covered | None) -> Covered | None:
    """Return the sum of the totals of several documents in one file; None if there are none."""
    if before is None or count is None:
        return before if count is None else count
    return total((before, count))


# Cobertura's XML, written by coverage.py, gcovr, coverlet and many others.

_CONDITIONS = re.compile(r"\(([0-9]{1,9})/([0-9]{1,9})\)")


class _Lines:
    """Lines of a package, each with its hits and branches.

    A line may be listed under its method and its class.
    """

    def __init__(self) -> None:
        self._hits: dict[object, int] = {}
        self._branches: dict[object, Covered] = {}

    def add(self, counter: Counter, file: str, attributes: XmlAttributes) -> None:
        number, times = parse_count(attributes.get("number")), parse_hits(attributes.get("hits"))
        if number is None or times is None:
            return
        line = (file, number)
        if line not in self._hits:
            counter.count_one()
        self._hits[line] = max(times, self._hits.get(line, 0))
        conditions = _CONDITIONS.search(attributes.get("condition-coverage", "")[:64])
        branches = parse_covered(conditions[1], conditions[2]) if conditions else None
        if branches is not None:
            self._branches[line] = max(
                branches, self._branches.get(line, branches), key=lambda count: count.covered
            )

    def end_package(self, counter: Counter, package: str) -> None:
        counted = total(self._branches.values()) if self._branches else None
        counter.add(package, count_hits(self._hits), counted)
        self._hits, self._branches = {}, {}


def read_cobertura(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the totals of the report, or the sum of its lines if it has none, and its packages.

    Raises:
        ReportError: it cannot be read, or has no lines.
    """
    counter, lines = Counter(name, workspace), _Lines()
    total_lines: Covered | None = None
    total_branches: Covered | None = None
    package = file = ""
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "line":
            lines.add(counter, file, attributes)
        elif kind == START and tag == "class":
            file = counter.name_file(attributes.get("filename", ""))
        elif kind == START and tag == "package":
            package = normalize_package(attributes.get("name", ""), workspace)
        elif kind == START and tag == "coverage":
            own = parse_covered(attributes.get("lines-covered"), attributes.get("lines-valid"))
            total_lines = _add_total(total_lines, own)
            own = parse_covered(
                attributes.get("branches-covered"), attributes.get("branches-valid")
            )
            total_branches = _add_total(total_branches, own)
        elif kind == END and tag == "package":
            lines.end_package(counter, package)
    if total_lines is None and counter.empty:
        raise ReportError(f"{name} has Cobertura's format, but contains no lines")
    return counter.build("cobertura", total_lines, total_branches)


# Clover's XML, written by PHPUnit and Istanbul (jest). It counts statements.

_CLOVER_LEVELS = {"project", "testproject", "package", "file", "class"}


def read_clover(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the statements, and conditionals as branches, of all files and of each package.

    A file outside of a package counts for its folder.

    Raises:
        ReportError: it cannot be read, or has no metrics.
    """
    counter = Counter(name, workspace)
    project: Covered | None = None
    project_branches: Covered | None = None
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
                project = _add_total(project, lines)
                project_branches = _add_total(project_branches, branches)
        elif kind == START and tag in _CLOVER_LEVELS:
            levels.append(tag)
            if tag == "package":
                package = normalize_package(attributes.get("name", ""), workspace)
            elif tag == "file":
                path = next(list_values(attributes, "path", "name"), "")
                file = "" if "testproject" in levels else counter.name_file(path)
        elif kind == END and tag in _CLOVER_LEVELS:
            levels.pop()
            package = "" if tag == "package" else package
    if counter.empty and project is None:
        raise ReportError(f"{name} has no metrics of statements. Check that it is Clover's XML")
    return counter.build("clover", project, project_branches, CoverageUnit.STATEMENT)


def _parse_metric(attributes: XmlAttributes, kind: str) -> Covered | None:
    return parse_covered(attributes.get(f"covered{kind}"), attributes.get(kind))


# JaCoCo's XML, which has counters at every level.

_JACOCO_LEVELS = {"report", "group", "package", "class", "method", "sourcefile"}


def read_jacoco(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the counters of lines and branches: the report's own, and each package's.

    Packages of one name in several groups (modules) are one. A report without any package, of a
    module without code, covers nothing.

    Raises:
        ReportError: it cannot be read, or has packages without a counter of lines.
    """
    counter = Counter(name, workspace)
    # The counters of the report and of the current package, by their type. They include all lower
    # levels.
    counters: dict[str, dict[str, Covered]] = {"report": {}, "package": {}}
    path = ""
    has_counters = is_named = False
    levels: list[str] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "counter" and levels:
            has_counters = True
            _add_counter(counters.get(levels[-1]), attributes)
        elif kind == START and tag in _JACOCO_LEVELS:
            levels.append(tag)
            is_named = is_named or "name" in attributes
            if tag == "package":
                path, counters["package"] = attributes.get("name", ""), {}
            elif tag == "sourcefile":
                counter.name_file(f"{path}/{attributes.get('name', '')}")
        elif kind == END and tag in _JACOCO_LEVELS:
            levels.pop()
            if tag == "package" and (own := counters["package"]):
                package = clean_line(path.replace("/", ".")) or "."
                counter.add(package, own.get("LINE", NOTHING), own.get("BRANCH"))
    report = counters["report"]
    if "LINE" not in report and counter.empty and (has_counters or not is_named):
        raise ReportError(
            f"{name} has no counter of lines. Check that it is JaCoCo's XML, and that the classes "
            "were compiled with debug information"
        )
    return counter.build("jacoco", report.get("LINE"), report.get("BRANCH"))


def _add_counter(counters: dict[str, Covered] | None, attributes: XmlAttributes) -> None:
    """Add a counter of lines or branches to those of its level, if that level counts."""
    covered, missed = parse_count(attributes.get("covered")), parse_count(attributes.get("missed"))
    kind = attributes.get("type", "")
    if counters is None or kind not in {"LINE", "BRANCH"} or covered is None or missed is None:
        return
    count = Covered(covered=covered, coverable=covered + missed)
    counters[kind] = total((counters.get(kind, NOTHING), count))


# OpenCover's XML, written by OpenCover, AltCover and coverlet. It counts sequence points, which are
# statements.


def read_opencover(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the sequence points and branch points of all modules and of each.

    Raises:
        ReportError: it cannot be read, or has no modules.
    """
    counter = Counter(name, workspace)
    points: dict[str, list[int]] = {"SequencePoint": [0, 0], "BranchPoint": [0, 0]}
    module = ""
    path: list[str] = []
    for kind, tag, attributes in read_events(content, name):
        if kind == START:
            path.append(tag)
            if tag in points:
                points[tag][1] += 1
                points[tag][0] += (parse_hits(attributes.get("vc")) or 0) > 0
            elif tag == "Module":
                module = ""
            elif tag == "File" and attributes.get("fullPath"):
                counter.name_file(attributes["fullPath"])
        elif kind == DATA:
            if path[-1] == "ModuleName":
                module += tag
        else:
            path.pop()
            if tag == "Module":
                lines, branches = (Covered(covered=c, coverable=n) for c, n in points.values())
                counter.add(clean_line(module) or ".", lines, branches)
                points = {"SequencePoint": [0, 0], "BranchPoint": [0, 0]}
    if counter.empty:
        raise ReportError(f"{name} has OpenCover's format, but contains no modules")
    return counter.build("opencover", unit=CoverageUnit.STATEMENT)


# Sonar's generic format for coverage.


def read_sonar(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the lines and branches of all files, with their folders as packages.

    Raises:
        ReportError: it cannot be read.
    """
    counter = Counter(name, workspace)
    file = ""
    for kind, tag, attributes in read_events(content, name):
        if kind == START and tag == "file":
            file = counter.name_file(attributes.get("path", ""))
        elif kind == START and tag == "lineToCover":
            covered = attributes.get("covered") == "true"
            branches = parse_covered(
                attributes.get("coveredBranches", "0"), attributes.get("branchesToCover")
            )
            lines = Covered(covered=int(covered), coverable=1)
            counter.add(parent_folder(file), lines, branches)
    return counter.build("sonar")
