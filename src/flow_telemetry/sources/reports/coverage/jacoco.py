"""JaCoCo's XML, whose counters stand at every level."""

from __future__ import annotations

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    Covered,
)
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import NOTHING, Tally
from flow_telemetry.sources.reports.values import count, one_line
from flow_telemetry.sources.reports.xml_events import XmlAttributes, read_events

_LEVELS = {"report", "group", "package", "class", "method", "sourcefile"}


def read_jacoco(content: Content, name: str) -> Coverage:
    """Return the counters of lines and branches: the report's own, and each package's.

    Packages of one name in several groups (modules) are one.

    Raises:
        ReportError: it cannot be read, or has no counter of lines.
    """
    reader = _Counters(name)
    read_events(content, name, reader)
    lines = reader.of_report.get("LINE")
    if lines is None and reader.tally.empty:
        raise ReportError(
            f"{name} has no counter of lines; is it JaCoCo's XML, and were the classes compiled "
            "with debug information?"
        )
    return Coverage(
        name=name,
        format="jacoco",
        lines=lines or reader.tally.lines(),
        branches=reader.of_report.get("BRANCH") or reader.tally.branches(),
        packages=reader.tally.packages(),
    )


class _Counters:
    """Keeps the counters of the report and of its packages; those further down are their parts."""

    def __init__(self, name: str) -> None:
        self.tally = Tally(name)
        self.of_report: dict[str, Covered] = {}
        self._of_package: dict[str, Covered] = {}
        self._package = ""
        self._levels: list[str] = []

    def start(self, tag: str, attributes: XmlAttributes) -> None:
        if tag == "counter" and self._levels:
            self._count(self._levels[-1], attributes)
        elif tag in _LEVELS:
            self._levels.append(tag)
        if tag == "package":
            self._package = one_line(attributes.get("name", "").replace("/", ".")) or "."
            self._of_package = {}

    def end(self, tag: str) -> None:
        if tag in _LEVELS:
            self._levels.pop()
        if tag == "package" and self._of_package:
            lines = self._of_package.get("LINE", NOTHING)
            self.tally.add(self._package, lines, self._of_package.get("BRANCH"))

    def data(self, text: str) -> None: ...

    def _count(self, level: str, attributes: XmlAttributes) -> None:
        counters = {"report": self.of_report, "package": self._of_package}.get(level)
        covered, missed = count(attributes.get("covered")), count(attributes.get("missed"))
        kind = attributes.get("type", "")
        if counters is not None and kind in {"LINE", "BRANCH"} and None not in (covered, missed):
            counters[kind] = Covered(covered=covered or 0, coverable=(covered or 0) + (missed or 0))
