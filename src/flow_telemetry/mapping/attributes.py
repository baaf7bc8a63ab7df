"""Tables of the attributes of spans, events and tests; `docs/attributes.md` is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from opentelemetry.semconv._incubating.attributes import cicd_attributes as cicd
from opentelemetry.semconv._incubating.attributes import code_attributes as code
from opentelemetry.semconv._incubating.attributes import deployment_attributes as deployment
from opentelemetry.semconv._incubating.attributes import event_attributes as event
from opentelemetry.semconv._incubating.attributes import log_attributes as log
from opentelemetry.semconv._incubating.attributes import test_attributes as test
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs
from opentelemetry.semconv.attributes import error_attributes, service_attributes
from opentelemetry.semconv.attributes import exception_attributes as exception

from flow_telemetry import telemetry
from flow_telemetry.model.time_shares import TimeState
from flow_telemetry.rules.lifecycle import PhaseKind

# Names from OpenTelemetry's semantic conventions are read from the constants of its package. If the
# conventions rename an attribute, the upgrade of the package fails here.


class Entity(Enum):
    """Kinds of entities that have spans: the values of the attribute `flow.entity.type`."""

    RUN = "run"
    LINKED_RUN = "linked_run"
    JOB = "job"
    STEP = "step"
    START_WAIT = "start_wait"
    QUEUED = "queued"
    APPROVAL = "approval"
    CHANGE = "change"
    PHASE = "phase"
    WORK_ITEM = "work_item"
    STATUS = "status"
    BLOCKED = "blocked"
    LIFE = "life"
    OPENING = telemetry.OPENING[1]
    DEPLOYMENT = "deployment"
    COMMAND = "command"
    MEASURED = "measured"
    TEST_SUITE = "test_suite"
    TEST_CASE = "test_case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A row of the table. ``on`` lists the spans that can have the attribute, or is `resource`."""

    name: str
    type: str
    on: str
    meaning: str

    @property
    def source(self) -> str:
        """The owner of the name, which its first word shows."""
        first = self.name.partition(".")[0]
        return {"flow": "flow-telemetry", "github": "GitHub"}.get(first, "OpenTelemetry")


ATTRIBUTES: list[Attribute] = []

# The causes of failures, besides the results themselves.
ERROR_TYPES = (
    "`runner_lost`, `runner_unavailable`, `billing`, `internal_error`, `setup_failed`, "
    "`out_of_memory`, `no_space`, `startup_failure`"
)


def _span_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_RESOURCE = "resource"
_ALL = "all spans"
_RUN = "run"
_JOB = "job"
_STEP = "step"
_OF_RUN = "run, all spans within it"
_OF_JOB = "spans within a job"

SERVICE_NAME = _span_attribute(
    service_attributes.SERVICE_NAME,
    "string",
    _RESOURCE,
    "`github-actions`, or the value of setting `service-name`",
)
VCS_PROVIDER_NAME = _span_attribute(vcs.VCS_PROVIDER_NAME, "string", _RESOURCE, "`github`")
VCS_OWNER_NAME = _span_attribute(
    vcs.VCS_OWNER_NAME, "string", _RESOURCE, "owner of the repository: a user or organization"
)
VCS_REPOSITORY_NAME = _span_attribute(
    vcs.VCS_REPOSITORY_NAME, "string", _RESOURCE, "name of the repository, without its owner"
)
VCS_REPOSITORY_URL_FULL = _span_attribute(
    vcs.VCS_REPOSITORY_URL_FULL, "string", _RESOURCE, "address of the repository"
)
FLOW_NAMESPACE = _span_attribute(
    "flow.namespace", "string", _RESOURCE, "setting `namespace`, if it is set"
)

