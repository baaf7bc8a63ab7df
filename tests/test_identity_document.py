"""The identity specification in docs/identity.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flow_telemetry.identity import TraceIdentity

DOCUMENT = Path(__file__).parents[1] / "docs" / "identity.md"


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
