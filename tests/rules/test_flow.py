"""The life of an item is active, blocked or waiting, and these three are all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import at, change, event, item, moved, review

from flow_telemetry.model import Change, Event, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.flow import Flow, measure_change_flows, measure_item_flows
from flow_telemetry.rules.intervals import seconds, union
from flow_telemetry.rules.lifecycle import find_open_periods, find_phases, find_status_intervals

BLOCKED, UNBLOCKED = EventKind.BLOCKED, EventKind.UNBLOCKED
CLOSED, REOPENED = EventKind.CLOSED, EventKind.REOPENED
HOUR = 60
NAMES = ("blocked",)
STATUSES = ("To Do", "Doing", "Blocked", "Done", "Elsewhere")


def flows(*history: Event, closed: float | None = None) -> tuple[Flow, ...]:
    """Return where the lives of an item went."""
    return measure_item_flows(item("ACME-57", *history, closed=closed), NAMES)


def test_blocked_twice_four_hours_in_all() -> None:
    """Once for an hour while it waited, once for three while it was worked on."""
    (flow,) = flows(
        event(1 * HOUR, BLOCKED),
        event(2 * HOUR, UNBLOCKED),
        moved(3 * HOUR, "To Do", "Doing"),
        event(4 * HOUR, BLOCKED),
        event(7 * HOUR, UNBLOCKED),
        moved(13 * HOUR, "Doing", "Done"),
        closed=13 * HOUR,
    )
    assert len(flow.blocked) == 2
    assert flow.blocked_time == 4 * 3600
    assert flow.active_time == 7 * 3600
    assert flow.waiting_time == 2 * 3600
    assert flow.cycle_time == 10 * 3600
    assert flow.efficiency == pytest.approx(0.7)


def test_a_status_in_progress_that_is_named_blocked_is_not_active() -> None:
    """The tracker has it among those in progress; nobody works."""
    (flow,) = flows(moved(0, "", "Doing"), moved(60, "Doing", "Blocked"), closed=120)
    assert (flow.active_time, flow.blocked_time) == (3600, 3600)
    assert flow.efficiency == pytest.approx(0.5)


def test_what_was_never_in_progress_has_no_flow_time() -> None:
    """It was closed from where it lay: there is no efficiency to speak of."""
    (flow,) = flows(moved(0, "", "To Do"), closed=60)
    assert (flow.began, flow.cycle_time, flow.efficiency) == (None, None, None)
    assert flow.waiting_time == 3600


def test_each_life_has_its_own_flow() -> None:
    """The time between a closing and a reopening is nobody's."""
    found = flows(
        moved(0, "", "Doing"),
        event(60, CLOSED),
        event(300, REOPENED),
        event(310, BLOCKED),
        event(330, UNBLOCKED),
        closed=360,
    )
    assert [flow.duration for flow in found] == [3600, 3600]
    assert [flow.active_time for flow in found] == [3600, 2400]


def test_an_open_item_has_no_flow() -> None:
    """Nothing open is measured."""
    assert flows(moved(0, "", "Doing")) == ()


def test_a_change_is_active_in_review_and_while_changes_are_asked_for() -> None:
    """Waiting for a review and for the merge it is not."""
    (flow,) = measure_change_flows(
        change(
            review(30, "bob", "asks for changes"),
            event(60, EventKind.COMMITTED),
            review(90, "bob", "approves"),
            closed=120,
        )
    )
    assert (flow.active_time, flow.duration, flow.blocked_time) == (3600, 7200, 0)
    assert flow.efficiency == pytest.approx(0.5)


MOMENTS = range(60)
MINUTES = st.integers(-5, 50)
HAPPENED = st.one_of(
    st.builds(moved, MINUTES, st.sampled_from(STATUSES), st.sampled_from(STATUSES)),
    st.builds(
        event,
        MINUTES,
        st.sampled_from([BLOCKED, UNBLOCKED]),
        subject=st.sampled_from(["", "acme/shop#8", "acme/shop#9"]),
    ),
    st.builds(
        event,
        MINUTES,
        st.sampled_from([EventKind.LABELED, EventKind.UNLABELED]),
        subject=st.sampled_from(["blocked", "Blocked", "bug"]),
    ),
    st.builds(event, MINUTES, st.sampled_from([CLOSED, REOPENED, EventKind.ASSIGNED])),
)
ITEMS = st.builds(
    lambda history, closed: item("ACME-57", *history, closed=closed),
    st.lists(HAPPENED, max_size=20),
    st.one_of(st.none(), st.integers(0, 59)),
)
REVIEWED = st.builds(
    review,
    MINUTES,
    st.sampled_from(["alice", "bob", "carol", "linter"]),
    st.sampled_from(["approves", "asks for changes", "comments", "was dismissed"]),
)
MOVED = st.builds(
    event,
    MINUTES,
    st.sampled_from(
        [
            *(CLOSED, REOPENED, EventKind.MERGED, EventKind.COMMITTED, EventKind.QUEUED),
            *(EventKind.CONVERTED_TO_DRAFT, EventKind.READY_FOR_REVIEW),
        ]
    ),
)
CHANGES = st.builds(
    lambda timeline, closed: change(*timeline, closed=closed),
    st.lists(st.one_of(REVIEWED, MOVED), max_size=20),
    st.one_of(st.none(), st.integers(0, 59)),
)


@given(ITEMS)
def test_active_blocked_and_waiting_time_add_up_to_the_items_life(found: WorkItem) -> None:
    """Whatever happened in whatever order; the stretches of status do so too."""
    born = find_open_periods(found.created_at, found.closed_at, found.history, None)
    known = measure_item_flows(found, NAMES)
    assert [flow.period for flow in known] == list(born)
    for flow in known:
        assert union(flow.blocked) == flow.blocked
        if flow.active_time is None:
            assert (flow.began, flow.waiting_time, flow.efficiency) == (None, None, None)
            continue
        assert flow.waiting_time is not None
        assert min(flow.active_time, flow.blocked_time, flow.waiting_time) >= 0
        assert flow.active_time + flow.blocked_time + flow.waiting_time == flow.duration
        assert all(
            flow.period.interval.start <= each.start < each.end <= flow.period.interval.end
            for each in flow.blocked
        )
        own = [
            s.interval
            for s in find_status_intervals(found)
            if s.period_number == flow.period.number
        ]
        assert sum(each.seconds for each in own) == seconds(own) == flow.duration
        assert flow.efficiency is None or 0 <= flow.efficiency <= 1
        assert flow.active_time == 60 * sum(_is_active(found, flow, minute) for minute in MOMENTS)


def _is_active(found: WorkItem, flow: Flow, minute: int) -> bool:
    """Whether an item was in progress and not blocked in a minute of a life."""
    own = [s for s in find_status_intervals(found) if s.period_number == flow.period.number]
    status = next((s for s in own if s.interval.start <= at(minute) < s.interval.end), None)
    blocked = any(each.start <= at(minute) < each.end for each in flow.blocked)
    return not blocked and status is not None and status.category is StatusCategory.IN_PROGRESS


@given(CHANGES)
def test_the_phases_add_up_to_the_changes_life(found: Change) -> None:
    """The active ones and the others; nothing lies between them."""
    for flow in measure_change_flows(found):
        own = [p.interval for p in find_phases(found) if p.period_number == flow.period.number]
        assert sum(each.seconds for each in own) == seconds(own) == flow.duration
        assert flow.active_time is not None
        assert flow.waiting_time is not None
        assert flow.active_time + flow.waiting_time == flow.duration
        assert 0 <= flow.active_time <= flow.duration
