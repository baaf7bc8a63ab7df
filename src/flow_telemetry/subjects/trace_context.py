"""Trace context of the own job, before the job is exported."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry import identity
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SelectionError
from flow_telemetry.github.runs import RunAddress, read_attempt, read_jobs_again
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import place, run_ancestry
from flow_telemetry.model import Run
from flow_telemetry.rules import selection
from flow_telemetry.subjects.job.handoff import HandedOn
from flow_telemetry.subjects.run import may_be_ancestors, read_ancestors, reason_not_selected
from flow_telemetry.subjects.types import RunSubject, tracing_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Where the span of a job will be: its trace, its reference, and what stands above the run.

    ``baggage`` says what it belongs to: feature, work item and change, where known. ``unread`` is
    what of the chain could not be read. ``before`` is what an earlier context step of the job told,
    where that counts.
    """

    trace: TraceIdentity
    run: str
    job: str
    path: tuple[str, ...]
    baggage: dict[str, str]
    unread: tuple[str, ...] = ()
    before: HandedOn | None = None

    @property
    def note(self) -> HandedOn:
        """What the export in the same job is to know."""
        return HandedOn(run=self.run, job=self.job, path=self.path)


def read_context(
    context: ExportContext, subject: RunSubject, told: HandedOn | None = None
) -> JobContext:
    """Return the context of our own job, by the same rules as its export.

    ``told`` is the note of an earlier context step: the job's steps have that context already, so
    it stays, under the conditions under which the export believes it.

    Raises:
        FlowTelemetryError: the run cannot be read or is not exported, or its job that runs this
            step cannot be identified.
    """
    run = context.with_aliases(read_attempt(context.github, subject.address))
    reason = reason_not_selected(context.settings, run)
    if reason is not None:
        raise SelectionError(f"the steps of this job get no trace context: {reason}")
    job = _own_job(context, subject.address, run)
    above, lineage = read_ancestors(context, run)
    ancestry, tracing = run_ancestry(above, lineage), tracing_of(context.settings)
    before = told if told is not None and (told.run, told.job) == (run.reference, job) else None
    if before is not None and not may_be_ancestors(before.path, above, lineage):
        before = None
    path = ancestry.path(tracing.scope) if before is None else before.path
    placement = place(run.reference, ancestry, tracing, path=path)
    return JobContext(
        trace=placement.trace,
        run=run.reference,
        job=job,
        path=path,
        baggage={key: str(value) for key, value in placement.keys if value is not None},
        unread=(*above.unread, *lineage.unread),
        before=before,
    )


def _own_job(context: ExportContext, address: RunAddress, run: Run) -> str:
    """The reference of our job: by the id that the runner tells, else looked up."""
    runner = context.settings.runner
    if runner.check_run_id is not None:
        return identity.job_reference(run.repository.reference, run.id, runner.check_run_id)
    context.log.debug(f"{address}: the runner does not tell the id of this job; it is looked up")
    listed = context.with_aliases(read_jobs_again(context.github, run))
    own = selection.find_own_job(listed, check_run_id=None, runner_name=runner.runner_name)
    return listed.job_reference(own)
