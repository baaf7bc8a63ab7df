"""The body of an event's record: a line that shows nothing that its attributes do not show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.records import RESOURCE

from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.bodies import LONGEST_BODY, add_bodies, format_body
from flow_telemetry.mapping.event_types import COMMON_ATTRIBUTES, EVENT_TYPES, EventType
from flow_telemetry.privacy.records import hide_people_in_telemetry, redact_telemetry
from flow_telemetry.privacy.redactor import build_redactor
from flow_telemetry.rules.people import People
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import LogRecord

# A login that is part of no other text of these records.
LOGIN = "Quux-8"
SECRET = "hunter2-ZXJ0"
PEOPLE = (
    event_semconv.ACTOR_LOGIN,
    event_semconv.EVENT_ASSIGNEE,
    event_semconv.EVENT_REVIEWER,
    work_semconv.CHANGE_AUTHOR,
)

TEXTS = st.text(max_size=700) | st.sampled_from(
    ["a\nb", "\x1b[31mred", "\u202egnp.exe", "\x85", "\u2028", "{actor}", "%s", "\ud800", "☃" * 600]
)
NUMBERS = st.integers(min_value=0, max_value=10**12) | st.floats(
    min_value=0, max_value=10**9, allow_nan=False
)


def own_attributes(row: EventType) -> tuple[str, ...]:
    """All attributes that records of an event can have."""
    return (*COMMON_ATTRIBUTES, *row.attributes)


@st.composite
def events(draw: st.DrawFn) -> tuple[EventType, Mapping[str, object]]:
    """An event with any values, of any of its attributes."""
    row = draw(st.sampled_from(EVENT_TYPES))
    values = st.dictionaries(st.sampled_from(own_attributes(row)), TEXTS | NUMBERS)
    return row, draw(values)


def record_of(row: EventType, attributes: Mapping[str, object]) -> LogRecord:
    """Return the record of an event, with the limits of all records."""
    pairs = tuple(attributes.items())
    return LogRecord(
        event_name=row.name,
        time=1,
        observed=1,
        trace_id="1" * 32,
        span_id="1" * 16,
        resource=RESOURCE,
        attributes=limits.attributes(pairs, most=limits.MOST_RECORD_ATTRIBUTES),  # type: ignore[arg-type]
    )


def sent(record: LogRecord, actors: Actors = Actors.LOGIN, *secrets: str) -> LogRecord:
    """Return the record as the pipeline sends it."""
    hidden = hide_people_in_telemetry([record], People(actors))
    redact = build_redactor(secrets, ["nobody-[0-9]+", "to pull request"])
    (found,) = add_bodies(redact_telemetry(hidden, redact), redact)
    assert isinstance(found, LogRecord)
    return found


@given(events())
def test_a_body_is_one_bounded_line(event: tuple[EventType, Mapping[str, object]]) -> None:
    """Whatever people write: no line break, no control character, no change of direction."""
    body = sent(record_of(*event)).body
    assert body
    assert len(body) <= LONGEST_BODY
    assert body.splitlines() == [body]
    assert body == body.strip()
    assert "  " not in body
    assert not [c for c in body if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@given(events(), st.sampled_from([Actors.NONE, Actors.HASH]))
def test_a_body_shows_no_login_that_is_hidden(
    event: tuple[EventType, Mapping[str, object]], actors: Actors
) -> None:
    """Who did it, was assigned, was asked or is the author."""
    row, attributes = event
    people = {name: LOGIN for name in PEOPLE if name in own_attributes(row)}
    texts = {k: v for k, v in attributes.items() if LOGIN.lower() not in str(v).lower()}
    record = record_of(row, {**texts, **people})
    assert LOGIN.lower() not in str(sent(record, actors).body).lower()
    shown = sent(record, Actors.LOGIN).body or ""
    if row.sentence.verb:
        assert shown.startswith(LOGIN)


@given(events(), st.integers(0, 300), st.data())
def test_a_body_shows_no_secret(
    event: tuple[EventType, Mapping[str, object]], before: int, data: st.DataObject
) -> None:
    """Not even the first part of one, where a long text is truncated."""
    row, attributes = event
    name = data.draw(st.sampled_from(own_attributes(row)))
    record = record_of(
        row, {**attributes, name: f"{'x' * before} {SECRET} {'x' * before} nobody-7"}
    )
    body = sent(record, Actors.LOGIN, SECRET).body or ""
    assert SECRET[:4] not in body
    assert "nobody-" not in body
    assert "to pull request" not in body, "a pattern of words that only the sentence has"


def told() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Events with their attributes, and their bodies."""
    bob = {"flow.actor.login": "bob"}
    change: dict[str, Any] = {"vcs.change.id": "7", "github.repository": "a/b"}
    item = {"flow.work_item.key": "ACME-57"}
    made: dict[str, Any] = {
        "deployment.id": "9",
        "deployment.environment.name": "production",
        "vcs.ref.head.revision": "c0ffee0123",
        "github.repository": "a/b",
    }
    yield "flow.change.merged", {**bob, **change}, "bob merged pull request #7 (a/b)"
    yield "flow.change.merged", change, "pull request #7 was merged (a/b)"
    yield (
        "flow.change.merged",
        {**bob, **change, "vcs.change.title": "Round\nthe VAT"},
        'bob merged pull request #7 "Round the VAT" (a/b)',
    )
    yield (
        "flow.change.closed",
        {**bob, **change, "vcs.change.state": "closed"},
        "bob closed pull request #7 without a merge (a/b)",
    )
    yield (
        "flow.change.reviewed",
        {**bob, **change, "flow.change.review.state": "changes_requested"},
        "bob requested changes in pull request #7 (a/b)",
    )
    yield (
        "flow.change.review_request_removed",
        {**bob, **change, "flow.event.reviewer": "acme/devs"},
        "bob removed the review request to acme/devs from pull request #7 (a/b)",
    )
    yield "flow.change.labeled", change, "the label was added to pull request #7 (a/b)"
    yield (
        "flow.work_item.status_changed",
        {**bob, **item, "flow.work_item.status": "Done", "flow.work_item.status.before": "Doing"},
        'bob moved work item ACME-57 from "Doing" to "Done"',
    )
    yield (
        "flow.work_item.blocked",
        {**item, "flow.work_item.blocked.by": "acme/shop#3"},
        'work item ACME-57 was marked as blocked by "acme/shop#3"',
    )
    yield (
        "flow.work_item.closed",
        {**bob, **item, "flow.work_item.type": "Story", "flow.work_item.result": "Done"},
        'bob closed Story ACME-57 as "Done"',
    )
    yield (
        "flow.deployment.created",
        made,
        "deployment 9 of c0ffee0 to production was requested (a/b)",
    )
    yield (
        "flow.deployment.status_changed",
        {**made, "deployment.status": "failed", "flow.deployment.kind": "rollback"},
        "rollback 9 of c0ffee0 to production failed (a/b)",
    )
    yield (
        "flow.deployment.status_changed",
        {**made, "github.deployment.state": "queued"},
        'deployment 9 of c0ffee0 to production is now "queued" (a/b)',
    )
    yield (
        "flow.change.delivered",
        {**made, **change, "flow.deployment.lead_time": 153_388.0},
        "pull request #7 was delivered to production 1d 18h after its first commit (a/b)",
    )


@pytest.mark.parametrize(("name", "attributes", "body"), list(told()))
def test_a_body_is_a_sentence(name: str, attributes: dict[str, str], body: str) -> None:
    """Of the facts that there are."""
    assert format_body(name, attributes) == body


def test_the_body_of_another_record_stays() -> None:
    """A line of a log has its own, and an event of a tool has no sentence."""
    (row,) = (row for row in EVENT_TYPES if row.name == "flow.run.annotated")
    line = LogRecord(
        event_name="",
        time=1,
        observed=1,
        trace_id="1" * 32,
        span_id="1" * 16,
        resource=RESOURCE,
        body="a line\n",
    )
    assert list(add_bodies([line], str.upper)) == [line]
    assert format_body("tool.event", record_of(row, {}).attributes) == ""
