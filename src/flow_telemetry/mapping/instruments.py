"""All metrics, in one table: names, kinds, units by UCUM, and what their points can have.

The conventions' names stand here as they are: the package's constants load all of its metrics API,
which every start would pay for. A test holds names, kinds and units against those constants, so a
renamed one fails when the package is upgraded. `docs/metrics.md` is generated from the table.
"""

from __future__ import annotations

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.telemetry import Instrument, InstrumentKind

INSTRUMENTS: list[Instrument] = []

_HISTOGRAM, _SUM, _GAUGE = InstrumentKind.HISTOGRAM, InstrumentKind.SUM, InstrumentKind.GAUGE
_RUN = "run"
_JOB = "job"
_CHANGE = "change"
_CHANGE_OPT_IN = "change, where `metric-attributes` names `vcs.ref.head.name`"
_ITEM = "work item"
_FEATURE = "feature"
_DEPLOYMENT = "deployment"
_MEASURED_JOB = "job that was measured"
_COMMAND = "command that `flow-telemetry run` ran"


def _instrument(  # noqa: PLR0917 - a row of the table
    sent: str,
    name: str,
    kind: InstrumentKind,
    unit: str,
    description: str,
    attributes: tuple[str, ...],
) -> Instrument:
    made = Instrument(
        name=name, kind=kind, unit=unit, description=description, attributes=attributes, sent=sent
    )
    INSTRUMENTS.append(made)
    return made


_OF_RUN = (names.REPOSITORY, names.WORKFLOW, names.BRANCH)
_RUN_ENDED = (*_OF_RUN, names.RUN_RESULT, names.ERROR_TYPE)

RUN_DURATION = _instrument(
    _RUN,
    "cicd.pipeline.run.duration",
    _HISTOGRAM,
    "s",
    "Time of a run in each state: waiting for its first runner, then executing",
    (*_RUN_ENDED, names.RUN_STATE),
)
RUN_ERRORS = _instrument(
    "run, job",
    "cicd.pipeline.run.errors",
    _SUM,
    "{error}",
    "Jobs that failed, and runs that failed without such a job",
    (*_OF_RUN, names.ERROR_TYPE),
)
RUN_COUNT = _instrument(
    _RUN, "flow.run.count", _SUM, "{run}", "Runs that ended, each attempt once", _RUN_ENDED
)
RUN_RETRIES = _instrument(
    _RUN,
    "flow.run.retries",
    _SUM,
    "{retry}",
    "Attempts after the first: how often a build was run again",
    _RUN_ENDED,
)

_OF_JOB = (*_OF_RUN, names.JOB, names.RUNNER_KIND, names.OS_TYPE, names.RUNNER_LABELS)
_JOB_ENDED = (*_OF_JOB, names.JOB_RESULT, names.ERROR_TYPE)

JOB_COUNT = _instrument(
    _JOB, "flow.job.count", _SUM, "{job}", "Jobs that ended, skipped ones included", _JOB_ENDED
)
JOB_DURATION = _instrument(
    _JOB,
    "flow.job.duration",
    _HISTOGRAM,
    "s",
    "Time of a job on its runner, without its waiting",
    _JOB_ENDED,
)
JOB_QUEUE_TIME = _instrument(
    _JOB, "flow.job.queue_time", _HISTOGRAM, "s", "Time that a job waited for a runner", _OF_JOB
)
JOB_APPROVAL_TIME = _instrument(
    _JOB,
    "flow.job.approval_time",
    _HISTOGRAM,
    "s",
    "Time that a job waited for people to approve its deployment",
    _OF_JOB,
)
JOB_BILLABLE_TIME = _instrument(
    _JOB,
    "flow.job.billable_time",
    _SUM,
    "min",
    "Estimate of the minutes that GitHub bills: rounded up for each job, times the rate of its "
    "operating system",
    _OF_JOB,
)


JOB_MEMORY_PEAK = _instrument(
    _MEASURED_JOB,
    "flow.job.memory.peak",
    _HISTOGRAM,
    "By",
    "Most memory of its machine in use while a job ran",
    _JOB_ENDED,
)
JOB_CPU_MEAN = _instrument(
    _MEASURED_JOB,
    "flow.job.cpu.mean",
    _HISTOGRAM,
    "1",
    "Share of all processors of its machine that were busy while a job ran",
    _JOB_ENDED,
)
STEP_MEMORY_PEAK = _instrument(
    _MEASURED_JOB,
    "flow.step.memory.peak",
    _HISTOGRAM,
    "By",
    "Most memory of its machine in use while a step ran",
    (*_OF_RUN, names.JOB, names.STEP),
)
STEP_CPU_MEAN = _instrument(
    _MEASURED_JOB,
    "flow.step.cpu.mean",
    _HISTOGRAM,
    "1",
    "Share of all processors of its machine that were busy while a step ran",
    (*_OF_RUN, names.JOB, names.STEP),
)

