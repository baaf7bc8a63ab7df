"""Table of the attributes of pull requests, work items, features and deployments."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import deployment_attributes as deployment
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs

from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.model.time_shares import TimeState

FLOW_ATTRIBUTES: list[Attribute] = []


def _flow_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    FLOW_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_CHANGE = "change"
VCS_CHANGE_TITLE = _flow_attribute(
    vcs.VCS_CHANGE_TITLE, "string", _CHANGE, "title of the pull request at the end of the span"
)
_ITEM = "work item"
_DEPLOYMENT = "deployment"

VCS_CHANGE_STATE = _flow_attribute(
    vcs.VCS_CHANGE_STATE, "string", _CHANGE, "open, wip, closed or merged, at the end of the span"
)
CHANGE_URL = _flow_attribute(
    "github.pull_request.url", "string", _CHANGE, "address of the pull request"
)
CHANGE_AUTHOR = _flow_attribute("flow.change.author", "string", _CHANGE, "login of the author")
CHANGE_AUTHOR_KIND = _flow_attribute(
    "flow.change.author.kind", "string", _CHANGE, "kind of the author: human, bot or agent"
)
CHANGE_REVIEWERS = _flow_attribute(
    "flow.change.reviewers", "string[]", _CHANGE, "logins of the reviewers"
)
CHANGE_LABELS = _flow_attribute(
    "flow.change.labels", "string[]", _CHANGE, "labels at the end of the span"
)
CHANGE_REVERTS = _flow_attribute(
    "flow.change.reverts",
    "string",
    _CHANGE,
    "number of the pull request that this one reverts, or its title if only that is known",
)
CHANGE_COMMITS = _flow_attribute("flow.change.commits", "int", _CHANGE, "number of commits")
CHANGE_COMMENTS = _flow_attribute(
    "flow.change.comments", "int", _CHANGE, "number of people's comments up to the end of the span"
)
CHANGE_REVIEWS = _flow_attribute(
    "flow.change.reviews", "int", _CHANGE, "number of people's reviews up to the end of the span"
)
CHANGE_LINES_ADDED = _flow_attribute(
    "flow.change.lines.added", "int", _CHANGE, "number of lines added"
)
CHANGE_LINES_REMOVED = _flow_attribute(
    "flow.change.lines.removed", "int", _CHANGE, "number of lines removed"
)
CHANGE_FILES = _flow_attribute("flow.change.files", "int", _CHANGE, "number of files changed")
TIMELINE_INCOMPLETE = _flow_attribute(
    "flow.timeline.incomplete",
    "boolean",
    "change, work item",
    "true if the timeline could be read only in part",
)
PHASE = _flow_attribute("flow.phase", "string", "phase", "name of the phase, such as `in-review`")
PHASE_WAITING_FOR = _flow_attribute(
    "flow.phase.waiting_for",
    "string",
    "phase",
    "who has to act next: author, reviewer, merger or automation",
)
PHASE_REVIEWERS = _flow_attribute(
    "flow.phase.requested_reviewers",
    "string[]",
    "phase",
    "logins and teams whose review was still requested at the end of a phase that waits for a "
    "reviewer",
)

ITEM_TYPE = _flow_attribute(
    "flow.work_item.type", "string", _ITEM, "type of the item: Epic, Story, Bug …"
)
ITEM_TITLE = _flow_attribute("flow.work_item.title", "string", _ITEM, "title of the item")
ITEM_TRACKER = _flow_attribute(
    "flow.work_item.tracker",
    "string",
    _ITEM,
    "tracker of the item: `github`, `jira` or the name of another tracker",
)
ITEM_URL = _flow_attribute("flow.work_item.url", "string", _ITEM, "address of the item")
ITEM_STATUS = _flow_attribute(
    "flow.work_item.status",
    "string",
    "work item, status",
    "status of the item at the end of the span",
)
ITEM_STATUS_ID = _flow_attribute(
    "flow.work_item.status.id",
    "string",
    "work item, status",
    "Jira's id of the status, which stays if the status is renamed",
)
ITEM_STATUS_CATEGORY = _flow_attribute(
    "flow.work_item.status.category",
    "string",
    "work item, status",
    "category of the status: to_do, in_progress or done; not set for a status without a category",
)
ITEM_RESULT = _flow_attribute(
    "flow.work_item.result", "string", _ITEM, "how the item was closed, as the tracker reports it"
)
ITEM_LABELS = _flow_attribute("flow.work_item.labels", "string[]", _ITEM, "labels of the item")
ITEM_ASSIGNEES = _flow_attribute(
    "flow.work_item.assignees", "string[]", _ITEM, "logins or names of the assignees"
)
ITEM_COMMENTS = _flow_attribute(
    "flow.work_item.comments", "int", _ITEM, "number of people's comments up to the end of the span"
)
ITEM_BACKWARD_MOVES = _flow_attribute(
    "flow.work_item.backward_moves",
    "int",
    _ITEM,
    "number of status changes to an earlier category in that open period; not set if a category "
    "is unknown",
)
BLOCKED_CAUSE = _flow_attribute(
    "flow.work_item.blocked.cause",
    "string",
    "work item, blocked",
    "kind of the reason that blocked the item: flag, issue, status or label",
)
FEATURE_DETAIL = _flow_attribute(
    "flow.feature.detail",
    "string",
    "the feature in its feature trace",
    "most detailed spans of the trace: step, job, run, change or item",
)
FEATURE_INCOMPLETE = _flow_attribute(
    "flow.feature.incomplete",
    "string",
    "the feature in its feature trace",
    "parts of the feature that could not be read or were omitted, each with the reason",
)

_TIMED = "the feature in its feature trace, records of the ends of features and pull requests"
TIME_DURATIONS = {
    state: _flow_attribute(
        f"flow.time.{state.value}.duration",
        "double",
        _TIMED,
        f"seconds of its life that went to the state {state.label}; not set if it is unknown",
    )
    for state in TimeState
}
TIME_INCOMPLETE = _flow_attribute(
    "flow.time.incomplete",
    "string",
    _TIMED,
    "states that were not read, or only in part, with commas (`queued,building`): their time may "
    "be longer, and then that of the states after them is shorter",
)

DEPLOYMENT_ID = _flow_attribute(
    deployment.DEPLOYMENT_ID, "string", _DEPLOYMENT, "id of the deployment"
)
DEPLOYMENT_ENVIRONMENT_NAME = _flow_attribute(
    deployment.DEPLOYMENT_ENVIRONMENT_NAME, "string", _DEPLOYMENT, "environment of the deployment"
)
DEPLOYMENT_STATUS = _flow_attribute(
    deployment.DEPLOYMENT_STATUS, "string", _DEPLOYMENT, "succeeded, failed or cancelled"
)
DEPLOYMENT_TASK = _flow_attribute(
    "flow.deployment.task",
    "string",
    _DEPLOYMENT,
    "task of the deployment, which is a part of its place, unless it is `deploy`",
)
DEPLOYMENT_KIND = _flow_attribute(
    "flow.deployment.kind",
    "string",
    _DEPLOYMENT,
    "`deploy`, `redeploy` (the commit of the last attempt) or `rollback` (an earlier version)",
)
DEPLOYMENT_STATE = _flow_attribute(
    "github.deployment.state",
    "string",
    _DEPLOYMENT,
    "first final state of the deployment, as GitHub reports it",
)
DEPLOYMENT_LEAD_TIME = _flow_attribute(
    "flow.deployment.lead_time",
    "double",
    _DEPLOYMENT,
    "seconds from the first commit of the pull request to the success of the deployment",
)
DEPLOYMENT_CREATOR = _flow_attribute(
    "github.deployment.creator",
    "string",
    _DEPLOYMENT,
    "login of the account that created the deployment",
)
DEPLOYMENT_INCOMPLETE = _flow_attribute(
    "flow.deployment.incomplete",
    "boolean",
    _DEPLOYMENT,
    "true if not all pull requests that the deployment delivers could be found",
)
