"""Events of changes, work items and deployments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from flow_telemetry.model.common import Actor


class EventKind(Enum):
    """Kinds of events; the value is the last word of the name, and a part of the reference."""

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
    DELIVERED = "delivered"
    STATUS_CHANGED = "status_changed"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    ANNOTATED = "annotated"
    ENDED = "ended"
    SLOW = "slow"


class StatusCategory(Enum):
    """The meaning of a status, in the three words that Jira has for it."""

    TO_DO = "to_do"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class ReviewState(Enum):
    """States of reviews."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"


class EditedField(Enum):
    """Fields of pull requests and work items that can change later, and whose changes are known."""

    TITLE = "title"
    TYPE = "type"
    BASE_BRANCH = "base branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of a field. ``before`` is the value until then, None if it is unknown."""

    field: EditedField
    time: datetime
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event.

    ``id`` is the number of a comment or review, or the sha of a commit; empty if the tracker has
    none. ``subject`` is the label, assignee, reviewer or new status, ``before`` the status before;
    ``category`` and ``category_before`` are the categories of these statuses, None if unknown,
    ``status_id`` and ``status_id_before`` the tracker's ids of them, empty if unknown.
    ``review`` is set only for reviews; for a dismissal, ``id`` is that of the review. ``result`` is
    how an item was closed, as the tracker reports it. ``has_own_time`` is False if the event has no
    time: then ``time`` is that of the event before it. ``authored_at`` is the author's date of a
    commit, which a rebase keeps; ``time`` is the committer's date, which it changes.
    """

    kind: EventKind
    time: datetime
    actor: Actor | None = None
    id: str = ""
    subject: str = ""
    before: str = ""
    category: StatusCategory | None = None
    category_before: StatusCategory | None = None
    status_id: str = ""
    status_id_before: str = ""
    review: ReviewState | None = None
    result: str = ""
    has_own_time: bool = True
    authored_at: datetime | None = None
