"""Reports of either kind, tests or coverage, recognized by their content."""

from __future__ import annotations

import re
from enum import Enum

from flow_telemetry.errors import ReportError
from flow_telemetry.reports import coverage, tests
from flow_telemetry.reports.files import Content, clean_line, decode_text, read_chunks
from flow_telemetry.reports.xml import read_opening

_HEAD = 4096
# A line of `go test -json`; coverage in JSON is one object with other keys.
_GO_EVENT = re.compile(r"^\{\"(?:Time|Action|ImportPath)\":", re.MULTILINE)


class ReportKind(Enum):
    """What a report is about."""

    TESTS = "tests"
    COVERAGE = "coverage"


def find_kind(content: Content, name: str) -> ReportKind:
    """Return the kind of a report; its reader may still reject it.

    Args:
        content: the file, or its bytes.
        name: its path below the workspace; errors name it.

    Raises:
        ReportError: it cannot be read, or is of neither kind.
    """
    head = decode_text(next(read_chunks(content, name))[:_HEAD]).lstrip()
    if _GO_EVENT.search(head):
        return ReportKind.TESTS
    if head.startswith(("{", "mode:", *coverage.LCOV_BEGINNINGS)):
        return ReportKind.COVERAGE
    if "<" not in head:
        raise ReportError(f"{name} is neither a report of tests nor one of coverage")
    root = read_opening(content, name)[0][0]
    if root in tests.ROOTS:
        return ReportKind.TESTS
    if root in coverage.ROOTS:
        return ReportKind.COVERAGE
    raise ReportError(
        f"{name} is neither a report of tests nor one of coverage: its root is "
        f"`{clean_line(root, 64)}`"
    )
