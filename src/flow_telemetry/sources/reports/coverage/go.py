"""Go's coverage profile (`go test -coverprofile`). It counts statements, as `go tool cover`."""

from __future__ import annotations

import re

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Coverage,
    CoverageUnit,
    Covered,
)
from flow_telemetry.sources.reports import content as files
from flow_telemetry.sources.reports.content import Content
from flow_telemetry.sources.reports.coverage.tally import Tally
from flow_telemetry.sources.reports.values import folder

# acme.com/shop/cart.go:12.34,15.2 3 1: a block from line.column to line.column, the number of its
# statements, and how often it was run.
_BLOCK = re.compile(r"(.+):([0-9]+\.[0-9]+,[0-9]+\.[0-9]+) ([0-9]{1,9}) ([0-9]+)\s*")


def read_go(content: Content, name: str) -> Coverage:
    """Return the statements that were run, in all and per package.

    A block that stands there several times, since tests of several packages ran it, counts once.

    Raises:
        ReportError: it cannot be read, or has a line that is no block.
    """
    tally = Tally(name)
    packages: dict[str, dict[tuple[str, str], tuple[int, bool]]] = {}
    for number, line in enumerate(files.text(content, name).split("\n"), 1):
        # Profiles that were put one after another have several first lines.
        if line.startswith("mode:") or not line.strip():
            continue
        block = _BLOCK.fullmatch(line[:4096])
        if block is None:
            raise ReportError(
                f"{name} has something else than a block of a Go coverage profile in line "
                f"{number}; it may have been cut off"
            )
        tally.count_one()
        file, place, statements, runs = block.groups()
        blocks = packages.setdefault(folder(file), {})
        _, run_before = blocks.get((file, place), (0, False))
        blocks[file, place] = (int(statements), run_before or bool(runs.strip("0")))
    for package, blocks in packages.items():
        tally.add(package, _sum(blocks))
    return Coverage(
        name=name,
        format="go",
        lines=tally.lines(),
        unit=CoverageUnit.STATEMENT,
        packages=tally.packages(),
    )


def _sum(blocks: dict[tuple[str, str], tuple[int, bool]]) -> Covered:
    return Covered(
        covered=sum(statements for statements, run in blocks.values() if run),
        coverable=sum(statements for statements, _ in blocks.values()),
    )
