"""Tests of a job: its reports, and which cases failed in the attempt before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import chain

from flow_telemetry.errors import FlowTelemetryError, ReportError
from flow_telemetry.github.runs import read_annotations, read_jobs
from flow_telemetry.mapping.job_metrics import suite_measurements
from flow_telemetry.mapping.jobs import (
    Measured,
    PlacedSuite,
    count_attributes,
    exception_records,
    suite_references,
    suite_spans,
    without_exceptions,
)
from flow_telemetry.mapping.runs import common_run_attributes, task_attributes
from flow_telemetry.model.reports import (
    CaseSummary,
    TestCase,
    TestCounts,
    TestReport,
    TestSummary,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.reports.files import Content, MatchedFile
from flow_telemetry.reports.tests import read_test_report
from flow_telemetry.rules.intervals import Interval, step_ran
from flow_telemetry.rules.tests import (
    ReportContext,
    StepSpan,
    attempt_independent_name,
    choose_spans,
    count_cases,
    find_writing_step,
    is_failing,
    mark_flaky,
    place_suites,
)
from flow_telemetry.settings import Detail, ExceptionSending
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob, read_reports
from flow_telemetry.subjects.types import limit_texts, wants_metrics
from flow_telemetry.telemetry import LogRecord, Measurement, Signal, Span
from flow_telemetry.text import counted

# A notice names the failed cases for the next attempt. Files of a runner do not outlive an attempt,
# but GitHub keeps the notice as an annotation of the job's check run.

_BEGINNING = "test cases that failed: "
_BETWEEN = "; "
_MORE = " more"
# GitHub cuts a notice, with the text before it, at 1,000 characters.
_LONGEST = 900


def describe_failed_cases(cases: Iterable[TestCase]) -> Iterator[str]:
    """Yield a notice that names the cases that failed in their last run, if any."""
    names = [
        attempt_independent_name(case) for case in cases if is_failing(case) and not case.run_again
    ]
    if not names:
        return
    shown: list[str] = []
    room = _LONGEST - len(_BEGINNING)
    for name in names:
        room -= len(name) + len(_BETWEEN)
        if room < 0:
            break
        shown.append(name)
    left = len(names) - len(shown)
    yield _BEGINNING + _BETWEEN.join([*shown, *([f"{left:,}{_MORE}"] if left else [])])


def read_failed_before(job: OwnJob) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the cases that failed in the attempt before, by their names, and notices.

    Makes two requests, and only in a later attempt. The names are read from the notice in the job
    of the same name, which may be cut.
    """
    run = job.run
    if run.attempt < 2:
        return frozenset(), ()
    github = job.context.github
    try:
        before = read_jobs(github, replace(run, attempt=run.attempt - 1))
        same_name = [other for other in before.jobs if other.name == job.job.name]
        if len(same_name) != 1:
            return frozenset(), ()
        annotated = read_annotations(github, before, same_name)
    except FlowTelemetryError as error:
        notice = f"whether tests are flaky by attempts is unknown: {error}"
        return frozenset(), (notice,)
    names: set[str] = set()
    for annotation in (a for other in annotated.run.jobs for a in other.annotations):
        _, beginning, listed = annotation.message.partition(_BEGINNING)
        if beginning:
            names.update(listed.split(_BETWEEN))
    return frozenset(names), annotated.notices


# Reports in the workspace.

_INPUT = "`test-reports`"
# A pattern may match very many files that are not reports.
_MOST_NOTICES = 8
_MOST_SHOWN = 10
# Clocks of containers differ a little, and GitHub's times have whole seconds.
_LEFT_OVER = timedelta(minutes=1)


def read_tests(job: OwnJob, sorted_files: Sequence[MatchedFile] = ()) -> JobTelemetry:
    """Return spans, metrics, counts and the summary of a job's tests.

    The reports are ``sorted_files``, and those that the patterns of `test-reports` match.
    A report that cannot be read becomes a notice; the others count.
    """
    patterns = job.context.settings.job.test_reports
    dated_reports, notices = read_reports(job, patterns, _parse_report, sorted_files)
    notices += [remark for report, _ in dated_reports for remark in report.remarks]
    notices += _describe_failed_steps(job, dated_reports)
    notices += _describe_old_reports(job, dated_reports)
    name = _INPUT if patterns else "`reports`"
    notices = [f"{name}: {notice}" for notice in limit_texts(notices, _MOST_NOTICES)]
    if not dated_reports:
        return JobTelemetry(notices=tuple(notices))
    failed_before, notices_before = read_failed_before(job)
    reports = mark_flaky(tuple(report for report, _ in dated_reports), failed_before)
    suites = _place_suites(job, reports, [written_at for _, written_at in dated_reports])
    cases = [case for report in reports for case in report.cases]
    counts = count_cases(cases)
    without_span = sum(len(placed.suite.cases) - len(placed.cases or ()) for placed in suites)
    if without_span:
        notices.append(
            f"{without_span:,} of {counted(len(cases), 'test result')} have no span of their own, "
            f"since `max-spans` is {job.max_spans:,}: failures, flaky and slow ones come "
            "first; counts and metrics are of all"
        )
    detail = job.context.settings.tracing.detail
    measured = Measured(owner=job.reference, attributes=count_attributes(counts, without_span))
    with_spans = suites if detail is Detail.STEP else []
    spans, exceptions = _split_exceptions(job, with_spans)
    measurements: Iterator[Measurement] = iter(())
    if wants_metrics(job.context.settings):
        measurements = suite_measurements([placed.suite for placed in suites], job.metric_points())
    return JobTelemetry(
        spans=spans,
        references=suite_references(job.reference, with_spans),
        events_and_metrics=chain(exceptions, measurements),
        measured=() if detail is Detail.RUN else (measured,),
        notices=(*notices, *notices_before, *describe_failed_cases(cases)),
        report=JobReport(tests=_summarize(reports, cases, counts)),
    )


