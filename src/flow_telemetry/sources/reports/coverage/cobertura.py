"""Cobertura's XML, as coverage.py, gcovr, coverlet and many others write it."""

from __future__ import annotations

import re

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    Covered,
)
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import Tally, hit, hits, plausible, total
from flow_telemetry.sources.reports.values import count, one_line
from flow_telemetry.sources.reports.xml_events import XmlAttributes, read_events

_CONDITIONS = re.compile(r"\(([0-9]{1,9})/([0-9]{1,9})\)")


def read_cobertura(content: Content, name: str) -> Coverage:
    """Return what the report says: its own totals where it has them, else the sum of its lines.

    Raises:
        ReportError: it cannot be read, or tells of no line.
    """
    reader = _Lines(name)
    read_events(content, name, reader)
    tally, root = reader.tally, reader.root
    lines = plausible(count(root.get("lines-covered")), count(root.get("lines-valid")))
    if lines is None and tally.empty:
        raise ReportError(f"{name} has Cobertura's format, but tells of no line")
    if lines is None or not lines.coverable:
        lines = tally.lines()
    branches = plausible(count(root.get("branches-covered")), count(root.get("branches-valid")))
    if branches is None or not branches.coverable:
        branches = tally.branches()
    return Coverage(
        name=name,
        format="cobertura",
        lines=lines,
        branches=branches,
        packages=tally.packages(),
    )


class _Lines:
    """Collects the lines of a package's files; a line may stand under its method and its class."""

    def __init__(self, name: str) -> None:
        self.tally = Tally(name)
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
            self.tally.add(self._package, hit(self._hits), branches)
            self._hits, self._branches = {}, {}

    def data(self, text: str) -> None: ...

    def _add(self, attributes: XmlAttributes) -> None:
        number, times = count(attributes.get("number")), hits(attributes.get("hits"))
        if number is None or times is None:
            return
        line = (self._file, number)
        if line not in self._hits:
            self.tally.count_one()
        self._hits[line] = max(times, self._hits.get(line, 0))
        found = _CONDITIONS.search(attributes.get("condition-coverage", "")[:64])
        branches = plausible(int(found[1]), int(found[2])) if found else None
        if branches is not None:
            self._branches[line] = max(
                branches, self._branches.get(line, branches), key=lambda each: each.covered
            )
