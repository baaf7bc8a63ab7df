"""The phases of a change tell where it waited, and for whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.builders import at, change, dismissal, event, minutes, review

from flow_telemetry.model import Change, Event, EventKind
from flow_telemetry.rules.lifecycle import (
    AWAITED,
    TRANSITIONS,
    PhaseKind,
    find_open_periods,
    find_phases,
    requested_reviewers,
)

READY, DRAFTED = EventKind.READY_FOR_REVIEW, EventKind.CONVERTED_TO_DRAFT
COMMITTED, REQUESTED = EventKind.COMMITTED, EventKind.REVIEW_REQUESTED
REQUEST_REMOVED = EventKind.REVIEW_REQUEST_REMOVED
QUEUED, DEQUEUED = EventKind.QUEUED, EventKind.DEQUEUED
CLOSED, MERGED, REOPENED = EventKind.CLOSED, EventKind.MERGED, EventKind.REOPENED


def told(found: Change, until: float | None = None) -> str:
    """Return the phases as text: `draft 0-5, awaiting review 5-9`."""
    each = find_phases(found, None if until is None else at(until))
    return ", ".join("{} {}-{}".format(p.kind.label, *minutes(p.interval)) for p in each)


def test_a_change_goes_from_draft_to_merge() -> None:
    """Each phase begins where the one before ends."""
    found = change(
        event(10, READY),
        review(30, "bob", "comments"),
        review(40, "bob", "asks for changes"),
        event(70, COMMITTED),
        review(90, "bob", "approves"),
        event(100, QUEUED),
        event(110, MERGED),
        closed=110,
    )
    assert told(found) == (
        "draft 0-10, awaiting review 10-30, in review 30-40, changes requested 40-70, "
        "in review 70-90, awaiting merge 90-100, in merge queue 100-110"
    )


@pytest.mark.parametrize(
    ("timeline", "draft", "expected"),
    [
        ((), True, "draft 0-60"),
        ((), False, "awaiting review 0-60"),
        ((event(10, READY),), False, "draft 0-10, awaiting review 10-60"),
        ((event(10, DRAFTED),), True, "awaiting review 0-10, draft 10-60"),
        (
            (event(10, READY), event(20, DRAFTED)),
            True,
            "draft 0-10, awaiting review 10-20, draft 20-60",
        ),
    ],
)
def test_the_first_change_tells_what_it_was_at_the_opening(
    timeline: tuple[Event, ...], draft: bool, expected: str
) -> None:
    """Without one it is what it is now."""
    assert told(change(*timeline, closed=60, draft=draft)) == expected


@pytest.mark.parametrize("who", ["linter", "copilot", "alice", "Alice"])
def test_nobody_else_has_reviewed_yet(who: str) -> None:
    """Reviews of bots and agents do not count, nor do the author's own."""
    found = change(review(10, who, "approves"), review(20, who, "asks for changes"), closed=60)
    assert told(found) == "awaiting review 0-60"


def test_a_review_by_an_account_that_is_gone_counts() -> None:
    """Whoever it was, somebody looked."""
    assert told(change(review(10, None, "approves"), closed=60)).endswith("awaiting merge 10-60")


@pytest.mark.parametrize(
    "answer",
    [
        event(20, COMMITTED),
        event(20, EventKind.FORCE_PUSHED),
        event(20, REQUESTED, subject="bob"),
        event(20, REQUESTED, subject="carol"),
        dismissal(20, "1"),
    ],
)
def test_after_the_authors_answer_it_is_the_reviewers_turn(answer: Event) -> None:
    """A push, a new request or a dismissal ends `changes requested`."""
    found = change(review(10, "bob", "asks for changes", "1"), answer, closed=60)
    assert told(found) == "awaiting review 0-10, changes requested 10-20, in review 20-60"


def test_one_request_of_changes_outweighs_approvals() -> None:
    """Even answered, it has to be taken back by its reviewer."""
    found = change(
        review(10, "bob", "approves"),
        review(20, "carol", "asks for changes"),
        event(30, COMMITTED),
        review(40, "dave", "approves"),
        review(50, "Carol", "approves"),
        closed=60,
    )
    assert told(found) == (
        "awaiting review 0-10, awaiting merge 10-20, changes requested 20-30, in review 30-50, "
        "awaiting merge 50-60"
    )


def test_comments_and_pushes_leave_an_approval() -> None:
    """As on GitHub, where only a dismissal takes it back."""
    found = change(
        review(10, "bob", "approves", "1"),
        review(20, "bob", "comments", "2"),
        event(30, COMMITTED),
        dismissal(40, "2"),
        dismissal(50, "1"),
        closed=60,
    )
    assert told(found) == "awaiting review 0-10, awaiting merge 10-50, in review 50-60"


