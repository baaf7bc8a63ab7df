"""Tests, coverage, machines, commands and logs of a job to spans and log records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flow_telemetry import identity
from flow_telemetry.identity import log_line_reference
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import job_attributes as job_semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import suite_attributes as suite_semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.event_attributes import LOG_RECORD_UID
from flow_telemetry.mapping.job_attributes import COVERAGE_NAMES
from flow_telemetry.mapping.limits import OptionalValue, nanoseconds
from flow_telemetry.mapping.placement import Placement, TraceKind
from flow_telemetry.mapping.runs import pipeline_attributes, task_attributes
from flow_telemetry.mapping.spans import AttributePairs, SpanMaker
from flow_telemetry.model import Job, Run, Step
from flow_telemetry.model.measurements import MachineUsage, MeasuredCommand, MeasuredJob
from flow_telemetry.model.reports import (
    CaseFailure,
    CaseResult,
    JobCoverage,
    LogLevel,
    LogLine,
    TestCase,
    TestCounts,
    TestSuite,
)
from flow_telemetry.rules.coverage import change
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.order import fitted, moved
from flow_telemetry.rules.tests import (
    SuitePlacement,
    count_cases,
    is_failing,
    place_cases,
)
from flow_telemetry.telemetry import (
    LogRecord,
    Resource,
    Severity,
    Span,
    SpanEvent,
    SpanLink,
)
from flow_telemetry.text import counted

# Test reports to spans: suites, their selected cases, and why cases failed

_ERROR_TYPE = {CaseResult.FAILED: "failure", CaseResult.ERROR: "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSuite:
    """A suite of a report, its place, and the positions of its cases that have a span.

    ``cases`` is None if the suite itself has no span.
    """

    report: str
    suite: TestSuite
    place: SuitePlacement
    cases: frozenset[int] | None


def suite_spans(
    make: SpanMaker, job: str, suites: Iterable[PlacedSuite], moves: Mapping[str, timedelta]
) -> Iterator[Span]:
    """Return the spans of suites, each before those of its cases.

    ``job`` is a reference. ``moves`` is by how much the spans of the job and its steps are moved.
    """
    used: set[str] = set()
    for placed in suites:
        if placed.cases is None:
            continue
        suite, place, report = placed.suite, placed.place, placed.report
        reference = _unique(job + _suite_suffix(placed), used)
        move = moves[place.parent]
        yield _suite_span(make, reference, placed, moved(place.interval, move))
        if not placed.cases:
            continue
        for case, interval, reported in place_cases(suite, place, placed.cases):
            case_reference = _unique(job + case.reference_suffix, used)
            within = moved(interval, move)
            yield _case_span(make, case_reference, reference, case, within, report, reported)


# The attributes of a case by which its exceptions are found.
_OF_EXCEPTIONS = (
    semconv.FLOW_REFERENCE,
    suite_semconv.SUITE_NAME,
    suite_semconv.CASE_NAME,
    suite_semconv.CASE_KEY,
    suite_semconv.CODE_FILE_PATH,
)


def exception_records(
    spans: Iterable[Span], common: AttributePairs, observed: datetime
) -> Iterator[LogRecord]:
    """Return the exceptions of spans as log records, by OpenTelemetry's conventions.

    https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/. ``common`` are
    attributes of each record.
    """
    for span in spans:
        events = (event for event in span.events if event.name == suite_semconv.EXCEPTION_EVENT)
        for number, event in enumerate(events, start=1):
            reference = str(span.attributes[semconv.FLOW_REFERENCE])
            message = event.attributes.get(suite_semconv.EXCEPTION_MESSAGE)
            yield LogRecord(
                event_name=suite_semconv.EXCEPTION_EVENT,
                time=event.time,
                observed=nanoseconds(observed),
                trace_id=span.trace_id,
                span_id=span.span_id,
                resource=span.resource,
                attributes=limits.attributes(
                    ((LOG_RECORD_UID, identity.exception_reference(reference, number)),),
                    event.attributes.items(),
                    ((name, span.attributes.get(name)) for name in _OF_EXCEPTIONS),
                    common,
                ),
                body=str(message or ""),
                severity=Severity.ERROR,
            )


def without_exceptions(spans: Iterable[Span]) -> Iterator[Span]:
    """Return the spans without their exceptions, which are sent as log records instead."""
    for span in spans:
        others = tuple(e for e in span.events if e.name != suite_semconv.EXCEPTION_EVENT)
        yield span if len(others) == len(span.events) else replace(span, events=others)


def suite_references(job: str, suites: Iterable[PlacedSuite]) -> Iterator[str]:
    """Return the references of the spans that `suite_spans` makes, without making them."""
    used: set[str] = set()
    for placed in suites:
        if placed.cases is not None:
            yield _unique(job + _suite_suffix(placed), used)
            for position in sorted(placed.cases):
                yield _unique(job + placed.suite.cases[position].reference_suffix, used)


def case_status(case: TestCase) -> str:
    """Return the status of a case by the conventions: `pass`, `fail`, or our `skipped`."""
    if case.result is CaseResult.PASSED:
        return suite_semconv.PASS
    return suite_semconv.SKIPPED if case.result is CaseResult.SKIPPED else suite_semconv.FAIL


def count_attributes(counts: TestCounts, left_out: int) -> AttributePairs:
    """Return the counts of a suite or job; ``left_out`` is the number of entries without a span."""
    return (
        (suite_semconv.CASES_TOTAL, counts.total),
        (suite_semconv.CASES_PASSED, counts.passed),
        (suite_semconv.CASES_FAILED, counts.failed),
        (suite_semconv.CASES_SKIPPED, counts.skipped),
        (suite_semconv.CASES_FLAKY, counts.flaky),
        (suite_semconv.CASES_LEFT_OUT, left_out or None),
    )


def _unique(reference: str, used: set[str]) -> str:
    """Return an unused reference: a colon in a name can make the references of two tests equal."""
    unique, number = reference, 1
    while unique in used:
        number += 1
        unique = f"{reference}:{number}"
    used.add(unique)
    return unique


def _suite_suffix(placed: PlacedSuite) -> str:
    return f"#test:{placed.suite.name}"


def _suite_span(make: SpanMaker, reference: str, placed: PlacedSuite, interval: Interval) -> Span:
    suite, place = placed.suite, placed.place
    counts = count_cases(suite.cases)
    status = suite_semconv.SUITE_SUCCESS if counts.passed else suite_semconv.SUITE_SKIPPED
    left_out = len(suite.cases) - len(placed.cases or ())
    return make.span(
        Entity.TEST_SUITE,
        reference,
        place.parent,
        suite.name or "unnamed suite",
        interval,
        attributes=(
            (suite_semconv.SUITE_NAME, suite.name),
            (suite_semconv.SUITE_STATUS, suite_semconv.SUITE_FAILURE if counts.failed else status),
            (semconv.ERROR_TYPE, "failure" if counts.failed else None),
            (suite_semconv.REPORT, placed.report),
            (suite_semconv.CODE_FILE_PATH, suite.file),
            (suite_semconv.SUITE_DURATION, suite.duration),
            (suite_semconv.ESTIMATED, None if place.reported else True),
            *count_attributes(counts, left_out),
        ),
        error=f"{counts.failed:,} of {counted(counts.total, 'case')} failed"
        if counts.failed
        else None,
    )


def _case_span(  # noqa: PLR0917 - the values of one case
    make: SpanMaker,
    reference: str,
    parent: str,
    case: TestCase,
    interval: Interval,
    report: str,
    reported: bool,
) -> Span:
    # The class is left out if the suite has its name, or if the full name is too long.
    without_class = case.class_name == case.suite or len(case.full_name) > limits.LONGEST_NAME
    skip_reason = None
    if case.result is CaseResult.SKIPPED and case.failure is not None:
        skip_reason = case.failure.message or case.failure.text
    return make.span(
        Entity.TEST_CASE,
        reference,
        parent,
        (case.name if without_class else case.full_name) or "unnamed test",
        interval,
        attributes=(
            (suite_semconv.CASE_NAME, case.full_name),
            (suite_semconv.CASE_STATUS, case_status(case)),
            (semconv.ERROR_TYPE, _ERROR_TYPE.get(case.result)),
            (suite_semconv.SUITE_NAME, case.suite),
            (suite_semconv.REPORT, report),
            (suite_semconv.CASE_KEY, case.key),
            (suite_semconv.CODE_FILE_PATH, case.file),
            (suite_semconv.CASE_DURATION, case.duration),
            (suite_semconv.CASE_FLAKY, True if case.flaky else None),
            (suite_semconv.CASE_RUN_AGAIN, True if case.run_again else None),
            (suite_semconv.CASE_OTHER_FAILURES, len(case.attempts) or None),
            (suite_semconv.CASE_SKIP_REASON, skip_reason),
            (suite_semconv.ESTIMATED, None if reported else True),
        ),
        events=_exceptions(case, interval),
        error=_description(case.failure or CaseFailure()) if is_failing(case) else None,
    )


def _exceptions(case: TestCase, interval: Interval) -> tuple[SpanEvent, ...]:
    """Return the failures of a case as events at its end: reports have no times of failures."""
    last = (case.failure or CaseFailure(),) if is_failing(case) else ()
    failures = (*last, *case.attempts)[: limits.MOST_EVENTS]
    return tuple(
        SpanEvent(
            name=suite_semconv.EXCEPTION_EVENT,
            time=nanoseconds(interval.end),
            attributes=limits.attributes(
                (
                    (suite_semconv.EXCEPTION_TYPE, failure.type),
                    (suite_semconv.EXCEPTION_MESSAGE, failure.message or _description(failure)),
                    (suite_semconv.EXCEPTION_STACKTRACE, failure.text),
                )
            ),
        )
        for failure in failures
    )


def _description(failure: CaseFailure) -> str:
    return failure.message or failure.type or "the test failed; its report has no message"


# Measurements of a step or job, in the span `#measured` below its own
#
# The span of a step has only data of GitHub, so that every program that sends it sends the same.
# Measurements are in a span beside it, which only the job's own export sends.


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Some of the measurements of a step or job; ``owner`` is the reference of its span.

    ``interval`` is more precise than GitHub's whole seconds; None if it is unknown.
    """

    owner: str
    attributes: AttributePairs = ()
    interval: Interval | None = None
    links: tuple[SpanLink, ...] = ()


