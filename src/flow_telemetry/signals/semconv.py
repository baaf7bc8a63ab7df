"""The names of all attributes, in one table with what they mean and where they come from.

The conventions' names are taken from their constants, so a renamed one fails when the package is
upgraded. `docs/attributes.md` is generated from the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from opentelemetry.semconv._incubating.attributes import (
    cicd_attributes as cicd,
)
from opentelemetry.semconv._incubating.attributes import (
    vcs_attributes as vcs,
)
from opentelemetry.semconv.attributes import error_attributes, service_attributes


class Entity(Enum):
    """What a span stands for: the values of the attribute `flow.entity.type`."""

    RUN = "run"
    JOB = "job"
    STEP = "step"
    QUEUED = "queued"
    APPROVAL = "approval"
    CHANGE = "change"
    PHASE = "phase"
    WORK_ITEM = "work_item"
    STATUS = "status"
    LIFE = "life"
    DEPLOYMENT = "deployment"
    COMMAND = "command"
    MEASURED = "measured"
    TEST_SUITE = "test_suite"
    TEST_CASE = "test_case"


class Source(Enum):
    """Who defines an attribute."""

    CONVENTION = "OpenTelemetry"
    GITHUB = "GitHub"
    OURS = "flow-telemetry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A row of the table. ``on`` says on which spans, or `resource`, it can stand."""

    name: str
    type: str
    on: str
    meaning: str

    @property
    def source(self) -> Source:
        """Who defines the attribute, told by the first part of its name."""
        first = self.name.partition(".")[0]
        return {"flow": Source.OURS, "github": Source.GITHUB}.get(first, Source.CONVENTION)


ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, kind: str, on: str, meaning: str) -> str:
    ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


_RESOURCE = "resource"
_ALL = "all spans"
_RUN = "run"
_JOB = "job"
_STEP = "step"

SERVICE_NAME = _attribute(
    service_attributes.SERVICE_NAME,
    "string",
    _RESOURCE,
    "`github-actions`, or what input `service-name` gives",
)
VCS_PROVIDER_NAME = _attribute(vcs.VCS_PROVIDER_NAME, "string", _RESOURCE, "`github`")
VCS_OWNER_NAME = _attribute(
    vcs.VCS_OWNER_NAME, "string", _RESOURCE, "owner of the repository: a user or organization"
)
VCS_REPOSITORY_NAME = _attribute(
    vcs.VCS_REPOSITORY_NAME, "string", _RESOURCE, "name of the repository, without its owner"
)
VCS_REPOSITORY_URL_FULL = _attribute(
    vcs.VCS_REPOSITORY_URL_FULL, "string", _RESOURCE, "address of the repository"
)
FLOW_NAMESPACE = _attribute(
    "flow.namespace", "string", _RESOURCE, "input `namespace`, where it is set"
)

FLOW_ENTITY_TYPE = _attribute(
    "flow.entity.type",
    "string",
    _ALL,
    "what the span stands for: " + ", ".join(f"`{entity.value}`" for entity in Entity),
)
FLOW_REFERENCE = _attribute(
    "flow.reference", "string", _ALL, "flow reference of the entity, of which its ids are hashes"
)
FLOW_FEATURE_KEY = _attribute("flow.feature.key", "string", _ALL, "key of the feature, where known")
FLOW_WORK_ITEM_KEY = _attribute(
    "flow.work_item.key", "string", _ALL, "key of the nearest work item, where known"
)
VCS_CHANGE_ID = _attribute(
    vcs.VCS_CHANGE_ID, "string", _ALL, "number of the pull request, where known"
)
GITHUB_REPOSITORY = _attribute("github.repository", "string", _ALL, "repository as `owner/name`")
CICD_PIPELINE_RUN_ID = _attribute(cicd.CICD_PIPELINE_RUN_ID, "string", _ALL, "id of the run")
GITHUB_RUN_ATTEMPT = _attribute("github.run.attempt", "int", _ALL, "attempt of the run, from 1")
CICD_PIPELINE_TASK_RUN_ID = _attribute(
    cicd.CICD_PIPELINE_TASK_RUN_ID, "string", "job, step and their waits", "id of the job"
)
FLOW_PARTIAL = _attribute(
    "flow.partial",
    "boolean",
    "run, job, change, work item",
    "true where the entity still went on when the span was sent",
)
FLOW_CLAMPED_START = _attribute(
    "flow.start.clamped",
    "int",
    _ALL,
    "true start in seconds since 1970, where input `on-old-span` had it moved",
)
ERROR_TYPE = _attribute(
    error_attributes.ERROR_TYPE,
    "string",
    "run, job, step, command",
    "on failure, error and timeout: the result, or what an annotation tells: `runner_lost`, "
    "`out_of_memory`, `no_space`, `startup_failure`",
)

