"""The table of metrics: names, kinds, units (UCUM) and the attributes of their points.

The conventions' names are literals here, because the package's constants load all of its metrics
API, which would slow down every start. A test compares names, kinds and units with those constants,
so a name that the conventions change fails when the package is upgraded.
`docs/reference/metrics.md` is generated from the table.
"""

from __future__ import annotations

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping.states import STATES
from flow_telemetry.telemetry import Durations, Instrument, InstrumentKind, PointTime

INSTRUMENTS: list[Instrument] = []

_HISTOGRAM, _SUM, _GAUGE = InstrumentKind.HISTOGRAM, InstrumentKind.SUM, InstrumentKind.GAUGE
_MOMENTS, _BUILDS = Durations.MOMENTS, Durations.BUILDS
_REVIEWS, _FLOWS = Durations.REVIEWS, Durations.FLOWS
_RUN = "run"
_JOB = "job"
_CHANGE = "change"
_CHANGE_OPT_IN = "change, if `metric-attributes` includes `vcs.ref.head.name`"
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
    durations: Durations | None = None,
) -> Instrument:
    instrument = Instrument(
        name=name,
        kind=kind,
        unit=unit,
        description=description,
        attributes=attributes,
        sent=sent,
        durations=durations,
        # Counters are integers, except the cost, which has fractions of a dollar.
        whole=kind is _SUM and unit != "{USD}",
    )
    INSTRUMENTS.append(instrument)
    return instrument


_RUN_ATTRIBUTES = (names.REPOSITORY, names.WORKFLOW, names.BRANCH)
_ENDED_RUN_ATTRIBUTES = (*_RUN_ATTRIBUTES, names.RUN_RESULT, names.ERROR_TYPE)

RUN_DURATION = _instrument(
    _RUN,
    "cicd.pipeline.run.duration",
    _HISTOGRAM,
    "s",
    "Time that a run spent in each state: pending until its first job has a runner, then "
    "executing; without the time in which it waited for protection rules only",
    (*_ENDED_RUN_ATTRIBUTES, names.RUN_STATE),
    _BUILDS,
)
RUN_ERRORS = _instrument(
    "run, job",
    "cicd.pipeline.run.errors",
    _SUM,
    "{error}",
    "Jobs that failed, and runs that failed without such a job",
    (*_RUN_ATTRIBUTES, names.ERROR_TYPE),
)
SYSTEM_ERRORS = _instrument(
    "run, job",
    "cicd.system.errors",
    _SUM,
    "{error}",
    "Failures of jobs and runs that the code did not cause: no runner, a lost runner, billing, an "
    "error within GitHub",
    (*_RUN_ATTRIBUTES, names.SYSTEM_COMPONENT, names.ERROR_TYPE),
)
RUN_COUNT = _instrument(
    _RUN,
    "flow.run.count",
    _SUM,
    "{run}",
    "Runs that ended, each attempt once",
    _ENDED_RUN_ATTRIBUTES,
)
RUN_RETRIES = _instrument(
    _RUN,
    "flow.run.retries",
    _SUM,
    "{retry}",
    "Attempts after the first, that is reruns",
    _ENDED_RUN_ATTRIBUTES,
)

_JOB_ATTRIBUTES = (
    *_RUN_ATTRIBUTES,
    names.JOB,
    names.RUNNER_KIND,
    names.OS_TYPE,
    names.RUNNER_LABELS,
)
_ENDED_JOB_ATTRIBUTES = (*_JOB_ATTRIBUTES, names.JOB_RESULT, names.ERROR_TYPE)

