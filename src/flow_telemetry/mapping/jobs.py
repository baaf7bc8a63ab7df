"""Tests, coverage, machine, commands, logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.identity import log_line_reference
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import job_attributes as job_semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.attributes import LOG_RECORD_UID, Entity
from flow_telemetry.mapping.job_attributes import COVERAGE_NAMES
from flow_telemetry.mapping.limits import Maybe, nanoseconds
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.runs import job_facts
from flow_telemetry.mapping.spans import Facts, SpanMaker
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
from flow_telemetry.rules.tests import (
    CasePlacement,
    SuitePlacement,
    count_cases,
    is_failing,
    place_cases,
)
from flow_telemetry.telemetry import (
    Attributes,
    LogRecord,
    Resource,
    Severity,
    Span,
    SpanEvent,
    SpanLink,
)

# Test reports to spans: one for each suite and case that was chosen, and why cases failed.

_ERROR_TYPE = {CaseResult.FAILED: "failure", CaseResult.ERROR: "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSuite:
    """A suite of a report, its place, and the positions of its cases that get a span.

    ``cases`` is None where the suite itself gets none.
    """

    report: str
    suite: TestSuite
    place: SuitePlacement
    cases: frozenset[int] | None


def spans_of_tests(make: SpanMaker, job: str, suites: Iterable[PlacedSuite]) -> Iterator[Span]:
    """Return the spans of suites, each before those of its cases; ``job`` is the reference."""
    references = _References(job)
    for placed in suites:
        if placed.cases is not None:
            own = references.of(_part(placed))
            yield _suite_span(make, own, placed)
            yield from _case_spans(make, own, placed, references)


def references_of_tests(job: str, suites: Iterable[PlacedSuite]) -> Iterator[str]:
    """Return the references of the spans that `spans_of_tests` makes, without making them."""
    references = _References(job)
    for placed in suites:
        if placed.cases is not None:
            yield references.of(_part(placed))
            for position in sorted(placed.cases):
                yield references.of(placed.suite.cases[position].part(placed.report))


def case_status(case: TestCase) -> str:
    """Return the status of a case by the conventions: `pass`, `fail`, or our `skipped`."""
    if case.result is CaseResult.PASSED:
        return semconv.PASS
    return semconv.SKIPPED if case.result is CaseResult.SKIPPED else semconv.FAIL


def count_facts(counts: TestCounts, left_out: int) -> Facts:
    """Return the counts of a suite or job, and how many entries have no span."""
    return (
        (semconv.CASES_TOTAL, counts.total),
        (semconv.CASES_PASSED, counts.passed),
        (semconv.CASES_FAILED, counts.failed),
        (semconv.CASES_SKIPPED, counts.skipped),
        (semconv.CASES_FLAKY, counts.flaky),
        (semconv.CASES_LEFT_OUT, left_out or None),
    )


class _References:
    """The references of a job's tests, each once: a colon in a name can make two of them equal."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._taken: set[str] = set()

    def of(self, part: str) -> str:
        wanted = reference = self._job + part
        number = 1
        while reference in self._taken:
            number += 1
            reference = f"{wanted}:{number}"
        self._taken.add(reference)
        return reference


def _part(placed: PlacedSuite) -> str:
    return f"#test:{placed.report}:{placed.suite.name}"


def _suite_span(make: SpanMaker, reference: str, placed: PlacedSuite) -> Span:
    suite, place = placed.suite, placed.place
    counts = count_cases(suite.cases)
    left_out = len(suite.cases) - len(placed.cases or ())
    return make.span(
        Entity.TEST_SUITE,
        reference,
        place.parent,
        suite.name or placed.report,
        place.interval,
        facts=(
            (semconv.SUITE_NAME, suite.name),
            (semconv.SUITE_STATUS, _suite_status(counts)),
            (semconv.ERROR_TYPE, "failure" if counts.failed else None),
            (semconv.REPORT, placed.report),
            (semconv.CODE_FILE_PATH, suite.file),
            (semconv.SUITE_DURATION, suite.duration),
            (semconv.ESTIMATED, None if place.told else True),
            *count_facts(counts, left_out),
        ),
        error=f"{counts.failed:,} of {counts.total:,} cases failed" if counts.failed else None,
    )


def _suite_status(counts: TestCounts) -> str:
    if counts.failed:
        return semconv.SUITE_FAILURE
    return semconv.SUITE_SUCCESS if counts.passed else semconv.SUITE_SKIPPED


