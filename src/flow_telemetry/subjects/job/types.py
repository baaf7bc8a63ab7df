"""A job seen from inside, and what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flow_telemetry import identity
from flow_telemetry.context import ExportContext
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Change, Job, Run, Step
from flow_telemetry.outcome import InsideTold
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.handoff import Handoff
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Resource, Span

if TYPE_CHECKING:
    from flow_telemetry.mapping.jobs import Measured

# What was found inside of a job, as all who read there return it.


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTelemetry:
    """What was found inside of a job.

    ``prepared`` are requests that tools in the job made, ``notices`` what is worth knowing, such as
    a report that could not be read, and ``told`` what the summary shows. ``references`` are those
    of the ``spans`` whose ids a tool's span could have.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement] = ()
    prepared: Iterable[Prepared] = ()
    measured: tuple[Measured, ...] = ()
    notices: tuple[str, ...] = ()
    told: InsideTold | None = None
    references: Iterable[str] = ()


# The job that an export stands in, as all who read of its inside need it.


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """A step that has ended: its time by GitHub, and the reference of its span."""

    step: Step
    reference: str
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnJob:
    """A job of the run whose inside is read.

    ``make`` makes spans with the facts of the run and job on them, ``windows`` are its ended steps
    in order, and ``left`` is what they left. ``workspace`` and ``temporary`` are folders of the
    runner: the checkout, and where the steps of the job leave something to one another; None
    outside of a job. ``default_branch`` is the repository's, where known; ``change`` the pull
    request that the run is of, before its merge.
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
        """The times of the job and its steps by the references of their spans, of those that leave.

        Under a coarser `detail` nothing may stand below a span that is not sent.
        """
        detail = self.context.settings.tracing.detail
        of_steps = {window.reference: window.interval for window in self.windows}
        return {
            **({} if detail is Detail.RUN else {self.reference: self.interval}),
            **(of_steps if detail is Detail.STEP else {}),
        }


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