JOB_COUNT = _instrument(
    _JOB,
    "flow.job.count",
    _SUM,
    "{job}",
    "Jobs that ended, including skipped jobs",
    _ENDED_JOB_ATTRIBUTES,
)
JOB_DURATION = _instrument(
    _JOB,
    "flow.job.duration",
    _HISTOGRAM,
    "s",
    "Time of a job on its runner, without waiting times",
    _ENDED_JOB_ATTRIBUTES,
    _BUILDS,
)
JOB_QUEUE_TIME = _instrument(
    _JOB,
    "flow.job.queue_time",
    _HISTOGRAM,
    "s",
    "Time that a job waited for a runner, until its end if it got none",
    _JOB_ATTRIBUTES,
    _BUILDS,
)
JOB_APPROVAL_TIME = _instrument(
    _JOB,
    "flow.job.approval_time",
    _HISTOGRAM,
    "s",
    "Time that a job waited for people to approve its deployment",
    _JOB_ATTRIBUTES,
    _REVIEWS,
)
JOB_PROTECTION_TIME = _instrument(
    _JOB,
    "flow.job.protection_time",
    _HISTOGRAM,
    "s",
    "Time that a job waited for the timer or a custom rule of its environment",
    (*_JOB_ATTRIBUTES, names.PROTECTION_RULE),
    _REVIEWS,
)
JOB_BILLABLE_TIME = _instrument(
    _JOB,
    "flow.job.billable_time",
    _SUM,
    "min",
    "Estimate of the minutes that GitHub bills: rounded up for each job, multiplied by the rate of "
    "its operating system",
    _JOB_ATTRIBUTES,
)
JOB_COST = _instrument(
    _JOB,
    "flow.job.cost",
    _SUM,
    "{USD}",
    "Estimate of the cost: minutes rounded up for each job, times the price of its runner; not "
    "sent if the price is unknown",
    _JOB_ATTRIBUTES,
)

JOB_MEMORY_PEAK = _instrument(
    _MEASURED_JOB,
    "flow.job.memory.peak",
    _HISTOGRAM,
    "By",
    "Peak of the machine's memory in use while a job ran",
    _ENDED_JOB_ATTRIBUTES,
)
JOB_CPU_MEAN = _instrument(
    _MEASURED_JOB,
    "flow.job.cpu.mean",
    _HISTOGRAM,
    "1",
    "Mean share of the machine's processors that was busy while a job ran",
    _ENDED_JOB_ATTRIBUTES,
)
STEP_MEMORY_PEAK = _instrument(
    _MEASURED_JOB,
    "flow.step.memory.peak",
    _HISTOGRAM,
    "By",
    "Peak of the machine's memory in use while a step ran",
    (*_RUN_ATTRIBUTES, names.JOB, names.STEP),
)
STEP_CPU_MEAN = _instrument(
    _MEASURED_JOB,
    "flow.step.cpu.mean",
    _HISTOGRAM,
    "1",
    "Mean share of the machine's processors that was busy while a step ran",
    (*_RUN_ATTRIBUTES, names.JOB, names.STEP),
)

_MACHINE_ATTRIBUTES = (names.REPOSITORY, names.WORKFLOW, names.JOB)

SYSTEM_MEMORY_USAGE = _instrument(
    _MEASURED_JOB,
    "system.memory.usage",
    _GAUGE,
    "By",
    "Memory of the machine in use: the peak in each interval of the curve",
    (*_MACHINE_ATTRIBUTES, names.MEMORY_STATE),
)
SYSTEM_CPU_UTILIZATION = _instrument(
    _MEASURED_JOB,
    "system.cpu.utilization",
    _GAUGE,
    "1",
    "Share of the machine's processors that was busy",
    _MACHINE_ATTRIBUTES,
)
SYSTEM_DISK_IO = _instrument(
    _MEASURED_JOB,
    "system.disk.io",
    _SUM,
    "By",
    "Bytes read from and written to the machine's disks",
    (*_MACHINE_ATTRIBUTES, names.DISK_DIRECTION),
)
SYSTEM_NETWORK_IO = _instrument(
    _MEASURED_JOB,
    "system.network.io",
    _SUM,
    "By",
    "Bytes that the machine received and sent",
    (*_MACHINE_ATTRIBUTES, names.NETWORK_DIRECTION),
)

_COMMAND_ATTRIBUTES = (names.REPOSITORY, names.WORKFLOW, names.COMMAND, names.COMMAND_RESULT)

COMMAND_DURATION = _instrument(
    _COMMAND,
    "flow.command.duration",
    _HISTOGRAM,
    "s",
    "Duration of a command",
    _COMMAND_ATTRIBUTES,
    _MOMENTS,
)
COMMAND_MEMORY_PEAK = _instrument(
    _COMMAND,
    "flow.command.memory.peak",
    _HISTOGRAM,
    "By",
    "Peak memory of a command and its child processes",
    _COMMAND_ATTRIBUTES,
)
COMMAND_CPU_TIME = _instrument(
    _COMMAND,
    "flow.command.cpu.time",
    _HISTOGRAM,
    "s",
    "Processor time of a command and its child processes",
    (*_COMMAND_ATTRIBUTES, names.CPU_MODE),
    _MOMENTS,
)

