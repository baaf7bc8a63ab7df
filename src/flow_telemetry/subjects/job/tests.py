"""Test reports."""

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
from flow_telemetry.mapping.metrics import points_of_job
from flow_telemetry.model import Job
from flow_telemetry.model.reports import (
    CaseTold,
    TestCase,
    TestCounts,
    TestReport,
    TestsTold,
    TestSuite,
)
from flow_telemetry.outcome import InsideTold
from flow_telemetry.reports.files import FoundFile, find_files, whole
from flow_telemetry.reports.junit import read_test_report
from flow_telemetry.rules.intervals import Interval, step_ran
from flow_telemetry.rules.tests import (
    Stretch,
    Written,
    choose_spans,
    counts_of,
    is_failing,
    known_name,
    place_suites,
    with_flaky,
)
from flow_telemetry.settings import Detail
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob
from flow_telemetry.subjects.types import wants_metrics
from flow_telemetry.telemetry import Measurement

# Which test cases failed in the attempt before, told by a notice that its export left at the job.
#
# Nothing that a runner holds outlives its attempt. A notice does: GitHub keeps it with the job's
# check run as an annotation, where people see it and the next attempt can read it.

_BEGINNING = "test cases that failed: "
_BETWEEN = "; "
_MORE = " more"
# With what stands before it a notice is cut at 1,000 characters.
_LONGEST = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBefore:
    """The known names of the cases that failed before, as far as the notice had room."""

    names: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()


def describe_failed_cases(cases: Iterable[TestCase]) -> Iterator[str]:
    """Return the notice that names the cases that failed for good; none where none did."""
    names = [known_name(case) for case in cases if is_failing(case) and not case.run_again]
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


def read_failed_before(job: OwnJob) -> FailedBefore:
    """Return what the notice in the attempt before says of the job of the same name.

    Two requests, and only in a later attempt. A job that then succeeded tells nothing.
    """
    run = job.run
    if run.attempt < 2:
        return FailedBefore()
    github = job.context.github
    try:
        before = read_jobs_again(github, replace(run, attempt=run.attempt - 1))
        same = [each for each in before.jobs if each.name == job.job.name]
        if len(same) != 1:
            return FailedBefore()
        annotated = read_annotations(github, before, same)
    except FlowTelemetryError as error:
        return FailedBefore(notices=(f"whether tests are flaky by attempts is unknown: {error}",))
    names = frozenset(name for each in annotated.run.jobs for name in _names(each))
    return FailedBefore(names=names, notices=annotated.notices)


def _names(job: Job) -> Iterator[str]:
    for annotation in job.annotations:
        _, beginning, told = annotation.message.partition(_BEGINNING)
        if beginning:
            yield from told.split(_BETWEEN)


# The test reports that a job left in its workspace: read, placed in time and mapped.

