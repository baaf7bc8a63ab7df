"""Table of the attributes that only the log records of events have."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import event_attributes as event
from opentelemetry.semconv._incubating.attributes import log_attributes as log

from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.model.time_shares import TimeState
from flow_telemetry.rules.lifecycle import PhaseKind

EVENT_ATTRIBUTES: list[Attribute] = []


def _event_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    EVENT_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_RECORDS = "records of events"
_CHANGE_END = "record of a pull request's merge or closing"
_ITEM_END = "record of a work item's closing"

EVENT_NAME = _event_attribute(
    event.EVENT_NAME,
    "string",
    _RECORDS,
    "name of the event, which is also in the record's field for it; some stores do not keep that",
)
LOG_RECORD_UID = _event_attribute(
    log.LOG_RECORD_UID,
    "string",
    f"{_RECORDS}, lines of logs",
    "flow reference of the event or line; a repeated record has the same one, so that a backend "
    "can drop it",
)
ACTOR_LOGIN = _event_attribute(
    "flow.actor.login",
    "string",
    _RECORDS,
    "login of the account that caused the event; not set if the account was deleted",
)
EVENT_TIME = _event_attribute(
    "flow.event.time",
    "string",
    _RECORDS,
    "time of the event, `2026-11-24T03:43:00.000Z`, if the record has another time: that of the "
    "creation, for an event that is older, or the time of sending (setting `event-time`)",
)
EVENT_TIME_UNKNOWN = _event_attribute(
    "flow.event.time.unknown",
    "boolean",
    _RECORDS,
    "true if the time of the event is unknown: the record has the time of the event before it",
)
EVENT_ID = _event_attribute(
    "flow.event.id",
    "string",
    _RECORDS,
    "number of the comment, review or deployment status, sha of the commit",
)
EVENT_LABEL = _event_attribute(
    "flow.event.label", "string", _RECORDS, "label that was added or removed"
)
EVENT_ASSIGNEE = _event_attribute(
    "flow.event.assignee",
    "string",
    _RECORDS,
    "login of the account that was assigned or unassigned",
)
EVENT_REVIEWER = _event_attribute(
    "flow.event.reviewer", "string", _RECORDS, "login or team that the review was requested from"
)
REVIEW_STATE = _event_attribute(
    "flow.change.review.state",
    "string",
    _RECORDS,
    "state of the review: approved, changes_requested, commented or dismissed",
)
STATUS_BEFORE = _event_attribute(
    "flow.work_item.status.before", "string", _RECORDS, "status that the new one replaced"
)
BLOCKED_BY = _event_attribute(
    "flow.work_item.blocked.by",
    "string",
    _RECORDS,
    "name of the reason that blocked or unblocked the item: key of an issue, a label or a status",
)
DEPLOYMENT_CHANGES = _event_attribute(
    "flow.deployment.changes",
    "string[]",
    _RECORDS,
    "numbers of the pull requests that the deployment delivers",
)
DEPLOYMENT_FAILED_CHANGES = _event_attribute(
    "flow.deployment.failed_changes",
    "string[]",
    "record of a rollback's success",
    "numbers of the pull requests that the rollback takes back",
)

LIFE = _event_attribute(
    "flow.life",
    "int",
    "record of a closing",
    "number of the open period that ended, if not the first: 2 after one reopening",
)
MOVED_EVENTS = _event_attribute(
    "flow.timeline.moved",
    "int",
    "record of a closing",
    "number of events without a time, or with a time before the creation; commits are not counted",
)
CHANGE_DURATION = _event_attribute(
    "flow.change.duration",
    "double",
    _CHANGE_END,
    "seconds from the opening or reopening to the end",
)
CHANGE_COST = _event_attribute(
    "flow.change.cost",
    "double",
    "record of a change's last closing",
    "cost of the jobs of all of its runs in USD, if these were read and all prices are known",
)
PHASE_DURATIONS = {
    kind: _event_attribute(
        f"flow.change.phase.{kind.name.lower()}.duration",
        "double",
        _CHANGE_END,
        f"seconds of that open period in the phase {kind.label}, in total",
    )
    for kind in PhaseKind
}
TIME_SHARES = {
    state: _event_attribute(
        f"flow.time.{state.value}.share",
        "double",
        f"{_CHANGE_END}, record of a feature's end",
        f"share of the state {state.label}, from 0 to 1; the shares add up to 1",
    )
    for state in TimeState
}
FEATURE_DURATION = _event_attribute(
    "flow.feature.duration",
    "double",
    "record of a feature's end",
    "seconds from the creation or reopening of the feature to its closing",
)
FEATURE_COST = _event_attribute(
    "flow.feature.cost",
    "double",
    "record of a feature's end",
    "cost of the jobs of all runs in USD, if all could be read and all prices are known",
)
RUN_DURATION = _event_attribute(
    "flow.run.duration", "double", "record of a slow run", "seconds that the run took"
)
RUN_USUAL_DURATION = _event_attribute(
    "flow.run.usual_duration",
    "double",
    "record of a slow run",
    "median of the seconds that the compared runs took",
)
RUN_COMPARED = _event_attribute(
    "flow.run.compared_runs",
    "int",
    "record of a slow run",
    "number of earlier successful runs of the workflow that it was compared with",
)
RUN_COMPARED_BRANCH = _event_attribute(
    "flow.run.compared_branch",
    "string",
    "record of a slow run",
    "branch of the compared runs; not set if they are of all branches and of the same event",
)
RUN_SLOW_PARTS = _event_attribute(
    "flow.run.slow_parts",
    "string[]",
    "record of a slow run",
    "where the additional time went, the most first: `+2m 40s in test (3.12) › Install "
    "dependencies`; not set if no jobs could be compared",
)
ITEM_DURATION = _event_attribute(
    "flow.work_item.duration",
    "double",
    _ITEM_END,
    "seconds from the creation or reopening to the closing",
)
ITEM_TO_DO = _event_attribute(
    "flow.work_item.to_do.duration",
    "double",
    _ITEM_END,
    "seconds of that open period in statuses of the category to do",
)
ITEM_IN_PROGRESS = _event_attribute(
    "flow.work_item.in_progress.duration",
    "double",
    _ITEM_END,
    "seconds of that open period in statuses of the category in progress, blocked or not",
)
ITEM_BLOCKED = _event_attribute(
    "flow.work_item.blocked.duration",
    "double",
    _ITEM_END,
    "seconds of that open period in which the item was blocked; overlapping blockings count once",
)


ITEM_FLOW_TYPE = _event_attribute(
    "flow.work_item.flow_type",
    "string",
    _ITEM_END,
    "kind of work in the Flow Framework: feature, defect, debt or risk; not set if `flow-types` "
    "and the defaults name neither the type nor a label",
)
