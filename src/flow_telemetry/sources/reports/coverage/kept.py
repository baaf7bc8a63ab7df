"""The coverage of a job as it is kept for later runs: a small JSON file, version 1.

    {"format": "flow-telemetry coverage", "version": 1, "repository": "acme/shop", "run": 1000,
     "commit": "…", "job": "test", "totals": {"line": {"covered": 3, "coverable": 4}},
     "packages": [{"name": "shop", "line": {"covered": 3, "coverable": 4}}]}

Units are line, statement and branch. It comes back out of an artifact, so anybody who may run a
workflow could have written it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.model import (
    Job,
    Run,
)
from flow_telemetry.model.coverage import (
    UNITS,
    Counts,
    CoverageTotals,
    PackageCounts,
)
from flow_telemetry.rules.coverage import by_name, largest
from flow_telemetry.sources import payload as take
from flow_telemetry.sources.payload import Payload
from flow_telemetry.sources.reports.content import MEBIBYTE
from flow_telemetry.sources.reports.coverage.tally import plausible
from flow_telemetry.sources.reports.values import count, one_line

FORMAT, VERSION = "flow-telemetry coverage", 1
MOST_PACKAGES = 1000
LARGEST_KEPT = 4 * MEBIBYTE


def kept_coverage(totals: CoverageTotals, run: Run, job: Job) -> str:
    """Return the file's text; of very many packages the largest stand there by name."""
    kept = {
        "format": FORMAT,
        "version": VERSION,
        "repository": run.repository.full_name,
        "run": run.id,
        "commit": run.head_sha,
        "job": job.name,
        "totals": _of_counts(totals.counts),
        "packages": [
            {"name": package.name, **_of_counts(package.counts)}
            for package in largest(totals.packages, MOST_PACKAGES)
        ],
    }
    return json.dumps(kept, separators=(",", ":")) + "\n"


def read_kept_coverage(content: bytes, name: str) -> CoverageTotals:
    """Return what a file of this form holds.

    Args:
        content: the file.
        name: what errors call it.

    Raises:
        ReportError: it is no such file, or one of another version.
    """
    kept = _decoded(content, name)
    if kept.get("format") != FORMAT:
        raise ReportError(f"{name} holds no coverage that flow-telemetry wrote")
    if kept.get("version") != VERSION:
        raise ReportError(
            f"{name} is of another version of flow-telemetry, whose form is not known"
        )
    counts = _counts(take.child(kept, "totals"))
    if counts == Counts():
        raise ReportError(f"{name} has no totals")
    return CoverageTotals(counts=counts, packages=by_name(_packages(kept)))


def _decoded(content: bytes, name: str) -> Payload:
    try:
        decoded: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{name} is no JSON") from error
    return decoded if isinstance(decoded, dict) else {}


def _packages(kept: Payload) -> Iterator[PackageCounts]:
    for number, package in enumerate(take.children(kept, "packages")):
        if number > MOST_PACKAGES:
            return
        name, counts = one_line(take.text(package, "name")), _counts(package)
        if name and counts != Counts():
            yield PackageCounts(name=name, counts=counts)


def _of_counts(counts: Counts) -> dict[str, dict[str, int]]:
    return {
        unit: {"covered": covered.covered, "coverable": covered.coverable}
        for unit, covered in counts.each()
    }


def _counts(payload: Payload) -> Counts:
    of_unit = (take.child(payload, unit) for unit in UNITS)
    lines, statements, branches = (
        plausible(count(each.get("covered")), count(each.get("coverable"))) for each in of_unit
    )
    return Counts(lines=lines, statements=statements, branches=branches)
