"""Tests of a job: its reports, and which cases failed in the attempt before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from flow_telemetry.errors import FlowTelemetryError, ReportError
from flow_telemetry.github.runs import read_annotations, read_jobs_again
from flow_telemetry.mapping.job_metrics import measurements_of_tests
from flow_telemetry.mapping.jobs import (
    Measured,
    PlacedSuite,
    count_facts,
    references_of_tests,
    spans_of_tests,
)
from flow_telemetry.model import Job
from flow_telemetry.model.reports import (
    CaseSummary,
    TestCase,
    TestCounts,
    TestReport,
    TestSummary,
)
from flow_telemetry.outcome import JobReport
from flow_telemetry.reports.files import MatchedFile, find_files, whole
from flow_telemetry.reports.junit import read_test_report
from flow_telemetry.rules.intervals import Interval, step_ran
from flow_telemetry.rules.tests import (
    ReportContext,
    StepSpan,
    attempt_independent_name,
    choose_spans,
    count_cases,
    is_failing,
    mark_flaky,
    place_suites,
)
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob
from flow_telemetry.subjects.types import wants_metrics

# A notice names the failed cases for the next attempt. Files of a runner do not outlive an attempt,
# but GitHub keeps the notice as an annotation of the job's check run.

_BEGINNING = "test cases that failed: "
_BETWEEN = "; "
_MORE = " more"
# With what stands before it a notice is cut at 1,000 characters.
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
        before = read_jobs_again(github, replace(run, attempt=run.attempt - 1))
        same = [each for each in before.jobs if each.name == job.job.name]
        if len(same) != 1:
            return frozenset(), ()
        annotated = read_annotations(github, before, same)
    except FlowTelemetryError as error:
        notice = f"whether tests are flaky by attempts is unknown: {error}"
        return frozenset(), (notice,)
    names = frozenset(name for each in annotated.run.jobs for name in _parse_names(each))
    return names, annotated.notices


def _parse_names(job: Job) -> Iterator[str]:
    for annotation in job.annotations:
        _, beginning, names = annotation.message.partition(_BEGINNING)
        if beginning:
            yield from names.split(_BETWEEN)


# Reports in the workspace.

_INPUT = "`test-reports`"
# A pattern may match very many files that are not reports.
_MOST_NOTICES = 8
_MOST_SHOWN = 10
# Clocks of containers differ a little, and GitHub's times have whole seconds.
_LEFT_OVER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Reports, the times at which their files were written, and notices."""

    reports: tuple[TestReport, ...] = ()
    written: tuple[datetime, ...] = ()
    notices: tuple[str, ...] = ()


def read_tests(job: OwnJob) -> JobTelemetry:
    """Return spans, metrics, counts and the summary of a job's tests.

    A report that cannot be read becomes a notice; the others count.
    """
    if job.workspace is None:
        return JobTelemetry(notices=(f"{_INPUT}: the workspace is unknown, so nothing was read",))
    read = _read_reports(job, job.workspace)
    if not read.reports:
        return JobTelemetry(notices=read.notices)
    failed_before, notices_before = read_failed_before(job)
    reports = mark_flaky(read.reports, failed_before)
    suites = _place_suites(job, reports, read.written)
    cases = [case for report in reports for case in report.cases]
    counts = count_cases(cases)
    left_out = sum(len(placed.suite.cases) - len(placed.cases or ()) for placed in suites)
    detail = job.context.settings.tracing.detail
    measured = Measured(owner=job.reference, facts=count_facts(counts, left_out))
    shown = suites if detail is Detail.STEP else []
    return JobTelemetry(
        spans=spans_of_tests(job.make, job.reference, shown),
        references=references_of_tests(job.reference, shown),
        facts=measurements_of_tests([placed.suite for placed in suites], job.metric_points())
        if wants_metrics(job.context.settings)
        else (),
        measured=() if detail is Detail.RUN else (measured,),
        notices=(
            *read.notices,
            *_describe_left_out(job, left_out, len(cases)),
            *notices_before,
            *describe_failed_cases(cases),
        ),
        told=JobReport(tests=_summarize(reports, cases, counts)),
    )


