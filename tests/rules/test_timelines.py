"""All that happened to one thing: opening and closing, what is told twice, what has odd times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.builders import OPENING, SHOP, at, change, event, item, moved, review

from flow_telemetry.model import Actor, Deployment, DeploymentStatus, Event, EventKind, WorkItem
from flow_telemetry.rules import timeline as histories
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.lifecycle import change_periods, find_blocked_intervals
from flow_telemetry.rules.timeline import TimelineEntry

OWNER = "github.com/acme/shop/pull/7"


def told(happenings: tuple[TimelineEntry, ...]) -> list[str]:
    """Return the events as `kind@minute`."""
    return [
        f"{each.event.kind.value}@{(each.time - OPENING) / timedelta(minutes=1):g}"
        for each in happenings
    ]


def leaving(
    pull: object,
    within: tuple[float, float] | None = None,
    *,
    exported: tuple[float, ...] = (),
) -> list[str]:
    """Return what leaves of a change at its closing, if some closings were exported before."""
    assert isinstance(pull, type(change()))
    history = histories.build_change_timeline(pull)
    ended = change_periods(pull)
    closed = (
        None
        if within is None
        else Window((Interval(at(within[0]), at(within[1])),), tuple(map(at, exported)))
    )
    return told(histories.select_entries(history, ended, None, closed))


def test_a_history_begins_with_the_opening_and_ends_with_the_closing() -> None:
    """No timeline tells of the opening; a closing that it lacks is known from the change."""
    pull = change(event(5, EventKind.LABELED, "bug"), closed=9)
    assert told(histories.build_change_timeline(pull)) == ["created@0", "labeled@5", "closed@9"]


def test_a_merge_that_the_timeline_lacks_is_known_from_the_change() -> None:
    """And who merged it."""
    pull = replace(change(closed=9), merged_at=at(9), merged_by=Actor(login="bob"))
    _, merge = histories.build_change_timeline(pull)
    assert (merge.event.kind, merge.event.actor) == (EventKind.MERGED, Actor(login="bob"))


def test_what_is_told_is_not_told_again() -> None:
    """A closing in the timeline is the closing."""
    pull = change(event(9, EventKind.CLOSED), closed=9)
    assert told(histories.build_change_timeline(pull)) == ["created@0", "closed@9"]


def test_a_closing_before_the_reopening_is_no_later_one() -> None:
    """A change that is open again has no closing that the timeline would lack."""
    pull = change(event(3, EventKind.CLOSED), event(5, EventKind.REOPENED), closed=3)
    assert told(histories.build_change_timeline(pull)) == ["created@0", "closed@3", "reopened@5"]


def test_what_is_older_than_the_opening_has_its_time() -> None:
    """A commit became part of the pull request when that was opened."""
    pull = change(event(-30, EventKind.COMMITTED), event(2, EventKind.COMMITTED), closed=9)
    first, second, third, _ = histories.build_change_timeline(pull)
    assert told((first, second, third)) == ["created@0", "committed@0", "committed@2"]
    assert [each.moved for each in (first, second, third)] == [False, True, False]


def test_what_came_after_the_closing_does_not_leave_with_it() -> None:
    """It had not happened yet when that was sent, and a repeat is to be equal."""
    pull = change(event(9, EventKind.MERGED), event(50, EventKind.COMMENTED), closed=9)
    assert leaving(pull) == ["created@0", "merged@9"]


def test_a_merge_that_is_told_as_a_closing_a_second_later_leaves_with_that() -> None:
    """Whatever is between the two leaves as well."""
    late = Event(kind=EventKind.CLOSED, time=at(9) + timedelta(seconds=1))
    pull = change(event(9, EventKind.MERGED), event(9, EventKind.LABELED, "a"), late, closed=9)
    assert [each.split("@")[0] for each in leaving(pull)] == [
        *("created", "merged", "labeled", "closed")
    ]


def test_a_second_closing_sends_what_happened_since_the_first() -> None:
    """What is between closing and reopening is part of it; the first life's had left."""
    pull = change(
        event(3, EventKind.CLOSED),
        event(4, EventKind.COMMENTED),
        event(5, EventKind.REOPENED),
        event(9, EventKind.CLOSED),
        closed=9,
    )
    second = ["commented@4", "reopened@5", "closed@9"]
    first = ["created@0", "closed@3"]
    assert leaving(pull) == leaving(pull, within=(4, 10)) == second
    assert leaving(pull, within=(3, 9)) == first
    assert leaving(pull, within=(0, 10)) == first + second
    assert leaving(pull, within=(10, 20)) == []