def test_a_review_counts_up_to_its_dismissal() -> None:
    """One after the merge changes nothing more."""
    taken = change(review(10, "bob", "approves", "1"), dismissal(30, "1"), closed=60)
    assert told(taken) == "awaiting review 0-10, awaiting merge 10-30, in review 30-60"
    taken_later = change(review(10, "bob", "approves", "1"), dismissal(90, "1"), closed=60)
    assert told(taken_later) == "awaiting review 0-10, awaiting merge 10-60"
    unknown = change(review(10, "bob", "was dismissed", "1"), closed=60)
    assert told(unknown) == "awaiting review 0-10, in review 10-60"


def test_the_dismissal_of_an_older_review_leaves_the_latest() -> None:
    """Only what its reviewer said last counts, and only that can be taken back."""
    found = change(
        review(10, "bob", "asks for changes", "1"),
        review(20, "bob", "approves", "2"),
        dismissal(30, "1"),
        dismissal(40, ""),
        closed=60,
    )
    assert told(found).endswith("awaiting merge 20-60")


def test_out_of_the_queue_it_is_what_the_reviews_say() -> None:
    """A draft leaves the queue too."""
    found = change(
        review(10, "bob", "approves"),
        event(20, QUEUED),
        event(30, DEQUEUED),
        event(40, QUEUED),
        event(45, DRAFTED),
        event(50, READY),
        closed=60,
    )
    assert told(found) == (
        "awaiting review 0-10, awaiting merge 10-20, in merge queue 20-30, awaiting merge 30-40, "
        "in merge queue 40-45, draft 45-50, awaiting merge 50-60"
    )


def test_commits_outside_its_lives_change_nothing() -> None:
    """Before the opening, while it is closed, and after the end."""
    found = change(
        event(-30, COMMITTED),
        review(10, "bob", "asks for changes"),
        event(20, CLOSED),
        event(25, COMMITTED),
        event(30, REOPENED),
        event(40, CLOSED),
        event(50, COMMITTED),
        closed=40,
    )
    assert told(found) == ("awaiting review 0-10, changes requested 10-20, changes requested 30-40")


def test_a_reopened_change_goes_on_where_it_was() -> None:
    """Draft or not and the reviews are kept, those given in between too; the queue is left."""
    found = change(
        event(5, QUEUED),
        event(20, CLOSED),
        review(25, "bob", "approves"),
        event(30, REOPENED),
        event(40, CLOSED),
        closed=40,
    )
    assert told(found) == "awaiting review 0-5, in merge queue 5-20, awaiting merge 30-40"


def test_phases_of_a_kind_are_counted_over_all_lives() -> None:
    """The second draft is number 2, whichever life it is in."""
    found = change(
        event(10, READY),
        event(20, DRAFTED),
        event(30, CLOSED),
        event(40, REOPENED),
        event(50, READY),
        event(60, CLOSED),
        closed=60,
    )
    assert [(p.kind.value, p.number, p.period_number) for p in find_phases(found)] == [
        ("draft", 1, 1),
        ("awaiting-review", 1, 1),
        ("draft", 2, 1),
        ("draft", 3, 2),
        ("awaiting-review", 2, 2),
    ]


def test_an_open_change_has_phases_only_up_to_a_cut() -> None:
    """Those that are over can be sent live; the last one still goes on."""
    found = change(review(10, "bob", "comments"))
    assert find_phases(found) == ()
    assert told(found, until=30) == "awaiting review 0-10, in review 10-30"
    assert [phase.ended for phase in find_phases(found, at(30))] == [True, False]


def test_of_a_change_known_by_its_number_nothing_is_told() -> None:
    """As of one that only the branch of a merge queue names."""
    assert find_phases(replace(change(closed=60), created_at=None), at(60)) == ()


def test_what_lasted_for_no_time_is_left_out() -> None:
    """Opened as a draft and made ready in the same second, or asked for and dismissed at once."""
    found = change(
        event(0, READY),
        review(10, "bob", "comments"),
        review(20, "bob", "asks for changes", "1"),
        dismissal(20, "1"),
        closed=60,
    )
    assert told(found) == "awaiting review 0-10, in review 10-60"
    assert find_phases(change(closed=0)) == ()


