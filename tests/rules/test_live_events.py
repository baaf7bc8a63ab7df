"""Which event of a history was told, where the telling has neither id nor time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.rules.builders import at, event, review

from flow_telemetry.model import Event, EventKind
from flow_telemetry.rules.timeline import WebhookEvent, find_webhook_events

BUG = [event(minute, EventKind.LABELED, "bug") for minute in (1, 5, 9)]


def commit(minute: float, sha: str) -> Event:
    """Return a commit."""
    return replace(event(minute, EventKind.COMMITTED), id=sha)


@pytest.mark.parametrize(("minute", "found"), [(1, BUG[0]), (6, BUG[1]), (30, BUG[2]), (0, BUG[0])])
def test_the_newest_up_to_the_time_of_the_telling_is_meant(minute: float, found: Event) -> None:
    """A label that was put on again later was told by another event."""
    telling = WebhookEvent(kind=EventKind.LABELED, subject="bug", time=at(minute))
    others = [event(6, EventKind.LABELED, "risky"), event(6, EventKind.UNLABELED, "bug")]
    assert find_webhook_events(telling, [*BUG, *others]) == (found,)


def test_a_second_apart_is_the_same() -> None:
    """GitHub writes the thing's time and its event one after the other."""
    telling = WebhookEvent(kind=EventKind.LABELED, subject="bug", time=at(5) - timedelta(seconds=1))
    assert find_webhook_events(telling, BUG) == (BUG[1],)


def test_without_a_time_the_newest_is_meant() -> None:
    """A damaged payload tells the kind all the same."""
    assert find_webhook_events(WebhookEvent(kind=EventKind.LABELED, subject="bug"), BUG) == (
        BUG[2],
    )


def test_a_number_decides_alone() -> None:
    """Whatever the times are; one that the history lacks is not there."""
    reviews = [review(1, "bob", "comments", "501"), review(2, "bob", "approves", "502")]
    assert find_webhook_events(WebhookEvent(kind=EventKind.REVIEWED, id="501"), reviews) == (
        reviews[0],
    )
    assert find_webhook_events(WebhookEvent(kind=EventKind.REVIEWED, id="9"), reviews) == ()
    assert find_webhook_events(WebhookEvent(kind=EventKind.COMMENTED, id="501"), reviews) == ()


def test_a_push_tells_of_all_of_its_commits() -> None:
    """Those after the one before the push."""
    one, two, three = commit(1, "1"), commit(2, "2"), commit(3, "3")
    telling = WebhookEvent(kind=EventKind.COMMITTED, id="3", before="1", time=at(4))
    assert find_webhook_events(telling, [one, two, three]) == (two, three)


def test_a_push_of_another_history_tells_of_itself_and_its_last_commit() -> None:
    """The commit before is in the history no more."""
    one, push = commit(1, "1"), event(4, EventKind.FORCE_PUSHED)
    telling = WebhookEvent(kind=EventKind.COMMITTED, id="1", before="gone", time=at(4))
    assert find_webhook_events(telling, [one, push]) == (push, one)
    assert find_webhook_events(telling, [one]) == (one,)
    assert find_webhook_events(replace(telling, id="gone too"), [one, push]) == ()


def test_a_merge_is_told_with_the_closing_that_it_is() -> None:
    """But not with an earlier one."""
    earlier, merge, closing = (
        event(1, EventKind.CLOSED),
        event(9, EventKind.MERGED),
        event(9, EventKind.CLOSED),
    )
    telling = WebhookEvent(kind=EventKind.MERGED, time=at(9))
    assert find_webhook_events(telling, [earlier, merge, closing]) == (merge, closing)


def test_an_opening_is_told_with_the_commits_before_it() -> None:
    """No push to the pull request tells of those."""
    before, opening, later = commit(-5, "1"), event(0, EventKind.CREATED), commit(5, "2")
    telling = WebhookEvent(kind=EventKind.CREATED, time=at(0))
    assert find_webhook_events(telling, [before, opening, later]) == (opening, before)