FLOW_ENTITY_TYPE = _span_attribute(
    telemetry.OPENING[0],
    "string",
    _ALL,
    "kind of entity: " + ", ".join(f"`{entity.value}`" for entity in Entity),
)
FLOW_REFERENCE = _span_attribute(
    "flow.reference",
    "string",
    _ALL,
    "flow reference of the entity; its trace id and span id are hashes of references",
)
FLOW_TRACE = _span_attribute(
    "flow.trace",
    "string",
    _ALL,
    "kind of the trace: `live` (sent piece by piece), `feature` (sent once, when the feature "
    "closes), `snapshot` (sent once, on request)",
)
FEATURE_TRACE_ID = _span_attribute(
    "flow.feature.trace_id",
    "string",
    "run, life",
    "id of the trace that is sent when the feature closes for the first time",
)
FLOW_FEATURE_KEY = _span_attribute(
    "flow.feature.key", "string", _ALL, "key of the feature, if known"
)
FLOW_WORK_ITEM_KEY = _span_attribute(
    "flow.work_item.key", "string", _ALL, "key of the nearest work item, if known"
)
VCS_CHANGE_ID = _span_attribute(
    vcs.VCS_CHANGE_ID, "string", _ALL, "number of the pull request, if known"
)
GITHUB_REPOSITORY = _span_attribute(
    "github.repository", "string", _ALL, "repository as `owner/name`"
)
CICD_PIPELINE_RUN_ID = _span_attribute(cicd.CICD_PIPELINE_RUN_ID, "string", _ALL, "id of the run")
GITHUB_RUN_ATTEMPT = _span_attribute(
    "github.run.attempt", "int", _ALL, "number of the attempt of the run, from 1"
)
CICD_PIPELINE_NAME = _span_attribute(
    cicd.CICD_PIPELINE_NAME, "string", _OF_RUN, "name of the workflow"
)
VCS_REF_HEAD_NAME = _span_attribute(
    vcs.VCS_REF_HEAD_NAME, "string", _OF_RUN, "branch or tag that was built"
)
FLOW_BRANCH = _span_attribute(
    "flow.branch",
    "string",
    _OF_RUN,
    "`default` or `other`: the branch that was built; `tag` for a run of a tag; not set if the "
    "default branch is unknown",
)
FLOW_JOB_NAME = _span_attribute("flow.job.name", "string", _OF_JOB, "name of the job")
FLOW_JOB_ID = _span_attribute("flow.job.id", "string", _OF_JOB, "id of the job")
FLOW_JOB_RESULT = _span_attribute(
    "flow.job.result",
    "string",
    "spans of waits of a job",
    "success, failure, error, timeout, cancellation or skip; not set while the job goes on",
)
FLOW_RUNNER_LABELS = _span_attribute(
    "flow.runner.labels",
    "string",
    "job, wait for a runner",
    "runner labels that the job requested, in one text: `self-hosted,linux`; on metrics only those "
    "that GitHub defines",
)
FLOW_PARTIAL = _span_attribute(
    "flow.partial",
    "boolean",
    "run, job, their waits, life, change, work item",
    "true if the entity was still in progress when the span was sent",
)
FLOW_INCOMPLETE = _span_attribute(
    "flow.incomplete",
    "string",
    _JOB,
    "status of the job if GitHub left it unfinished though its run has ended: `queued`, "
    "`in_progress`",
)
FLOW_PROTECTION_RULE = _span_attribute(
    "flow.protection.rule",
    "string",
    "job and its waits",
    "rule of the environment that the job waited for: `approval`, `timer`, `custom`; not set if it "
    "is unknown",
)
FLOW_CLAMPED_START = _span_attribute(
    "flow.start.clamped",
    "int",
    _ALL,
    "original start in seconds since 1970, if setting `on-old-span` moved the start",
)
ERROR_TYPE = _span_attribute(
    error_attributes.ERROR_TYPE,
    "string",
    "run, job, step, command",
    "set on failure, error and timeout: the result, or the cause that GitHub and the runner show: "
    f"{ERROR_TYPES}",
)

