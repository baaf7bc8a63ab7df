"""Trace context of the own job, before the job is exported."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry import identity
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SelectionError
from flow_telemetry.github.deployments import read_deployments
from flow_telemetry.github.runs import RunAddress, read_attempt, read_jobs
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import place, run_ancestry
from flow_telemetry.model import Run
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import parentage, selection
from flow_telemetry.subjects.job.handoff import ContextNote
from flow_telemetry.subjects.run import may_be_ancestors, read_ancestors, reason_not_selected
from flow_telemetry.subjects.types import RunSubject, build_tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """The future span of a job: its trace, and the references of the job and its ancestors.

    ``baggage`` names the feature, work item and change, as far as they are known. ``read_errors``
    are about ancestors. ``from_earlier_step`` is whether an earlier context step of the job wrote
    the same note.
    """

    trace: TraceIdentity
    note: ContextNote
    baggage: dict[str, str]
    read_errors: tuple[str, ...] = ()
    from_earlier_step: bool = False


def read_context(
    context: ExportContext, subject: RunSubject, note: ContextNote | None = None
) -> JobContext:
    """Return the context of our own job, by the same rules as its export.

    ``note`` is that of an earlier context step. The job's steps have that context already, so it
    stays, under the same conditions as in the export.

    Raises:
        FlowTelemetryError: the run cannot be read or is not exported, or its job that runs this
            step cannot be identified.
    """
    run = context.with_aliases(read_attempt(context.github.required, subject.address))
    reason = reason_not_selected(context.settings, run)
    if reason is not None:
        raise SelectionError(f"the steps of this job get no trace context: {reason}")
    if parentage.undecided_reason(run) is not None:
        run = _with_deployments(context, run)
        undecided = parentage.undecided_reason(run)
        if undecided is not None:
            raise SelectionError(f"the steps of this job get no trace context: {undecided}")
    job = _find_job_reference(context, subject.address, run)
    ancestors, lineage = read_ancestors(context, run)
    ancestry, tracing = run_ancestry(ancestors, lineage), build_tracing(context.settings)
    is_valid = (
        note is not None
        and (note.run, note.job) == (run.reference, job)
        and may_be_ancestors(note.path, ancestors, lineage)
    )
    if note is None or not is_valid:
        note = ContextNote(run=run.reference, job=job, path=ancestry.path(tracing.scope))
    placement = place(run.reference, ancestry, tracing, path=note.path)
    return JobContext(
        trace=placement.trace,
        note=note,
        baggage={key: str(value) for key, value in placement.keys if value is not None},
        read_errors=(*ancestors.unread, *lineage.unread),
        from_earlier_step=is_valid,
    )


def _with_deployments(context: ExportContext, run: Run) -> Run:
    """Return the run with the deployments that its jobs have made so far."""
    run = context.with_aliases(read_jobs(context.github.required, run))
    return read_deployments(context.github, run, timing.own_jobs(run)).run


def _find_job_reference(context: ExportContext, address: RunAddress, run: Run) -> str:
    """Return the reference of our job, by the id from the runner, otherwise by its name."""
    runner = context.settings.runner
    if runner.check_run_id is not None:
        return identity.job_reference(run.repository.reference, run.id, runner.check_run_id)
    context.log.debug(f"{address}: the runner does not provide the id of this job; looking it up")
    if not run.jobs:
        run = context.with_aliases(read_jobs(context.github.required, run))
    own = selection.find_own_job(run, check_run_id=None, runner_name=runner.runner_name)
    return run.job_reference(own)
