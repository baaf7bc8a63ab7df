"""Coverage reports of six formats, told apart by what is in them."""

from __future__ import annotations

from flow_telemetry.sources.reports.coverage.read import read_coverage

__all__ = ["read_coverage"]
