"""LCOV's tracefile (`lcov.info`), as lcov, Istanbul, cargo-llvm-cov and others write it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    Covered,
)
from flow_telemetry.sources.reports import content as files
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import NOTHING, Tally, hit, hits, plausible
from flow_telemetry.sources.reports.values import count, folder

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
    tally = Tally(name)
    source_files = _source_files(files.text(content, name), tally)
    if not source_files:
        raise ReportError(f"{name} tells of no source file (`SF:`); is it LCOV's tracefile?")
    for path, file in source_files.items():
        tally.add(folder(path), file.lines(), file.branches())
    return Coverage(
        name=name,
        format="lcov",
        lines=tally.lines(),
        branches=tally.branches(),
        packages=tally.packages(),
    )


@dataclass(slots=True)
class _SourceFile:
    """What is known of a file: its lines, or where they are left out only their sums."""

    line_hits: dict[object, int] = field(default_factory=dict)
    branch_hits: dict[object, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def lines(self) -> Covered:
        if self.line_hits:
            return hit(self.line_hits)
        return plausible(self.sums.get("LH"), self.sums.get("LF")) or NOTHING

    def branches(self) -> Covered | None:
        if self.branch_hits:
            return hit(self.branch_hits)
        return plausible(self.sums.get("BRH"), self.sums.get("BRF"))


def _source_files(text: str, tally: Tally) -> dict[str, _SourceFile]:
    found: dict[str, _SourceFile] = {}
    file = _SourceFile()
    for line in text.split("\n"):
        kind, _, value = line.partition(":")
        if kind == "SF":
            file = found.setdefault(value.strip(), _SourceFile())
        elif kind in {"DA", "BRDA"}:
            tally.count_one()
            _add(file, kind, value.strip().split(","))
        elif kind in {"LF", "LH", "BRF", "BRH"}:
            file.sums[kind] = max(file.sums.get(kind, 0), count(value) or 0)
    return found


def _add(file: _SourceFile, kind: str, values: list[str]) -> None:
    """`DA:line,hits[,checksum]` and `BRDA:line,block,branch,hits or -`."""
    kept, at = (file.line_hits, 1) if kind == "DA" else (file.branch_hits, 3)
    if len(values) <= at or count(values[0]) is None:
        return
    key: object = int(values[0]) if kind == "DA" else tuple(values[:3])
    kept[key] = max(kept.get(key, 0), hits(values[at]) or 0)
