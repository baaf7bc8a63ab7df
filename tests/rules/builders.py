"""Changes, items and their events in few words, at minutes after an opening."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from flow_telemetry.model import (
    Actor,
    ActorKind,
    Change,
    Event,
    EventKind,
    Repository,
    ReviewState,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval

OPENING = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)
SHOP = Repository(host="github.com", owner="acme", name="shop", url="https://github.com/acme/shop")

REVIEWS = {
    "approves": ReviewState.APPROVED,
    "asks for changes": ReviewState.CHANGES_REQUESTED,
    "comments": ReviewState.COMMENTED,
    "was dismissed": ReviewState.DISMISSED,
}
ACTORS = {
    None: None,
    "linter": Actor(login="linter", kind=ActorKind.BOT),
    "copilot": Actor(login="copilot", kind=ActorKind.AGENT),
}


def at(minutes: float) -> datetime:
    """So many minutes after the opening."""
    return OPENING + timedelta(minutes=minutes)


def minutes(interval: Interval) -> tuple[int, int]:
    """Return the bounds of an interval as minutes after the opening."""
    start, end = (
        (time - OPENING) / timedelta(minutes=1) for time in (interval.start, interval.end)
    )
    assert start.is_integer()
    assert end.is_integer()
    return int(start), int(end)


def event(minute: float, kind: EventKind, subject: str = "", before: str = "") -> Event:
    """Return something that happened so many minutes after the opening."""
    return Event(kind=kind, time=at(minute), subject=subject, before=before)


def review(minute: float, who: str | None, says: str, number: str = "") -> Event:
    """Return a review: `review(5, "bob", "asks for changes")`."""
    actor = ACTORS[who] if who in ACTORS else Actor(login=who or "")
    return Event(
        kind=EventKind.REVIEWED, time=at(minute), actor=actor, id=number, review=REVIEWS[says]
    )


def dismissal(minute: float, number: str) -> Event:
    """Return the dismissal of the review of that number."""
    return Event(kind=EventKind.REVIEW_DISMISSED, time=at(minute), id=number)


# The meanings of statuses, as a tracker gives them with each change; others have none.
CATEGORIES = {
    **dict.fromkeys(("to do", "todo", "backlog"), StatusCategory.TO_DO),
    **dict.fromkeys(("doing", "in progress", "blocked", "on hold"), StatusCategory.IN_PROGRESS),
    "done": StatusCategory.DONE,
}


def moved(minute: float, before: str, after: str) -> Event:
    """Return a change of status."""
    return Event(
        kind=EventKind.STATUS_CHANGED,
        time=at(minute),
        subject=after,
        before=before,
        category=CATEGORIES.get(after.casefold()),
        category_before=CATEGORIES.get(before.casefold()),
    )


def change(
    *timeline: Event, closed: float | None = None, draft: bool = False, author: str = "alice"
) -> Change:
    """Return alice's pull request #7."""
    return Change(
        repository=SHOP,
        number=7,
        created_at=OPENING,
        closed_at=None if closed is None else at(closed),
        draft=draft,
        author=Actor(login=author),
        timeline=timeline,
    )


def item(
    key: str = "ACME-57",
    *history: Event,
    kind: str = "Story",
    level: int | None = None,
    status: str = "",
    closed: float | None = None,
    tracker: str = "jira",
) -> WorkItem:
    """Return a work item of Jira, or of GitHub, whose issues may have no status."""
    return WorkItem(
        tracker=tracker,
        key=key,
        reference=f"jira/{key}",
        type=kind,
        level=level,
        status=status,
        category=CATEGORIES.get(status.casefold()),
        created_at=OPENING,
        closed_at=None if closed is None else at(closed),
        history=history,
    )
