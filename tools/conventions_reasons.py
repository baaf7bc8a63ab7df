"""The hand-written part of docs/reference/conventions.md: differences, reasons and proposals."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.metrics import EXECUTING, PENDING
from flow_telemetry.model import ActorKind, FlowType, Result
from flow_telemetry.model.deployments import DeploymentKind
from flow_telemetry.model.events import ReviewState, StatusCategory
from flow_telemetry.model.reports import UNITS
from flow_telemetry.model.runs import ProtectionRule
from flow_telemetry.model.time_shares import TimeState
from flow_telemetry.rules.causes import AGENT, GITHUB, SCHEDULER
from flow_telemetry.rules.lifecycle import Awaited, BlockCause, PhaseKind
from flow_telemetry.rules.open_work import IN_PROGRESS, QUEUED, WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Names of ours that begin with ``prefix``: what is nearest to them, and why it is not used."""

    prefix: str
    nearest: str
    reason: str


# How an attribute of the conventions is used, if that needs a word. Others are used as defined.
USES = {
    "cicd.pipeline.action.name": "always `RUN`: GitHub does not say what a workflow is for",
    "cicd.pipeline.name": "a workflow without a file (`dynamic/…`) is named after its path, "
    "because GitHub gives each of its runs another name",
    "cicd.pipeline.run.id": "the attempts of a run share GitHub's id; `github.run.attempt` "
    "distinguishes them",
    "cicd.pipeline.run.state": "`finalizing` is never sent: for GitHub a run ends with its last "
    "job",
    "cicd.pipeline.task.name": "a job is the task, and only its own span has the attributes "
    "`cicd.pipeline.task.*`; spans within it have `flow.job.*` and `flow.step.*`. On metrics "
    "without matrix values",
    "cicd.pipeline.task.type": "`deploy` only, of a job whose deployment is known: GitHub does not "
    "say what a job is for",
    "cicd.system.component": "`github` for everything that GitHub runs, where the conventions' "
    "examples have `controller`",
    "cicd.worker.id": "on the job, not on the resource: a run has a worker for each job",
    "cicd.worker.name": "on the job, not on the resource: a run has a worker for each job",
    "code.file.path": "as the report names it, which is often relative to the workspace",
    "deployment.environment.name": "GitHub's own name, so seldom one of the four well-known "
    "values, and on the deployment, not on a resource. On metrics, numbered environments share a "
    "name",
    "deployment.status": "see the values below",
    "error.type": "also set on timeouts, where the conventions require it on failures and errors "
    "only; the status of the span is an error then too",
    "event.name": "deprecated for the log record's own field, which has it too: stores that do "
    "not keep the field need the attribute",
    "exception.message": "of test failures, see [exceptions](#exceptions)",
    "exception.stacktrace": "of test failures, see [exceptions](#exceptions)",
    "exception.type": "of test failures, as the report names it, see [exceptions](#exceptions)",
    "log.record.uid": "the flow reference of the event, not a ULID: a repeated record has the same "
    "one",
    "os.type": "of the runner, from its labels",
    "process.executable.name": "the first word of the command; the others may contain secrets",
    "process.exit.code": "as a shell reports it: above 128 if a signal ended the command",
    "service.name": "the system that the data is about (`github-actions`, `github`, "
    "`github-issues`, `jira`), not a service that was deployed",
    "system.memory.state": "`used` only",
    "test.case.name": "after the name of its class",
    "test.case.result.status": "see the values below",
    "test.suite.name": "after the names of the suites around it",
    "vcs.change.id": "also on the runs, jobs and steps of the change, to find them by",
    "vcs.change.state": "as of the end of the span",
    "vcs.change.title": "as of the end of the span",
    "vcs.ref.base.name": "on runs only of a merge queue, whose branch names it: GitHub has only "
    "the present base of a pull request, which can be changed after the run",
    "vcs.ref.base.revision": "only of a merge queue, whose branch names it: `base.sha` of a pull "
    "request moves with later pushes, and a run that is sent again would have another one",
    "vcs.ref.head.name": "on metrics only if `metric-attributes` asks for it: each branch is a "
    "series",
    "vcs.ref.head.revision": "of a run of `pull_request_target` the pull request's head, where "
    "GitHub has the base's commit",
}

