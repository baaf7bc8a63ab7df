"""What happened to pull requests and issues of the fake world, all with their place in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.fakes.plans import EventPlan, IssuePlan, Moment, PullRequestPlan
from tests.fakes.records import TimelineEvent
from tests.fakes.timeline import later, moment

# Beside the ids that the world counts.
_REMOVAL_IDS = 900_000
_QUEUE = ("added_to_merge_queue", "removed_from_merge_queue")


def settle_events(
    plan: PullRequestPlan | IssuePlan, opened: datetime, *, new_id: Callable[[], int]
) -> tuple[TimelineEvent, ...]:
    """Return what happened in order of time, the end with it where the plan says only when.

    `opened` is when the thing was opened where the plan does not say.
    """
    clock = _instant(plan.opened_at, opened)
    events = []
    for event in (*plan.timeline, *_leaves_queue(plan), *_ends(plan)):
        clock = _instant(event.at, later(clock, event.after))
        events.append(TimelineEvent(plan=event, id=event.id or new_id(), time=clock))
    return tuple(sorted(events, key=lambda each: each.time))


def _leaves_queue(plan: PullRequestPlan | IssuePlan) -> list[EventPlan]:
    """The removal by a merge queue, which GitHub notes a second before the merge itself."""
    if not isinstance(plan, PullRequestPlan) or plan.merged_at is None:
        return []
    queue = [event.kind for event in plan.timeline if event.kind in _QUEUE]
    if not queue or queue[-1] != "added_to_merge_queue":
        return []
    at = later(moment(plan.merged_at), -1)
    kind, bot = "removed_from_merge_queue", "github-merge-queue[bot]"
    return [EventPlan(kind, at=at, by=bot, id=_REMOVAL_IDS + plan.number)]


def _ends(plan: PullRequestPlan | IssuePlan) -> list[EventPlan]:
    """The events that a merge or closing leaves, unless the plan tells of them itself."""
    told = {event.kind for event in plan.timeline}
    ends = {"closed": plan.closed_at}
    by = plan.author
    if isinstance(plan, PullRequestPlan):
        by = plan.merged_by or by
        ends = {"merged": plan.merged_at, "closed": plan.closed_at or plan.merged_at}
    return [EventPlan(kind, at=at, by=by) for kind, at in ends.items() if at and kind not in told]


def _instant(said: Moment | None, otherwise: datetime) -> datetime:
    """A time that no clock would say is left to the thing itself."""
    try:
        return otherwise if said is None else moment(said)
    except ValueError:
        return otherwise
