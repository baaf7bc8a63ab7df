"""First and last job of an organization's sweep: the plan, and the ledger of all parts."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import (
    AccessDeniedError,
    FlowTelemetryError,
    NotFoundError,
    SettingsError,
)
from flow_telemetry.github.runs import RunAddress, read_run
from flow_telemetry.outcome import Outcome, Status, merge_outcomes
from flow_telemetry.rules import intervals
from flow_telemetry.rules.runners import job_cost
from flow_telemetry.settings import Settings
from flow_telemetry.sweep.ledger_file import LedgerFile
from flow_telemetry.sweep.own_runs import OwnRuns
from flow_telemetry.sweep.parts import (
    MergedParts,
    merge_parts,
    without_own_repository,
    write_results,
)
from flow_telemetry.sweep.plan import Plan, make_plan
from flow_telemetry.sweep.start import start_sweep, write_spool
from flow_telemetry.sweep.sweep import replay_spool
from flow_telemetry.sweep.things import count_things
from flow_telemetry.text import counted

_NO_ORGANIZATION = "`organization` is missing: name the one whose repositories are swept"


def plan_jobs(
    context: ExportContext, file: LedgerFile, *, public_only: bool = False, saves: bool = True
) -> Outcome:
    """Plan a sweep, and return the outcome, whose further outputs are `matrix` and `shards`.

    With ``saves`` it writes the ledger and the results for the later jobs, and sends what the last
    sweep could not deliver. ``public_only`` is as in `make_plan`.
    """
    organization = context.settings.sweep.organization
    if organization is None:
        raise SettingsError(_NO_ORGANIZATION)
    try:
        try:
            start = start_sweep(context, file, OwnRuns.of(context))
        except (AccessDeniedError, NotFoundError) as error:
            home = context.settings.runner.repository or organization
            raise without_own_repository(error, home) from None
        plan = make_plan(context, organization, start, public_only=public_only)
    except FlowTelemetryError as error:
        return _failure(context.settings, str(error))
    problems = [*start.problems, *plan.problems]
    replayed: list[Outcome] = []
    failed = False
    if saves and file.path is not None:
        try:
            if start.is_damaged:
                file.begin_anew()
            file.save(plan.ledger)
            replayed = replay_spool(context, file)
            write_results(
                file.path.parent,
                (),
                requests=context.github.requests,
                problems=len(problems),
                shards=len(plan.shards),
            )
        except OSError as error:
            failed = True
            problems.append(
                f"the plan could not be saved ({error.strerror}): free space on the disk"
            )
    outcome = merge_outcomes(
        [
            Outcome(
                status=Status.SKIPPED,
                errors=context.settings.errors,
                problems=tuple(problems),
                notices=(_describe(plan, organization), *plan.notices),
                failed=failed,
            ),
            *replayed,
        ]
    )
    outputs = {"matrix": plan.matrix(), "shards": str(len(plan.shards))}
    return replace(outcome, context=outputs, failed=failed, plan=f"sweep of {organization}")


def _failure(settings: Settings, problem: str) -> Outcome:
    return Outcome(status=Status.SKIPPED, errors=settings.errors, problems=(problem,), failed=True)


def _describe(plan: Plan, organization: str) -> str:
    shards = counted(len(plan.shards), "shard")
    requests = sum(shard.requests for shard in plan.shards)
    text = (
        f"plan of {organization}: {plan.active} of {counted(plan.repositories, 'repository')} in "
        f"{shards}, some {counted(requests, 'request')}; nothing happened in {plan.quiet}"
    )
    if plan.unplanned:
        text += f"; {plan.unplanned} do not fit into the matrix and are left to the next sweep"
    return text


def merge_sweep(context: ExportContext, file: LedgerFile) -> Outcome:
    """Make the ledger and the spool of a sweep from its parts, and return what all of it did."""
    settings = context.settings
    runner = settings.runner
    if runner.repository is None or runner.run_id is None or file.path is None:
        return _failure(settings, "`mode: merge` works in a workflow only: leave it out")
    try:
        merged = merge_parts(context, runner.repository, runner.run_id, wait=True)
    except FlowTelemetryError as error:
        return _failure(settings, f"the parts of the sweep could not be read: {error}")
    if merged is None:
        return _failure(
            settings, "the sweep has no plan: see its first job. The ledger stays as it was"
        )
    problems = [*merged.damaged]
    failed = False
    try:
        file.save(merged.stored.ledger)
    except OSError as error:
        failed = True
        problems.append(f"the ledger could not be saved ({error.strerror}): free space on the disk")
    problems += write_spool(settings.spool_path, merged.stored.spool, context.clock.now())
    if merged.missing:
        which = ", ".join(map(str, merged.missing[:20]))
        problems.append(
            f"no usable part of {'shard' if len(merged.missing) == 1 else 'the shards'} {which}: "
            "the next sweep begins with the ledger from before, and may export things twice"
        )
    return Outcome(
        status=Status.PARTIAL if merged.missing or merged.damaged else Status.SKIPPED,
        errors=settings.errors,
        problems=tuple(problems),
        notices=(_describe_sweep(context, merged, runner.repository, runner.run_id),),
        failed=failed,
        swept=merged.results,
    )


def _describe_sweep(
    context: ExportContext, merged: MergedParts, repository: str, run_id: int
) -> str:
    exported = sum(each.exported for each in merged.results)
    pending = sum(each.pending for each in merged.results)
    swept = sum(each.is_swept for each in merged.results)
    parts = [
        f"{swept} of {counted(len(merged.results), 'repository', 'was', 'were')} swept",
        f"{count_things(exported, 'was', 'were')} exported",
        f"{pending} pending",
        f"{counted(merged.requests, 'request')} to GitHub",
        _describe_cost(context, repository, run_id),
    ]
    spooled = len(merged.stored.spool)
    if spooled:
        sent_later = counted(spooled, "undelivered request")
        parts.append(f"{sent_later}, which the next sweep sends first")
    return "; ".join(filter(None, parts))


def _describe_cost(context: ExportContext, repository: str, run_id: int) -> str:
    """Return the minutes and the cost of the sweep's own jobs, as far as they have ended."""
    attempt = context.settings.runner.run_attempt
    address = RunAddress(repository=repository, run_id=run_id, attempt=attempt)
    try:
        run = read_run(context.github, address)
    except FlowTelemetryError as error:
        context.log.debug(str(error))
        return ""
    minutes, costs = 0.0, []
    for job in intervals.own_jobs(run):
        seconds = intervals.time_on_runner(job)
        if job.completed and seconds is not None:
            minutes += seconds / 60
            costs.append(job_cost(run, job, seconds, context.settings.signals.prices))
    known = [cost for cost in costs if cost is not None]
    price = f", USD {sum(known):.3f}" if known and len(known) == len(costs) else ""
    return f"{counted(round(minutes), 'minute')} of runners{price}"
