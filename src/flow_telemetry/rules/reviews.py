"""What reviews by other people make of a change: rounds, the first review, the first approval."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flow_telemetry.identity import fold
from flow_telemetry.model import ActorKind, Change, Event, EventKind, ReviewState
from flow_telemetry.rules.reviewing import reviewer_of

# After one of these by the author, it is the reviewers' turn again.
_ANSWERS = frozenset({EventKind.COMMITTED, EventKind.FORCE_PUSHED, EventKind.REVIEW_REQUESTED})


def is_anothers_review(change: Change, event: Event) -> bool:
    """Whether a person other than the author gave a review; an account that is gone is one."""
    if event.kind is not EventKind.REVIEWED:
        return False
    if event.actor is not None and event.actor.kind is not ActorKind.HUMAN:
        return False
    author = fold(change.author.login) if change.author else ""
    return reviewer_of(event) != author


def first_review(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first reviewed the change, whatever was said.

    A review without a time of its own tells no time.
    """
    reviews = (e for e in events if e.time_told and is_anothers_review(change, e))
    return min((e.time for e in reviews), default=None)


def first_approval(change: Change, events: Iterable[Event]) -> datetime | None:
    """Return when another person first approved the change."""
    approvals = (e for e in events if e.review is ReviewState.APPROVED)
    return first_review(change, approvals)


def review_rounds(change: Change, events: Iterable[Event]) -> int:
    """Return how often the change went to and fro: how many series of reviews it had.

    Reviews with no push and no request of a review between them are of one round. ``events`` are
    in order of time.
    """
    rounds, answered = 0, True
    for event in events:
        if is_anothers_review(change, event):
            rounds += answered
            answered = False
        elif event.kind in _ANSWERS:
            answered = True
    return rounds
