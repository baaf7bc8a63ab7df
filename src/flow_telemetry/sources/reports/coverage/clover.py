"""Clover's XML, as PHPUnit and Istanbul (jest) write it. It counts statements."""

from __future__ import annotations

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    CoverageUnit,
    Covered,
)
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import Tally, plausible
from flow_telemetry.sources.reports.values import count, folder, one_line
from flow_telemetry.sources.reports.xml_events import XmlAttributes, named, read_events

_LEVELS = {"project", "testproject", "package", "file", "class"}


def read_clover(content: Content, name: str) -> Coverage:
    """Return the statements, and conditionals as branches, of all files and of each package.

    A file outside of a package counts for its folder.

    Raises:
        ReportError: it cannot be read, or has no metrics.
    """
    reader = _Metrics(name)
    read_events(content, name, reader)
    if reader.tally.empty and reader.of_project is None:
        raise ReportError(f"{name} has no metrics of statements; is it Clover's XML?")
    lines, branches = reader.of_project or (reader.tally.lines(), reader.tally.branches())
    return Coverage(
        name=name,
        format="clover",
        lines=lines,
        branches=branches,
        unit=CoverageUnit.STATEMENT,
        packages=reader.tally.packages(),
    )


class _Metrics:
    """Keeps the metrics of the project and of its files."""

    def __init__(self, name: str) -> None:
        self.tally = Tally(name)
        self.of_project: tuple[Covered, Covered | None] | None = None
        self._levels: list[str] = []
        self._package = ""
        self._file = ""

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "metrics" and "testproject" not in self._levels:
            self._count(self._levels[-1] if self._levels else "", attributes)
        if tag in _LEVELS:
            self._levels.append(tag)
        if tag == "package":
            self._package = one_line(attributes.get("name"))
        elif tag == "file":
            self._file = next(named(attributes, "path", "name"), "")

    def end(self, tag: str) -> None:
        if tag in _LEVELS:
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
            self.tally.add(self._package or folder(self._file), lines, branches)
        elif level == "project":
            self.of_project = (lines, branches)


def _pair(attributes: XmlAttributes, kind: str) -> Covered | None:
    return plausible(count(attributes.get(f"covered{kind}")), count(attributes.get(kind)))
