"""The table of events is whole, and names what it says it follows."""

from __future__ import annotations

import re

import pytest
from opentelemetry.semconv._incubating.attributes import log_attributes

from flow_telemetry.mapping.attributes import ATTRIBUTES
from flow_telemetry.mapping.event_attributes import EVENT_ATTRIBUTES, LOG_RECORD_UID
from flow_telemetry.mapping.event_types import COMMON_ATTRIBUTES, EVENT_TYPES, EventType
from flow_telemetry.mapping.job_attributes import LOG_ATTRIBUTES
from flow_telemetry.mapping.metric_attributes import DELIVERY_ATTRIBUTES
from flow_telemetry.mapping.work_attributes import FLOW_ATTRIBUTES
from flow_telemetry.model import EventKind

# https://cdevents.dev/docs: subjects and predicates that mean one of ours.
CDEVENTS = {
    *("change.created", "change.reviewed", "change.merged", "change.updated"),
    *("ticket.created", "ticket.updated", "ticket.closed", "service.deployed"),
}
OF_JOBS = {each.name for each in LOG_ATTRIBUTES}
KNOWN = OF_JOBS | {
    each.name for each in (*ATTRIBUTES, *FLOW_ATTRIBUTES, *EVENT_ATTRIBUTES, *DELIVERY_ATTRIBUTES)
}


def test_every_kind_of_event_is_sent() -> None:
    """Each happens to something, under one name."""
    assert {each.kind for each in EVENT_TYPES} == set(EventKind)
    assert len({each.name for each in EVENT_TYPES}) == len(EVENT_TYPES)


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_a_row_says_what_it_is(row: EventType) -> None:
    """Its name has three words, its attributes are explained, its type of CDEvents is one."""
    assert re.fullmatch(r"flow\.(change|work_item|feature|deployment|run)\.[a-z_]+", row.name)
    assert row.meaning
    assert set(row.attributes) <= KNOWN
    assert not row.cdevents or row.cdevents.partition(",")[0] in CDEVENTS


def test_every_attribute_of_records_is_on_some_record() -> None:
    """None is explained that nothing has."""
    used = {name for row in EVENT_TYPES for name in row.attributes} | set(COMMON_ATTRIBUTES)
    assert {each.name for each in (*EVENT_ATTRIBUTES, *DELIVERY_ATTRIBUTES)} <= used


def test_a_record_is_named_by_the_convention() -> None:
    """The reference of an event stands where OpenTelemetry looks for repeats."""
    assert log_attributes.LOG_RECORD_UID == LOG_RECORD_UID