_OF_MACHINE = (names.REPOSITORY, names.WORKFLOW, names.JOB)

SYSTEM_MEMORY_USAGE = _instrument(
    _MEASURED_JOB,
    "system.memory.usage",
    _GAUGE,
    "By",
    "Memory of the machine in use: the most in each stretch of the curve",
    (*_OF_MACHINE, names.MEMORY_STATE),
)
SYSTEM_CPU_UTILIZATION = _instrument(
    _MEASURED_JOB,
    "system.cpu.utilization",
    _GAUGE,
    "1",
    "Share of all processors of the machine that were busy",
    _OF_MACHINE,
)
SYSTEM_DISK_IO = _instrument(
    _MEASURED_JOB,
    "system.disk.io",
    _SUM,
    "By",
    "Bytes read from and written to the machine's disks",
    (*_OF_MACHINE, names.DISK_DIRECTION),
)
SYSTEM_NETWORK_IO = _instrument(
    _MEASURED_JOB,
    "system.network.io",
    _SUM,
    "By",
    "Bytes that the machine received and sent",
    (*_OF_MACHINE, names.NETWORK_DIRECTION),
)

_OF_COMMAND = (names.REPOSITORY, names.WORKFLOW, names.COMMAND, names.COMMAND_RESULT)

COMMAND_DURATION = _instrument(
    _COMMAND, "flow.command.duration", _HISTOGRAM, "s", "Time that a command took", _OF_COMMAND
)
COMMAND_MEMORY_PEAK = _instrument(
    _COMMAND,
    "flow.command.memory.peak",
    _HISTOGRAM,
    "By",
    "Most memory that a command and all below it held",
    _OF_COMMAND,
)
COMMAND_CPU_TIME = _instrument(
    _COMMAND,
    "flow.command.cpu.time",
    _HISTOGRAM,
    "s",
    "Processor time of a command and all below it",
    (*_OF_COMMAND, names.CPU_MODE),
)

_TESTED_JOB = "job, from input `test-reports`"
_OF_TEST = (*_OF_RUN, names.JOB)

TEST_COUNT = _instrument(
    _TESTED_JOB,
    "flow.test.count",
    _SUM,
    "{test}",
    "Test cases that ended, each once however often it was run",
    (*_OF_TEST, names.TEST_RESULT),
)
TEST_DURATION = _instrument(
    _TESTED_JOB,
    "flow.test.duration",
    _HISTOGRAM,
    "s",
    "Time of a test case that was not skipped",
    (*_OF_TEST, names.TEST_RESULT),
)
TEST_FLAKY = _instrument(
    _TESTED_JOB,
    "flow.test.flaky",
    _SUM,
    "{test}",
    "Test cases that passed after they had failed, in the same report or the attempt before",
    _OF_TEST,
)

_OF_CHANGE = (names.REPOSITORY, names.BRANCH, names.AUTHOR_KIND, names.CHANGE_STATE)


def _of_change(name: str, kind: InstrumentKind, unit: str, description: str) -> Instrument:
    return _instrument(_CHANGE, name, kind, unit, description, _OF_CHANGE)


