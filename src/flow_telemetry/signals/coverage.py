"""What the span `#measured` of a job says of its coverage."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model.coverage import (
    JobCoverage,
)
from flow_telemetry.rules.coverage import change
from flow_telemetry.signals.coverage_semconv import OF_UNIT
from flow_telemetry.signals.limits import Maybe
from flow_telemetry.signals.spans import Facts


def coverage_facts(coverage: JobCoverage) -> Facts:
    """Return the totals by what is counted, and the change against the base where it is known."""
    return tuple(_facts(coverage))


def _facts(coverage: JobCoverage) -> Iterator[tuple[str, Maybe]]:
    counts = coverage.totals.counts
    for unit, covered in counts.each():
        names = OF_UNIT[unit]
        yield names["covered"], covered.covered
        yield names["coverable"], covered.coverable
        yield names["ratio"], covered.ratio
        if coverage.base is not None:
            yield names["change"], change(counts, coverage.base.counts, unit)
