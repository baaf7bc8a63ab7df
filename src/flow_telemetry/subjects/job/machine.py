"""Usage of the job's machine, from the sampler that the context step started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flow_telemetry.mapping.job_metrics import machine_measurements
from flow_telemetry.mapping.jobs import Measured, job_usage_attributes, usage_attributes
from flow_telemetry.model.measurements import (
    MachineSample,
    MachineSamples,
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
    found = job.handoff.samples
    steps = {} if found is None else _steps(job, found.samples)
    measured = None if found is None else _measured_job(job, found, tuple(steps.values()))
    if measured is None:
        return JobTelemetry(notices=(_NOT_MEASURED,))
    return JobTelemetry(
        facts=machine_measurements(measured, job.metric_points())
        if wants_metrics(job.context.settings)
        else (),
        measured=tuple(_measured_spans(job, measured, steps)),
        told=JobReport(machine=measured),
    )


def _steps(job: OwnJob, samples: Sequence[MachineSample]) -> dict[str, MeasuredStep]:
    """Return the steps that have samples, by the references of their spans."""
    windows = {each.reference: each for each in job.windows if timing.step_ran(each.step)}
    usages = usage_by_window(samples, {key: each.interval for key, each in windows.items()})
    return {
        reference: MeasuredStep(
            name=windows[reference].step.name,
            start=windows[reference].interval.start,
            end=windows[reference].interval.end,
            usage=usage,
        )
        for reference, usage in usages.items()
    }


def _measured_job(
    job: OwnJob, found: MachineSamples, steps: tuple[MeasuredStep, ...]
) -> MeasuredJob | None:
    """Return the usage up to the end of the last step: later usage is the export's own."""
    usage = usage_between(found.samples, job.interval)
    if usage is None:
        return None
    within = [each for each in found.samples if usage.start <= each.time <= usage.end]
    return MeasuredJob(
        processors=found.processors,
        memory=found.memory,
        usage=usage,
        steps=steps,
        curve=curve(within, _MOST_INTERVALS),
    )


def _measured_spans(
    job: OwnJob, measured: MeasuredJob, steps: Mapping[str, MeasuredStep]
) -> Iterator[Measured]:
    detail = job.context.settings.tracing.detail
    if detail is not Detail.RUN:
        yield Measured(owner=job.reference, attributes=job_usage_attributes(measured))
    if detail is Detail.STEP:
        for reference, step in steps.items():
            yield Measured(owner=reference, attributes=usage_attributes(step.usage))