_TESTED_JOB = "job, from input `reports`"
_TEST_ATTRIBUTES = (*_RUN_ATTRIBUTES, names.JOB)

TEST_COUNT = _instrument(
    _TESTED_JOB,
    "flow.test.count",
    _SUM,
    "{test}",
    "Test cases that ended; a case that was run several times counts once",
    (*_TEST_ATTRIBUTES, names.TEST_RESULT),
)
TEST_DURATION = _instrument(
    _TESTED_JOB,
    "flow.test.duration",
    _HISTOGRAM,
    "s",
    "Duration of a test case that was not skipped",
    (*_TEST_ATTRIBUTES, names.TEST_RESULT),
    _MOMENTS,
)
TEST_FLAKY = _instrument(
    _TESTED_JOB,
    "flow.test.flaky",
    _SUM,
    "{test}",
    "Test cases that passed after they had failed, in the same report or the attempt before",
    _TEST_ATTRIBUTES,
)

_CHANGE_ATTRIBUTES = (names.REPOSITORY, names.BRANCH, names.AUTHOR_KIND, names.CHANGE_STATE)


def _change_instrument(
    name: str,
    kind: InstrumentKind,
    unit: str,
    description: str,
    durations: Durations | None = None,
) -> Instrument:
    return _instrument(_CHANGE, name, kind, unit, description, _CHANGE_ATTRIBUTES, durations)


CHANGE_COUNT = _change_instrument(
    "flow.change.count", _SUM, "{change}", "Pull requests that were closed or merged"
)
CHANGE_REOPENED = _change_instrument(
    "flow.change.reopened", _SUM, "{reopening}", "Pull requests that ended after a reopening"
)
CHANGE_DURATION = _change_instrument(
    "flow.change.duration",
    _HISTOGRAM,
    "s",
    "Time from opening or reopening to closing",
    _REVIEWS,
)
CHANGE_ACTIVE_TIME = _change_instrument(
    "flow.change.active_time",
    _HISTOGRAM,
    "s",
    "Time in review and with changes requested",
    _REVIEWS,
)
CHANGE_EFFICIENCY = _change_instrument(
    "flow.change.efficiency", _HISTOGRAM, "1", "Flow efficiency: active time divided by duration"
)
CHANGE_PHASE_DURATION = _instrument(
    _CHANGE,
    "flow.change.phase.duration",
    _HISTOGRAM,
    "s",
    "Time in each phase",
    (*_CHANGE_ATTRIBUTES, names.PHASE),
    _REVIEWS,
)
_TIME_ATTRIBUTES = (names.TIME_STATE, names.TIME_INCOMPLETE)
CHANGE_TIME = _instrument(
    _CHANGE,
    "flow.change.time",
    _SUM,
    "s",
    "Where the time went: each second from opening or reopening to closing, by its state",
    (*_CHANGE_ATTRIBUTES, *_TIME_ATTRIBUTES),
)
CHANGE_TIME_TO_FIRST_REVIEW = _change_instrument(
    "flow.change.time_to_first_review",
    _HISTOGRAM,
    "s",
    "Time from opening to the first review by another person",
    _REVIEWS,
)
CHANGE_TIME_TO_APPROVAL = _change_instrument(
    "flow.change.time_to_approval",
    _HISTOGRAM,
    "s",
    "Time from opening to the first approval by another person",
    _REVIEWS,
)
CHANGE_TIME_TO_MERGE = _change_instrument(
    "flow.change.time_to_merge",
    _HISTOGRAM,
    "s",
    "Time from opening to merge",
    _REVIEWS,
)
CHANGE_COMMENTS = _instrument(
    _CHANGE,
    "flow.change.comments",
    _HISTOGRAM,
    "{comment}",
    "Number of comments in the conversation, by people and by bots",
    (*_CHANGE_ATTRIBUTES, names.ACTOR_KIND),
)
CHANGE_REVIEWS = _instrument(
    _CHANGE,
    "flow.change.reviews",
    _HISTOGRAM,
    "{review}",
    "Number of reviews, by people and by bots",
    (*_CHANGE_ATTRIBUTES, names.ACTOR_KIND),
)
CHANGE_REVIEW_ROUNDS = _change_instrument(
    "flow.change.review_rounds",
    _HISTOGRAM,
    "{round}",
    "Number of review rounds: reviews by other persons without a response of the author between "
    "them are one round",
)
CHANGE_COMMITS = _change_instrument(
    "flow.change.commits", _HISTOGRAM, "{commit}", "Number of commits"
)
CHANGE_LINES = _instrument(
    _CHANGE,
    "flow.change.lines",
    _HISTOGRAM,
    "{line}",
    "Number of lines added, and of lines removed",
    (*_CHANGE_ATTRIBUTES, names.LINE_CHANGE),
)
CHANGE_FILES = _change_instrument(
    "flow.change.files", _HISTOGRAM, "{file}", "Number of files changed"
)
CHANGE_COST = _change_instrument(
    "flow.change.cost",
    _HISTOGRAM,
    "{USD}",
    "Estimate of the cost of its runs, those of the merged commit included; sent if the export "
    "reads the runs too and all prices are known",
)

