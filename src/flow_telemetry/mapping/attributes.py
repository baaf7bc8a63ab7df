"""Table of the attributes of resources, runs, jobs and steps, and those that all spans have.

`docs/reference/attributes.md` is made from this table and its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from opentelemetry.semconv._incubating.attributes import cicd_attributes as cicd
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs
from opentelemetry.semconv.attributes import error_attributes, service_attributes

from flow_telemetry import telemetry

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
