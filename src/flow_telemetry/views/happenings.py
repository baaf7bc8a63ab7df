"""What happened to a pull request or a work item, line by line, for the summary and the terminal.

Texts are as they were told: each view escapes them for its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Event, EventKind, ReviewState
from flow_telemetry.outcome import Exported
from flow_telemetry.rules.histories import Happening, change_history, item_history
from flow_telemetry.rules.people import shown
from flow_telemetry.settings import Actors

MOST_HAPPENINGS = 20
_LETTERS_OF_SHA = 7
_WORDS = {
    EventKind.CREATED: "opened",
    EventKind.QUEUED: "queued for the merge",
    EventKind.DEQUEUED: "taken from the merge queue",
    EventKind.STATUS_CHANGED: "status",
}
_REVIEWS = {
    ReviewState.APPROVED: "approved",
    ReviewState.CHANGES_REQUESTED: "changes requested",
    ReviewState.COMMENTED: "reviewed with comments",
    ReviewState.DISMISSED: "reviewed, dismissed since",
}
_ABOUT_PEOPLE = (
    EventKind.ASSIGNED,
    EventKind.UNASSIGNED,
    EventKind.REVIEW_REQUESTED,
    EventKind.REVIEW_REQUEST_REMOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that happened; ``about`` and ``who`` are empty where nothing is to be told."""

    time: datetime
    what: str
    about: str = ""
    who: str = ""


def happenings(exported: Exported) -> Sequence[Line]:
    """Return what happened to an exported pull request or work item, in order of time.

    People are named as `actors` has them.
    """
    return [_line(each, exported.actors) for each in _history(exported)]


def _history(exported: Exported) -> Sequence[Happening]:
    if exported.change is not None:
        return change_history(exported.change)
    # When it was blocked is a matter of settings; the labels and statuses behind it are told.
    return item_history(exported.item, ()) if exported.item is not None else ()


def _line(happening: Happening, actors: Actors) -> Line:
    event = happening.event
    who = shown(event.actor.login, actors) if event.actor else None
    return Line(time=happening.time, what=_what(event), about=_about(event, actors), who=who or "")


def _what(event: Event) -> str:
    if event.review is not None and event.kind is EventKind.REVIEWED:
        return _REVIEWS[event.review]
    return _WORDS.get(event.kind, event.kind.value.replace("_", " "))


def _about(event: Event, actors: Actors) -> str:
    if event.kind is EventKind.COMMITTED:
        return event.id[:_LETTERS_OF_SHA]
    if event.kind in _ABOUT_PEOPLE:
        return shown(event.subject, actors) or "" if event.subject else ""
    before = f"{event.before} → " if event.before and event.subject else ""
    return before + event.subject