# What is sent although the conventions deprecate it; `USES` has the reason.
DEPRECATED = frozenset({"event.name"})

# The values that we send of an attribute with a list of well-known values.
VALUES: dict[str, tuple[str, ...]] = {
    "cicd.pipeline.action.name": ("RUN",),
    "cicd.pipeline.result": tuple(result.value for result in Result),
    "cicd.pipeline.run.state": (PENDING, EXECUTING),
    "cicd.pipeline.task.run.result": tuple(result.value for result in Result),
    "cpu.mode": ("user", "system"),
    "deployment.status": ("succeeded", "failed", "cancelled"),
    "disk.io.direction": ("read", "write"),
    "network.io.direction": ("receive", "transmit"),
    "os.type": ("linux", "windows", "darwin"),
    "system.memory.state": ("used",),
    "test.case.result.status": ("pass", "fail", "skipped"),
    "test.suite.run.status": ("success", "failure", "skipped"),
    "cicd.pipeline.task.type": ("deploy",),
    "vcs.ref.head.type": ("branch", "tag"),
    "vcs.change.state": ("open", "wip", "closed", "merged"),
    "vcs.line_change.type": ("added", "removed"),
    "vcs.provider.name": ("github",),
}
# Values that the conventions do not have. They allow others if none of theirs applies.
OTHER_VALUES = {
    (
        "deployment.status",
        "cancelled",
    ): "people stopped it, which is neither a success nor a failure",
    (
        "test.case.result.status",
        "skipped",
    ): "reports have it, and the conventions have it for suites",
}
# Attributes whose well-known values do not limit ours.
OPEN_VALUES = {
    "deployment.environment.name": "the names that people gave their environments",
    "error.type": "the result (`failure`, `error`, `timeout`) or the cause that GitHub and the "
    "runner show; the conventions define only `_OTHER`",
}

# Closed lists of values of our own attributes.
OUR_VALUES: dict[str, tuple[str, ...]] = {
    "cicd.system.component": (GITHUB, SCHEDULER, AGENT),
    "flow.actor.kind": tuple(kind.value for kind in ActorKind),
    "flow.branch": ("default", "other", "tag"),
    "flow.cancelled.reason": ("superseded",),
    "flow.change.author.kind": tuple(kind.value for kind in ActorKind),
    "flow.change.review.state": tuple(state.value for state in ReviewState),
    "flow.command.memory.source": ("processes", "largest_process", "cgroup"),
    "flow.command.result": ("success", "failure", "cancellation"),
    "flow.coverage.unit": tuple(UNITS),
    "flow.deployment.kind": (*(kind.value for kind in DeploymentKind), "revert"),
    "flow.entity.type": tuple(entity.value for entity in Entity),
    "flow.feature.detail": ("step", "job", "run", "change", "item"),
    "flow.job.result": tuple(result.value for result in Result),
    "flow.phase.waiting_for": tuple(awaited.value for awaited in Awaited),
    "flow.step.result": tuple(result.value for result in Result),
    "flow.incomplete": ("queued", "in_progress"),
    "flow.job.state": (QUEUED, WAITING, IN_PROGRESS),
    "flow.link": (
        *("feature", "live", "change", "work_item", "run", "attempt", "cause"),
        "context",
        "trace_file",
    ),
    "flow.phase": tuple(kind.value for kind in PhaseKind),
    "flow.time.state": tuple(state.value for state in TimeState),
    "flow.protection.rule": tuple(rule.value for rule in ProtectionRule),
    "flow.runner.kind": ("github-hosted", "larger", "self-hosted"),
    "flow.work_item.blocked.cause": tuple(cause.value for cause in BlockCause),
    "flow.work_item.flow_type": tuple(flow_type.value for flow_type in FlowType),
    "flow.work_item.status.category": tuple(category.value for category in StatusCategory),
    "github.annotation.level": ("failure", "warning", "notice"),
}

