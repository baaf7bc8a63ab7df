"""What views know of the spans' conventions is what spans say."""

from __future__ import annotations

from tests.report.builders import busy_run, spans_of_run
from tests.report.flow_builders import make_change, spans_of_change

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.report.terminal import ATTEMPT, ENTITY_TYPE, PHASE, entity_type, is_wait


def test_views_read_the_kind_of_a_span_as_it_is_written() -> None:
    """Views import no signals, so the names that they share are compared here."""
    shared = (semconv.FLOW_ENTITY_TYPE, semconv.GITHUB_RUN_ATTEMPT, work_semconv.PHASE)
    assert shared == (ENTITY_TYPE, ATTEMPT, PHASE)
    waits = {entity_type(span) for span in spans_of_run(busy_run()) if is_wait(span)}
    assert waits == {Entity.QUEUED.value, Entity.APPROVAL.value}


def test_phases_in_which_people_wait_are_waits() -> None:
    """For a review or the merge; a draft and a review are work."""
    waits = {span.name for span in spans_of_change(make_change()) if is_wait(span)}
    assert waits == {"awaiting review", "awaiting merge"}
