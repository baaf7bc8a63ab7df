"""The names of the attributes of metrics, and of what the four keys of DORA rest on.

Those that spans have too are taken from `semconv` and `flow_semconv`. `docs/metrics.md` is
generated from the tables here and in `instruments`.
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
from flow_telemetry.mapping.attributes import Attribute

METRIC_ATTRIBUTES: dict[str, str] = {}
DELIVERY_FACTS: list[Attribute] = []


def _attribute(name: str, meaning: str) -> str:
    METRIC_ATTRIBUTES[name] = meaning
    return name


def _fact(name: str, kind: str, meaning: str) -> str:
    on = "record of a deployment's success"
    DELIVERY_FACTS.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


REPOSITORY = _attribute(semconv.GITHUB_REPOSITORY, "repository as `owner/name`")
BRANCH = _attribute(
    "flow.branch",
    "`default` or `other`: what was built, or is to be merged into; left out where the default "
    "branch is not known",
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
    "the result, or what an annotation tells: `runner_lost`, `out_of_memory`, `no_space`, "
    "`startup_failure`",
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
    "flow.runner.kind", "`github-hosted`, `larger` (GitHub's, at a rate of its own), `self-hosted`"
)
RUNNER_LABELS = _attribute(
    "flow.runner.labels",
    "labels that the job asked for, those that GitHub defines only, such as `ubuntu-24.04`",
)
OS_TYPE = _attribute(os.OS_TYPE, "linux, windows or darwin, where the labels tell")
STEP = _attribute(
    "flow.step.name",
    "name of the step; numbers of two digits and more, and hashes, are `*`",
)
MEMORY_STATE = _attribute(system.SYSTEM_MEMORY_STATE, "`used`")
DISK_DIRECTION = _attribute(disk.DISK_IO_DIRECTION, "`read` or `write`")
NETWORK_DIRECTION = _attribute(network.NETWORK_IO_DIRECTION, "`receive` or `transmit`")
COMMAND = _attribute(
    "flow.command.name",
    "what `flow-telemetry run --name` calls it, else its first word without folders",
)
COMMAND_RESULT = _attribute(
    "flow.command.result", "success, failure, or cancellation where it was told to end"
)
CPU_MODE = _attribute(cpu.CPU_MODE, "`user` (own code) or `system`")
CHANGE_STATE = _attribute(semconv.VCS_CHANGE_STATE, "open, wip, closed or merged")
ACTOR_KIND = _attribute(semconv.FLOW_ACTOR_KIND, "kind of who did it: human, bot or agent")
AUTHOR_KIND = _attribute(semconv.CHANGE_AUTHOR_KIND, "kind of its author: human, bot or agent")
LINE_CHANGE = _attribute(vcs.VCS_LINE_CHANGE_TYPE, "`added` or `removed`")
PHASE = _attribute(semconv.PHASE, "the phase, such as `in-review`")
TRACKER = _attribute(semconv.ITEM_TRACKER, "`github`, `jira` or another's name")
ITEM_TYPE = _attribute(semconv.ITEM_TYPE, "its type: Epic, Story, Bug …")
ITEM_RESULT = _attribute(semconv.ITEM_RESULT, "how it was closed, in the tracker's own word")
ITEM_CATEGORY = _attribute(
    semconv.ITEM_STATUS_CATEGORY, "to_do, in_progress or done, where the status is known"
)
FEATURE_COMPLETE = _attribute(
    "flow.feature.complete", "whether all of the feature could be read; else numbers are too low"
)
ENVIRONMENT = _attribute(
    semconv.DEPLOYMENT_ENVIRONMENT_NAME,
    "environment deployed to; numbers of two digits and more, and hashes, are `*`: `preview-*`",
)
PRODUCTION = _attribute(
    "flow.deployment.production", "whether GitHub has it as a production environment"
)
DEPLOYMENT_STATUS = _attribute(semconv.DEPLOYMENT_STATUS, "succeeded or failed")
COVERAGE_UNIT = _attribute("flow.coverage.unit", "what is counted: `line`, `statement` or `branch`")
PACKAGE = _attribute(
    "flow.coverage.package",
    "package as the report names it, or folder; beyond the 50 largest `(other)`",
)

# Of the conventions' gauges of changes, which are sent with the branch only.
REPOSITORY_URL = _attribute(semconv.VCS_REPOSITORY_URL_FULL, "address of the repository")
TEST_RESULT = _attribute(semconv.CASE_STATUS, "`pass`, `fail` or `skipped`")

TEST_SUITE = semconv.SUITE_NAME
JOB_MATRIX = "flow.job.matrix"

# What input `metric-attributes` may name, each with what it stands on.
EXTRA_ATTRIBUTES: Mapping[str, str] = {
    semconv.VCS_REF_HEAD_NAME: "runs, jobs and changes: the branch; also sends the conventions' "
    "`vcs.change.*`",
    semconv.VCS_REF_HEAD_REVISION: "runs, jobs and deployments: the commit",
    semconv.VCS_CHANGE_ID: "all of a change: its number",
    semconv.FLOW_WORK_ITEM_KEY: "all of a work item: its key",
    semconv.FLOW_FEATURE_KEY: "all of a feature: its key",
    semconv.CICD_PIPELINE_RUN_ID: "runs and jobs: the id of the run",
    semconv.CICD_PIPELINE_TASK_RUN_ID: "jobs: the id of the job",
    semconv.CICD_WORKER_NAME: "jobs: the runner",
    semconv.GITHUB_EVENT: "runs and jobs: the event that started the run",
    semconv.GITHUB_JOB_LABELS: "jobs: all labels that the job asked of a runner",
    JOB_MATRIX: "jobs: the matrix values, `3.12, ubuntu-latest`",
    TEST_SUITE: "tests: the suite",
}

DEPLOYMENT_LEAD_TIMES = _fact(
    "flow.deployment.lead_times",
    "string[]",
    "the lead time of each pull request in seconds, with the commit and time that it counts from",
)
DEPLOYMENT_RESTORE_TIME = _fact(
    "flow.deployment.restore_time",
    "double",
    "seconds from the failure before it in this environment to its success",
)
DEPLOYMENT_RESTORED = _fact(
    "flow.deployment.restored",
    "string",
    "flow reference of the failed deployment that it made good",
)


def unknown_attributes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of input `metric-attributes` that nothing has."""
    return tuple(name for name in names if name not in EXTRA_ATTRIBUTES)
