"""Pull requests and work items for the tests of views, in few words."""

from __future__ import annotations

from typing import Any

from tests.report.builders import CHANGE, SHOP, START, TRACING, at

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.changes import change_spans
from flow_telemetry.mapping.placement import Ancestry, place
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Actor, Change, Event, EventKind, Lineage, ReviewState, WorkItem
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.telemetry import Span

DAY = 86_400


def make_change(**facts: Any) -> Change:
    """Return a pull request that was merged on its third day: drafted, asked about, approved."""
    reviewer = Actor(login="hubot-the-human")
    known = {
        "title": "Add the cart",
        "state": "closed",
        "created_at": START,
        "closed_at": at(3 * DAY),
        "merged_at": at(3 * DAY),
        "author": Actor(login="octocat"),
        "draft": False,
        "url": CHANGE.url,
        "timeline": (
            Event(kind=EventKind.READY_FOR_REVIEW, time=at(3_600)),
            make_review("1", 2 * DAY, ReviewState.COMMENTED, reviewer),
            make_review("2", 2.5 * DAY, ReviewState.APPROVED, reviewer),
            Event(kind=EventKind.MERGED, time=at(3 * DAY)),
            Event(kind=EventKind.CLOSED, time=at(3 * DAY)),
        ),
        **facts,
    }
    return Change(repository=SHOP, number=123, **known)


def make_review(number: str, seconds: float, state: ReviewState, actor: Actor) -> Event:
    """Return a review so many seconds after the opening."""
    return Event(kind=EventKind.REVIEWED, time=at(seconds), actor=actor, id=number, review=state)


def make_item(key: str, type_: str = "Story", **facts: Any) -> WorkItem:
    """Return an item of Jira that was closed after four days."""
    known = {
        "title": f"Title of {key}",
        "url": f"https://jira.example/browse/{key}",
        "created_at": START,
        "closed_at": at(4 * DAY),
        "result": "Done",
        "state": "closed",
        **facts,
    }
    return WorkItem(tracker="jira", key=key, reference=f"jira/{key}", type=type_, **known)


def exported_change(change: Change, **facts: Any) -> ExportedSubject:
    """Return the export of a pull request that is a root."""
    known = {
        "title": f"pull request #{change.number}",
        "trace": TraceIdentity(root=change.reference),
        "interval": Interval.of(START, change.closed_at),
        **facts,
    }
    return ExportedSubject(change=change, reference=change.reference, **known)


def exported_item(item: WorkItem, *above: WorkItem, **facts: Any) -> ExportedSubject:
    """Return the export of a work item, with the items above it."""
    known = {
        "title": f"{item.type.lower()} {item.key}",
        "trace": TraceIdentity(root=item.reference),
        "interval": Interval.of(START, item.closed_at),
        "lineage": Lineage(items=(item, *above)),
        **facts,
    }
    return ExportedSubject(item=item, reference=item.reference, **known)


def spans_of_change(change: Change) -> list[Span]:
    """Return the spans that an export of the pull request sends."""
    placement = place(change.reference, Ancestry(), TRACING)
    return list(change_spans(change, placement, ResourceMaker().of_change(change)))