def measured_spans(
    make: SpanMaker,
    run: Run,
    measured: Iterable[Measured],
    intervals: Mapping[str, Interval],
    moves: Mapping[str, timedelta],
) -> Iterator[Span]:
    """Return one span for each owner, with all of its measurements, within the owner's span.

    The workflow and branch of the run come last, since a job can have more than 30 measurements.
    ``intervals`` are the owners' own times, by reference; an owner that is not there has no span.
    ``moves`` is by how much their spans are moved.
    """
    by_owner: dict[str, list[Measured]] = {}
    for measurement in measured:
        by_owner.setdefault(measurement.owner, []).append(measurement)
    for owner, interval in intervals.items():
        measurements = by_owner.get(owner)
        if measurements is None:
            continue
        precise = (m.interval for m in measurements if m.interval is not None)
        yield make.span(
            Entity.MEASURED,
            identity.measured_reference(owner),
            owner,
            "measured",
            moved(fitted(next(precise, interval), interval), moves[owner]),
            attributes=(
                *(pair for m in measurements for pair in m.attributes),
                *pipeline_attributes(run),
            ),
            links=tuple(link for m in measurements for link in m.links),
        )


def coverage_attributes(coverage: JobCoverage) -> AttributePairs:
    """Return the totals of a job by unit, and their change against the base if it is known."""
    counts, base = coverage.totals.counts, coverage.base
    attributes: list[tuple[str, OptionalValue]] = []
    for unit, covered in counts.by_unit():
        names = COVERAGE_NAMES[unit]
        attributes += [
            (names["covered"], covered.covered),
            (names["coverable"], covered.coverable),
            (names["ratio"], covered.ratio),
        ]
        if base is not None:
            attributes.append((names["change"], change(counts, base.counts, unit)))
    return tuple(attributes)