_VCS_ATTRIBUTES = (names.REPOSITORY_URL, names.REPOSITORY, semconv.VCS_REF_HEAD_NAME)

VCS_CHANGE_DURATION = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.duration",
    _GAUGE,
    "s",
    "Time that a pull request has been a draft (wip) and open",
    (*_VCS_ATTRIBUTES, names.CHANGE_STATE),
)
VCS_CHANGE_TIME_TO_APPROVAL = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.time_to_approval",
    _GAUGE,
    "s",
    "Time from opening to the first approval by another person",
    _VCS_ATTRIBUTES,
)
VCS_CHANGE_TIME_TO_MERGE = _instrument(
    _CHANGE_OPT_IN,
    "vcs.change.time_to_merge",
    _GAUGE,
    "s",
    "Time from opening to merge",
    _VCS_ATTRIBUTES,
)

_ITEM_ATTRIBUTES = (
    *(names.TRACKER, names.REPOSITORY),
    *(names.ITEM_TYPE, names.FLOW_TYPE, names.ITEM_RESULT),
)


def _item_instrument(
    name: str,
    kind: InstrumentKind,
    unit: str,
    description: str,
    durations: Durations | None = None,
) -> Instrument:
    return _instrument(_ITEM, name, kind, unit, description, _ITEM_ATTRIBUTES, durations)


ITEM_COUNT = _item_instrument(
    "flow.work_item.count",
    _SUM,
    "{item}",
    "Work items that were closed; their number is the flow velocity, and by flow type the flow "
    "distribution",
)
ITEM_REOPENED = _item_instrument(
    "flow.work_item.reopened", _SUM, "{reopening}", "Work items that ended after a reopening"
)
ITEM_LEAD_TIME = _item_instrument(
    "flow.work_item.lead_time",
    _HISTOGRAM,
    "s",
    "Time from creation to closing",
    _FLOWS,
)
ITEM_CYCLE_TIME = _item_instrument(
    "flow.work_item.cycle_time",
    _HISTOGRAM,
    "s",
    "Flow time: from the first status in progress to closing",
    _FLOWS,
)
ITEM_ACTIVE_TIME = _item_instrument(
    "flow.work_item.active_time",
    _HISTOGRAM,
    "s",
    "Time in progress and not blocked",
    _FLOWS,
)
ITEM_BLOCKED_TIME = _item_instrument(
    "flow.work_item.blocked_time",
    _HISTOGRAM,
    "s",
    "Time blocked",
    _FLOWS,
)
ITEM_BLOCKED_DURATION = _instrument(
    _ITEM,
    "flow.work_item.blocked.duration",
    _HISTOGRAM,
    "s",
    "Time blocked by each kind of reason that blocked the item; they add up to the time blocked",
    (*_ITEM_ATTRIBUTES, names.BLOCKED_CAUSE),
    _FLOWS,
)
ITEM_STATUS_DURATION = _instrument(
    _ITEM,
    "flow.work_item.status.duration",
    _HISTOGRAM,
    "s",
    "Time in each status; together they are the time from creation or reopening to closing",
    (*_ITEM_ATTRIBUTES, names.ITEM_STATUS, names.ITEM_CATEGORY),
    _FLOWS,
)
ITEM_TIMES_BLOCKED = _item_instrument(
    "flow.work_item.times_blocked",
    _HISTOGRAM,
    "{blocking}",
    "Number of times that the item was blocked; overlapping blockings count once",
)
ITEM_EFFICIENCY = _item_instrument(
    "flow.work_item.efficiency",
    _HISTOGRAM,
    "1",
    "Flow efficiency: active time divided by flow time",
)
ITEM_COMMENTS = _instrument(
    _ITEM,
    "flow.work_item.comments",
    _HISTOGRAM,
    "{comment}",
    "Number of comments, by people and by bots",
    (*_ITEM_ATTRIBUTES, names.ACTOR_KIND),
)
ITEM_STATUS_CHANGES = _item_instrument(
    "flow.work_item.status_changes", _HISTOGRAM, "{change}", "Number of status changes"
)
ITEM_BACKWARD_MOVES = _item_instrument(
    "flow.work_item.backward_moves",
    _HISTOGRAM,
    "{move}",
    "Number of status changes to an earlier category; not sent if a category is unknown",
)

