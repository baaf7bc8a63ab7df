"""What happened to a change or a work item, one record for each thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from flow_telemetry.model.common import Actor


class EventKind(Enum):
    """The kinds of event; the value is the last word of its name and stands in its reference."""

    CREATED = "created"
    READY_FOR_REVIEW = "ready_for_review"
    CONVERTED_TO_DRAFT = "converted_to_draft"
    COMMITTED = "committed"
    FORCE_PUSHED = "force_pushed"
    REVIEW_REQUESTED = "review_requested"
    REVIEW_REQUEST_REMOVED = "review_request_removed"
    REVIEWED = "reviewed"
    REVIEW_DISMISSED = "review_dismissed"
    COMMENTED = "commented"
    LABELED = "labeled"
    UNLABELED = "unlabeled"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    QUEUED = "queued"
    DEQUEUED = "dequeued"
    MERGED = "merged"
    CLOSED = "closed"
    REOPENED = "reopened"
    STATUS_CHANGED = "status_changed"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    ANNOTATED = "annotated"


class StatusCategory(Enum):
    """The meaning of a status, in the three words that Jira has for it."""

    TO_DO = "to_do"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class ReviewState(Enum):
    """What a review said."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    ``id`` is the number of a comment or review, or the sha of a commit; empty where the tracker
    gives none. ``subject`` is the label, assignee, reviewer, or the new status, ``before`` the
    status that it replaced; ``category`` and ``category_before`` are the meanings of the two, None
    for a status without one. ``review`` is set for reviews only; of a dismissal, ``id`` is the
    review's. ``result`` of a closing is how, in the tracker's word, where it says so.
    ``has_own_time`` is False where the time is that of the thing before it, since it has none of
    its own.
    """

    kind: EventKind
    time: datetime
    actor: Actor | None = None
    id: str = ""
    subject: str = ""
    before: str = ""
    category: StatusCategory | None = None
    category_before: StatusCategory | None = None
    review: ReviewState | None = None
    result: str = ""
    has_own_time: bool = True
