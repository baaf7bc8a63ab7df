"""The coverage reports that a job left, and their change against the pull request's base."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from flow_telemetry.errors import ReportError
from flow_telemetry.model.coverage import (
    CoverageTotals,
    JobCoverage,
)
from flow_telemetry.model.reports import (
    Coverage,
)
from flow_telemetry.outcome import InsideTold
from flow_telemetry.rules.coverage import repeated, totals
from flow_telemetry.signals.coverage import coverage_facts
from flow_telemetry.signals.measured import Measured
from flow_telemetry.signals.metrics.of_coverage import coverage_measurements
from flow_telemetry.signals.metrics.of_runs import points_of_job
from flow_telemetry.sources.reports.content import whole
from flow_telemetry.sources.reports.coverage import read_coverage
from flow_telemetry.sources.reports.globs import find_files
from flow_telemetry.subjects.inside.coverage_base import (
    BaseCoverage,
    artifact_name,
    base_coverage,
    keep_coverage,
)
from flow_telemetry.subjects.inside.found import Inside
from flow_telemetry.subjects.inside.job import JobInside
from flow_telemetry.subjects.wanted import wants_metrics
from flow_telemetry.telemetry import Measurement

_INPUT = "coverage-reports"
_MOST_NOTICES = 10


def read_job_coverage(job: JobInside) -> Inside:
    """Return the coverage that input `coverage-reports` names, of all reports together.

    A report that cannot be read is a notice, and the others count.
    """
    notices: list[str] = []
    reports = _counted(list(_reports(job, notices)), notices)
    notices = _first(notices)
    if not reports:
        return Inside(notices=tuple(notices))
    coverage = _coverage(job, totals(reports), len(reports), notices)
    return Inside(
        facts=_measurements(job, coverage),
        measured=(Measured(owner=job.reference, facts=coverage_facts(coverage)),),
        notices=tuple(notices),
        told=InsideTold(coverage=coverage),
    )


def _reports(job: JobInside, notices: list[str]) -> Iterator[Coverage]:
    """The reports in order of their names; a file that is there twice is one."""
    if job.workspace is None:
        notices.append(f"{_INPUT}: there is no workspace to look for them")
        return
    found = find_files(job.settings.inside.coverage_reports, job.workspace)
    notices += [f"{_INPUT}: {reason}" for reason in found.left_out]
    seen: set[bytes] = set()
    for file in found.files:
        if job.parts.deadline.expired:
            notices.append(f"{_INPUT}: no time was left to read {file.name} and those after it")
            return
        try:
            content = whole(file.path, file.name)
            digest = sha256(content).digest()
            if digest not in seen:
                yield read_coverage(content, file.name)
            seen.add(digest)
        except ReportError as error:
            notices.append(f"{_INPUT}: {error}")


def _counted(reports: list[Coverage], notices: list[str]) -> list[Coverage]:
    again = repeated(reports)
    notices += [
        f"{_INPUT}: {name} says the same as {first} in another format and is not counted twice"
        for name, first in again.items()
    ]
    return [report for report in reports if report.name not in again]


def _first(notices: list[str]) -> list[str]:
    kept, over = notices[:_MOST_NOTICES], len(notices) - _MOST_NOTICES
    return [*kept, f"{_INPUT}: {over} more could not be counted"] if over > 0 else kept


def _coverage(
    job: JobInside, found: CoverageTotals, reports: int, notices: list[str]
) -> JobCoverage:
    name = artifact_name(job.run, job.job)
    base = _base(job, name)
    if base.notice is not None:
        notices.append(base.notice)
    try:
        file = keep_coverage(job, found)
    except ReportError as error:
        notices.append(f"the coverage is not kept for later runs: {error}")
        file = ""
    return JobCoverage(
        totals=found,
        reports=reports,
        base=base.totals,
        base_branch=job.change.base_branch if job.change else "",
        base_lacks=base.lacks,
        file=file,
        artifact=name if file else "",
    )


def _base(job: JobInside, name: str) -> BaseCoverage:
    if job.change is None or not job.change.base_branch:
        return BaseCoverage()
    return base_coverage(job.parts.github, job.run, job.change, name)


def _measurements(job: JobInside, coverage: JobCoverage) -> Iterator[Measurement]:
    if not wants_metrics(job.settings):
        return
    points = points_of_job(
        job.run,
        job.job,
        job.resource,
        job.settings.signals.metric_attributes,
        default_branch=job.default_branch,
        keys=job.placement.keys,
    )
    yield from coverage_measurements(coverage, points)