_SHARE_DIGITS = 4


def usage_attributes(usage: MachineUsage) -> AttributePairs:
    """Return the use of the machine while a step or job ran."""
    return (
        (job_semconv.MACHINE_MEMORY_PEAK, usage.memory_peak),
        (job_semconv.MEMORY_MEAN, round(usage.memory_mean)),
        (job_semconv.MEMORY_BEFORE, usage.memory_before),
        (job_semconv.CPU_PEAK, round(usage.cpu_peak, _SHARE_DIGITS)),
        (job_semconv.CPU_MEAN, round(usage.cpu_mean, _SHARE_DIGITS)),
        (job_semconv.MACHINE_DISK_READ, usage.disk_read),
        (job_semconv.MACHINE_DISK_WRITTEN, usage.disk_written),
        (job_semconv.NETWORK_RECEIVED, usage.network_received),
        (job_semconv.NETWORK_SENT, usage.network_sent),
        (job_semconv.SAMPLES, usage.samples),
    )


def job_usage_attributes(job: MeasuredJob) -> AttributePairs:
    """Return the use of the machine while the job ran, and its memory and processors."""
    return (
        *usage_attributes(job.usage),
        (job_semconv.MEMORY_TOTAL, job.memory),
        (job_semconv.PROCESSORS, job.processors),
    )


# A measured command to its span

