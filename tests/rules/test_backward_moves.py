"""A status that goes back to an earlier category is a move backward, and a renamed one is one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from tests.rules.builders import at, event, item, moved
from tests.rules.test_flow import ITEMS, NAMES

from flow_telemetry.model import Event, EventKind, WorkItem
from flow_telemetry.rules.flow import measure_item_flows
from flow_telemetry.rules.lifecycle import (
    BlockCause,
    count_backward_moves,
    item_periods,
    time_blocked_by_cause,
    time_in_statuses,
)

CLOSED, REOPENED = EventKind.CLOSED, EventKind.REOPENED


def of(found: WorkItem) -> list[int | None]:
    """The moves backward in each open period."""
    periods = item_periods(found)
    return [count_backward_moves(found, periods[:number]) for number, _ in enumerate(periods, 1)]


def test_back_to_do_and_reopened() -> None:
    """Within a category there is no way back; the reopening counts for the life that it begins."""
    history = (
        moved(10, "To Do", "Doing"),
        moved(20, "Doing", "In Progress"),
        moved(30, "In Progress", "To Do"),
        moved(40, "To Do", "Done"),
        event(40, CLOSED),
        event(60, REOPENED),
        moved(60, "Done", "Doing"),
        moved(80, "Doing", "Done"),
    )
    assert of(item("ACME-57", *history, closed=80)) == [1, 1]


def test_what_is_unknown_is_not_zero() -> None:
    """A status without a category, or no status at all."""
    assert of(item("ACME-57", moved(10, "To Do", "Limbo"), closed=20)) == [None]
    assert of(item("ACME-57", closed=20)) == [None]
    assert of(item("ACME-57", moved(10, "", "Todo"), closed=20, tracker="github")) == [0]


def renamed(found: Event, before: str, after: str) -> Event:
    """A status change with ids."""
    return replace(found, status_id_before=before, status_id=after)


def test_a_renamed_status_stays_one() -> None:
    """It was `Doing` in the first entry and is `Coding` now: ten minutes and twenty."""
    history = (
        renamed(moved(10, "To Do", "Doing"), "1", "3"),
        renamed(moved(20, "Doing", "To Do"), "3", "1"),
        renamed(moved(40, "To Do", "In Progress"), "1", "3"),
    )
    story = item("ACME-57", *history, closed=60)
    story = replace(story, status_names={"1": "Backlog", "3": "Coding"})
    (period,) = item_periods(story)
    times = time_in_statuses(story, period)
    assert {(name, status_id): spent for (name, _, status_id), spent in times.items()} == {
        ("Backlog", "1"): 30 * 60,
        ("Coding", "3"): 30 * 60,
    }


def test_each_second_is_blocked_by_what_blocked_first() -> None:
    """A flag for 20 minutes, meanwhile an issue, which goes on for ten; then a label."""
    history = (
        event(10, EventKind.BLOCKED),
        event(20, EventKind.BLOCKED, subject="acme/shop#8"),
        event(30, EventKind.UNBLOCKED),
        event(40, EventKind.UNBLOCKED, subject="acme/shop#8"),
        event(50, EventKind.LABELED, subject="blocked"),
        event(55, EventKind.UNLABELED, subject="blocked"),
        moved(70, "To Do", "Blocked"),
    )
    story = item("ACME-57", *history, closed=100)
    (period,) = item_periods(story)
    assert time_blocked_by_cause(story, ("blocked",), period) == {
        BlockCause.FLAG: 20 * 60,
        BlockCause.ISSUE: 10 * 60,
        BlockCause.LABEL: 5 * 60,
        BlockCause.STATUS: 30 * 60,
    }
    assert at(100) == period.interval.end


@given(ITEMS)
def test_causes_add_up_to_the_time_blocked_and_statuses_to_the_life(found: WorkItem) -> None:
    """Whatever happened in whatever order."""
    for flow in measure_item_flows(found, NAMES):
        by_cause = time_blocked_by_cause(found, NAMES, flow.period)
        assert sum(by_cause.values()) == flow.blocked_time
        assert all(by_cause.values())
        assert sum(time_in_statuses(found, flow.period).values()) == flow.duration


@given(ITEMS)
def test_the_moves_of_all_lives_are_those_of_the_history(found: WorkItem) -> None:
    """None counts twice, and those after the last closing count later."""
    counts = of(found)
    if any(count is None for count in counts):
        return
    kinds = Counter(event.kind for event in found.history)
    assert sum(filter(None, counts)) <= kinds[EventKind.STATUS_CHANGED]
