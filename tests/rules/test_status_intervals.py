"""The stretches of a work item tell how long it was in each status."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import at, event, item, minutes, moved

from flow_telemetry.model import Event, EventKind, StatusCategory, WorkItem
from flow_telemetry.rules.lifecycle import (
    find_open_periods,
    find_status_intervals,
    time_in_statuses,
)

ASSIGNED, CLOSED, REOPENED = EventKind.ASSIGNED, EventKind.CLOSED, EventKind.REOPENED
TO_DO, IN_PROGRESS, DONE = StatusCategory


def told(*history: Event, closed: float | None = None, until: float | None = None) -> str:
    """Return the stretches as text: `To Do 0-10, In Progress 10-60`."""
    return shown(item("ACME-57", *history, closed=closed), until)


def of_github(*history: Event, closed: float | None = None) -> str:
    """Return the stretches of an issue of GitHub, which may have no status."""
    return shown(item("acme/shop#17", *history, closed=closed, tracker="github"))


def shown(found: WorkItem, until: float | None = None) -> str:
    """Return the stretches of an item as text."""
    each = find_status_intervals(found, until=None if until is None else at(until))
    assert [stretch.number for stretch in each] == list(range(1, len(each) + 1))
    return ", ".join("{} {}-{}".format(s.status, *minutes(s.interval)) for s in each)


def test_each_change_of_status_begins_a_stretch() -> None:
    """The first one has the status from before the first change."""
    history = (moved(10, "To Do", "In Progress"), moved(40, "In Progress", "Done"))
    assert told(*history, closed=60) == "To Do 0-10, In Progress 10-40, Done 40-60"


def test_without_a_status_the_first_assignment_begins_the_work() -> None:
    """Further assignments, and taking them back, change nothing."""
    assert of_github(closed=60) == "open 0-60"
    history = (event(10, ASSIGNED), event(20, EventKind.UNASSIGNED), event(30, ASSIGNED))
    assert of_github(*history, closed=60) == "open 0-10, in progress 10-60"
    assert of_github(event(0, ASSIGNED), closed=60) == "in progress 0-60"


def test_until_it_is_in_the_project_the_assignment_tells() -> None:
    """A status that was given late replaces nothing, and one that was taken away leaves nothing."""
    history = (event(10, ASSIGNED), moved(20, "", "Todo"), moved(40, "Todo", ""))
    assert of_github(*history, closed=60) == (
        "open 0-10, in progress 10-20, Todo 20-40, in progress 40-60"
    )


def test_stretches_are_counted_over_all_lives() -> None:
    """A reopened item goes on with the status that it has."""
    found = item(
        "ACME-57",
        moved(10, "To Do", "Done"),
        event(20, CLOSED),
        moved(25, "Done", "Review"),
        event(30, REOPENED),
        event(40, CLOSED),
        closed=40,
    )
    assert shown(found) == "To Do 0-10, Done 10-20, Review 30-40"
    assert [stretch.period_number for stretch in find_status_intervals(found)] == [1, 1, 2]


def test_a_status_of_later_does_not_change_an_earlier_life() -> None:
    """The first change says what the status was before it, and a project may come later."""
    first = (event(10, ASSIGNED), event(20, CLOSED))
    again = (event(30, REOPENED), moved(35, "", "Doing"), event(40, CLOSED))
    assert of_github(*first, closed=20) == "open 0-10, in progress 10-20"
    assert of_github(*first, *again, closed=40) == (
        "open 0-10, in progress 10-20, in progress 30-35, Doing 35-40"
    )
    later = (event(20, CLOSED), event(30, REOPENED), moved(35, "Backlog", "Doing"))
    assert told(*later, event(40, CLOSED), closed=40) == "Backlog 0-20, Backlog 30-35, Doing 35-40"


def test_an_item_of_jira_that_never_moved_is_in_its_present_status() -> None:
    """Only an issue of GitHub may have none."""
    found = item("ACME-57", event(10, ASSIGNED), status="To Do", closed=20)
    assert shown(found) == "To Do 0-20"
    assert shown(replace(found, tracker="github")) == "open 0-10, in progress 10-20"


def test_work_that_was_assigned_before_the_creation_begins_with_it() -> None:
    """Imports report such assignments and statuses."""
    assert of_github(event(-10, ASSIGNED), closed=20) == "in progress 0-20"
    assert told(moved(-10, "To Do", "Doing"), closed=20) == "Doing 0-20"


def test_an_open_item_that_never_moved_is_in_its_status() -> None:
    """In a snapshot only: nothing open is sent."""
    waiting = item("ACME-57", event(10, ASSIGNED), status="To Do")
    assert shown(waiting) == ""
    assert shown(waiting, until=30) == "To Do 0-30"
    moved_later = replace(waiting, history=(moved(40, "Backlog", "To Do"),))
    assert shown(moved_later, until=30) == "Backlog 0-30"
    assert [stretch.ended for stretch in find_status_intervals(moved_later, until=at(50))] == [
        True,
        False,
    ]


def test_what_lasted_for_no_time_is_left_out() -> None:
    """Several changes in one second are the last one of them."""
    history = (moved(10, "To Do", "Doing"), moved(10, "Doing", "Review"), moved(20, "Review", "x"))
    assert told(*history, closed=20) == "To Do 0-10, Review 10-20"
    back = (moved(10, "To Do", "Doing"), moved(10, "Doing", "To Do"))
    assert told(*back, closed=20) == "To Do 0-20"


def test_a_status_has_the_category_that_its_change_reports() -> None:
    """One without a category has none."""
    history = (
        moved(10, "TODO", "in progress"),
        moved(20, "in progress", "Review"),
        moved(30, "Review", "Done"),
    )
    found = item("ACME-57", *history, closed=40)
    assert [s.category for s in find_status_intervals(found)] == [TO_DO, IN_PROGRESS, None, DONE]


def test_what_stands_for_a_status_has_its_category() -> None:
    """An open issue is to do, an assigned one in progress."""
    found = item("acme/shop#17", event(10, ASSIGNED), closed=20, tracker="github")
    assert [s.category for s in find_status_intervals(found)] == [TO_DO, IN_PROGRESS]


STATUSES = st.sampled_from(["", "To Do", "Doing", "Done"])
EVENTS = st.lists(
    st.builds(
        event,
        st.integers(-5, 40),
        st.sampled_from([ASSIGNED, CLOSED, REOPENED, EventKind.LABELED]),
    )
    | st.builds(moved, st.integers(-5, 40), STATUSES, STATUSES),
    max_size=14,
)


@given(EVENTS, st.none() | st.integers(0, 40), STATUSES, st.none() | st.integers(0, 40))
def test_stretches_tile_each_life(
    history: list[Event], closed: int | None, status: str, until: int | None
) -> None:
    """Whatever happened, there is neither gap nor overlap, and no empty stretch."""
    found = item("ACME-57", *history, closed=closed, status=status)
    cut = None if until is None else at(until)
    each = find_status_intervals(found, until=cut)
    assert [stretch.number for stretch in each] == list(range(1, len(each) + 1))
    for life in find_open_periods(found.created_at, found.closed_at, found.history, cut):
        own = [stretch for stretch in each if stretch.period_number == life.number]
        bounds = [life.interval.start, *(s.interval.end for s in own)]
        assert [s.interval.start for s in own] == bounds[:-1]
        assert bounds[-1] == life.interval.end
        assert all(stretch.interval.seconds > 0 and stretch.status for stretch in own)


@given(EVENTS, st.integers(0, 40), STATUSES)
def test_times_in_statuses_add_up_to_each_life(
    history: list[Event], closed: int, status: str
) -> None:
    """Each second between creation or reopening and closing is in one status."""
    found = item("ACME-57", *history, closed=closed, status=status)
    for life in find_open_periods(found.created_at, found.closed_at, found.history, None):
        times = time_in_statuses(found, life)
        assert all(spent > 0 for spent in times.values())
        assert math.isclose(sum(times.values()), life.interval.seconds)


@given(EVENTS, st.integers(0, 40), st.text(max_size=3))
def test_nothing_later_changes_a_life_that_ended(
    history: list[Event], until: int, status: str
) -> None:
    """What was sent at a closing is what a later reading says of that time."""
    whole = item("ACME-57", *history, closed=60, status=status)
    born = find_open_periods(whole.created_at, whole.closed_at, whole.history, at(until))
    sent = {life.number for life in born if life.ended}
    then, later = find_status_intervals(whole, until=at(until)), find_status_intervals(whole)
    assert [s for s in then if s.period_number in sent] == [
        s for s in later if s.period_number in sent
    ]