CICD_PIPELINE_ACTION_NAME = _span_attribute(cicd.CICD_PIPELINE_ACTION_NAME, "string", _RUN, "`RUN`")
CICD_PIPELINE_RESULT = _span_attribute(
    cicd.CICD_PIPELINE_RESULT,
    "string",
    "run, its waits",
    "success, failure, error, timeout, cancellation or skip; not set on waits while the run goes "
    "on",
)
CICD_PIPELINE_RUN_URL_FULL = _span_attribute(
    cicd.CICD_PIPELINE_RUN_URL_FULL, "string", _RUN, "address of the run"
)
VCS_REF_HEAD_TYPE = _span_attribute(
    vcs.VCS_REF_HEAD_TYPE, "string", _RUN, "`branch` or `tag`, of `vcs.ref.head.name`"
)
VCS_REF_BASE_NAME = _span_attribute(
    vcs.VCS_REF_BASE_NAME,
    "string",
    "change, run",
    "branch that the pull request is to be merged into; on a run only for a merge queue",
)
VCS_REF_BASE_REVISION = _span_attribute(
    vcs.VCS_REF_BASE_REVISION,
    "string",
    _RUN,
    "commit that a merge queue put the pull request on",
)
VCS_REF_HEAD_REVISION = _span_attribute(
    vcs.VCS_REF_HEAD_REVISION, "string", _RUN, "commit that was built"
)
GITHUB_EVENT = _span_attribute("github.event", "string", _RUN, "event that started the run")
GITHUB_RUN_NUMBER = _span_attribute(
    "github.run.number", "int", _RUN, "number of the run in its workflow"
)
GITHUB_RUN_TITLE = _span_attribute(
    "github.run.title", "string", _RUN, "title of the run, as GitHub shows it"
)
GITHUB_RUN_CONCLUSION = _span_attribute(
    "github.run.conclusion", "string", _RUN, "conclusion, as GitHub reports it"
)
GITHUB_RUN_JOBS = _span_attribute(
    "github.run.jobs", "int", _RUN, "number of jobs of this attempt, without those carried over"
)
GITHUB_RUN_JOBS_CARRIED_OVER = _span_attribute(
    "github.run.jobs.carried_over",
    "int",
    _RUN,
    "number of jobs that an earlier attempt ran and this attempt reused",
)
GITHUB_RUN_PREVIOUS_ATTEMPT = _span_attribute(
    "github.run.previous_attempt.reference",
    "string",
    _RUN,
    "flow reference of the attempt before this one",
)
GITHUB_WORKFLOW_PATH = _span_attribute(
    "github.workflow.path", "string", _RUN, "path of the workflow file in the repository"
)
GITHUB_WORKFLOW_REFERENCED = _span_attribute(
    "github.workflow.referenced", "string[]", _RUN, "reusable workflows that the run called"
)
GITHUB_ACTOR = _span_attribute(
    "github.actor", "string", _RUN, "login of the account that started the first attempt of the run"
)
GITHUB_TRIGGERING_ACTOR = _span_attribute(
    "github.triggering_actor", "string", _RUN, "login of the account that started this attempt"
)
FLOW_ACTOR_KIND = _span_attribute(
    "flow.actor.kind", "string", _RUN, "kind of the triggering account: human, bot or agent"
)
FLOW_CANCELLED_REASON = _span_attribute(
    "flow.cancelled.reason",
    "string",
    "run, job",
    "`superseded` if a newer run of its concurrency group replaced it",
)
FLOW_CHAIN_INCOMPLETE = _span_attribute(
    "flow.chain.incomplete",
    "string",
    "run, change, work item, deployment",
    "why the pull request or work item that the entity belongs to could not be read",
)
FLOW_JOBS_INCOMPLETE = _span_attribute(
    "flow.jobs.incomplete", "boolean", _RUN, "true if GitHub listed fewer jobs than it counted"
)

CICD_PIPELINE_TASK_NAME = _span_attribute(
    cicd.CICD_PIPELINE_TASK_NAME, "string", _JOB, "name of the job"
)
CICD_PIPELINE_TASK_RUN_ID = _span_attribute(
    cicd.CICD_PIPELINE_TASK_RUN_ID, "string", _JOB, "id of the job"
)
CICD_PIPELINE_TASK_TYPE = _span_attribute(
    cicd.CICD_PIPELINE_TASK_TYPE, "string", _JOB, "`deploy` if the job is known to have deployed"
)
CICD_PIPELINE_TASK_RUN_RESULT = _span_attribute(
    cicd.CICD_PIPELINE_TASK_RUN_RESULT,
    "string",
    _JOB,
    "success, failure, error, timeout, cancellation or skip",
)
CICD_PIPELINE_TASK_RUN_URL_FULL = _span_attribute(
    cicd.CICD_PIPELINE_TASK_RUN_URL_FULL, "string", _JOB, "address of the job"
)
CICD_WORKER_ID = _span_attribute(cicd.CICD_WORKER_ID, "string", _JOB, "id of the runner")
CICD_WORKER_NAME = _span_attribute(cicd.CICD_WORKER_NAME, "string", _JOB, "name of the runner")
GITHUB_RUNNER_GROUP = _span_attribute("github.runner.group", "string", _JOB, "group of the runner")
GITHUB_JOB_LABELS = _span_attribute(
    "github.job.labels",
    "string[]",
    "job, wait for a runner",
    "runner labels that the job requested (`runs-on`)",
)
GITHUB_JOB_CONCLUSION = _span_attribute(
    "github.job.conclusion", "string", _JOB, "conclusion, as GitHub reports it"
)
GITHUB_STEP_NUMBER = _span_attribute("github.step.number", "int", _STEP, "number of the step")
FLOW_STEP_NAME = _span_attribute("flow.step.name", "string", _STEP, "name of the step")
FLOW_STEP_RESULT = _span_attribute(
    "flow.step.result",
    "string",
    _STEP,
    "success, failure, error, timeout, cancellation or skip",
)
GITHUB_STEP_CONCLUSION = _span_attribute(
    "github.step.conclusion", "string", _STEP, "conclusion, as GitHub reports it"
)