def _case_spans(
    make: SpanMaker, parent: str, placed: PlacedSuite, references: _References
) -> Iterator[Span]:
    if placed.cases:
        for each in place_cases(placed.suite, placed.place, placed.cases):
            reference = references.of(each.case.part(placed.report))
            yield _case_span(make, reference, parent, each, placed.report)


def _case_span(
    make: SpanMaker, reference: str, parent: str, placed: CasePlacement, report: str
) -> Span:
    case, interval = placed.case, placed.interval
    return make.span(
        Entity.TEST_CASE,
        reference,
        parent,
        _span_name(case),
        interval,
        facts=(
            (semconv.CASE_NAME, case.full_name),
            (semconv.CASE_STATUS, case_status(case)),
            (semconv.ERROR_TYPE, _ERROR_TYPE.get(case.result)),
            (semconv.SUITE_NAME, case.suite),
            (semconv.REPORT, report),
            (semconv.CASE_KEY, f"{report}:{case.suite}:{case.full_name}"),
            (semconv.CODE_FILE_PATH, case.file),
            (semconv.CASE_DURATION, case.duration),
            (semconv.CASE_FLAKY, True if case.flaky else None),
            (semconv.CASE_RUN_AGAIN, True if case.run_again else None),
            (semconv.CASE_OTHER_FAILURES, len(case.attempts) or None),
            (semconv.CASE_SKIP_REASON, _skip_reason(case)),
            (semconv.ESTIMATED, None if placed.told else True),
        ),
        events=_exceptions(case, interval),
        error=_description(case.failure) if is_failing(case) else None,
    )


def _span_name(case: TestCase) -> str:
    """The name with its class, unless the suite says that already or there is no room for it."""
    full = case.full_name
    alone = case.class_name == case.suite or len(full) > limits.LONGEST_NAME
    return (case.name if alone else full) or "unnamed test"


def _skip_reason(case: TestCase) -> str | None:
    if case.result is not CaseResult.SKIPPED or case.failure is None:
        return None
    return case.failure.message or case.failure.text


def _exceptions(case: TestCase, interval: Interval) -> tuple[SpanEvent, ...]:
    """Why it failed, each time: reports tell no times of failures, so they stand at the end."""
    last = (case.failure or CaseFailure(),) if is_failing(case) else ()
    failures = (*last, *case.attempts)[: limits.MOST_EVENTS]
    return tuple(
        SpanEvent(
            name=semconv.EXCEPTION_EVENT,
            time=nanoseconds(interval.end),
            attributes=limits.attributes(
                (
                    (semconv.EXCEPTION_TYPE, each.type),
                    (semconv.EXCEPTION_MESSAGE, each.message or _description(each)),
                    (semconv.EXCEPTION_STACKTRACE, each.text),
                )
            ),
        )
        for each in failures
    )


def _description(failure: CaseFailure | None) -> str:
    told = failure or CaseFailure()
    return told.message or told.type or "the test failed, and its report does not say why"


# What only the runner knows of a step or a job, as the span `#measured` below its own.
#
# The step's span is GitHub's word alone, so that whoever sends it again sends it equal; what was
# measured stands beside it, sent once by the job's own export.