CHANGE_COUNT = _of_change(
    "flow.change.count", _SUM, "{change}", "Pull requests that were closed or merged"
)
CHANGE_REOPENED = _of_change(
    "flow.change.reopened", _SUM, "{reopening}", "Pull requests that ended after a reopening"
)
CHANGE_DURATION = _of_change(
    "flow.change.duration", _HISTOGRAM, "s", "Time from opening or reopening to closing"
)
CHANGE_ACTIVE_TIME = _of_change(
    "flow.change.active_time", _HISTOGRAM, "s", "Time in review and with changes requested"
)
CHANGE_EFFICIENCY = _of_change(
    "flow.change.efficiency", _HISTOGRAM, "1", "Flow efficiency: active time by duration"
)
CHANGE_PHASE_DURATION = _instrument(
    _CHANGE,
    "flow.change.phase.duration",
    _HISTOGRAM,
    "s",
    "Time of each phase that it went through",
    (*_OF_CHANGE, names.PHASE),
)
CHANGE_TIME_TO_FIRST_REVIEW = _of_change(
    "flow.change.time_to_first_review",
    _HISTOGRAM,
    "s",
    "Time from opening to the first review by another person",
)
CHANGE_TIME_TO_APPROVAL = _of_change(
    "flow.change.time_to_approval",
    _HISTOGRAM,
    "s",
    "Time from opening to the first approval by another person",
)
CHANGE_TIME_TO_MERGE = _of_change(
    "flow.change.time_to_merge", _HISTOGRAM, "s", "Time from opening to merge"
)
CHANGE_COMMENTS = _of_change(
    "flow.change.comments", _HISTOGRAM, "{comment}", "Comments in the conversation"
)
CHANGE_REVIEWS = _of_change("flow.change.reviews", _HISTOGRAM, "{review}", "Reviews, of bots too")
CHANGE_REVIEW_ROUNDS = _of_change(
    "flow.change.review_rounds",
    _HISTOGRAM,
    "{round}",
    "Rounds of review: reviews by other persons with no answer of the author between them are one",
)
CHANGE_COMMITS = _of_change("flow.change.commits", _HISTOGRAM, "{commit}", "Commits")
CHANGE_LINES = _instrument(
    _CHANGE,
    "flow.change.lines",
    _HISTOGRAM,
    "{line}",
    "Lines added, and lines removed",
    (*_OF_CHANGE, names.LINE_CHANGE),
)
CHANGE_FILES = _of_change("flow.change.files", _HISTOGRAM, "{file}", "Files changed")

_OF_VCS = (names.REPOSITORY_URL, names.REPOSITORY, semconv.VCS_REF_HEAD_NAME)

VCS_CHANGE_DURATION = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.duration",
    _GAUGE,
    "s",
    "Time that a pull request has been a draft (wip) and open",
    (*_OF_VCS, names.CHANGE_STATE),
)
VCS_CHANGE_TIME_TO_APPROVAL = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.time_to_approval",
    _GAUGE,
    "s",
    "Time from opening to the first approval by another person",
    _OF_VCS,
)
VCS_CHANGE_TIME_TO_MERGE = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.time_to_merge",
    _GAUGE,
    "s",
    "Time from opening to merge",
    _OF_VCS,
)

_OF_ITEM = (names.TRACKER, names.REPOSITORY, names.ITEM_TYPE, names.ITEM_RESULT)


def _of_item(name: str, kind: InstrumentKind, unit: str, description: str) -> Instrument:
    return _instrument(_ITEM, name, kind, unit, description, _OF_ITEM)


ITEM_COUNT = _of_item(
    "flow.work_item.count",
    _SUM,
    "{item}",
    "Work items that were closed: as a rate the flow velocity, by type the flow distribution",
)
ITEM_REOPENED = _of_item(
    "flow.work_item.reopened", _SUM, "{reopening}", "Work items that ended after a reopening"
)
ITEM_LEAD_TIME = _of_item(
    "flow.work_item.lead_time", _HISTOGRAM, "s", "Time from creation to closing"
)
ITEM_CYCLE_TIME = _of_item(
    "flow.work_item.cycle_time",
    _HISTOGRAM,
    "s",
    "Flow time: from the first status in progress to closing",
)
ITEM_ACTIVE_TIME = _of_item(
    "flow.work_item.active_time", _HISTOGRAM, "s", "Time in progress and not blocked"
)
ITEM_BLOCKED_TIME = _of_item("flow.work_item.blocked_time", _HISTOGRAM, "s", "Time blocked")
ITEM_TIMES_BLOCKED = _of_item(
    "flow.work_item.times_blocked",
    _HISTOGRAM,
    "{blocking}",
    "How often it was blocked; overlapping causes are one blocking",
)
ITEM_EFFICIENCY = _of_item(
    "flow.work_item.efficiency", _HISTOGRAM, "1", "Flow efficiency: active time by flow time"
)
ITEM_COMMENTS = _of_item("flow.work_item.comments", _HISTOGRAM, "{comment}", "Comments")
ITEM_STATUS_CHANGES = _of_item(
    "flow.work_item.status_changes", _HISTOGRAM, "{change}", "Changes of status"
)

_OF_FEATURE = (names.TRACKER, names.REPOSITORY, names.ITEM_TYPE, names.FEATURE_COMPLETE)


def _of_feature(name: str, unit: str, description: str) -> Instrument:
    return _instrument(_FEATURE, name, _HISTOGRAM, unit, description, _OF_FEATURE)