REVIEWERS = st.sampled_from(["bob", "carol", "alice", "linter", None])
SAYINGS = st.sampled_from(["approves", "asks for changes", "comments", "was dismissed"])
IDS = st.sampled_from(["", "1", "2", "3"])
TIMES = st.integers(-5, 40)
EVENTS = st.lists(
    st.builds(event, TIMES, st.sampled_from([*TRANSITIONS, EventKind.LABELED]))
    | st.builds(review, TIMES, REVIEWERS, SAYINGS, IDS)
    | st.builds(dismissal, TIMES, IDS),
    max_size=16,
)
CHANGES = st.builds(
    lambda events, closed, draft: change(*events, closed=closed, draft=draft),
    EVENTS,
    st.none() | st.integers(0, 40),
    st.booleans(),
)


@given(CHANGES, st.none() | st.integers(0, 40))
def test_phases_tile_each_life(found: Change, until: int | None) -> None:
    """Whatever happened, there is neither gap nor overlap, and no empty phase."""
    cut = None if until is None else at(until)
    each = find_phases(found, cut)
    for life in find_open_periods(found.created_at, found.closed_at, found.timeline, cut):
        own = [phase for phase in each if phase.period_number == life.number]
        bounds = [life.interval.start, *(p.interval.end for p in own)]
        assert [p.interval.start for p in own] == bounds[:-1]
        assert bounds[-1] == life.interval.end
        assert all(phase.interval.seconds > 0 for phase in own)
        assert all(first.kind is not second.kind for first, second in pairwise(own))
        assert [phase.ended for phase in own] == [True] * (len(own) - 1) + [life.ended] * bool(own)


@given(CHANGES)
def test_phases_of_a_kind_count_from_one(found: Change) -> None:
    """In order of time, so that a number once given stays."""
    for kind in PhaseKind:
        own = [p for p in find_phases(found) if p.kind is kind]
        assert [phase.number for phase in own] == list(range(1, len(own) + 1))
        assert own == sorted(own, key=lambda phase: phase.interval.start)


@given(CHANGES, st.integers(0, 40))
def test_a_phase_that_is_over_stays_as_it_was(found: Change, until: int) -> None:
    """What was sent live is what the whole says in the end."""
    over = [p for p in find_phases(found, at(until)) if p.ended and p.interval.end < at(until)]
    assert over == list(find_phases(found, at(60)))[: len(over)]


def test_phases_have_names_for_people() -> None:
    """Those of the documentation."""
    assert [kind.label for kind in PhaseKind] == [
        "draft",
        "awaiting review",
        "in review",
        "changes requested",
        "awaiting merge",
        "in merge queue",
    ]


def awaited(found: Change, until: float | None = None) -> list[tuple[str, ...]]:
    """Return whose review each phase waits for at its end."""
    phases = find_phases(found, None if until is None else at(until))
    return [requested_reviewers(found, phase) for phase in phases]


def test_every_phase_waits_for_somebody() -> None:
    """The page on phases has the same words."""
    assert {kind.value: awaited.value for kind, awaited in AWAITED.items()} == {
        "draft": "author",
        "awaiting-review": "reviewer",
        "in-review": "reviewer",
        "changes-requested": "author",
        "awaiting-merge": "merger",
        "in-merge-queue": "automation",
    }


def test_a_phase_names_whose_review_is_still_requested_at_its_end() -> None:
    """A review ends the request of who gave it; what ends the phase was awaited until then."""
    found = change(
        event(1, REQUESTED, "bob"),
        event(2, REQUESTED, "carol"),
        event(3, REQUESTED, "dave"),
        event(4, REQUESTED, "team-a"),
        event(9, REQUEST_REMOVED, "dave"),
        review(10, "Bob", "comments"),
        review(20, "carol", "approves"),
        closed=60,
    )
    # Awaiting review, in review, awaiting merge.
    assert awaited(found) == [("bob", "carol", "team-a"), ("carol", "team-a"), ()]


def test_a_request_after_a_review_counts_again() -> None:
    """The author asks the same person to look once more."""
    found = change(
        event(1, REQUESTED, "bob"),
        review(10, "bob", "asks for changes"),
        event(20, REQUESTED, "bob"),
        closed=60,
    )
    assert awaited(found) == [("bob",), (), ("bob",)]


def test_a_phase_does_not_change_by_what_follows_it() -> None:
    """A phase that is sent live is equal to the one that is sent with the pull request."""
    requested = event(1, REQUESTED, "bob")
    early = change(requested, review(10, "bob", "comments"), event(20, REQUESTED, "carol"))
    late = change(*early.timeline, event(30, REQUEST_REMOVED, "carol"), closed=60)
    assert awaited(early, 25)[0] == awaited(late)[0] == ("bob",)