CICD_PIPELINE_NAME = _attribute(cicd.CICD_PIPELINE_NAME, "string", _RUN, "name of the workflow")
CICD_PIPELINE_ACTION_NAME = _attribute(cicd.CICD_PIPELINE_ACTION_NAME, "string", _RUN, "`RUN`")
CICD_PIPELINE_RESULT = _attribute(
    cicd.CICD_PIPELINE_RESULT,
    "string",
    _RUN,
    "success, failure, error, timeout, cancellation or skip",
)
CICD_PIPELINE_RUN_URL_FULL = _attribute(
    cicd.CICD_PIPELINE_RUN_URL_FULL, "string", _RUN, "address of the run"
)
VCS_REF_HEAD_NAME = _attribute(
    vcs.VCS_REF_HEAD_NAME, "string", _RUN, "branch or tag that was built"
)
VCS_REF_HEAD_REVISION = _attribute(
    vcs.VCS_REF_HEAD_REVISION, "string", _RUN, "commit that was built"
)
VCS_CHANGE_TITLE = _attribute(
    vcs.VCS_CHANGE_TITLE, "string", _RUN, "title of the pull request above the run"
)
GITHUB_EVENT = _attribute("github.event", "string", _RUN, "event that started the run")
GITHUB_RUN_NUMBER = _attribute(
    "github.run.number", "int", _RUN, "number of the run in its workflow"
)
GITHUB_RUN_TITLE = _attribute(
    "github.run.title", "string", _RUN, "title of the run, as GitHub shows it"
)
GITHUB_RUN_CONCLUSION = _attribute(
    "github.run.conclusion", "string", _RUN, "conclusion in GitHub's own word"
)
GITHUB_RUN_JOBS = _attribute(
    "github.run.jobs", "int", _RUN, "jobs of this attempt, carried-over ones left out"
)
GITHUB_RUN_JOBS_CARRIED_OVER = _attribute(
    "github.run.jobs.carried_over", "int", _RUN, "jobs that an earlier attempt ran"
)
GITHUB_RUN_PREVIOUS_ATTEMPT = _attribute(
    "github.run.previous_attempt.reference",
    "string",
    _RUN,
    "flow reference of the attempt before this one",
)
GITHUB_WORKFLOW_PATH = _attribute(
    "github.workflow.path", "string", _RUN, "file of the workflow in the repository"
)
GITHUB_WORKFLOW_REFERENCED = _attribute(
    "github.workflow.referenced", "string[]", _RUN, "reusable workflows that the run called"
)
GITHUB_ACTOR = _attribute(
    "github.actor", "string", _RUN, "login of the account that first started the run"
)
GITHUB_TRIGGERING_ACTOR = _attribute(
    "github.triggering_actor", "string", _RUN, "login of the account that started this attempt"
)
FLOW_ACTOR_KIND = _attribute(
    "flow.actor.kind", "string", _RUN, "kind of the triggering account: human, bot or agent"
)
FLOW_CANCELLED_REASON = _attribute(
    "flow.cancelled.reason",
    "string",
    "run, job",
    "`superseded` where a newer run of its concurrency group took its place",
)
FLOW_CHAIN_INCOMPLETE = _attribute(
    "flow.chain.incomplete",
    "string",
    "run, change, work item",
    "why it could not be read what the entity belongs to",
)
FLOW_JOBS_INCOMPLETE = _attribute(
    "flow.jobs.incomplete", "boolean", _RUN, "true where GitHub named more jobs than it gave"
)

CICD_PIPELINE_TASK_NAME = _attribute(
    cicd.CICD_PIPELINE_TASK_NAME, "string", "job, step", "name of the job"
)
CICD_PIPELINE_TASK_RUN_RESULT = _attribute(
    cicd.CICD_PIPELINE_TASK_RUN_RESULT,
    "string",
    _JOB,
    "success, failure, error, timeout, cancellation or skip",
)
CICD_PIPELINE_TASK_RUN_URL_FULL = _attribute(
    cicd.CICD_PIPELINE_TASK_RUN_URL_FULL, "string", _JOB, "address of the job"
)
CICD_WORKER_ID = _attribute(cicd.CICD_WORKER_ID, "string", _JOB, "id of the runner")
CICD_WORKER_NAME = _attribute(cicd.CICD_WORKER_NAME, "string", _JOB, "name of the runner")
GITHUB_RUNNER_GROUP = _attribute("github.runner.group", "string", _JOB, "group of the runner")
GITHUB_JOB_LABELS = _attribute(
    "github.job.labels", "string[]", _JOB, "labels that the job asked of a runner"
)
GITHUB_JOB_CONCLUSION = _attribute(
    "github.job.conclusion", "string", _JOB, "conclusion in GitHub's own word"
)
GITHUB_STEP_NUMBER = _attribute("github.step.number", "int", _STEP, "number of the step")
GITHUB_STEP_CONCLUSION = _attribute(
    "github.step.conclusion", "string", _STEP, "conclusion in GitHub's own word"
)

GITHUB_ANNOTATION_LEVEL = _attribute(
    "github.annotation.level", "string", "event `github.annotation`", "failure, warning, notice"
)
GITHUB_ANNOTATION_MESSAGE = _attribute(
    "github.annotation.message", "string", "event `github.annotation`", "its message"
)
GITHUB_ANNOTATION_TITLE = _attribute(
    "github.annotation.title", "string", "event `github.annotation`", "its title"
)
GITHUB_ANNOTATION_PATH = _attribute(
    "github.annotation.path", "string", "event `github.annotation`", "file that it points to"
)
GITHUB_ANNOTATION_LINE = _attribute(
    "github.annotation.line", "int", "event `github.annotation`", "line that it points to"
)
FLOW_LINK = _attribute(
    "flow.link",
    "string",
    "links",
    "why a span links to another trace: `feature` (the same entity in the feature trace), `live` "
    "(the same in its live trace), `change` (a further pull request), `work_item` (a further "
    "item, or what stands above the feature), `run` (the run that made a deployment), `cause` "
    "(what started the run), `context` (the trace that the job was in before), `trace_file` "
    "(one that a tool in the job wrote to a file)",
)

ANNOTATION_EVENT = "github.annotation"