FEATURE_ITEMS = _instrument(
    _FEATURE,
    "flow.feature.work_items",
    _HISTOGRAM,
    "{item}",
    "Stories and other items below it, by type (flow distribution) and by what their status means "
    "(those in progress are the flow load)",
    (*_OF_FEATURE, names.ITEM_CATEGORY),
)
FEATURE_CHANGES = _of_feature("flow.feature.changes", "{change}", "Pull requests")
FEATURE_RUNS = _of_feature("flow.feature.runs", "{run}", "Runs, each attempt once")
FEATURE_FAILED_RUNS = _of_feature(
    "flow.feature.failed_runs", "{run}", "Runs that ended in failure, error or timeout"
)
FEATURE_BUILD_TIME = _of_feature(
    "flow.feature.build_time", "s", "Total time of its runs, each from start to end"
)
FEATURE_DEPLOYMENTS = _of_feature(
    "flow.feature.deployments", "{deployment}", "Deployments that delivered a part of it"
)

_OF_DEPLOYMENT = (names.REPOSITORY, names.ENVIRONMENT, names.PRODUCTION)

DEPLOYMENT_COUNT = _instrument(
    _DEPLOYMENT,
    "flow.deployment.count",
    _SUM,
    "{deployment}",
    "Deployments that ended. As a rate, those that succeeded are DORA's deployment frequency",
    (*_OF_DEPLOYMENT, names.DEPLOYMENT_STATUS),
)
DEPLOYMENT_FAILURES = _instrument(
    _DEPLOYMENT,
    "flow.deployment.failures",
    _SUM,
    "{deployment}",
    "Deployments that failed. By the number of deployments, DORA's change failure rate",
    _OF_DEPLOYMENT,
)
DEPLOYMENT_DURATION = _instrument(
    _DEPLOYMENT,
    "flow.deployment.duration",
    _HISTOGRAM,
    "s",
    "Time from the creation of a deployment to its success or failure",
    (*_OF_DEPLOYMENT, names.DEPLOYMENT_STATUS),
)
DEPLOYMENT_LEAD_TIME = _instrument(
    _DEPLOYMENT,
    "flow.deployment.lead_time",
    _HISTOGRAM,
    "s",
    "DORA's lead time for changes: from the first commit of each pull request that it delivers to "
    "its success",
    (*_OF_DEPLOYMENT, names.AUTHOR_KIND),
)
DEPLOYMENT_CHANGES = _instrument(
    _DEPLOYMENT,
    "flow.deployment.changes",
    _HISTOGRAM,
    "{change}",
    "Pull requests that a successful deployment delivers: the size of its batch",
    _OF_DEPLOYMENT,
)
DEPLOYMENT_RESTORE_TIME = _instrument(
    _DEPLOYMENT,
    "flow.deployment.restore_time",
    _HISTOGRAM,
    "s",
    "DORA's time to restore: from the first failed deployment to the next that succeeds in the "
    "same environment",
    _OF_DEPLOYMENT,
)

_OF_COVERAGE = (*_OF_RUN, names.JOB, names.COVERAGE_UNIT)


def _of_coverage(name: str, unit: str, description: str) -> Instrument:
    sent = "job, with input `coverage-reports`"
    of_package = (names.PACKAGE,) if name.startswith("flow.coverage.package.") else ()
    return _instrument(sent, name, _GAUGE, unit, description, (*_OF_COVERAGE, *of_package))


COVERAGE_COVERED = _of_coverage(
    "flow.coverage.covered", "{element}", "Lines, statements or branches that tests reached"
)
COVERAGE_COVERABLE = _of_coverage(
    "flow.coverage.coverable", "{element}", "Lines, statements or branches that tests could reach"
)
COVERAGE_RATIO = _of_coverage("flow.coverage.ratio", "1", "Share that tests reached")
COVERAGE_CHANGE = _of_coverage(
    "flow.coverage.change",
    "%",
    "Percentage points by which more is covered than on the branch that the pull request is to be "
    "merged into",
)
PACKAGE_COVERED = _of_coverage(
    "flow.coverage.package.covered", "{element}", "Of a package, what tests reached"
)
PACKAGE_COVERABLE = _of_coverage(
    "flow.coverage.package.coverable", "{element}", "Of a package, what tests could reach"
)
PACKAGE_RATIO = _of_coverage(
    "flow.coverage.package.ratio", "1", "Of a package, the share that tests reached"
)
