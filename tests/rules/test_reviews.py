"""Reviews count by who gave them, and by what the author did in between."""

from __future__ import annotations

from dataclasses import replace

from tests.rules.builders import at, change, event, review

from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.lifecycle import (
    count_review_rounds,
    find_phases,
    first_approval_time,
    first_review_time,
    is_anothers_review,
)

PUSH = EventKind.COMMITTED


def rounds(*timeline: Event) -> int:
    """Return how many rounds of review alice's change had."""
    return count_review_rounds(change(*timeline), timeline)


def test_reviews_without_an_answer_between_them_are_one_round() -> None:
    """Two reviewers at the same state of the change, then one after the push."""
    before = (review(10, "bob", "comments"), review(20, "carol", "asks for changes"))
    assert rounds(*before) == 1
    assert rounds(*before, event(30, PUSH), review(40, "carol", "approves")) == 2
    asked = event(30, EventKind.REVIEW_REQUESTED)
    assert rounds(*before, asked, event(35, PUSH), review(40, "carol", "approves")) == 2


def test_bots_and_the_author_make_no_round() -> None:
    """An account that is gone was a person."""
    nobody = (review(10, "linter", "comments"), review(20, "Alice", "comments"))
    assert rounds() == rounds(*nobody) == rounds(event(5, PUSH)) == 0
    assert rounds(*nobody, review(30, None, "approves")) == 1


def test_the_first_review_and_the_first_approval() -> None:
    """By other persons; a comment is a review, and no approval."""
    timeline = (
        review(5, "copilot", "approves"),
        review(10, "alice", "comments"),
        review(20, "bob", "comments"),
        review(30, "bob", "approves"),
    )
    assert first_review_time(change(), timeline) == at(20)
    assert first_approval_time(change(), timeline) == at(30)
    assert first_approval_time(change(), timeline[:3]) is None


def test_a_review_of_a_deleted_account_counts_also_if_the_authors_was_deleted() -> None:
    """In the first review, the first approval, the rounds and the phases alike."""
    timeline = (review(30, None, "approves"),)
    deleted = replace(change(*timeline, closed=60), author=None)
    assert is_anothers_review(deleted, timeline[0])
    assert first_review_time(deleted, timeline) == at(30)
    assert first_approval_time(deleted, timeline) == at(30)
    assert count_review_rounds(deleted, timeline) == 1
    assert [phase.kind.value for phase in find_phases(deleted)] == [
        "awaiting-review",
        "awaiting-merge",
    ]