def _read_reports(job: OwnJob, workspace: Path) -> _Read:
    """Read the reports in order of their names; two files of the same content count once."""
    found = find_files(job.context.settings.job.test_reports, workspace)
    reports: list[TestReport] = []
    written: list[datetime] = []
    seen: set[bytes] = set()
    notices = list(found.left_out)
    for number, file in enumerate(found.files):
        if job.context.deadline.expired:
            notices.append(f"{len(found.files) - number} reports were not read in time")
            break
        try:
            content = whole(file.path, file.name)
            digest = sha256(content).digest()
            if digest in seen:
                continue
            report, at = read_test_report(content, file.name), _modification_time(file)
        except ReportError as error:
            notices.append(str(error))
            continue
        seen.add(digest)
        reports.append(report)
        written.append(at)
    notices += _describe_old_reports(job, reports, written)
    return _Read(reports=tuple(reports), written=tuple(written), notices=_notices(notices))


def _modification_time(file: MatchedFile) -> datetime:
    try:
        return datetime.fromtimestamp(file.path.stat().st_mtime, timezone.utc)
    except (OSError, OverflowError, ValueError) as error:
        raise ReportError(f"{file.name} cannot be looked at; was it removed meanwhile?") from error


def _describe_old_reports(
    job: OwnJob, reports: Sequence[TestReport], written: Sequence[datetime]
) -> Iterator[str]:
    """Yield a notice about reports older than the job: an uncleaned workspace keeps other jobs'."""
    old = [
        report.name
        for report, at in zip(reports, written, strict=True)
        if at < job.interval.start - _LEFT_OVER
    ]
    if old:
        yield (
            f"{len(old)} of {len(reports)} reports were written before this job began, such as "
            f"{old[0]}; if an earlier job left them, remove them before the tests run"
        )


def _notices(notices: Sequence[str]) -> tuple[str, ...]:
    texts = [f"{_INPUT}: {each}" for each in notices[:_MOST_NOTICES]]
    if len(notices) > _MOST_NOTICES:
        texts.append(f"{_INPUT}: {len(notices) - _MOST_NOTICES:,} more were left out")
    return tuple(texts)


def _place_suites(
    job: OwnJob, reports: Sequence[TestReport], written: Sequence[datetime]
) -> list[PlacedSuite]:
    all_suites = [suite for report in reports for suite in report.suites]
    chosen = iter(choose_spans(all_suites, job.max_spans))
    steps, whole = _steps(job), StepSpan(reference=job.reference, interval=_running_interval(job))
    placed: list[PlacedSuite] = []
    for report, at in zip(reports, written, strict=True):
        places = place_suites(
            report.suites, ReportContext(steps=steps, job=whole, at=at, offset=_offset(at))
        )
        placed += (
            PlacedSuite(report=report.name, suite=suite, place=place, cases=next(chosen))
            for suite, place in zip(report.suites, places, strict=True)
        )
    return placed


def _steps(job: OwnJob) -> tuple[StepSpan, ...]:
    return tuple(
        StepSpan(reference=window.reference, interval=window.interval)
        for window in job.windows
        if step_ran(window.step)
    )


def _running_interval(job: OwnJob) -> Interval:
    """Return the interval of the job without the wait for a runner."""
    start = min((step.interval.start for step in _steps(job)), default=job.interval.start)
    return Interval.of(start, job.interval.end)


def _offset(at: datetime) -> timedelta:
    """Return the offset of the runner's local time from UTC."""
    try:
        return at.astimezone().utcoffset() or timedelta(0)
    except (OSError, OverflowError, ValueError):  # Windows knows no times before 1970
        return timedelta(0)


def _describe_left_out(job: OwnJob, left_out: int, entries: int) -> Iterator[str]:
    if left_out:
        yield (
            f"{left_out:,} of {entries:,} test results have no span of their own, since "
            f"`max-spans` is {job.max_spans:,}: failures, flaky and slow ones come "
            "first; counts and metrics are of all"
        )


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
    )


def _summarize_case(case: TestCase) -> CaseSummary:
    failure = case.failure or next(iter(case.attempts), None)
    return CaseSummary(
        suite=case.suite,
        name=case.full_name,
        message=(failure.message or failure.type) if failure is not None else "",
        duration=case.duration,
    )
