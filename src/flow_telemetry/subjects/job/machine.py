"""Usage of the job's machine, from the sampler that the context step started."""

from __future__ import annotations

from collections.abc import Sequence

from flow_telemetry.mapping.job_metrics import machine_measurements
from flow_telemetry.mapping.jobs import Measured, job_usage_attributes, usage_attributes
from flow_telemetry.model.measurements import (
    MachineSample,
    MeasuredJob,
    MeasuredStep,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.process.samples import curve, usage_between, usage_by_window
from flow_telemetry.rules import intervals as timing
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob
from flow_telemetry.subjects.types import wants_metrics

# Six series then have 900 points, which fit into one request.
_MOST_INTERVALS = 150
_NOT_MEASURED = (
    "the machine is not measured: the sampler that `measure: true` started left no samples of the "
    "time of this job's steps"
)


def read_machine(job: OwnJob) -> JobTelemetry:
    """Return the usage during the job's steps, or a notice that there are no samples of them."""
    machine = job.handoff.samples
    # Up to the end of the last step: later usage is the export's own.
    usage = None if machine is None else usage_between(machine.samples, job.interval)
    if machine is None or usage is None:
        return JobTelemetry(notices=(_NOT_MEASURED,))
    steps = _measure_steps(job, machine.samples)
    samples = [sample for sample in machine.samples if usage.start <= sample.time <= usage.end]
    measured_job = MeasuredJob(
        processors=machine.processors,
        memory=machine.memory,
        usage=usage,
        steps=tuple(steps.values()),
        curve=curve(samples, _MOST_INTERVALS),
    )
    detail = job.context.settings.tracing.detail
    measured: list[Measured] = []
    if detail is not Detail.RUN:
        measured.append(
            Measured(owner=job.reference, attributes=job_usage_attributes(measured_job))
        )
    if detail is Detail.STEP:
        measured += (
            Measured(owner=reference, attributes=usage_attributes(step.usage))
            for reference, step in steps.items()
            if reference in job.intervals
        )
    return JobTelemetry(
        events_and_metrics=machine_measurements(
            measured_job,
            job.metric_points(),
            placement=job.placement if detail is Detail.STEP else None,
        )
        if wants_metrics(job.context.settings)
        else (),
        measured=tuple(measured),
        report=JobReport(machine=measured_job),
    )


def _measure_steps(job: OwnJob, samples: Sequence[MachineSample]) -> dict[str, MeasuredStep]:
    """Return the steps that have samples, by the references of their spans."""
    windows = {window.reference: window for window in job.windows if timing.step_ran(window.step)}
    intervals = {reference: window.interval for reference, window in windows.items()}
    exported = job.intervals
    return {
        reference: MeasuredStep(
            name=windows[reference].step.name,
            start=intervals[reference].start,
            end=intervals[reference].end,
            usage=usage,
            reference=reference if reference in exported else job.reference,
        )
        for reference, usage in usage_by_window(samples, intervals).items()
    }
