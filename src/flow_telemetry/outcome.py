"""Outcome of an export: shown by summary, terminal, outputs and exit status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import Change, Lineage, Parentage, Run, WorkItem
from flow_telemetry.model.api_usage import ApiUsage
from flow_telemetry.model.sweeps import SweptRepository
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import Delivery, Signal, merge_deliveries
from flow_telemetry.text import counted

if TYPE_CHECKING:  # Loaded only if such things were read.
    from flow_telemetry.model.measurements import MeasuredJob
    from flow_telemetry.model.overview import FeatureOverview, RunsOverview
    from flow_telemetry.model.reports import JobCoverage, TestSummary, ToolTraces
    from flow_telemetry.rules.comparison import RunComparison


class Status(Enum):
    """The values of the output `status`.

    EXPORTED: everything was delivered. SPOOLED: some items were not delivered and are in the
    spool. PARTIAL: some data could not be read, or neither delivered nor spooled. LOST: nothing
    was delivered or spooled. SKIPPED: there was nothing to send.
    """

    EXPORTED = "exported"
    PARTIAL = "partial"
    SPOOLED = "spooled"
    LOST = "lost"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """Telemetry from inside a job, for the summary; None or empty if it was not requested."""

    machine: MeasuredJob | None = None
    tests: TestSummary | None = None
    tool_traces: ToolTraces | None = None
    coverage: JobCoverage | None = None


def merge_job_reports(reports: Iterable[JobReport | None]) -> JobReport | None:
    """Return one report with the values of all; None without reports."""
    present = [report for report in reports if report is not None]
    if not present:
        return None
    values = {
        name: value
        for report in present
        for name in (field.name for field in fields(report))
        if (value := getattr(report, name))
    }
    return JobReport(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSubject:
    """An exported run, change or work item, and its trace.

    ``title`` is the span's name, ``reference`` its flow reference; under `export: job` both are
    those of the job. ``job_report`` is the telemetry from inside the current job. ``lineage`` are
    the work items above the subject, ``parentage`` the subjects above a run. ``partial`` is whether
    the subject has not ended. ``actors`` is how views name people. ``time`` says where the time of
    a change or a feature went, ``comparison`` how the time of a run compares with earlier ones.
    ``runs`` are those of a change, ``feature`` is what is below a feature, None if not read.
    """

    title: str
    trace: TraceIdentity
    reference: str
    interval: Interval
    run: Run | None = None
    parentage: Parentage | None = None
    change: Change | None = None
    item: WorkItem | None = None
    lineage: Lineage = field(default_factory=Lineage)
    partial: bool = False
    actors: Actors = Actors.LOGIN
    trace_url: str | None = None
    job_report: JobReport | None = None
    time: TimeShares | None = None
    comparison: RunComparison | None = None
    runs: RunsOverview | None = None
    feature: FeatureOverview | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one export, which took ``seconds``.

    ``exported`` is its subject, ``further`` are other exported subjects, such as the merged change.
    ``errors`` are settings that can never work: one of them stopped the export if it is
    ``refused``, and the others are optional. ``problems`` are warnings, ``notices`` further
    information, ``left_out`` the data that was not sent, and why. ``failed`` is whether
    `fail-on-error` and the exit status report a failure; a warning alone, such as a pull request
    that the token cannot see, is not a failure. ``context`` are further outputs: those of a step
    that only provides the job's context, and of a plan. ``redacted`` is the number of exported
    texts in which redaction changed something; a notice says so. ``page`` is the path of the page's
    file; empty if there is none. ``plan`` says which sweep was planned, and ``swept`` are the
    repositories of an organization's sweep. ``api_usage`` are the requests to GitHub.
    """

    status: Status
    exported: ExportedSubject | None = None
    further: tuple[ExportedSubject, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    errors: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    failed: bool = False
    refused: bool = False
    context: Mapping[str, str] = field(default_factory=dict)
    redacted: int = 0
    page: str = ""
    plan: str = ""
    swept: tuple[SweptRepository, ...] = ()
    api_usage: tuple[ApiUsage, ...] = ()

    @property
    def spans(self) -> int:
        """The number of spans that the backend accepted."""
        return sum(d.sent for d in self.deliveries if d.signal is Signal.TRACES)


def merge_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """Return one outcome for several exports, with the worst of their statuses."""
    outcomes = list(outcomes)
    statuses = [outcome.status for outcome in outcomes]
    subjects = [s for o in outcomes if o.exported for s in (o.exported, *o.further)]
    worst = next((s for s in _FROM_THE_WORST if s in statuses), Status.SKIPPED)
    if Status.LOST in statuses:
        # What another export delivered is not lost.
        others = set(statuses) - {Status.LOST, Status.SKIPPED}
        worst = Status.SPOOLED if Status.SPOOLED in others else Status.PARTIAL
        worst = worst if others else Status.LOST
    failed = any(outcome.failed for outcome in outcomes)
    redacted = sum(outcome.redacted for outcome in outcomes)
    notices = _once(
        text
        for outcome in outcomes
        for text in outcome.notices
        if text not in describe_redacted(outcome.redacted)
    )
    return Outcome(
        # An export that could not read anything has nothing to send, but its data is missing.
        status=Status.PARTIAL if failed and worst is Status.EXPORTED else worst,
        exported=subjects[0] if subjects else None,
        further=tuple(subjects[1:]),
        deliveries=merge_deliveries(d for outcome in outcomes for d in outcome.deliveries),
        errors=_once(text for outcome in outcomes for text in outcome.errors),
        problems=_once(text for outcome in outcomes for text in outcome.problems),
        notices=(*notices, *describe_redacted(redacted)),
        left_out=_once(text for outcome in outcomes for text in outcome.left_out),
        seconds=sum(outcome.seconds for outcome in outcomes),
        failed=failed,
        redacted=redacted,
        swept=tuple(each for outcome in outcomes for each in outcome.swept),
    )


def describe_redacted(texts: int) -> tuple[str, ...]:
    """Return a notice if redaction changed that many exported texts; nothing if it changed none."""
    if not texts:
        return ()
    return (
        "*** replaces what looks like a credential, or matches `redact`, in "
        f"{counted(texts, 'exported text')}. "
        "docs/reference/privacy.md lists what is recognized",
    )


_FROM_THE_WORST = (Status.SPOOLED, Status.PARTIAL, Status.EXPORTED)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
