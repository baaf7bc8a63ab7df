"""What holds for the records of every event, whatever was read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from tests.mapping.trees import assert_values

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.event_types import COMMON_ATTRIBUTES, EVENT_TYPES
from flow_telemetry.mapping.placement import Ancestry, Placement, Tracing, place
from flow_telemetry.model import Change, Lineage
from flow_telemetry.settings import TraceScope
from flow_telemetry.telemetry import LogRecord, Resource

RESOURCE = Resource(attributes={"service.name": "github"})
OBSERVED = datetime(2026, 11, 25, tzinfo=timezone.utc)
TRACING = Tracing(scope=TraceScope.CHANGE)
_ALLOWED = {each.name: {*COMMON_ATTRIBUTES, *each.attributes} for each in EVENT_TYPES}

# Attributes of a span that tell where it is, which an event says by its ids.
OF_THE_SPAN = frozenset(
    {"flow.entity.type", "flow.reference", "flow.trace", "flow.feature.trace_id"}
)


def place_change(change: Change, lineage: Lineage | None = None) -> Placement:
    """Return where a change stands in its own live trace."""
    return place(change.reference, Ancestry(lineage=lineage or Lineage()), TRACING)


def assert_valid_records(records: Sequence[LogRecord], trace: TraceIdentity) -> None:
    """Assert that a backend takes the records, and can tell a repeat from another event."""
    uids = [str(record.attributes["log.record.uid"]) for record in records]
    assert len(set(uids)) == len(uids)
    for record in records:
        assert 0 < record.time < 2**63
        assert record.observed == int(OBSERVED.timestamp()) * 10**9
        assert record.trace_id == trace.trace_id
        assert re.fullmatch(r"(?!0{16})[0-9a-f]{16}", record.span_id)
        assert len(record.attributes) <= 64
        assert record.attributes["event.name"] == record.event_name
        assert_values(record.attributes)
        assert set(record.attributes) <= _ALLOWED[record.event_name]