_NAME = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A part of what was measured of a step or job, by the reference of its span.

    ``interval`` is a finer time than GitHub's whole seconds, where one is known.
    """

    owner: str
    facts: Facts = ()
    interval: Interval | None = None
    links: tuple[SpanLink, ...] = ()


def measured_spans(
    make: SpanMaker, measured: Iterable[Measured], intervals: Mapping[str, Interval]
) -> Iterator[Span]:
    """Return one span for each owner, with all that was measured of it.

    ``intervals`` are the owners' own times, by reference; what has none there has no span.
    """
    by_owner: dict[str, list[Measured]] = {}
    for each in measured:
        by_owner.setdefault(each.owner, []).append(each)
    for owner, interval in intervals.items():
        if owner in by_owner:
            yield _span(make, owner, by_owner[owner], interval)


def _span(make: SpanMaker, owner: str, parts: list[Measured], interval: Interval) -> Span:
    finer = next((each.interval for each in parts if each.interval is not None), None)
    return make.span(
        Entity.MEASURED,
        identity.measured_reference(owner),
        owner,
        _NAME,
        finer or interval,
        facts=tuple(fact for each in parts for fact in each.facts),
        links=tuple(link for each in parts for link in each.links),
    )


# What the span `#measured` of a job says of its coverage.


def coverage_facts(coverage: JobCoverage) -> Facts:
    """Return the totals by what is counted, and the change against the base where it is known."""
    return tuple(_facts(coverage))


def _facts(coverage: JobCoverage) -> Iterator[tuple[str, Maybe]]:
    counts = coverage.totals.counts
    for unit, covered in counts.each():
        names = COVERAGE_NAMES[unit]
        yield names["covered"], covered.covered
        yield names["coverable"], covered.coverable
        yield names["ratio"], covered.ratio
        if coverage.base is not None:
            yield names["change"], change(counts, coverage.base.counts, unit)


# What was measured of a machine, as facts of the span `#measured` of a step or a job.

_SHARE_DIGITS = 4


def usage_facts(usage: MachineUsage) -> Facts:
    """Return what the machine used while a step or job ran."""
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


def job_usage_facts(job: MeasuredJob) -> Facts:
    """Return what the machine used while the job ran, and what it has."""
    return (
        *usage_facts(job.usage),
        (job_semconv.MEMORY_TOTAL, job.memory),
        (job_semconv.PROCESSORS, job.processors),
    )


# Mapping a measured command to its span.

_KEYS = (semconv.FLOW_FEATURE_KEY, semconv.FLOW_WORK_ITEM_KEY, semconv.VCS_CHANGE_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlace:
    """Where the span of a command stands: its ids, in lower-case hexadecimal, and its run.

    ``baggage`` says what the job told its steps: feature, work item and change.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    repository: str | None = None
    run_id: int | None = None
    run_attempt: int | None = None
    baggage: Mapping[str, str] = field(default_factory=dict)


def command_span(command: MeasuredCommand, place: CommandPlace, resource: Resource) -> Span:
    """Return the span of a command."""
    failed = command.status != 0 and not command.stopped
    return Span(
        trace_id=place.trace_id,
        span_id=place.span_id,
        parent_span_id=place.parent_span_id,
        name=command_name(command),
        start=command.start,
        end=command.end,
        resource=resource,
        attributes=limits.attributes(_own(command), _facts_of(place), _used(command)),
        error=_error(command) if failed else None,
    )


def command_name(command: MeasuredCommand) -> str:
    """Return what the user calls the command, else its first word."""
    return limits.name(command.name or command.executable) or "command"


def _own(command: MeasuredCommand) -> Facts:
    failed = command.status != 0 and not command.stopped
    return (
        (semconv.FLOW_ENTITY_TYPE, Entity.COMMAND.value),
        (job_semconv.EXECUTABLE_NAME, command.executable),
        (job_semconv.ARGS_COUNT, command.words),
        (job_semconv.EXIT_CODE, command.status),
        (job_semconv.COMMAND_SIGNAL, command.signal),
        (semconv.ERROR_TYPE, "failure" if failed else None),
    )


def _facts_of(place: CommandPlace) -> Facts:
    return (
        *((key, place.baggage.get(key)) for key in _KEYS),
        (semconv.GITHUB_REPOSITORY, place.repository),
        (semconv.CICD_PIPELINE_RUN_ID, None if place.run_id is None else str(place.run_id)),
        (semconv.GITHUB_RUN_ATTEMPT, place.run_attempt),
    )


def _used(command: MeasuredCommand) -> Facts:
    usage = command.usage
    source = usage.memory_source
    return (
        (job_semconv.CPU_USER, usage.cpu_user),
        (job_semconv.CPU_SYSTEM, usage.cpu_system),
        (job_semconv.MEMORY_PEAK, usage.memory_peak),
        (job_semconv.MEMORY_SOURCE, None if source is None else source.value),
        (job_semconv.FAULTS_MAJOR, usage.faults_major),
        (job_semconv.FAULTS_MINOR, usage.faults_minor),
        (job_semconv.DISK_READ, usage.disk_read),
        (job_semconv.DISK_WRITTEN, usage.disk_written),
    )


def _error(command: MeasuredCommand) -> str:
    if command.signal:
        return f"ended by {command.signal}"
    return f"exit status {command.status}"


# Lines of logs as log records under the spans of their steps, and what a step's log is like.

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
            attributes[job_semconv.LOG_GROUP] = line.group
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
        facts=((job_semconv.LOG_LINES, lines), (job_semconv.LOG_LINES_CUT, cut or None)),
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
        ((job_semconv.STEP_NAME, logged.step.name),),
    )