_FEATURE_ATTRIBUTES = (names.TRACKER, names.REPOSITORY, names.ITEM_TYPE, names.FEATURE_COMPLETE)


def _feature_instrument(
    name: str, unit: str, description: str, durations: Durations | None = None
) -> Instrument:
    return _instrument(
        _FEATURE, name, _HISTOGRAM, unit, description, _FEATURE_ATTRIBUTES, durations
    )


FEATURE_ITEMS = _instrument(
    _FEATURE,
    "flow.feature.work_items",
    _HISTOGRAM,
    "{item}",
    "Stories and other items below the feature, by type, by flow type (flow distribution) and by "
    "category of their status (items in progress are the flow load)",
    (*_FEATURE_ATTRIBUTES, names.FLOW_TYPE, names.ITEM_CATEGORY),
)
FEATURE_TIME = _instrument(
    _FEATURE,
    "flow.feature.time",
    _SUM,
    "s",
    "Where the time went: each second from the creation or reopening of the feature to its "
    "closing, by its state",
    (*_FEATURE_ATTRIBUTES, *_TIME_ATTRIBUTES),
)
FEATURE_CHANGES = _feature_instrument("flow.feature.changes", "{change}", "Number of pull requests")
FEATURE_RUNS = _feature_instrument(
    "flow.feature.runs", "{run}", "Number of runs; each attempt counts"
)
FEATURE_FAILED_RUNS = _feature_instrument(
    "flow.feature.failed_runs", "{run}", "Number of runs that ended in failure, error or timeout"
)
FEATURE_BUILD_TIME = _feature_instrument(
    "flow.feature.build_time",
    "s",
    "Sum of the durations of its runs",
    _REVIEWS,
)
FEATURE_COST = _feature_instrument(
    "flow.feature.cost",
    "{USD}",
    "Estimate of the cost of its runs; not sent if the price of a job is unknown",
)
FEATURE_DEPLOYMENTS = _feature_instrument(
    "flow.feature.deployments",
    "{deployment}",
    "Number of deployments that delivered a part of the feature",
)

_DEPLOYMENT_ATTRIBUTES = (
    *(names.REPOSITORY, names.ENVIRONMENT),
    *(names.DEPLOYMENT_TASK, names.PRODUCTION),
)

DEPLOYMENT_COUNT = _instrument(
    _DEPLOYMENT,
    "flow.deployment.count",
    _SUM,
    "{deployment}",
    "Deployments that ended; the rate of those that succeeded is DORA's deployment frequency",
    (*_DEPLOYMENT_ATTRIBUTES, names.DEPLOYMENT_STATUS, names.DEPLOYMENT_KIND),
)
DEPLOYMENT_FAILURES = _instrument(
    _DEPLOYMENT,
    "flow.deployment.failures",
    _SUM,
    "{deployment}",
    "Deployments that failed, a part of DORA's change failure rate",
    _DEPLOYMENT_ATTRIBUTES,
)
DEPLOYMENT_REMEDIATIONS = _instrument(
    _DEPLOYMENT,
    "flow.deployment.remediations",
    _SUM,
    "{deployment}",
    "Successful deployments that repair: rollbacks, those that deliver a revert, and redeployments "
    "after a failure; a part of DORA's rework rate",
    (*_DEPLOYMENT_ATTRIBUTES, names.DEPLOYMENT_KIND),
)
DEPLOYMENT_FAILED_CHANGES = _instrument(
    _DEPLOYMENT,
    "flow.deployment.failed_changes",
    _SUM,
    "{change}",
    "Pull requests that a rollback takes back",
    _DEPLOYMENT_ATTRIBUTES,
)
DEPLOYMENT_DURATION = _instrument(
    _DEPLOYMENT,
    "flow.deployment.duration",
    _HISTOGRAM,
    "s",
    "Time from the creation of a deployment to its end",
    (*_DEPLOYMENT_ATTRIBUTES, names.DEPLOYMENT_STATUS),
    _REVIEWS,
)
DEPLOYMENT_LEAD_TIME = _instrument(
    _DEPLOYMENT,
    "flow.deployment.lead_time",
    _HISTOGRAM,
    "s",
    "DORA's lead time for changes: from the first commit of each pull request that the deployment "
    "delivers to the success of the deployment",
    (*_DEPLOYMENT_ATTRIBUTES, names.AUTHOR_KIND),
    _REVIEWS,
)
DEPLOYMENT_CHANGES = _instrument(
    _DEPLOYMENT,
    "flow.deployment.changes",
    _HISTOGRAM,
    "{change}",
    "Number of pull requests that a successful deployment delivers (batch size)",
    _DEPLOYMENT_ATTRIBUTES,
)
DEPLOYMENT_RESTORE_TIME = _instrument(
    _DEPLOYMENT,
    "flow.deployment.restore_time",
    _HISTOGRAM,
    "s",
    "DORA's time to restore: from the first failed deployment to the next success in the same "
    "place",
    _DEPLOYMENT_ATTRIBUTES,
    _REVIEWS,
)