# Attributes of the compared areas that we do not send.
NOT_SENT = {
    "cicd.worker.state": "the list of runners needs an administrator's token",
    "cicd.worker.url.full": "a runner of GitHub's has no page",
    "deployment.name": "GitHub's deployments have no name",
    "service.criticality": "describes a deployed service",
    "service.instance.id": "every sender of an entity has to send an equal resource",
    "service.namespace": "left to the user (`resource-attributes`)",
    "service.peer.name": "no span is a call to a service",
    "service.peer.namespace": "no span is a call to a service",
    "service.version": "GitHub's services have none that we know",
    "vcs.ref.base.type": "the base of a pull request is always a branch",
    "vcs.ref.type": "belongs to metrics that we do not send",
    "vcs.revision_delta.direction": "belongs to metrics that we do not send",
}
# Metrics of the compared areas that we do not send.
METRICS_NOT_SENT = {
    "cicd.worker.count": "the list of runners needs an administrator's token; the jobs in progress "
    "in `flow.job.active` are the busy runners",
    "vcs.contributor.count": "a state of the repository that no export reads",
    "vcs.ref.count": "a state of the repository that no export reads",
    "vcs.ref.lines_delta": "a state of a branch; `flow.change.lines` has the lines of a pull "
    "request",
    "vcs.ref.revisions_delta": "a state of a branch; `flow.change.commits` has the commits of a "
    "pull request",
    "vcs.ref.time": "a state of a branch",
    "vcs.repository.count": "a state of the organization that no export reads",
}
# How a metric of the conventions is used, if that needs a word.
METRIC_USES = {
    "cicd.pipeline.run.active": "a gauge, taken by sweeps with `sweep-runs`",
    "cicd.pipeline.run.duration": "one point for each state; without the time in which the run "
    "waited for protection rules only. Each attempt is measured once",
    "cicd.pipeline.run.errors": "jobs that failed, and runs that failed without such a job; the "
    "errors within a job are not known",
    "cicd.system.errors": "the failures that the runner's or GitHub's own annotations explain",
    "system.cpu.utilization": "of all processors together, so without `cpu.logical_number` and "
    "`cpu.mode`",
    "system.disk.io": "of all disks together; a delta, not a total since the start of the machine",
    "system.memory.usage": "a gauge, where the conventions have an UpDownCounter: the peak of each "
    "interval cannot be added up",
    "system.network.io": "of all interfaces together; a delta, not a total since the start of the "
    "machine",
    "vcs.change.count": "a gauge, taken by sweeps, of the states `open` and `wip`; "
    "`flow.change.count` counts what ended",
    "vcs.change.duration": "only with `metric-attributes: vcs.ref.head.name`, because the branch "
    "is required; the time in the states `wip` and `open`, sent at the end",
    "vcs.change.time_to_approval": "only with `metric-attributes: vcs.ref.head.name`; the approval "
    "of another person",
    "vcs.change.time_to_merge": "only with `metric-attributes: vcs.ref.head.name`",
}

_NONE = "-"