def _split_exceptions(
    job: OwnJob, suites: list[PlacedSuite]
) -> tuple[Iterator[Span], Iterator[LogRecord]]:
    """Return the spans of suites and cases, and their exceptions, each by `exceptions`."""
    settings, run = job.context.settings, job.run
    signals = settings.signals
    spans = suite_spans(job.make, job.reference, suites, job.moves)
    if signals.exceptions is ExceptionSending.EVENTS or Signal.LOGS not in signals.enabled:
        return spans, iter(())
    common = (
        *job.placement.keys,
        *common_run_attributes(run),
        *task_attributes(job.job),
    )
    # The spans are made twice, because spans are sent before records and not kept.
    again = suite_spans(job.make, job.reference, suites, job.moves)
    records = exception_records(again, common, job.context.clock.now())
    if signals.exceptions is ExceptionSending.LOGS:
        spans = without_exceptions(spans)
    return spans, records


def _parse_report(file: MatchedFile, content: Content) -> tuple[TestReport, datetime]:
    """Return a report, and the time at which its file was written."""
    report = read_test_report(content, file.name)
    try:
        return report, datetime.fromtimestamp(file.path.stat().st_mtime, timezone.utc)
    except (OSError, OverflowError, ValueError) as error:
        raise ReportError(f"{file.name} cannot be looked at; was it removed meanwhile?") from error


def _describe_old_reports(
    job: OwnJob, reports: Sequence[tuple[TestReport, datetime]]
) -> Iterator[str]:
    """Yield a notice about reports older than the job: an uncleaned workspace keeps other jobs'."""
    old = [
        report.name
        for report, written_at in reports
        if written_at < job.interval.start - _LEFT_OVER
    ]
    if old:
        yield (
            f"{counted(len(old), 'report', 'was', 'were')} written before this job began, such as "
            f"{old[0]}; if an earlier job left files there, remove them before the tests run"
        )


def _describe_failed_steps(
    job: OwnJob, reports: Sequence[tuple[TestReport, datetime]]
) -> Iterator[str]:
    """Yield a notice for each failed step that wrote reports, if no test in them failed."""
    written: dict[str, list[TestReport]] = {}
    for report, written_at in reports:
        step = find_writing_step(report.suites, _build_context(job, written_at))
        if step is not None:
            written.setdefault(step.reference, []).append(report)
    for window in job.windows:
        own = written.get(window.reference, [])
        failed = any(is_failing(case) for report in own for case in report.cases)
        if own and window.step.conclusion == "failure" and not failed:
            more = f" and {len(own) - 1:,} more" if len(own) > 1 else ""
            yield (
                f"the step `{window.step.name}` failed, but no test in {own[0].name}{more} did. "
                "See its log: the tests may not have run to their end"
            )


def _build_context(job: OwnJob, written_at: datetime) -> ReportContext:
    steps = tuple(
        StepSpan(reference=window.reference, interval=window.interval)
        for window in job.windows
        if step_ran(window.step)
    )
    # Without the wait for a runner.
    start = min((step.interval.start for step in steps), default=job.interval.start)
    whole_job = StepSpan(reference=job.reference, interval=Interval.of(start, job.interval.end))
    try:
        offset = written_at.astimezone().utcoffset() or timedelta(0)
    except (OSError, OverflowError, ValueError):  # Windows has no times before 1970.
        offset = timedelta(0)
    return ReportContext(steps=steps, job=whole_job, at=written_at, offset=offset)


def _place_suites(
    job: OwnJob, reports: Sequence[TestReport], written: Sequence[datetime]
) -> list[PlacedSuite]:
    """Return the suites with the steps that ran them, and the cases that have a span."""
    all_suites = [suite for report in reports for suite in report.suites]
    chosen = iter(choose_spans(all_suites, job.max_spans))
    placed: list[PlacedSuite] = []
    for report, written_at in zip(reports, written, strict=True):
        places = place_suites(report.suites, _build_context(job, written_at))
        placed += (
            PlacedSuite(report=report.name, suite=suite, place=place, cases=next(chosen))
            for suite, place in zip(report.suites, places, strict=True)
        )
    return placed


def _summarize(
    reports: Sequence[TestReport], cases: Sequence[TestCase], counts: TestCounts
) -> TestSummary:
    final = [case for case in cases if not case.run_again]
    failing = [case for case in final if is_failing(case)]
    flaky = [case for case in final if case.flaky]
    return TestSummary(
        reports=len(reports),
        suites=sum(len(report.suites) for report in reports),
        counts=counts,
        seconds=sum(case.duration or 0.0 for case in final),
        failing=tuple(map(_summarize_case, failing[:_MOST_SHOWN])),
        flaky=tuple(map(_summarize_case, flaky[:_MOST_SHOWN])),
        incomplete=any(report.remarks for report in reports),
    )


def _summarize_case(case: TestCase) -> CaseSummary:
    failure = case.failure or next(iter(case.attempts), None)
    return CaseSummary(
        suite=case.suite,
        name=case.full_name,
        message=(failure.message or failure.type) if failure is not None else "",
        duration=case.duration,
    )