def test_a_closing_that_was_exported_leaves_out_its_events_only() -> None:
    """Those of an earlier and of a later closing are exported, without what lies between."""
    pull = change(
        *(event(minute, EventKind.CLOSED) for minute in (3, 6, 9)),
        *(event(minute, EventKind.REOPENED) for minute in (4, 7)),
        closed=9,
    )
    assert leaving(pull, within=(0, 10), exported=(6,)) == [
        *("created@0", "closed@3", "reopened@7", "closed@9")
    ]
    assert leaving(pull, within=(0, 10), exported=(3, 6, 9)) == []


def test_an_open_change_sends_nothing() -> None:
    """Its events leave with its closing."""
    assert leaving(change(event(5, EventKind.LABELED, "bug"))) == []


@pytest.mark.parametrize(
    ("happened", "ending"),
    [
        (review(5, "bob", "approves", "502"), "reviewed:502"),
        (replace(event(5, EventKind.COMMITTED), id="c0ffee"), "committed:c0ffee"),
        (event(5, EventKind.LABELED, "bug"), "labeled:2026-11-24T09:05:00Z:bug"),
        (event(5, EventKind.REVIEW_REQUESTED, "bob"), "review_requested:2026-11-24T09:05:00Z:bob"),
        (event(5, EventKind.FORCE_PUSHED), "force_pushed:2026-11-24T09:05:00Z"),
        (event(-5, EventKind.COMMENTED), "commented:2026-11-24T08:55:00Z"),
        (event(5, EventKind.LABELED, "x" * 300), f"labeled:2026-11-24T09:05:00Z:{'x' * 256}"),
    ],
)
def test_an_event_has_a_reference_of_its_own(happened: Event, ending: str) -> None:
    """By its number, else by its own second and what it was about."""
    _, each = histories.build_change_timeline(change(happened))
    assert each.reference == f"{OWNER}#event:{ending}"


def test_two_events_of_one_reference_are_told_apart() -> None:
    """Two changes to one status within a second; equal events are one."""
    there, back, again = (
        moved(1, "To Do", "Done"),
        moved(1, "Done", "To Do"),
        moved(1, "Doing", "Done"),
    )
    history = histories.build_item_timeline(item("ACME-57", there, back, again, there), ())
    assert [each.reference.rpartition("Z")[2] for each in history[1:]] == [
        *(":Done", ":To Do", ":Done:2")
    ]


def test_a_name_that_looks_like_a_number_takes_nobody_s_place() -> None:
    """The label `bug:2` is not the second event about `bug`."""
    first, second = event(1, EventKind.LABELED, "bug"), event(1, EventKind.LABELED, "bug:2")
    other = replace(first, actor=Actor(login="bob"))
    references = [
        e.reference for e in histories.build_change_timeline(change(second, first, other))
    ]
    assert len(set(references)) == len(references) == 4


def test_a_blocking_has_one_beginning_and_one_end() -> None:
    """Overlapping causes are one blocking; who began it is known from the cause."""
    flagged = replace(event(1, EventKind.BLOCKED, "acme/shop#3"), actor=Actor(login="bob"))
    freed = event(9, EventKind.UNBLOCKED, "acme/shop#3")
    flag = (event(2, EventKind.BLOCKED), event(8, EventKind.UNBLOCKED))
    story = item("ACME-57", flagged, *flag, freed, closed=10)
    _, begin, end, _ = histories.build_item_timeline(story, find_blocked_intervals(story, ()))
    assert (begin.event.kind, begin.event.subject) == (EventKind.BLOCKED, "acme/shop#3")
    assert (begin.event.actor, end.event.kind) == (Actor(login="bob"), EventKind.UNBLOCKED)


def test_a_blocking_that_ends_with_the_item_has_no_end_of_its_own() -> None:
    """The closing says that it is over."""
    story = item("ACME-57", event(1, EventKind.BLOCKED), closed=9)
    history = histories.build_item_timeline(story, find_blocked_intervals(story, ()))
    assert told(history) == ["created@0", "blocked@1", "closed@9"]


def test_of_an_item_that_is_known_by_its_key_alone_nothing_is_told() -> None:
    """No tracker was asked."""
    story = WorkItem(tracker="jira", key="ACME-1", reference="jira/ACME-1", read=False)
    assert histories.build_item_timeline(story, ()) == ()


def test_a_deployment_is_told_up_to_its_success() -> None:
    """That a later one took its place is not its own story."""
    statuses = tuple(
        DeploymentStatus(state=state, time=at(minute), id=number)
        for number, (state, minute) in enumerate(
            [("queued", 1), ("success", 4), ("inactive", 90)], 70
        )
    )
    made = Deployment(
        repository=SHOP,
        id=77,
        environment="production",
        sha="c0ffee",
        created_at=OPENING,
        statuses=statuses,
    )
    history = histories.build_deployment_timeline(made)
    leaving = histories.select_deployment_entries(history, made, None)
    assert told(leaving) == ["created@0", "status_changed@1", "status_changed@4"]
    assert leaving[-1].reference == "github.com/acme/shop/deployments/77#event:status_changed:71"