# Why attributes of ours exist. The longest prefix that fits counts.
FAMILIES = (
    Family(
        prefix="flow.",
        nearest=_NONE,
        reason="facts about the export itself or about the flow of work, for which the conventions "
        "have no area",
    ),
    Family(
        prefix="flow.actor.",
        nearest="`user.name`, `enduser.id`",
        reason="those are about users of a system that is observed, and know no bots and agents",
    ),
    Family(
        prefix="flow.branch",
        nearest="`vcs.ref.head.name`",
        reason="a metric cannot have a series for each branch, but has to distinguish the default "
        "branch from others",
    ),
    Family(
        prefix="flow.cancelled.",
        nearest="`cicd.pipeline.result` = `cancellation`",
        reason="does not distinguish a run that a newer one replaced from one that people stopped",
    ),
    Family(
        prefix="flow.change.",
        nearest="`vcs.change.*`",
        reason="the conventions have id, state and title of a change. A name of ours in their "
        "namespace could later mean something else",
    ),
    Family(
        prefix="flow.command.",
        nearest="`process.*` and its metrics",
        reason="those sample one running process. These are totals of a command and its children, "
        "known at its end",
    ),
    Family(
        prefix="flow.coverage.",
        nearest="`test.*`",
        reason="the conventions do not know coverage",
    ),
    Family(
        prefix="flow.deployment.",
        nearest="`deployment.*`",
        reason="the conventions have id, name, status and environment; kind, batch and lead time "
        "are missing",
    ),
    Family(
        prefix="flow.entity.type",
        nearest="`cicd.pipeline.*` by which attribute is set",
        reason="one condition that selects the spans of a kind, which span kind and name do not",
    ),
    Family(
        prefix="flow.event.",
        nearest="`event.name`",
        reason="what the event is about: comment, label, assignee, reviewer",
    ),
    Family(
        prefix="flow.feature.",
        nearest=_NONE,
        reason="[proposed](#proposals) as `work_item.root.id`; the rest is about our feature trace",
    ),
    Family(
        prefix="flow.job.",
        nearest="`cicd.pipeline.task.*`",
        reason="those are on the span of the job only, so that a query for them finds jobs; the "
        "conventions do not know matrix values",
    ),
    Family(
        prefix="flow.job.state",
        nearest="`cicd.pipeline.run.state`",
        reason="that of a run; `pending` does not say whether a job waits for a runner",
    ),
    Family(
        prefix="flow.life",
        nearest=_NONE,
        reason="[proposed](#proposals) as `work_item.life.number` and `vcs.change.life.number`",
    ),
    Family(
        prefix="flow.log.",
        nearest="`log.file.*`",
        reason="groups and counts of lines of a step's log, which is not a file",
    ),
    Family(
        prefix="flow.machine.",
        nearest="metrics `system.*`",
        reason="peaks and means of a step, which are needed on its span; the curve is sent under "
        "the conventions' names",
    ),
    Family(
        prefix="flow.phase",
        nearest="`vcs.change.state`",
        reason="`open` does not say whom a change waits for; [proposed](#proposals) as "
        "`vcs.change.phase`",
    ),
    Family(
        prefix="flow.reference",
        nearest="`cicd.pipeline.run.id`, `vcs.change.id` and others",
        reason="one key for entities of all kinds, from which the ids are made",
    ),
    Family(
        prefix="flow.runner.",
        nearest="`cicd.worker.*`",
        reason="the conventions have id, name and state of a worker, not its kind and labels",
    ),
    Family(
        prefix="flow.step.",
        nearest="`cicd.pipeline.task.name`",
        reason="that is the job's name; the conventions have one level of tasks, GitHub has two",
    ),
    Family(
        prefix="flow.test.",
        nearest="`test.*`",
        reason="the conventions have name and status of suites and cases; counts, durations, flaky "
        "tests and reports are missing",
    ),
    Family(
        prefix="flow.time.",
        nearest="`vcs.change.state`, `cicd.pipeline.run.state`",
        reason="each is about one change or run; these divide the time of a feature over all that "
        "belongs to it, so that the states exclude each other",
    ),
    Family(
        prefix="flow.work_item.",
        nearest=_NONE,
        reason="the conventions do not know work items: [proposed](#proposals) as `work_item.*`",
    ),
    Family(
        prefix="github.",
        nearest="`cicd.*`, `vcs.*`",
        reason="GitHub's own words beside the conventions' general ones, so that nothing is lost "
        "in translation",
    ),
    Family(
        prefix="github.job.conclusion",
        nearest="`cicd.pipeline.task.run.result`",
        reason="GitHub's nine conclusions become six results",
    ),
    Family(
        prefix="github.repository",
        nearest="`vcs.owner.name`, `vcs.repository.name`",
        reason="those are on the resource; this is on each span and point, in one piece, for "
        "queries that need one attribute",
    ),
    Family(
        prefix="github.run.attempt",
        nearest="`cicd.pipeline.run.id`",
        reason="the conventions do not know attempts of a run",
    ),
    Family(
        prefix="github.run.conclusion",
        nearest="`cicd.pipeline.result`",
        reason="GitHub's nine conclusions become six results",
    ),
)

