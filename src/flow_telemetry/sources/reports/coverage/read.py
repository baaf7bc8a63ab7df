"""Which format a coverage report has, by its content."""

from __future__ import annotations

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
)
from flow_telemetry.sources.reports import content as files
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.clover import read_clover
from flow_telemetry.sources.reports.coverage.cobertura import read_cobertura
from flow_telemetry.sources.reports.coverage.coverage_py import read_coverage_py
from flow_telemetry.sources.reports.coverage.go import read_go
from flow_telemetry.sources.reports.coverage.jacoco import read_jacoco
from flow_telemetry.sources.reports.coverage.lcov import looks_like_lcov, read_lcov
from flow_telemetry.sources.reports.values import one_line
from flow_telemetry.sources.reports.xml_events import opening

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
    head = next(files.chunks(content, name))[:_HEAD]
    text = head.decode("utf-16" if head.startswith(_UTF_16) else "utf-8-sig", errors="replace")
    return text.lstrip()


def _read_xml(content: Content, name: str) -> Coverage:
    """Cobertura's and Clover's roots have one name; what is in them differs."""
    (root, attributes), *inside = opening(content, name)
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
