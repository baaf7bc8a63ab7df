"""The names of the attributes of changes, work items and deployments: the second half of the table.

The first half, with what all spans share, is `semconv`.
"""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import deployment_attributes as deployment
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs

from flow_telemetry.signals.semconv import Attribute

FLOW_ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, kind: str, on: str, meaning: str) -> str:
    FLOW_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_CHANGE = "change"
_ITEM = "work item"
_DEPLOYMENT = "deployment"

VCS_CHANGE_STATE = _attribute(
    vcs.VCS_CHANGE_STATE, "string", _CHANGE, "open, wip, closed or merged, at the span's end"
)
VCS_REF_BASE_NAME = _attribute(
    vcs.VCS_REF_BASE_NAME, "string", _CHANGE, "branch that it is to be merged into"
)
CHANGE_URL = _attribute("github.pull_request.url", "string", _CHANGE, "address of the pull request")
CHANGE_AUTHOR = _attribute("flow.change.author", "string", _CHANGE, "login of its author")
CHANGE_AUTHOR_KIND = _attribute(
    "flow.change.author.kind", "string", _CHANGE, "kind of its author: human, bot or agent"
)
CHANGE_REVIEWERS = _attribute(
    "flow.change.reviewers", "string[]", _CHANGE, "logins of those who reviewed it"
)
CHANGE_LABELS = _attribute("flow.change.labels", "string[]", _CHANGE, "labels at the span's end")
CHANGE_COMMITS = _attribute("flow.change.commits", "int", _CHANGE, "number of commits")
CHANGE_COMMENTS = _attribute(
    "flow.change.comments", "int", _CHANGE, "number of comments up to the span's end"
)
CHANGE_REVIEWS = _attribute(
    "flow.change.reviews", "int", _CHANGE, "number of reviews up to the span's end"
)
CHANGE_LINES_ADDED = _attribute("flow.change.lines.added", "int", _CHANGE, "lines added")
CHANGE_LINES_REMOVED = _attribute("flow.change.lines.removed", "int", _CHANGE, "lines removed")
CHANGE_FILES = _attribute("flow.change.files", "int", _CHANGE, "files changed")
TIMELINE_INCOMPLETE = _attribute(
    "flow.timeline.incomplete",
    "boolean",
    "change, work item",
    "true where not all of its timeline could be read",
)
PHASE = _attribute("flow.phase", "string", "phase", "the phase, such as `in-review`")

ITEM_TYPE = _attribute("flow.work_item.type", "string", _ITEM, "its type: Epic, Story, Bug …")
ITEM_TITLE = _attribute("flow.work_item.title", "string", _ITEM, "its title")
ITEM_TRACKER = _attribute(
    "flow.work_item.tracker", "string", _ITEM, "its tracker: `github`, `jira` or another's name"
)
ITEM_URL = _attribute("flow.work_item.url", "string", _ITEM, "its address")
ITEM_STATUS = _attribute(
    "flow.work_item.status", "string", "work item, status", "its status at the span's end"
)
ITEM_STATUS_CATEGORY = _attribute(
    "flow.work_item.status.category",
    "string",
    "work item, status",
    "to_do, in_progress or done, where the status is known to mean one of them",
)
ITEM_RESULT = _attribute(
    "flow.work_item.result", "string", _ITEM, "how it was closed, in the tracker's own word"
)
ITEM_LABELS = _attribute("flow.work_item.labels", "string[]", _ITEM, "its labels")
ITEM_ASSIGNEES = _attribute("flow.work_item.assignees", "string[]", _ITEM, "who it is assigned to")
ITEM_COMMENTS = _attribute(
    "flow.work_item.comments", "int", _ITEM, "number of comments up to the span's end"
)
FEATURE_DETAIL = _attribute(
    "flow.feature.detail",
    "string",
    "the feature in its feature trace",
    "finest spans of the trace: step, job, run or change",
)
FEATURE_INCOMPLETE = _attribute(
    "flow.feature.incomplete",
    "string",
    "the feature in its feature trace",
    "what of the feature could not be read, or was left out, and why",
)

DEPLOYMENT_ID = _attribute(deployment.DEPLOYMENT_ID, "string", _DEPLOYMENT, "id of the deployment")
DEPLOYMENT_ENVIRONMENT_NAME = _attribute(
    deployment.DEPLOYMENT_ENVIRONMENT_NAME, "string", _DEPLOYMENT, "environment deployed to"
)
DEPLOYMENT_STATUS = _attribute(
    deployment.DEPLOYMENT_STATUS, "string", _DEPLOYMENT, "succeeded or failed"
)
DEPLOYMENT_STATE = _attribute(
    "github.deployment.state", "string", _DEPLOYMENT, "its last state in GitHub's own word"
)
DEPLOYMENT_CREATOR = _attribute(
    "github.deployment.creator", "string", _DEPLOYMENT, "login of who made it"
)
DEPLOYMENT_INCOMPLETE = _attribute(
    "flow.deployment.incomplete",
    "boolean",
    _DEPLOYMENT,
    "true where more commits were deployed than were compared",
)