_INPUT = "input test-reports"
# A pattern of very many files that are no reports is told once, and not for each.
_MOST_NOTICES = 8
_MOST_TOLD = 10
# Clocks of containers differ a little, and GitHub's times have whole seconds.
_LEFT_OVER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Reports with the times at which they were written, and what is to be told of them."""

    reports: tuple[TestReport, ...] = ()
    written: tuple[datetime, ...] = ()
    notices: tuple[str, ...] = ()


def read_tests(job: OwnJob) -> JobTelemetry:
    """Return the tests of a job: spans, measurements, counts for the job, and the summary's part.

    A report that cannot be read is a notice, and the others count.
    """
    if job.workspace is None:
        return JobTelemetry(notices=(f"{_INPUT}: the workspace is unknown, so nothing was read",))
    read = _read_all(job, job.workspace)
    if not read.reports:
        return JobTelemetry(notices=read.notices)
    before = read_failed_before(job)
    reports = with_flaky(read.reports, before.names)
    suites = _placed(job, reports, read.written)
    cases = [case for report in reports for case in report.cases]
    counts, left_out = counts_of(cases), _left_out(suites)
    detail = job.context.settings.tracing.detail
    measured = Measured(owner=job.reference, facts=count_facts(counts, left_out))
    shown = suites if detail is Detail.STEP else []
    return JobTelemetry(
        spans=spans_of_tests(job.make, job.reference, shown),
        references=references_of_tests(job.reference, shown),
        facts=_measurements(job, [placed.suite for placed in suites]),
        measured=() if detail is Detail.RUN else (measured,),
        notices=(
            *read.notices,
            *_of_bounds(job, left_out, len(cases)),
            *before.notices,
            *describe_failed_cases(cases),
        ),
        told=InsideTold(tests=_told(reports, cases, counts)),
    )


def _read_all(job: OwnJob, workspace: Path) -> _Read:
    """The reports in order of their names; a file that is there twice is one."""
    found = find_files(job.context.settings.inside.test_reports, workspace)
    reports: list[TestReport] = []
    written: list[datetime] = []
    seen: set[bytes] = set()
    troubles = list(found.left_out)
    for number, file in enumerate(found.files):
        if job.context.deadline.expired:
            troubles.append(f"{len(found.files) - number} reports were not read in time")
            break
        try:
            content = whole(file.path, file.name)
            digest = sha256(content).digest()
            if digest in seen:
                continue
            report, at = read_test_report(content, file.name), _written_at(file)
        except ReportError as error:
            troubles.append(str(error))
            continue
        seen.add(digest)
        reports.append(report)
        written.append(at)
    troubles += _left_over(job, reports, written)
    return _Read(reports=tuple(reports), written=tuple(written), notices=_notices(troubles))


def _written_at(file: FoundFile) -> datetime:
    try:
        return datetime.fromtimestamp(file.path.stat().st_mtime, timezone.utc)
    except (OSError, OverflowError, ValueError) as error:
        raise ReportError(f"{file.name} cannot be looked at; was it removed meanwhile?") from error


def _left_over(
    job: OwnJob, reports: Sequence[TestReport], written: Sequence[datetime]
) -> Iterator[str]:
    """A workspace that is not cleaned holds reports of other jobs, which would count again."""
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


def _notices(troubles: Sequence[str]) -> tuple[str, ...]:
    texts = [f"{_INPUT}: {each}" for each in troubles[:_MOST_NOTICES]]
    if len(troubles) > _MOST_NOTICES:
        texts.append(f"{_INPUT}: {len(troubles) - _MOST_NOTICES:,} more were left out")
    return tuple(texts)


def _placed(
    job: OwnJob, reports: Sequence[TestReport], written: Sequence[datetime]
) -> list[PlacedSuite]:
    all_suites = [suite for report in reports for suite in report.suites]
    chosen = iter(choose_spans(all_suites, job.max_spans))
    steps, whole = _steps(job), Stretch(reference=job.reference, interval=_work(job))
    placed: list[PlacedSuite] = []
    for report, at in zip(reports, written, strict=True):
        places = place_suites(
            report.suites, Written(steps=steps, job=whole, at=at, offset=_offset(at))
        )
        placed += (
            PlacedSuite(report=report.name, suite=suite, place=place, cases=next(chosen))
            for suite, place in zip(report.suites, places, strict=True)
        )
    return placed


def _steps(job: OwnJob) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(reference=window.reference, interval=window.interval)
        for window in job.windows
        if step_ran(window.step)
    )


def _work(job: OwnJob) -> Interval:
    """The time of the job without its waiting for a runner."""
    start = min((step.interval.start for step in _steps(job)), default=job.interval.start)
    return Interval.of(start, job.interval.end)


def _offset(at: datetime) -> timedelta:
    """How far the runner's own time was ahead of UTC."""
    try:
        return at.astimezone().utcoffset() or timedelta(0)
    except (OSError, OverflowError, ValueError):  # Windows knows no times before 1970
        return timedelta(0)


def _measurements(job: OwnJob, suites: Sequence[TestSuite]) -> Iterator[Measurement]:
    settings = job.context.settings
    if wants_metrics(settings):
        points = points_of_job(
            job.run,
            job.job,
            job.resource,
            settings.signals.metric_attributes,
            default_branch=job.default_branch,
            keys=job.placement.keys,
        )
        yield from measurements_of_tests(suites, points)


def _left_out(suites: Sequence[PlacedSuite]) -> int:
    return sum(len(placed.suite.cases) - len(placed.cases or ()) for placed in suites)


def _of_bounds(job: OwnJob, left_out: int, entries: int) -> Iterator[str]:
    if left_out:
        yield (
            f"{left_out:,} of {entries:,} test results have no span of their own, since input "
            f"max-spans is {job.max_spans:,}: failures, flaky and slow ones come "
            "first; counts and metrics are of all"
        )


def _told(
    reports: Sequence[TestReport], cases: Sequence[TestCase], counts: TestCounts
) -> TestsTold:
    final = [case for case in cases if not case.run_again]
    failing = [case for case in final if is_failing(case)]
    flaky = [case for case in final if case.flaky]
    return TestsTold(
        reports=len(reports),
        suites=sum(len(report.suites) for report in reports),
        counts=counts,
        seconds=sum(case.duration or 0.0 for case in final),
        failing=tuple(map(_case_told, failing[:_MOST_TOLD])),
        flaky=tuple(map(_case_told, flaky[:_MOST_TOLD])),
    )


def _case_told(case: TestCase) -> CaseTold:
    failure = case.failure or next(iter(case.attempts), None)
    return CaseTold(
        suite=case.suite,
        name=case.full_name,
        message=(failure.message or failure.type) if failure is not None else "",
        duration=case.duration,
    )
