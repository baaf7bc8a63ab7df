"""Coverage of a job: its reports, and the stored totals of the pull request's base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, ReportError
from flow_telemetry.github.artifacts import Artifact, download_artifact, list_artifacts
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.mapping.job_metrics import coverage_measurements
from flow_telemetry.mapping.jobs import Measured, coverage_facts
from flow_telemetry.model import Change, Job, Run
from flow_telemetry.model.reports import Coverage, CoverageTotals, JobCoverage
from flow_telemetry.outcome import JobReport
from flow_telemetry.reports.archives import ArchiveLimits, read_archive
from flow_telemetry.reports.coverage import (
    LARGEST_STORED,
    format_stored_totals,
    read_coverage,
    read_stored_totals,
)
from flow_telemetry.reports.files import find_files, whole
from flow_telemetry.rules.coverage import find_duplicates, totals
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob
from flow_telemetry.subjects.types import wants_metrics

# Stored totals: the export writes a file and the workflow uploads it as an artifact, since a step
# of a composite action can reach neither the service for artifacts nor the cache.

FILE_NAME = "coverage.json"
_FOLDER_NAME = "flow-telemetry-coverage"
_BOUNDS = ArchiveLimits(files=1, largest=LARGEST_STORED, size=LARGEST_STORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCoverage:
    """The stored totals; without any, ``lacks`` or ``notice`` says why."""

    totals: CoverageTotals | None = None
    lacks: str = ""
    notice: str | None = None


def artifact_name(run: Run, job: Job) -> str:
    """Return the name of the artifact with a job's totals, the same in each run of its workflow.

    Jobs of a matrix have different names, and so different artifacts.
    """
    path = run.path.partition("@")[0]
    digest = sha256(f"{path}\n{job.name}".encode(errors="replace")).hexdigest()
    return f"flow-telemetry-coverage-{digest[:16]}"


def store_coverage(job: OwnJob, totals: CoverageTotals) -> str:
    """Write the totals for later runs and return the file's path; empty outside a job.

    Raises:
        ReportError: the file cannot be written.
    """
    if job.temporary is None:
        return ""
    folder = job.temporary.parent / _FOLDER_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(
            format_stored_totals(totals, job.run, job.job), encoding="utf-8", newline="\n"
        )
    except OSError as error:
        raise ReportError(f"{folder / FILE_NAME} cannot be written: {error.strerror}") from error
    return str(folder / FILE_NAME)


def base_coverage(client: GitHubClient, run: Run, change: Change, name: str) -> BaseCoverage:
    """Return the totals that the newest run on a pull request's base stored under a name.

    Makes two requests. Artifacts of forks are never read, even if the branch has the same name.
    """
    try:
        listed = list_artifacts(client, run.repository.full_name, name=name, most_pages=1)
        chosen = _choose_artifact(listed, change, run.id)
        if chosen is None:
            return BaseCoverage(lacks="no run on it has kept the coverage of this job")
        archive = download_artifact(client, chosen, LARGEST_STORED)
        return BaseCoverage(totals=_read_stored_totals(archive, str(chosen)))
    except AccessDeniedError:
        reason = (
            "the token may not read artifacts. Add `actions: read` to the `permissions:` of the job"
        )
    except FlowTelemetryError as error:
        reason = str(error)
    return BaseCoverage(
        lacks="it could not be read",
        notice=f"the coverage of the pull request's base is not known: {reason}",
    )


def _choose_artifact(listed: tuple[Artifact, ...], change: Change, own_run: int) -> Artifact | None:
    """The newest of the base's branch, if there is one of the very commit then that."""
    fitting = [
        artifact
        for artifact in listed
        if not artifact.from_fork
        and not artifact.expired
        and artifact.head_branch == change.base_branch
        and artifact.run_id != own_run
    ]
    of_commit = (each for each in fitting if each.head_sha == change.base_sha)
    return next(of_commit, next(iter(fitting), None))


def _read_stored_totals(archive: bytes, name: str) -> CoverageTotals:
    found = read_archive(archive, name, wanted=lambda file: file == FILE_NAME, bounds=_BOUNDS)
    if not found.files:
        reason = "; ".join(found.left_out) or f"it holds no {FILE_NAME}"
        raise ReportError(f"{name} cannot be read: {reason}")
    return read_stored_totals(found.files[0].content, f"{FILE_NAME} in {name}")


# Reports of the job, and the change against the base.

_INPUT = "coverage-reports"
_MOST_NOTICES = 10


def read_job_coverage(job: OwnJob) -> JobTelemetry:
    """Return the joint coverage of all reports that `coverage-reports` matches.

    A report that cannot be read becomes a notice; the others count.
    """
    notices: list[str] = []
    reports = _without_repeated(list(_reports(job, notices)), notices)
    notices = _limit_notices(notices)
    if not reports:
        return JobTelemetry(notices=tuple(notices))
    coverage = _coverage(job, totals(reports), len(reports), notices)
    return JobTelemetry(
        facts=coverage_measurements(coverage, job.metric_points())
        if wants_metrics(job.context.settings)
        else (),
        measured=(Measured(owner=job.reference, facts=coverage_facts(coverage)),),
        notices=tuple(notices),
        told=JobReport(coverage=coverage),
    )


def _reports(job: OwnJob, notices: list[str]) -> Iterator[Coverage]:
    """Yield the reports in order of their names; two files of the same content count once."""
    if job.workspace is None:
        notices.append(f"{_INPUT}: there is no workspace to look for them")
        return
    found = find_files(job.context.settings.job.coverage_reports, job.workspace)
    notices += [f"{_INPUT}: {reason}" for reason in found.left_out]
    seen: set[bytes] = set()
    for file in found.files:
        if job.context.deadline.expired:
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


def _without_repeated(reports: list[Coverage], notices: list[str]) -> list[Coverage]:
    again = find_duplicates(reports)
    notices += [
        f"{_INPUT}: {name} says the same as {first} in another format and is not counted twice"
        for name, first in again.items()
    ]
    return [report for report in reports if report.name not in again]


def _limit_notices(notices: list[str]) -> list[str]:
    kept, over = notices[:_MOST_NOTICES], len(notices) - _MOST_NOTICES
    return [*kept, f"{_INPUT}: {over} more could not be counted"] if over > 0 else kept


def _coverage(job: OwnJob, found: CoverageTotals, reports: int, notices: list[str]) -> JobCoverage:
    name = artifact_name(job.run, job.job)
    base = _base(job, name)
    if base.notice is not None:
        notices.append(base.notice)
    try:
        file = store_coverage(job, found)
    except ReportError as error:
        notices.append(f"the coverage is not kept for later runs: {error}")
        file = ""
    return JobCoverage(
        totals=found,
        reports=reports,
        base=base.totals,
        base_branch=job.change.base_branch if job.change else "",
        base_missing_reason=base.lacks,
        file=file,
        artifact=name if file else "",
    )


def _base(job: OwnJob, name: str) -> BaseCoverage:
    if job.change is None or not job.change.base_branch:
        return BaseCoverage()
    return base_coverage(job.context.github, job.run, job.change, name)
