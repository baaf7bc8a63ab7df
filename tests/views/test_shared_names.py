"""What views know of the spans' conventions is what spans say."""

from __future__ import annotations

from tests.views.builders import busy_run, spans_of_run

from flow_telemetry.signals import semconv
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.views.tree import ENTITY_TYPE, entity_of, is_wait


def test_views_read_the_kind_of_a_span_as_it_is_written() -> None:
    """Views import no signals, so the one name that they share is compared here."""
    assert ENTITY_TYPE == semconv.FLOW_ENTITY_TYPE
    waits = {entity_of(span) for span in spans_of_run(busy_run()) if is_wait(span)}
    assert waits == {Entity.QUEUED.value, Entity.APPROVAL.value}