GITHUB_ANNOTATION_LEVEL = _span_attribute(
    "github.annotation.level", "string", "event `github.annotation`", "failure, warning, notice"
)
GITHUB_ANNOTATION_MESSAGE = _span_attribute(
    "github.annotation.message", "string", "event `github.annotation`", "message of the annotation"
)
GITHUB_ANNOTATION_TITLE = _span_attribute(
    "github.annotation.title", "string", "event `github.annotation`", "title of the annotation"
)
GITHUB_ANNOTATION_PATH = _span_attribute(
    "github.annotation.path",
    "string",
    "event `github.annotation`",
    "file that the annotation is on",
)
GITHUB_ANNOTATION_LINE = _span_attribute(
    "github.annotation.line", "int", "event `github.annotation`", "line that the annotation is on"
)
FLOW_LINK = _span_attribute(
    "flow.link",
    "string",
    "links",
    "why a span links to another trace: `live` (the same entity in its live trace), `change` "
    "(another pull request of the entity), "
    "`work_item` (another work item of the entity, or an item above the feature), `run` (the run "
    "that made a deployment), `attempt` (the attempt of the run before this one), `cause` (the "
    "event or run that started the run), `context` (the trace that the job belonged to before), "
    "`trace_file` (a trace that a tool in the job wrote to a file)",
)
FLOW_RELAYED = _span_attribute(
    "flow.relayed",
    "boolean",
    "relayed spans, log records and data points",
    "true: a tool in the job wrote it to a file, and this program only sent it",
)

ANNOTATION_EVENT = "github.annotation"


# Attributes of changes, work items and deployments

FLOW_ATTRIBUTES: list[Attribute] = []

# The causes of failures, besides the results themselves.
ERROR_TYPES = (
    "`runner_lost`, `runner_unavailable`, `billing`, `internal_error`, `setup_failed`, "
    "`out_of_memory`, `no_space`, `startup_failure`"
)


