"""The job that an export runs in, and the telemetry that is read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from flow_telemetry import identity
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import ReportError
from flow_telemetry.mapping.metrics import Points, build_job_points
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Change, Job, Run, Step
from flow_telemetry.outcome import JobReport
from flow_telemetry.reports.files import (
    Content,
    MatchedFile,
    TimedContent,
    describe_share,
    find_files,
    whole,
)
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.order import RunOrder
from flow_telemetry.rules.selection import boilerplate_steps
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.handoff import Handoff
from flow_telemetry.subjects.types import limit_texts
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Measurement, Resource, Span
from flow_telemetry.text import counted

if TYPE_CHECKING:
    from flow_telemetry.mapping.jobs import Measured

# A pattern may match very many files that are not reports.
_MOST_NOTICES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTelemetry:
    """Telemetry of one kind that was read of a job.

    ``encoded_requests`` are requests of tools in the job, ``report`` is for the job summary.
    ``references`` are the references of those ``spans`` whose ids a tool's span could have.
    """

    spans: Iterable[Span] = ()
    events_and_metrics: Iterable[LogRecord | Measurement] = ()
    encoded_requests: Iterable[EncodedRequest] = ()
    measured: tuple[Measured, ...] = ()
    notices: tuple[str, ...] = ()
    report: JobReport | None = None
    references: Iterable[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWindow:
    """An ended step: its interval by the runner's clock, and the reference of its span.

    ``boilerplate`` is whether `boilerplate-steps: false` leaves its span out.
    """

    step: Step
    reference: str
    interval: Interval
    boilerplate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnJob:
    """The job that the export runs in, for the readers of its reports and samples.

    ``make`` builds spans with the attributes of the run and job, ``windows`` are the ended steps in
    order. All times are by the runner's clock, as those of files and samples are; ``make`` moves
    them to GitHub's. ``workspace`` is the checkout, ``temporary`` the folder for the handoff
    between steps; both are None outside a job. ``change`` is the pull request of the run, before
    its merge. ``ancestors`` are the references of all changes and work items that the run belongs
    to.
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
    change: Change | None = None
    ancestors: tuple[str, ...] = ()
    workspace: Path | None = None
    temporary: Path | None = None

    @property
    def max_spans(self) -> int:
        """The value of `max-spans`."""
        return self.context.settings.tracing.max_spans

    @property
    def intervals(self) -> dict[str, Interval]:
        """The intervals of the job's and steps' exported spans, by their references.

        A coarser `detail` omits spans, which then cannot be parents, and so may
        `boilerplate-steps`.
        """
        detail = self.context.settings.tracing.detail
        if detail is Detail.RUN:
            return {}
        intervals = {self.reference: self.interval}
        if detail is Detail.STEP:
            every = self.placement.boilerplate_steps
            intervals |= {
                window.reference: window.interval
                for window in self.windows
                if every or not window.boilerplate
            }
        return intervals

    @property
    def moves(self) -> dict[str, timedelta]:
        """By how much the spans of the job and its steps are moved, by their references."""
        order = RunOrder.of(self.run)
        steps = {w.reference: order.step_shift(self.job, w.step) for w in self.windows}
        return {self.reference: order.job_shift(self.job), **steps}

    def metric_points(self) -> Points:
        """Return a maker of metric points with the attributes of this job."""
        return build_job_points(
            self.run,
            self.job,
            self.resource,
            self.context.settings.signals.metric_attributes,
            base_branch=self.change.base_branch if self.change else None,
            placement=self.placement,
            detail=self.context.settings.tracing.detail,
        )


def step_windows(run: Run, job: Job) -> tuple[StepWindow, ...]:
    """Return the ended steps of a job with the references of their spans."""
    reference, offset = run.job_reference(job), timing.clock_offset(job)
    boilerplate = boilerplate_steps(job)
    return tuple(
        StepWindow(
            step=step,
            reference=identity.step_reference(reference, step.number, step.occurrence),
            interval=interval.moved(-offset),
            boilerplate=step in boilerplate,
        )
        for step, interval in timing.step_intervals(run, job)
    )


# Each kind of file, such as test reports, may take this share of the time that is left for reading.
SHARE_OF_FILES = 0.5

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedReports:
    """The files that `reports` matches, by kind, and notices about the others."""

    tests: tuple[MatchedFile, ...] = ()
    coverage: tuple[MatchedFile, ...] = ()
    notices: tuple[str, ...] = ()


def sort_reports(job: OwnJob) -> SortedReports:
    """Return the files that the patterns of `reports` match, by what their content is about."""
    patterns = job.context.settings.job.reports
    if not patterns or job.workspace is None:
        return SortedReports()
    # Loaded here, because it loads the readers of both kinds.
    from flow_telemetry.reports.kinds import ReportKind, find_kind  # noqa: PLC0415

    until = job.context.reading.share(SHARE_OF_FILES)
    found, notices = find_files(patterns, job.workspace, until=until)
    sorted_files: dict[ReportKind, list[MatchedFile]] = {kind: [] for kind in ReportKind}
    for file in found:
        try:
            sorted_files[find_kind(file.path, file.name)].append(file)
        except ReportError as error:
            notices.append(str(error))
    return SortedReports(
        tests=tuple(sorted_files[ReportKind.TESTS]),
        coverage=tuple(sorted_files[ReportKind.COVERAGE]),
        notices=tuple(f"`reports`: {text}" for text in limit_texts(notices, _MOST_NOTICES)),
    )


def read_reports(
    job: OwnJob,
    patterns: Sequence[str],
    parse: Callable[[MatchedFile, Content], Report],
    sorted_files: Sequence[MatchedFile] = (),
) -> tuple[list[Report], list[str]]:
    """Read the reports in the workspace of a job in order of their names; return them and notices.

    They are those that ``patterns`` match, and ``sorted_files``, which `reports` matches.
    Two files with the same content count once. A file that ``parse`` rejects with a ReportError
    becomes a notice, and so does the rest after a share of the time.
    """
    if job.workspace is None:
        return [], ["GITHUB_WORKSPACE is not set, so no files were read"]
    until = job.context.reading.share(SHARE_OF_FILES)
    files, notices = find_files(patterns, job.workspace, until=until) if patterns else ([], [])
    names = {file.name for file in files}
    files += [file for file in sorted_files if file.name not in names]
    files.sort(key=lambda file: file.name)
    reports: list[Report] = []
    digests: set[bytes] = set()
    for number, file in enumerate(files):
        if until.expired:
            rest = counted(len(files) - number, "report", "was", "were")
            notices.append(f"{rest} not read: {describe_share(until)}")
            break
        try:
            content = whole(file.path, file.name)
            digest = sha256(content).digest()
            if digest not in digests:
                reports.append(parse(file, TimedContent(content, until)))
            digests.add(digest)
        except ReportError as error:
            notices.append(str(error))
    return reports, notices
