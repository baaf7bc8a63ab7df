"""The ids that spans of ours have in the trace of a run: no tool's span may have one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flow_telemetry import identity
from flow_telemetry.model import Job, Run
from flow_telemetry.signals.placement import Placement


def own_span_ids(placement: Placement, run: Run, beside: Iterable[str] = ()) -> frozenset[str]:
    """Return the ids of a run's spans in its trace, and of what stands above it, hexadecimal.

    ``beside`` are further references, of what reports of its jobs add.
    """
    above = {placement.trace.root, placement.parent or placement.trace.root}
    return frozenset(map(placement.span_id, [*above, *_references(run), *beside]))


def _references(run: Run) -> Iterator[str]:
    yield from _with_parts(run.reference)
    for job in run.jobs:
        yield from _of_job(job, run.job_reference(job))


def _of_job(job: Job, reference: str) -> Iterator[str]:
    yield from _with_parts(reference)
    for number in range(1, len(job.approvals) + 1):
        yield identity.approval_reference(reference, number)
    for step in job.steps:
        of_step = identity.step_reference(reference, step.number, step.occurrence)
        yield from (of_step, identity.measured_reference(of_step))


def _with_parts(reference: str) -> tuple[str, ...]:
    return (
        reference,
        identity.queued_reference(reference),
        identity.measured_reference(reference),
    )
