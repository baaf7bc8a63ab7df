"""Whatever is told of a change or an item, its records are such that every backend takes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.payloads import NAMES
from tests.mapping.records import OBSERVED, RESOURCE, TRACING, assert_valid_records, place_change
from tests.rules.builders import at, change, item

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.events import change_events, item_events, place_item_events
from flow_telemetry.model import Actor, ActorKind, Event, EventKind, Lineage, ReviewState
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.lifecycle import find_blocked_intervals
from flow_telemetry.rules.timeline import build_change_timeline, build_item_timeline

ODD = [datetime(1970, 1, 2, tzinfo=timezone.utc), datetime(2261, 12, 31, tzinfo=timezone.utc)]
# Few minutes, so that several things happen in one second; one is before the opening.
TIMES = st.integers(-1, 6).map(at) | st.sampled_from(ODD)
TEXTS = st.just("") | NAMES
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    time=TIMES,
    actor=st.none() | st.builds(Actor, login=NAMES, kind=st.sampled_from(ActorKind)),
    id=st.just("") | st.sampled_from(["501", "c0ffee", "9" * 3000]),
    subject=TEXTS,
    before=TEXTS,
    review=st.none() | st.sampled_from(ReviewState),
    has_own_time=st.booleans(),
)
ALWAYS = Window((Interval(at(-10000), at(10000)),))
HISTORIES = st.lists(EVENTS, max_size=12).map(
    lambda events: tuple(sorted(events, key=lambda event: event.time))
)
CLOSINGS = st.none() | st.integers(0, 6)


@given(timeline=HISTORIES, closed=CLOSINGS, title=TEXTS, merged=st.booleans())
def test_records_of_any_change_are_valid(
    timeline: tuple[Event, ...], closed: int | None, title: str, *, merged: bool
) -> None:
    """Their times, ids, references and attributes; live or with the closing, they are equal."""
    pull = replace(change(*timeline, closed=closed), title=title)
    if merged:
        pull = replace(pull, merged_at=pull.closed_at)
    placement = place_change(pull)
    everything = [each.event for each in build_change_timeline(pull)]
    live = list(change_events(pull, placement, RESOURCE, OBSERVED, only=everything))
    completed = list(change_events(pull, placement, RESOURCE, OBSERVED, within=ALWAYS))
    assert_valid_records(live, placement.trace)
    assert all(record in live for record in completed)
    names = [record.event_name for record in completed]
    assert not names or {"flow.change.merged", "flow.change.closed"} & set(names)


@given(history=HISTORIES, closed=CLOSINGS)
def test_records_of_any_item_are_valid(history: tuple[Event, ...], closed: int | None) -> None:
    """The same for work items, blocked ones among them."""
    story = item("ACME-57", *history, closed=closed)
    blocked = find_blocked_intervals(story, ("b*",))
    placement = place_item_events(story, Lineage(items=(story,)), TRACING)
    everything = [each.event for each in build_item_timeline(story, blocked)]
    live, completed = (
        list(
            item_events(
                story,
                placement,
                RESOURCE,
                OBSERVED,
                blocked=blocked,
                only=told,
                within=ALWAYS,
            )
        )
        for told in (everything, None)
    )
    assert_valid_records(live, TraceIdentity(root="jira/ACME-57"))
    assert all(record in live for record in completed)