def _flow_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    FLOW_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_CHANGE = "change"
VCS_CHANGE_TITLE = _span_attribute(
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


# Attributes that only the log records of events have

EVENT_ATTRIBUTES: list[Attribute] = []

# The causes of failures, besides the results themselves.
ERROR_TYPES = (
    "`runner_lost`, `runner_unavailable`, `billing`, `internal_error`, `setup_failed`, "
    "`out_of_memory`, `no_space`, `startup_failure`"
)


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


# Attributes of tests

TEST_ATTRIBUTES: list[Attribute] = []

# The causes of failures, besides the results themselves.
ERROR_TYPES = (
    "`runner_lost`, `runner_unavailable`, `billing`, `internal_error`, `setup_failed`, "
    "`out_of_memory`, `no_space`, `startup_failure`"
)

# The conventions define `pass` and `fail` for a case, and allow other values.
PASS = test.TestCaseResultStatusValues.PASS.value
FAIL = test.TestCaseResultStatusValues.FAIL.value
SKIPPED = "skipped"
SUITE_SUCCESS = test.TestSuiteRunStatusValues.SUCCESS.value
SUITE_FAILURE = test.TestSuiteRunStatusValues.FAILURE.value
SUITE_SKIPPED = test.TestSuiteRunStatusValues.SKIPPED.value

EXCEPTION_EVENT = "exception"

_SUITE = "test suite"
_CASE = "test case"
_BOTH = "test suite, test case"
_COUNTED = "test suite, measured job"
_EXCEPTION = "event `exception`"


def _test_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    TEST_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


SUITE_NAME = _test_attribute(
    test.TEST_SUITE_NAME,
    "string",
    _BOTH,
    "name of the suite, after the names of the suites around it: `outer > inner`",
)
SUITE_STATUS = _test_attribute(
    test.TEST_SUITE_RUN_STATUS,
    "string",
    _SUITE,
    "`success`, `failure` if any case failed finally, `skipped` if all cases were skipped",
)
SUITE_DURATION = _test_attribute(
    "flow.test.suite.duration",
    "double",
    _SUITE,
    "duration of the suite in seconds, as the report states it",
)
REPORT = _test_attribute(
    "flow.test.report",
    "string",
    _BOTH,
    "path of the report, relative to the workspace, with slashes",
)
ESTIMATED = _test_attribute(
    "flow.test.time.estimated",
    "boolean",
    _BOTH,
    "true if the report has no usable start time: the position of the span in the step is "
    "estimated",
)
CASES_TOTAL = _test_attribute(
    "flow.test.cases.total",
    "int",
    _COUNTED,
    "number of cases; a case that was run several times counts once",
)
CASES_PASSED = _test_attribute(
    "flow.test.cases.passed", "int", _COUNTED, "number of cases that passed, including flaky ones"
)
CASES_FAILED = _test_attribute(
    "flow.test.cases.failed",
    "int",
    _COUNTED,
    "number of cases that failed finally, including errors",
)
CASES_SKIPPED = _test_attribute(
    "flow.test.cases.skipped", "int", _COUNTED, "number of cases that were skipped"
)
CASES_FLAKY = _test_attribute(
    "flow.test.cases.flaky", "int", _COUNTED, "number of cases that passed after they had failed"
)
CASES_LEFT_OUT = _test_attribute(
    "flow.test.cases.left_out",
    "int",
    _COUNTED,
    "number of entries of the report without a span, if it has more entries than `max-spans`",
)

CASE_NAME = _test_attribute(
    test.TEST_CASE_NAME, "string", _CASE, "name of the case, after the name of its class"
)
CASE_STATUS = _test_attribute(
    test.TEST_CASE_RESULT_STATUS, "string", _CASE, "`pass`, `fail` or `skipped`"
)
CASE_DURATION = _test_attribute(
    "flow.test.case.duration",
    "double",
    _CASE,
    "duration of the case in seconds, as the report states it; the span is shorter if the case "
    "would not fit into its step",
)
CASE_KEY = _test_attribute(
    "flow.test.case.key",
    "string",
    _CASE,
    "suite and name: the same in all attempts and runs, to group by",
)
CASE_FLAKY = _test_attribute(
    "flow.test.case.flaky",
    "boolean",
    _CASE,
    "true if the case passed after it had failed in the same report or in the attempt before",
)
CASE_RUN_AGAIN = _test_attribute(
    "flow.test.case.run_again",
    "boolean",
    _CASE,
    "true if the case failed and was run again in the same report; such an entry is not counted",
)
CASE_OTHER_FAILURES = _test_attribute(
    "flow.test.case.other_failures",
    "int",
    _CASE,
    "number of further failures of the case, if the report has them in one entry",
)
CASE_SKIP_REASON = _test_attribute(
    "flow.test.case.skip_reason",
    "string",
    _CASE,
    "why the case was skipped, if the report states it",
)
CODE_FILE_PATH = _test_attribute(
    code.CODE_FILE_PATH, "string", _BOTH, "source file, as the report names it"
)

EXCEPTION_TYPE = _test_attribute(
    exception.EXCEPTION_TYPE, "string", _EXCEPTION, "type of the failure, as the report names it"
)
EXCEPTION_MESSAGE = _test_attribute(
    exception.EXCEPTION_MESSAGE, "string", _EXCEPTION, "message of the failure, else its first line"
)
EXCEPTION_STACKTRACE = _test_attribute(
    exception.EXCEPTION_STACKTRACE,
    "string",
    _EXCEPTION,
    "stack trace or text of the failure, truncated",
)
