"""coverage.py's own JSON (`coverage json`)."""

from __future__ import annotations

import json
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    Covered,
)
from flow_telemetry.sources import payload as take
from flow_telemetry.sources.payload import Payload
from flow_telemetry.sources.reports import content as files
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import Tally, plausible
from flow_telemetry.sources.reports.values import count, folder


def read_coverage_py(content: Content, name: str) -> Coverage:
    """Return what was covered; folders of source files are the packages.

    Raises:
        ReportError: it cannot be read, or is other JSON.
    """
    report = _decoded(files.text(content, name), name)
    tally = Tally(name)
    for path, file in take.child(report, "files").items():
        summary = take.child(file, "summary") if isinstance(file, dict) else {}
        lines = _lines(summary)
        if lines is not None:
            tally.add(folder(path), lines, _branches(summary))
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
        packages=tally.packages(),
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
    return plausible(count(summary.get("covered_lines")), count(summary.get("num_statements")))


def _branches(summary: Payload) -> Covered | None:
    return plausible(count(summary.get("covered_branches")), count(summary.get("num_branches")))
