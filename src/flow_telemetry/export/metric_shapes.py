"""As what metrics leave: as deltas, or as gauges where a backend takes no deltas.

Prometheus refuses a whole request for one delta in it; every backend takes gauges.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flow_telemetry.export.gauges import as_gauges, holds_deltas
from flow_telemetry.export.intake import Batch, Item
from flow_telemetry.export.points import Point
from flow_telemetry.export.verdict import Verdict
from flow_telemetry.settings import MetricShape
from flow_telemetry.telemetry import InstrumentKind

_NO_DELTAS = re.compile(r"temporality|\bdeltas?\b", re.IGNORECASE)


class MetricShapes:
    """Deltas until one is refused, then gauges for the rest of the export."""

    def __init__(self, policy: MetricShape) -> None:
        """Begin with what the policy wants."""
        self._policy = policy
        self._gauges = policy is MetricShape.GAUGE

    def first(self, batch: Batch) -> Batch:
        """Return the points in the shape that is known to be taken, as far as that is known."""
        return _as_gauges(batch) if self._gauges else batch

    def second(self, batch: Batch, verdict: Verdict) -> Batch | None:
        """Return the points as gauges, where they were refused for their temporality."""
        refused = verdict.refuses(_NO_DELTAS, 400, 500) and _has_deltas(batch)
        if self._policy is not MetricShape.AUTO or not refused:
            return None
        self._gauges = True
        return _as_gauges(batch)

    def notice(self, origin: str, items: int) -> str:  # noqa: ARG002
        """Tell that the metrics have another shape than they should."""
        return (
            f"{origin} takes no metrics of delta temporality: they left as gauges, a histogram as "
            "its last value (one out of a file as its greatest) and a count as its sum. Input "
            "metric-shape: gauge does so at once, and docs/recipes.md tells how a Collector turns "
            "deltas into what the backend takes"
        )


def _has_deltas(batch: Batch) -> bool:
    if batch.prepared is not None:
        return holds_deltas(batch.prepared)
    return any(map(_is_delta, batch.items))


def _is_delta(item: Item) -> bool:
    if not isinstance(item, Point):
        return False
    return not item.as_gauge and item.instrument.kind is not InstrumentKind.GAUGE


def _as_gauges(batch: Batch) -> Batch:
    if batch.prepared is not None:
        return replace(batch, prepared=as_gauges(batch.prepared))
    points = (replace(each, as_gauge=True) for each in batch.items if isinstance(each, Point))
    return replace(batch, items=tuple(points))
