"""The job that an export runs in, and the telemetry that is read of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry import identity
from flow_telemetry.context import ExportContext
from flow_telemetry.mapping.metrics import Points, build_job_points
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Change, Job, Run, Step
from flow_telemetry.outcome import JobReport
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.handoff import Handoff
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Measurement, Resource, Span

if TYPE_CHECKING:
    from flow_telemetry.mapping.jobs import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTelemetry:
    """Telemetry of one kind that was read of a job.

    ``prepared`` are requests of tools in the job, ``told`` is the job's part of the summary.
    ``references`` are the references of those ``spans`` whose ids a tool's span could have.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement] = ()
    prepared: Iterable[EncodedRequest] = ()
    measured: tuple[Measured, ...] = ()
    notices: tuple[str, ...] = ()
    told: JobReport | None = None
    references: Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """An ended step: its interval as GitHub has it, and the reference of its span."""

    step: Step
    reference: str
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnJob:
    """The job that the export runs in, for the readers of its reports and samples.

    ``make`` makes spans with the attributes of the run and job, ``windows`` are the ended steps in
    order. ``workspace`` is the checkout, ``temporary`` the folder for the handoff between steps;
    both are None outside a job. ``change`` is the pull request of the run, before its merge.
    """

    context: ExportContext
    run: Run
    job: Job
    reference: str
    interval: Interval
    placement: Placement
    resource: Resource
    make: SpanMaker
    windows: tuple[StepWindow, ...]
    handoff: Handoff
    default_branch: str | None = None
    change: Change | None = None
    workspace: Path | None = None
    temporary: Path | None = None

    @property
    def max_spans(self) -> int:
        """The value of `max-spans`."""
        return self.context.settings.tracing.max_spans

    @property
    def intervals(self) -> dict[str, Interval]:
        """The intervals of the job's and steps' exported spans, by their references.

        A coarser `detail` leaves spans out, and nothing may have one of these as its parent.
        """
        detail = self.context.settings.tracing.detail
        of_steps = {window.reference: window.interval for window in self.windows}
        return {
            **({} if detail is Detail.RUN else {self.reference: self.interval}),
            **(of_steps if detail is Detail.STEP else {}),
        }

    def metric_points(self) -> Points:
        """Return a maker of metric points with the attributes of this job."""
        return build_job_points(
            self.run,
            self.job,
            self.resource,
            self.context.settings.signals.metric_attributes,
            default_branch=self.default_branch,
            keys=self.placement.keys,
        )


def step_windows(run: Run, job: Job) -> tuple[StepWindow, ...]:
    """Return the ended steps of a job with the references of their spans."""
    reference = run.job_reference(job)
    return tuple(
        StepWindow(
            step=step,
            reference=identity.step_reference(reference, step.number, step.occurrence),
            interval=interval,
        )
        for step, interval in timing.step_intervals(run, job)
    )
