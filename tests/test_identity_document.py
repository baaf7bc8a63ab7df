"""The identity specification in docs/reference/identity.md says what the program does."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.openings import opening_span
from flow_telemetry.mapping.placement import Opening, Placement

DOCUMENT = Path(__file__).parents[1] / "docs" / "reference" / "identity.md"


def _vectors() -> list[tuple[str, ...]]:
    table = DOCUMENT.read_text(encoding="utf-8").partition("## Test vectors")[2]
    rows = [line for line in table.splitlines() if re.search(r"`[0-9a-f]{32}`", line)]
    return [tuple(cell.strip(" `") for cell in row.strip("|").split("|")) for row in rows]


def test_the_document_has_the_vectors_of_all_kinds() -> None:
    """The table covers ids with and without a namespace, and three kinds of root."""
    assert len(_vectors()) == 10
    assert {namespace for namespace, *_ in _vectors()} == {"", "acme-prod"}


@pytest.mark.parametrize("vector", _vectors())
def test_every_vector_of_the_document_holds(vector: tuple[str, ...]) -> None:
    """The ids of each row are the program's."""
    namespace, root, trace_id, reference, span_id = vector
    trace = TraceIdentity(root=root, namespace=namespace)
    assert (trace.trace_id, trace.span_id(reference)) == (trace_id, span_id)


def test_the_golden_opening_span_holds() -> None:
    """The document shows the opening span that the program makes."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Opening spans")[2]
    golden = json.loads(text.partition("```json")[2].partition("```")[0])
    reference = "github.com/acme/shop/pull/123"
    created = datetime(2026, 11, 24, 3, 43, tzinfo=timezone.utc)
    trace = TraceIdentity(root=reference)
    placement = Placement(trace=trace, trace_id=trace.trace_id, parent=reference)
    opening = Opening(reference=reference, created_at=created, parent=None)
    span = opening_span(opening, placement)
    assert golden == {
        "resource": span.resource.attributes,
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind.name,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": span.attributes,
    }
    assert (span.parent_span_id, span.links, span.events, span.error) == (None, (), (), None)
