"""A change or item lives from its opening, and from each reopening, to the next closing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import OPENING, at, event, minutes

from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.lifecycle import CLOSINGS, find_open_periods

CLOSED, MERGED, REOPENED = EventKind.CLOSED, EventKind.MERGED, EventKind.REOPENED


def lived(
    *events: Event, closed: float | None = None, until: float | None = None
) -> list[tuple[int, int, bool]]:
    """Return the bounds of each life in minutes, and whether it ended."""
    found = find_open_periods(
        OPENING,
        None if closed is None else at(closed),
        events,
        None if until is None else at(until),
    )
    assert [life.number for life in found] == list(range(1, len(found) + 1))
    return [(*minutes(life.interval), life.ended) for life in found]


def test_each_reopening_begins_a_life() -> None:
    """The first life ends with the first closing, and nothing that was sent becomes wrong."""
    events = (event(10, CLOSED), event(20, REOPENED), event(50, CLOSED))
    assert lived(*events, closed=50) == [(0, 10, True), (20, 50, True)]


def test_a_merge_and_its_closing_are_one() -> None:
    """GitHub tells both, in the same second or the next."""
    assert lived(event(10, MERGED), event(10, CLOSED), closed=10) == [(0, 10, True)]
    assert lived(event(10, MERGED), event(11, CLOSED), closed=11) == [(0, 10, True)]


def test_what_is_told_twice_counts_once() -> None:
    """A second closing or reopening changes nothing."""
    events = (*(event(m, CLOSED) for m in (10, 12)), *(event(m, REOPENED) for m in (20, 25)))
    assert lived(*events, closed=30) == [(0, 10, True), (20, 30, True)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), [(0, 30, True)]),
        ((event(10, CLOSED), event(20, REOPENED)), [(0, 10, True), (20, 30, True)]),
    ],
)
def test_the_closing_time_serves_where_no_event_tells_it(
    events: tuple[Event, ...], expected: list[tuple[int, int, bool]]
) -> None:
    """Of a timeline that was cut, the end is still known."""
    assert lived(*events, closed=30) == expected


def test_an_old_closing_time_does_not_end_a_reopened_life() -> None:
    """It was the end of the life before."""
    assert lived(event(10, CLOSED), event(20, REOPENED), closed=10) == [(0, 10, True)]


def test_an_open_life_is_cut_only_where_a_cut_is_asked_for() -> None:
    """Nothing open is sent, but a snapshot shows it as of its time."""
    assert lived() == []
    assert lived(until=15) == [(0, 15, False)]
    events = (event(10, CLOSED), event(20, REOPENED))
    assert lived(*events) == [(0, 10, True)]
    assert lived(*events, until=25) == [(0, 10, True), (20, 25, False)]


def test_what_came_after_the_cut_did_not_happen() -> None:
    """A snapshot of the past knows no closing that came later."""
    assert lived(event(10, CLOSED), closed=10, until=5) == [(0, 5, False)]
    assert lived(event(10, CLOSED), closed=10, until=10) == [(0, 10, True)]
    assert lived(until=-1) == []


def test_what_is_told_of_the_time_before_the_creation_is_ignored() -> None:
    """An imported history, or a clock that was wrong, makes no life of negative length."""
    assert lived(event(-5, CLOSED), event(-3, REOPENED), closed=10) == [(0, 10, True)]
    assert lived(closed=-5) == [(0, 0, True)]


def test_without_a_creation_there_is_no_life() -> None:
    """Of a pull request known by its number alone nothing can be told."""
    assert find_open_periods(None, at(5), [event(5, CLOSED)], at(9)) == ()


EVENTS = st.lists(
    st.builds(event, st.integers(-5, 60), st.sampled_from([*CLOSINGS, REOPENED])), max_size=12
)


@given(EVENTS, st.none() | st.integers(-5, 60), st.none() | st.integers(0, 60))
def test_lives_follow_one_another(
    events: list[Event], closed: int | None, until: int | None
) -> None:
    """Whatever is told, they neither overlap nor run backwards, and only the last is open."""
    found = lived(*events, closed=closed, until=until)
    assert all(start <= end for start, end, _ in found)
    assert all(first[1] <= second[0] for first, second in pairwise(found))
    assert all(ended for _, _, ended in found[:-1])
    assert all(start == 0 for start, _, _ in found[:1])
    if until is None:
        assert all(ended for _, _, ended in found)