_COVERAGE_ATTRIBUTES = (*_RUN_ATTRIBUTES, names.JOB, names.COVERAGE_UNIT)


def _coverage_instrument(name: str, unit: str, description: str) -> Instrument:
    sent = "job, with input `reports`"
    package = (names.PACKAGE,) if name.startswith("flow.coverage.package.") else ()
    return _instrument(sent, name, _GAUGE, unit, description, (*_COVERAGE_ATTRIBUTES, *package))


COVERAGE_COVERED = _coverage_instrument(
    "flow.coverage.covered",
    "{element}",
    "Number of lines, statements or branches that tests reached",
)
COVERAGE_COVERABLE = _coverage_instrument(
    "flow.coverage.coverable",
    "{element}",
    "Number of lines, statements or branches that tests could reach",
)
COVERAGE_RATIO = _coverage_instrument(
    "flow.coverage.ratio", "1", "Share of lines, statements or branches that tests reached"
)
COVERAGE_CHANGE = _coverage_instrument(
    "flow.coverage.change",
    "%",
    "Change of the coverage in percentage points, compared with the branch that the pull request "
    "is to be merged into",
)
PACKAGE_COVERED = _coverage_instrument(
    "flow.coverage.package.covered",
    "{element}",
    "Number of lines, statements or branches of a package that tests reached",
)
PACKAGE_COVERABLE = _coverage_instrument(
    "flow.coverage.package.coverable",
    "{element}",
    "Number of lines, statements or branches of a package that tests could reach",
)
PACKAGE_RATIO = _coverage_instrument(
    "flow.coverage.package.ratio",
    "1",
    "Share of the lines, statements or branches of a package that tests reached",
)

_EXPORT = "export that sends other metrics; sweep, at its end"
API_REQUESTS = _instrument(
    _EXPORT,
    "flow.github.requests",
    _SUM,
    "{request}",
    "Requests that the export sent to GitHub; a query counts once, not by its points",
    (names.REPOSITORY, names.API, names.EXPORT_SUBJECT),
)
RATE_LIMIT_REMAINING = _instrument(
    _EXPORT,
    "flow.github.rate_limit.remaining",
    _GAUGE,
    "{request}",
    "What the hourly rate limit of the token leaves: requests to REST, points of GraphQL; not "
    "sent if the server has no limits",
    (names.REPOSITORY, names.API),
)

INSTRUMENTS += STATES

# Times of points

_SAMPLES = frozenset(
    instrument.name
    for instrument in (
        SYSTEM_MEMORY_USAGE,
        SYSTEM_CPU_UTILIZATION,
        SYSTEM_DISK_IO,
        SYSTEM_NETWORK_IO,
        RATE_LIMIT_REMAINING,
    )
)
_STATES = frozenset(instrument.name for instrument in STATES)


def point_time(name: str) -> PointTime:
    """Return the time that the points of a metric of this program carry."""
    if name in _STATES:
        return PointTime.STATE
    return PointTime.SAMPLE if name in _SAMPLES else PointTime.SENDING