# Why metrics of ours exist.
METRIC_FAMILIES = (
    Family(
        prefix="flow.change.",
        nearest="`vcs.change.*`",
        reason="the conventions' are gauges that require the branch: a series for each pull "
        "request. These are histograms and counters that can be added up",
    ),
    Family(
        prefix="flow.change.age",
        nearest="`vcs.change.duration`",
        reason="that is of one pull request, by its branch. This is the oldest of all",
    ),
    Family(
        prefix="flow.change.phase.age",
        nearest="`vcs.change.duration`",
        reason="the conventions have no phases: [proposed](#proposals)",
    ),
    Family(
        prefix="flow.change.phase.load",
        nearest="`vcs.change.count`",
        reason="the conventions have no phases: [proposed](#proposals)",
    ),
    Family(
        prefix="flow.command.",
        nearest="`process.cpu.time`, `process.memory.usage`",
        reason="one value of a whole command, at its end",
    ),
    Family(prefix="flow.coverage.", nearest=_NONE, reason="the conventions do not know coverage"),
    Family(
        prefix="flow.deployment.",
        nearest=_NONE,
        reason="the conventions have no metric of deployments; these are what DORA's keys are made "
        "of",
    ),
    Family(
        prefix="flow.feature.",
        nearest=_NONE,
        reason="sums over everything that belongs to a feature",
    ),
    Family(
        prefix="flow.github.",
        nearest="`http.client.request.duration`",
        reason="GitHub's limits count requests by API for an hour, and the conventions know no "
        "limit of requests",
    ),
    Family(
        prefix="flow.job.",
        nearest="`cicd.pipeline.run.duration`",
        reason="the conventions have no metric of tasks",
    ),
    Family(
        prefix="flow.job.active",
        nearest="`cicd.pipeline.run.active`, `cicd.worker.count`",
        reason="those count runs, and all workers of the system; these are the jobs of a "
        "repository that wait for the runners of a label, or run on them",
    ),
    Family(
        prefix="flow.run.",
        nearest="the count of `cicd.pipeline.run.duration`",
        reason="that has a point for each state and none for a run without a duration, so it does "
        "not count runs",
    ),
    Family(
        prefix="flow.step.",
        nearest="`system.memory.usage`, `system.cpu.utilization`",
        reason="one value of a step, which can be compared over runs",
    ),
    Family(prefix="flow.test.", nearest=_NONE, reason="the conventions have no metric of tests"),
    Family(
        prefix="flow.work_item.",
        nearest=_NONE,
        reason="the conventions do not know work items",
    ),
    Family(
        prefix="flow.",
        nearest=_NONE,
        reason="flow of work, for which the conventions have no area",
    ),
)

# The names that the proposal (docs/reference/conventions-model.yaml) defines, with ours of today.
PROPOSED = {
    "work_item.id": "flow.work_item.key",
    "work_item.provider.name": "flow.work_item.tracker",
    "work_item.type": "flow.work_item.type",
    "work_item.title": "flow.work_item.title",
    "work_item.url.full": "flow.work_item.url",
    "work_item.root.id": "flow.feature.key",
    "work_item.result": "flow.work_item.result",
    "work_item.status.name": "flow.work_item.status",
    "work_item.status.previous.name": "flow.work_item.status.before",
    "work_item.status.category": "flow.work_item.status.category",
    "work_item.blocked.reason": "flow.work_item.blocked.by",
    "work_item.life.number": "flow.life",
    "vcs.change.phase": "flow.phase",
    "vcs.change.life.number": "flow.life",
    "work_item.created": "flow.work_item.created",
    "work_item.status_changed": "flow.work_item.status_changed",
    "work_item.blocked": "flow.work_item.blocked",
    "work_item.unblocked": "flow.work_item.unblocked",
    "work_item.closed": "flow.work_item.closed",
    "work_item.reopened": "flow.work_item.reopened",
    "work_item.lead_time": "flow.work_item.lead_time",
    "work_item.cycle_time": "flow.work_item.cycle_time",
    "work_item.blocked.duration": "flow.work_item.blocked_time",
    "vcs.change.phase.duration": "flow.change.phase.duration",
}