_KEYS = (semconv.FLOW_FEATURE_KEY, semconv.FLOW_WORK_ITEM_KEY, semconv.VCS_CHANGE_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlace:
    """The place of a command's span: its ids, in lower-case hexadecimal, and its run.

    ``branch`` is the branch or tag of the run, of a pull request its head.

    ``baggage`` has the keys of feature, work item and change, which the job passed to its steps.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    repository: str | None = None
    run_id: int | None = None
    run_attempt: int | None = None
    workflow: str = ""
    branch: str = ""
    baggage: Mapping[str, str] = field(default_factory=dict)


def command_span(command: MeasuredCommand, place: CommandPlace, resource: Resource) -> Span:
    """Return the span of a command; one that was asked to end has not failed."""
    failed = command.status != 0 and not command.stopped
    error = f"ended by {command.signal}" if command.signal else f"exit status {command.status}"
    usage = command.usage
    return Span(
        trace_id=place.trace_id,
        span_id=place.span_id,
        parent_span_id=place.parent_span_id,
        name=command_name(command),
        start=command.start,
        end=command.end,
        resource=resource,
        attributes=limits.attributes(
            (
                (semconv.FLOW_ENTITY_TYPE, Entity.COMMAND.value),
                (semconv.FLOW_TRACE, TraceKind.LIVE.value),
                (job_semconv.EXECUTABLE_NAME, command.executable),
                (job_semconv.ARGS_COUNT, command.words),
                (job_semconv.EXIT_CODE, command.status),
                (job_semconv.COMMAND_SIGNAL, command.signal),
                (semconv.ERROR_TYPE, "failure" if failed else None),
                *((key, place.baggage.get(key)) for key in _KEYS),
                (semconv.GITHUB_REPOSITORY, place.repository),
                (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
                (semconv.GITHUB_RUN_ATTEMPT, place.run_attempt),
                (semconv.CICD_PIPELINE_NAME, place.workflow),
                (semconv.VCS_REF_HEAD_NAME, place.branch),
                (job_semconv.CPU_USER, usage.cpu_user),
                (job_semconv.CPU_SYSTEM, usage.cpu_system),
                (job_semconv.MEMORY_PEAK, usage.memory_peak),
                (
                    job_semconv.MEMORY_SOURCE,
                    usage.memory_source.value if usage.memory_source else None,
                ),
                (job_semconv.FAULTS_MAJOR, usage.faults_major),
                (job_semconv.FAULTS_MINOR, usage.faults_minor),
                (job_semconv.DISK_READ, usage.disk_read),
                (job_semconv.DISK_WRITTEN, usage.disk_written),
            )
        ),
        error=error if failed else None,
    )


def command_name(command: MeasuredCommand) -> str:
    """Return the name that the user gave the command, else its first word."""
    return limits.name(command.name or command.executable) or "command"


# Lines of logs to log records below the spans of their steps

_SEVERITIES = {
    None: Severity.INFO,
    LogLevel.DEBUG: Severity.DEBUG,
    LogLevel.NOTICE: Severity.INFO,
    LogLevel.WARNING: Severity.WARN,
    LogLevel.ERROR: Severity.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedStep:
    """A step whose log is exported.

    ``reference`` is the step's, ``span`` that of the span of its lines: the step's own, or that of
    the job or run if steps are not sent. ``interval`` is its time as GitHub reports it.
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
    """Return a record for each line of a step's log that is not empty.

    ``observed`` is the time of reading.
    """
    trace_id, span_id = placement.trace_id, placement.span_id(logged.span)
    observed_at = nanoseconds(observed)
    reference = logged.reference
    # Few attributes, because there are very many lines; the repository is in the resource.
    common = limits.attributes(
        placement.keys,
        (
            (semconv.CICD_PIPELINE_NAME, logged.run.workflow),
            (semconv.CICD_PIPELINE_RUN_ID, str(logged.run.id)),
        ),
        task_attributes(logged.job),
        ((job_semconv.STEP_NAME, logged.step.name),),
    )
    for line in lines:
        if not line.text:
            continue
        attributes = {LOG_RECORD_UID: log_line_reference(reference, line.number), **common}
        if line.group:
            attributes[job_semconv.LOG_GROUP] = line.group
        yield LogRecord(
            event_name="",
            time=nanoseconds(line.time or logged.interval.start),
            observed=observed_at,
            trace_id=trace_id,
            span_id=span_id,
            resource=resource,
            attributes=attributes,
            body=line.text,
            severity=_SEVERITIES[line.level],
        )


def measured_log(logged: LoggedStep, times: Interval | None, *, lines: int, cut: int) -> Measured:
    """Return the measurements of a step's log, with more precise times than GitHub's.

    ``cut`` is the number of its ``lines`` that are not sent.
    """
    return Measured(
        owner=logged.reference,
        attributes=((job_semconv.LOG_LINES, lines), (job_semconv.LOG_LINES_CUT, cut or None)),
        interval=times,
    )
