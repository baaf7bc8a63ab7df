"""What everybody may read of telemetry: all of the own repository, of others keys, ids, times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.fakes.logs import entries_in
from tests.fakes.metrics import points_in
from tests.fakes.spans import spans_in

from flow_telemetry.mapping.api_usage import usage_measurements
from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Repository
from flow_telemetry.model.api_usage import Api, ApiUsage
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.public import PublicRedactor
from flow_telemetry.otlp.sdk import SdkEncoder
from flow_telemetry.otlp.series import Point, SeriesTable
from flow_telemetry.privacy.audience import Audience
from flow_telemetry.telemetry import (
    Attributes,
    EncodedRequest,
    LogRecord,
    Measurement,
    Resource,
    Signal,
    Span,
    SpanEvent,
    SpanLink,
)

HOME = "acme/shop"
JIRA = Resource(attributes={"service.name": "jira"})


def redactor_for(own_repository: str) -> PublicRedactor:
    return PublicRedactor(Audience(own_repository=own_repository, public=True))


def of_repository(full_name: str, **more: str) -> Resource:
    owner, _, name = full_name.partition("/")
    own = {"vcs.owner.name": owner, "vcs.repository.name": name, "service.name": "canary service"}
    return Resource(attributes={**own, **more})


def a_span(resource: Resource, **attributes: str) -> Span:
    """A span of which everything is a canary that is no id or time."""
    canaries: Attributes = {"flow.work_item.title": "canary", "some.attribute": "canary"}
    return Span(
        trace_id="a" * 32,
        span_id="b" * 16,
        parent_span_id="c" * 16,
        name="canary",
        start=1,
        end=2,
        resource=resource,
        attributes={**canaries, **attributes},
        events=(SpanEvent(name="canary", time=1, attributes=canaries),),
        links=(SpanLink(trace_id="d" * 32, span_id="e" * 16, attributes=canaries),),
        error="canary",
    )


def a_record(reference: str) -> LogRecord:
    return LogRecord(
        event_name="flow.work_item.labeled",
        time=1,
        observed=2,
        trace_id="a" * 32,
        span_id="b" * 16,
        resource=JIRA,
        attributes={
            "log.record.uid": reference,
            "flow.event.label": "canary",
            "flow.actor.login": "canary",
            "flow.work_item.key": "ACME-57",
        },
        body="canary",
    )


def points(resource: Resource, *types: str) -> list[Point]:
    table = SeriesTable()
    for each in types:
        attributes = {"flow.work_item.tracker": "jira", "flow.work_item.type": each}
        fact = Measurement(
            instrument=INSTRUMENTS[0], value=1, resource=resource, attributes=attributes
        )
        table.add(fact)
    return table.points(1, 2)


def reduced(redactor: PublicRedactor, signal: Signal, *items: Any) -> Any:
    """The message of the request of the items, reduced for the public."""
    return decode_request(redactor.reduce(SdkEncoder(signal).encode(items)))


@pytest.mark.parametrize("resource", [of_repository(HOME), of_repository("ACME/Shop")])
def test_what_is_of_the_own_repository_stays_whole(resource: Resource) -> None:
    """Names of owners and repositories have no case on GitHub."""
    request = SdkEncoder(Signal.TRACES).encode([a_span(resource)])
    assert redactor_for(HOME).reduce(request) == request


@pytest.mark.parametrize(
    ("home", "resource"),
    [
        (HOME, JIRA),
        (HOME, of_repository("acme/secret", url="canary")),
        (HOME, of_repository("acme/shop/canary")),
        ("", of_repository(HOME)),
        ("", JIRA),
        ("", Resource(attributes={})),
    ],
)
def test_of_others_no_text_stays(home: str, resource: Resource) -> None:
    """Where nobody says whose repository it is, nothing is its own."""
    reference = "jira/ACME-57#status:2"
    given = a_span(resource, **{"flow.reference": reference})
    message = reduced(redactor_for(home), Signal.TRACES, given)
    [found] = spans_in(message)
    owner = resource.attributes.get("vcs.repository.name")
    assert "canary" not in str(message).replace(f'"{owner}"', "")
    assert (found.name, found.attributes) == (reference, {"flow.reference": reference})
    assert (found.start, found.end, found.message, found.events) == (1, 2, "failed", ())
    assert [link.span_id for link in found.links] == ["e" * 16]


def test_a_field_that_is_not_known_does_not_stay() -> None:
    """A later version may have stored the request, and it may hold anything."""
    request = SdkEncoder(Signal.TRACES).encode([a_span(JIRA)])
    message: Any = decode_request(request)
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.MergeFromString(b"\xfa\x3f\x06canary")  # field 1023
    newer = replace(request, body=message.SerializeToString())
    assert b"canary" in newer.body
    assert b"canary" not in redactor_for(HOME).reduce(newer).body


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("jira/A-5#event:labeled:2026-11-24T03:43:00Z:canary", None),
        ("jira/A-5#event:assigned:2026-11-24T03:43:00Z:canary\ncanary:2", None),
        ("jira/A-5#event:commented:123", "jira/A-5#event:commented:123"),
        ("github.com/a/b/actions/runs/1/job/2#test:canary:canary", "#test"),
        ("jira/A-5@2026-11-24T03:43:00Z#status:2", "jira/A-5@2026-11-24T03:43:00Z#status:2"),
    ],
)
def test_references_keep_what_is_key_number_or_time(reference: str, shown: str | None) -> None:
    """Labels, people and tests are named in some of them."""
    message = reduced(redactor_for(HOME), Signal.LOGS, a_record(reference))
    [record] = entries_in(message)
    assert "canary" not in str(message)
    uid = str(record.attributes["log.record.uid"])
    assert uid.endswith(shown or ":2026-11-24T03:43:00Z")
    assert reference.startswith(uid)


def test_the_sentence_of_an_event_is_made_of_what_stays() -> None:
    """A replayed record can be read too; who did it and the label are not shown."""
    message = reduced(redactor_for(HOME), Signal.LOGS, a_record("jira/ACME-57#event:labeled:1"))
    (record,) = message.resource_logs[0].scope_logs[0].log_records
    assert record.body.string_value == "the label was added to work item ACME-57"


def test_series_stay_apart() -> None:
    """Their attributes are hidden, and differ still; equal ones are hidden equally."""
    reader = redactor_for(HOME)
    found = points_in(reduced(reader, Signal.METRICS, *points(JIRA, "Epic", "Story")))
    found += points_in(reduced(reader, Signal.METRICS, *points(JIRA, "Story")))
    types = [str(point.attributes["flow.work_item.type"]) for point in found]
    assert sorted(types[:2]) == ["(not shown)", "(not shown) 2"]
    assert types[2] in types[:2]
    assert {point.attributes["flow.work_item.tracker"] for point in found} == {"jira"}


def test_the_requests_for_another_repository_stay_apart_by_api() -> None:
    """Their numbers are no text of it, and mean nothing without the API."""
    secret = Repository(host="github.com", owner="acme", name="secret", url="")
    usage = [ApiUsage(api=api, requests=3) for api in Api]
    at = datetime(2026, 11, 24, tzinfo=timezone.utc)
    table = SeriesTable()
    for each in usage_measurements(usage, secret, ResourceMaker(), at, subject="run"):
        table.add(each)
    found = points_in(reduced(redactor_for(HOME), Signal.METRICS, *table.points(1, 2)))
    assert [point.attributes for point in found] == [
        {
            "github.repository": "acme/secret",
            "flow.github.api": api.value,
            "flow.export.subject": "run",
        }
        for api in Api
    ]


@pytest.mark.parametrize(
    ("repository", "kept"), [("", True), ("Acme/Shop", True), ("acme/secret", False)]
)
def test_what_tools_wrote_is_kept_where_it_is_the_own_repositorys(
    repository: str, kept: bool
) -> None:
    """What it says cannot be known, so it is whole or not at all."""
    prepared = EncodedRequest(signal=Signal.TRACES, body=b"", items=1, repository=repository)
    assert redactor_for(HOME).may_keep(prepared) is kept
