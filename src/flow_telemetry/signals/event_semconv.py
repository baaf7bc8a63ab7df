"""The names of the attributes that only records of events have: the third part of the table.

What a record shares with spans is in `semconv` and `flow_semconv`.
"""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import log_attributes as log

from flow_telemetry.rules.reviewing import PhaseKind
from flow_telemetry.signals.semconv import Attribute

EVENT_ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, kind: str, on: str, meaning: str) -> str:
    EVENT_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_RECORDS = "records of events"
_CHANGE_END = "record of a pull request's merge or closing"
_ITEM_END = "record of a work item's closing"

LOG_RECORD_UID = _attribute(
    log.LOG_RECORD_UID,
    "string",
    f"{_RECORDS}, lines of logs",
    "flow reference of the event or line; a repeat has the same, so that it can be dropped",
)
ACTOR_LOGIN = _attribute(
    "flow.actor.login", "string", _RECORDS, "login of who did it; missing where the account is gone"
)
EVENT_TIME = _attribute(
    "flow.event.time",
    "string",
    _RECORDS,
    "when it happened, `2026-11-24T03:43:00.000Z`, where the record's own time is another: that of "
    "the creation for what is older, or that of sending (input `event-time`)",
)
EVENT_TIME_UNKNOWN = _attribute(
    "flow.event.time.unknown",
    "boolean",
    _RECORDS,
    "true where nothing tells when it happened: the record has the time of the event before it",
)
EVENT_ID = _attribute(
    "flow.event.id",
    "string",
    _RECORDS,
    "number of the comment, review or deployment status, sha of the commit",
)
EVENT_LABEL = _attribute("flow.event.label", "string", _RECORDS, "the label put on or taken off")
EVENT_ASSIGNEE = _attribute(
    "flow.event.assignee", "string", _RECORDS, "login of who was assigned or unassigned"
)
EVENT_REVIEWER = _attribute(
    "flow.event.reviewer", "string", _RECORDS, "login or team whose review was asked for"
)
REVIEW_STATE = _attribute(
    "flow.change.review.state",
    "string",
    _RECORDS,
    "what a review said: approved, changes_requested, commented or dismissed",
)
STATUS_BEFORE = _attribute(
    "flow.work_item.status.before", "string", _RECORDS, "status that the new one replaced"
)
BLOCKED_BY = _attribute(
    "flow.work_item.blocked.by",
    "string",
    _RECORDS,
    "what blocked or freed it, where that has a name: an issue's key, a label or a status",
)
DEPLOYMENT_CHANGES = _attribute(
    "flow.deployment.changes",
    "string[]",
    _RECORDS,
    "numbers of the pull requests that the deployment delivers",
)

LIFE = _attribute(
    "flow.life",
    "int",
    "record of a closing",
    "which life ended, where it was not the first: 2 after one reopening",
)
MOVED_EVENTS = _attribute(
    "flow.timeline.moved",
    "int",
    "record of a closing",
    "events that were told to be older than the creation, commits left out, or without a time",
)
CHANGE_DURATION = _attribute(
    "flow.change.duration", "double", _CHANGE_END, "seconds from the opening or reopening"
)
PHASE_DURATIONS = {
    kind: _attribute(
        f"flow.change.phase.{kind.name.lower()}.duration",
        "double",
        _CHANGE_END,
        f"seconds of that life in the phase {kind.label}, all its stretches together",
    )
    for kind in PhaseKind
}
ITEM_DURATION = _attribute(
    "flow.work_item.duration", "double", _ITEM_END, "seconds from the creation or reopening"
)
ITEM_TO_DO = _attribute(
    "flow.work_item.to_do.duration",
    "double",
    _ITEM_END,
    "seconds of that life in statuses of category to do",
)
ITEM_IN_PROGRESS = _attribute(
    "flow.work_item.in_progress.duration",
    "double",
    _ITEM_END,
    "seconds of that life in statuses of category in progress, blocked or not",
)
ITEM_BLOCKED = _attribute(
    "flow.work_item.blocked.duration",
    "double",
    _ITEM_END,
    "seconds of that life in which it was blocked, overlapping causes once",
)
