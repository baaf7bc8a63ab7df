"""Tables of the attributes of metrics, and of the values that the four DORA metrics are made of.

`docs/reference/metrics.md` is generated from these tables and from those in `instruments`.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.semconv._incubating.attributes import cicd_attributes as cicd
from opentelemetry.semconv._incubating.attributes import cpu_attributes as cpu
from opentelemetry.semconv._incubating.attributes import disk_attributes as disk
from opentelemetry.semconv._incubating.attributes import network_attributes as network
from opentelemetry.semconv._incubating.attributes import os_attributes as os
from opentelemetry.semconv._incubating.attributes import system_attributes as system
from opentelemetry.semconv._incubating.attributes import vcs_attributes as vcs

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import suite_attributes as suite_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.attributes import Attribute

METRIC_ATTRIBUTES: dict[str, str] = {}
DELIVERY_ATTRIBUTES: list[Attribute] = []


def _attribute(name: str, meaning: str) -> str:
    METRIC_ATTRIBUTES[name] = meaning
    return name


def _delivery_attribute(
    name: str, kind: str, meaning: str, on: str = "record of a deployment's success"
) -> str:
    DELIVERY_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


REPOSITORY = _attribute(semconv.GITHUB_REPOSITORY, "repository as `owner/name`")
BRANCH = _attribute(
    semconv.FLOW_BRANCH,
    "`default` or `other`: the branch that was built, or that the pull request is to be merged "
    "into; `tag` for a run of a tag; not set if the default branch is unknown",
)
WORKFLOW = _attribute(semconv.CICD_PIPELINE_NAME, "name of the workflow")
RUN_STATE = _attribute(
    cicd.CICD_PIPELINE_RUN_STATE, "`pending` until its first job has a runner, then `executing`"
)
RUN_RESULT = _attribute(
    semconv.CICD_PIPELINE_RESULT, "success, failure, error, timeout, cancellation or skip"
)
ERROR_TYPE = _attribute(
    semconv.ERROR_TYPE,
    f"the result, or the cause that GitHub and the runner show: {semconv.ERROR_TYPES}",
)
SYSTEM_COMPONENT = _attribute(
    cicd.CICD_SYSTEM_COMPONENT,
    "part of the CI/CD system that failed: `github`, `scheduler` (no runner) or `agent` (the "
    "runner)",
)
PROTECTION_RULE = _attribute(
    semconv.FLOW_PROTECTION_RULE,
    "rule of the environment: `timer` or `custom`; not set if it is unknown",
)
JOB = _attribute(
    semconv.CICD_PIPELINE_TASK_NAME,
    "name of the job without its matrix values: `test` for `test (3.12)`",
)
JOB_RESULT = _attribute(
    semconv.CICD_PIPELINE_TASK_RUN_RESULT,
    "success, failure, error, timeout, cancellation or skip",
)
RUNNER_KIND = _attribute(
    "flow.runner.kind",
    "`github-hosted`, `larger` (GitHub's larger runners, with their own rates) or `self-hosted`",
)
RUNNER_LABELS = _attribute(
    semconv.FLOW_RUNNER_LABELS,
    "labels that the job requested and GitHub defines, such as `ubuntu-24.04`; of active jobs the "
    "others too, with `*` for hashes and for numbers of five or more digits, and `(other)` beyond "
    "the 20 most frequent",
)
OS_TYPE = _attribute(os.OS_TYPE, "linux, windows or darwin, if the labels show it")
STEP = _attribute(
    semconv.FLOW_STEP_NAME,
    "name of the step, with `*` for hashes and for numbers of two or more digits",
)
MEMORY_STATE = _attribute(system.SYSTEM_MEMORY_STATE, "`used`")
DISK_DIRECTION = _attribute(disk.DISK_IO_DIRECTION, "`read` or `write`")
NETWORK_DIRECTION = _attribute(network.NETWORK_IO_DIRECTION, "`receive` or `transmit`")
COMMAND = _attribute(
    "flow.command.name",
    "name that `flow-telemetry run --name` sets, else the first word without folders",
)
COMMAND_RESULT = _attribute(
    "flow.command.result", "success, failure, or cancellation if the command was asked to end"
)
CPU_MODE = _attribute(cpu.CPU_MODE, "`user` or `system`")
CHANGE_STATE = _attribute(work_semconv.VCS_CHANGE_STATE, "open, wip, closed or merged")
ACTOR_KIND = _attribute(semconv.FLOW_ACTOR_KIND, "kind of the account: human, bot or agent")
AUTHOR_KIND = _attribute(work_semconv.CHANGE_AUTHOR_KIND, "kind of the author: human, bot or agent")
LINE_CHANGE = _attribute(vcs.VCS_LINE_CHANGE_TYPE, "`added` or `removed`")
PHASE = _attribute(work_semconv.PHASE, "name of the phase, such as `in-review`")
TRACKER = _attribute(work_semconv.ITEM_TRACKER, "`github`, `jira` or the name of another tracker")
ITEM_TYPE = _attribute(work_semconv.ITEM_TYPE, "type of the item: Epic, Story, Bug …")
ITEM_RESULT = _attribute(
    work_semconv.ITEM_RESULT, "how the item was closed, as the tracker reports it"
)
FLOW_TYPE = _attribute(
    event_semconv.ITEM_FLOW_TYPE,
    "kind of work in the Flow Framework: feature, defect, debt or risk, by `flow-types`; not set "
    "for an item of another type",
)
BLOCKED_CAUSE = _attribute(
    work_semconv.BLOCKED_CAUSE, "kind of what blocked the item: flag, issue, status or label"
)
ITEM_STATUS = _attribute(
    work_semconv.ITEM_STATUS,
    "present name of the status; `open` and `in progress` for a GitHub issue without a status",
)
ITEM_CATEGORY = _attribute(
    work_semconv.ITEM_STATUS_CATEGORY,
    "to_do, in_progress or done; not set for a status without a category",
)
FEATURE_COMPLETE = _attribute(
    "flow.feature.complete",
    "whether all of the feature could be read; if not, the numbers are too low",
)
LOAD_INCOMPLETE = _attribute(
    "flow.load.incomplete",
    "`true` if the sweep could not read all; then the number is too low",
)
JOB_STATE = _attribute(
    "flow.job.state",
    "`queued` (for a runner), `waiting` (for anything else) or `in_progress`",
)
TIME_STATE = _attribute(
    "flow.time.state",
    "state that the time went to, such as `awaiting_review` or `idle`",
)
TIME_INCOMPLETE = _attribute(
    work_semconv.TIME_INCOMPLETE,
    "states that were not read, or only in part: `queued,building`; not set if all were read",
)
ENVIRONMENT = _attribute(
    work_semconv.DEPLOYMENT_ENVIRONMENT_NAME,
    "environment of the deployment, with `*` for hashes and for numbers of two or more digits: "
    "`preview-*`; `(transient)` for all environments that GitHub calls transient",
)
DEPLOYMENT_TASK = _attribute(
    work_semconv.DEPLOYMENT_TASK, "task of the deployment, unless it is `deploy`"
)
DEPLOYMENT_KIND = _attribute(
    work_semconv.DEPLOYMENT_KIND,
    "`deploy`, `redeploy` or `rollback`; a remediation that delivers a revert has `revert`",
)
PRODUCTION = _attribute(
    "flow.deployment.production",
    "whether the environment is a production environment: by `production-environments`, else by "
    "its name or GitHub's mark",
)
DEPLOYMENT_STATUS = _attribute(work_semconv.DEPLOYMENT_STATUS, "succeeded, failed or cancelled")
COVERAGE_UNIT = _attribute(
    "flow.coverage.unit", "unit that is counted: `line`, `statement` or `branch`"
)
PACKAGE = _attribute(
    "flow.coverage.package",
    "package or folder, as the report names it; `(other)` for all except the 50 largest",
)

API = _attribute("flow.github.api", "`rest` or `graphql`: GitHub's APIs have separate limits")
EXPORT_SUBJECT = _attribute(
    "flow.export.subject",
    "kind of what was exported: `run`, `change`, `item`, `feature`, `deployment`, `event` or "
    "`sweep`",
)

# Attributes of the conventions' gauges of changes, which are sent only with the branch.
REPOSITORY_URL = _attribute(semconv.VCS_REPOSITORY_URL_FULL, "address of the repository")
TEST_RESULT = _attribute(suite_semconv.CASE_STATUS, "`pass`, `fail` or `skipped`")

TEST_SUITE = suite_semconv.SUITE_NAME
JOB_MATRIX = "flow.job.matrix"
ITEM_PROJECT = "flow.work_item.project"
ITEM_TEAM = "flow.work_item.team"
ITEM_COMPONENT = "flow.work_item.component"
ITEM_PRIORITY = "flow.work_item.priority"

# The attributes that setting `metric-attributes` can add, each with the metrics that have it.
EXTRA_ATTRIBUTES: Mapping[str, str] = {
    semconv.VCS_REF_HEAD_NAME: "runs, jobs and changes: the branch; also sends the conventions' "
    "`vcs.change.*`",
    semconv.VCS_REF_BASE_NAME: "changes, and the runs and jobs of pull requests: the branch that "
    "the pull request is to be merged into; pull requests on top of each other have many",
    semconv.VCS_REF_HEAD_REVISION: "runs, jobs and deployments: the commit",
    semconv.VCS_CHANGE_ID: "changes: the number of the pull request",
    semconv.FLOW_WORK_ITEM_KEY: "work items: the key",
    semconv.FLOW_FEATURE_KEY: "features: the key",
    ITEM_PROJECT: "work items and features in Jira: the key of the project (on GitHub, "
    "`github.repository` is always there)",
    ITEM_TEAM: "work items in Jira: the name of the team, or its id if Jira returns only that",
    ITEM_COMPONENT: "work items and features in Jira: the components, `api,web`",
    ITEM_PRIORITY: "work items and features in Jira: the priority",
    work_semconv.ITEM_STATUS_ID: "`flow.work_item.status.duration`: Jira's id of the status",
    semconv.CICD_PIPELINE_RUN_ID: "runs and jobs: the id of the run",
    semconv.CICD_PIPELINE_TASK_RUN_ID: "jobs: the id of the job",
    semconv.CICD_WORKER_NAME: "jobs: the runner",
    semconv.GITHUB_EVENT: "runs and jobs: the event that started the run",
    semconv.GITHUB_JOB_LABELS: "jobs: all runner labels that the job requested",
    JOB_MATRIX: "jobs: the matrix values, `3.12, ubuntu-latest`",
    TEST_SUITE: "tests: the suite",
}

_DELIVERED = "record of a pull request's delivery"

LEAD_TIME = _delivery_attribute(
    "flow.deployment.lead_time",
    "double",
    "seconds from the first commit of the pull request to the success of the deployment",
    _DELIVERED,
)
FIRST_COMMIT = _delivery_attribute(
    "flow.change.first_commit.revision",
    "string",
    "sha of the commit that the lead time counts from",
    _DELIVERED,
)
FIRST_COMMIT_TIME = _delivery_attribute(
    "flow.change.first_commit.time",
    "string",
    "time that the lead time counts from, `2026-11-24T03:43:00Z` (setting `lead-time-from`)",
    _DELIVERED,
)
DEPLOYMENT_RESTORE_TIME = _delivery_attribute(
    "flow.deployment.restore_time",
    "double",
    "seconds from the end of the failed deployment in this place to this success",
)
DEPLOYMENT_RESTORED = _delivery_attribute(
    "flow.deployment.restored",
    "string",
    "flow reference of the failed deployment that this deployment repaired",
)


def unknown_attributes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in `metric-attributes` that are not in `EXTRA_ATTRIBUTES`."""
    return tuple(name for name in names if name not in EXTRA_ATTRIBUTES)
