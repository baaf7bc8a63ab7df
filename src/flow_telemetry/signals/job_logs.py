"""Lines of logs as log records under the spans of their steps, and what a step's log is like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.identity import log_line_reference
from flow_telemetry.model import Job, Run, Step
from flow_telemetry.model.reports import LogLevel, LogLine
from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals import limits, log_semconv, semconv
from flow_telemetry.signals.event_semconv import LOG_RECORD_UID
from flow_telemetry.signals.limits import nanoseconds
from flow_telemetry.signals.measured import Measured
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.runs import job_facts
from flow_telemetry.telemetry import Attributes, LogRecord, Resource, Severity

_SEVERITIES = {
    None: Severity.INFO,
    LogLevel.DEBUG: Severity.DEBUG,
    LogLevel.NOTICE: Severity.INFO,
    LogLevel.WARNING: Severity.WARN,
    LogLevel.ERROR: Severity.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedStep:
    """A step whose log is told.

    ``reference`` is the step's, ``span`` that of the span that its lines stand under: its own, or
    the job's or run's where no finer ones are sent. ``interval`` is its time by GitHub.
    """

    run: Run
    job: Job
    step: Step
    reference: str
    span: str
    interval: Interval


def log_records(
    lines: Iterable[LogLine],
    logged: LoggedStep,
    placement: Placement,
    resource: Resource,
    observed: datetime,
) -> Iterator[LogRecord]:
    """Return a record for each line of a step's log that is not empty."""
    trace_id, span_id = placement.trace_id, placement.span_id(logged.span)
    seen = nanoseconds(observed)
    reference, common = logged.reference, _common(logged, placement)
    for line in lines:
        if not line.text:
            continue
        attributes = {LOG_RECORD_UID: log_line_reference(reference, line.number), **common}
        if line.group:
            attributes[log_semconv.LOG_GROUP] = line.group
        yield LogRecord(
            event_name="",
            time=nanoseconds(line.time or logged.interval.start),
            observed=seen,
            trace_id=trace_id,
            span_id=span_id,
            resource=resource,
            attributes=attributes,
            body=line.text,
            severity=_SEVERITIES[line.level],
        )


def measured_log(logged: LoggedStep, times: Interval | None, *, lines: int, cut: int) -> Measured:
    """Return what the span `#measured` of a step says of its log: finer times than GitHub's.

    ``cut`` is how many of its ``lines`` are not sent.
    """
    return Measured(
        owner=logged.reference,
        facts=((log_semconv.LOG_LINES, lines), (log_semconv.LOG_LINES_CUT, cut or None)),
        interval=times,
    )


def _common(logged: LoggedStep, placement: Placement) -> Attributes:
    """Few: they stand on each of very many lines, and the repository is in the resource."""
    return limits.attributes(
        placement.keys,
        (
            (semconv.CICD_PIPELINE_NAME, logged.run.workflow),
            (semconv.CICD_PIPELINE_RUN_ID, str(logged.run.id)),
        ),
        job_facts(logged.job),
        ((log_semconv.STEP_NAME, logged.step.name),),
    )
