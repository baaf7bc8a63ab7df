"""Outcome of an export: shown by summary, terminal, outputs and exit status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import Change, Lineage, Parentage, Run, WorkItem
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.settings import Actors
from flow_telemetry.telemetry import Delivery, Signal, merge_deliveries

if TYPE_CHECKING:  # Loaded where something inside of a job was read.
    from flow_telemetry.model.measurements import MeasuredJob
    from flow_telemetry.model.reports import JobCoverage, TestSummary, ToolTraces


class Status(Enum):
    """The values of the output `status`.

    EXPORTED: all that was collected was delivered. SPOOLED: something was not, and is kept in the
    spool. PARTIAL: something could not be read, or neither delivered nor kept. SKIPPED: nothing
    was to be sent.
    """

    EXPORTED = "exported"
    PARTIAL = "partial"
    SPOOLED = "spooled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """Telemetry from inside a job, for the summary; None or empty if it was not requested."""

    machine: MeasuredJob | None = None
    tests: TestSummary | None = None
    tool_traces: ToolTraces | None = None
    coverage: JobCoverage | None = None


def merge_job_reports(told: Iterable[JobReport | None]) -> JobReport | None:
    """Return the telemetry of several parts of a job as one; None if there is none."""
    parts = [part for part in told if part is not None]
    if not parts:
        return None
    values = {
        name: value
        for part in parts
        for name in (field.name for field in fields(part))
        if (value := getattr(part, name))
    }
    return JobReport(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSubject:
    """What was exported, and where its span stands: a run, a change or a work item.

    ``title`` is the span's name, ``reference`` its flow reference; the outputs name it (under
    `export: job` the job's). ``inside`` is what was found inside of its own job. ``lineage`` are
    the work items above it, ``parentage`` what a run belongs to. ``partial`` tells that it was
    still going on; ``actors`` as what views name people.
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
    inside: JobReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one export. ``seconds`` is how long it took.

    ``exported`` is what it was about, ``further`` what left besides, such as the merged change.
    ``problems`` are warnings, ``notices`` things worth knowing, ``left_out`` what was not sent
    and why. ``failed`` is whether something went wrong that `fail-on-error` and exit statuses
    tell; a warning alone, such as a pull request that the token cannot see, is no failure.
    ``context`` are the outputs of a step that exports nothing but gives the job's context.
    """

    status: Status
    exported: ExportedSubject | None = None
    further: tuple[ExportedSubject, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0
    failed: bool = False
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def spans(self) -> int:
        """The number of spans that the backend accepted."""
        return sum(each.sent for each in self.deliveries if each.signal is Signal.TRACES)


def merge_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """Return one outcome for several exports, the worst of their statuses among them."""
    all_of = list(outcomes)
    statuses = [each.status for each in all_of]
    exported = [e for each in all_of if each.exported for e in (each.exported, *each.further)]
    worst = next((s for s in _FROM_THE_WORST if s in statuses), Status.SKIPPED)
    failed = any(each.failed for each in all_of)
    return Outcome(
        # One of which nothing could be read had nothing to send, and still is missing.
        status=Status.PARTIAL if failed and worst is Status.EXPORTED else worst,
        exported=exported[0] if exported else None,
        further=tuple(exported[1:]),
        deliveries=merge_deliveries(d for each in all_of for d in each.deliveries),
        problems=_once(text for each in all_of for text in each.problems),
        notices=_once(text for each in all_of for text in each.notices),
        left_out=_once(text for each in all_of for text in each.left_out),
        seconds=sum(each.seconds for each in all_of),
        failed=failed,
    )


_FROM_THE_WORST = (Status.SPOOLED, Status.PARTIAL, Status.EXPORTED)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
