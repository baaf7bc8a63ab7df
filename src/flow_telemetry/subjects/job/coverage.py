"""Coverage of a job: its reports, and the stored totals of the pull request's base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

from flow_telemetry.errors import FlowTelemetryError, ReportError
from flow_telemetry.files import make_own_folder, replace_file
from flow_telemetry.github.artifacts import download_artifact, list_artifacts
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.mapping.job_metrics import coverage_measurements
from flow_telemetry.mapping.jobs import Measured, coverage_attributes
from flow_telemetry.model import Change, Job, Run
from flow_telemetry.model.reports import Coverage, CoverageCounts, CoverageTotals, JobCoverage
from flow_telemetry.outcome import JobReport
from flow_telemetry.reports.archives import read_archive
from flow_telemetry.reports.coverage import (
    LARGEST_STORED,
    format_stored_totals,
    read_coverage,
    read_stored_totals,
)
from flow_telemetry.reports.files import Content, FileLimits, MatchedFile
from flow_telemetry.rules.coverage import find_duplicates, totals
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob, read_reports
from flow_telemetry.subjects.types import limit_texts, wants_metrics

# Stored totals: the export writes a file and the workflow uploads it as an artifact, since a step
# of a composite action can reach neither the service for artifacts nor the cache.

FILE_NAME = "coverage.json"
_FOLDER_NAME = "flow-telemetry-coverage"
_LIMITS = FileLimits(files=1, largest=LARGEST_STORED, size=LARGEST_STORED)


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
        make_own_folder(folder)
        content = format_stored_totals(totals, job.run, job.job)
        replace_file(folder / FILE_NAME, content.encode())
    except OSError as error:
        raise ReportError(f"{folder / FILE_NAME} cannot be written: {error.strerror}") from error
    return str(folder / FILE_NAME)


def base_coverage(
    client: GitHubClient, run: Run, change: Change, name: str
) -> tuple[CoverageTotals | None, str, str | None]:
    """Return the totals that the newest run on a pull request's base stored under a name.

    If there are none, the second text is the reason for the summary, and the third a notice, if
    they could not be read. Makes two requests. Artifacts of forks are never read, even if the
    branch has the same name.
    """
    try:
        artifacts = [
            artifact
            for artifact in list_artifacts(
                client, run.repository.full_name, name=name, most_pages=1
            )
            if not artifact.from_fork
            and not artifact.expired
            and artifact.head_branch == change.base_branch
            and artifact.run_id != run.id
        ]
        # The newest artifact of the base commit, otherwise the newest of the branch.
        artifacts.sort(key=lambda artifact: artifact.head_sha != change.base_sha)
        if not artifacts:
            return None, "no run on it has kept the coverage of this job", None
        archive = download_artifact(client, artifacts[0], LARGEST_STORED)
        return _read_stored_totals(archive, str(artifacts[0])), "", None
    except FlowTelemetryError as error:
        reason = str(error)
    notice = f"the coverage of the pull request's base is not known: {reason}"
    return None, "it could not be read", notice


def _read_stored_totals(archive: bytes, name: str) -> CoverageTotals:
    files, notices = read_archive(
        archive, name, wanted=lambda file: file == FILE_NAME, limits=_LIMITS
    )
    if not files:
        reason = "; ".join(notices) or f"it holds no {FILE_NAME}"
        raise ReportError(f"{name} cannot be read: {reason}")
    return read_stored_totals(files[FILE_NAME], f"{FILE_NAME} in {name}")


# Reports of the job, and the change against the base.

_INPUT = "`coverage-reports`"
_MOST_NOTICES = 10
# The source files of a report that are looked up to find the folder that names begin at.
_MOST_TRIED = 5


def read_job_coverage(job: OwnJob, sorted_files: Sequence[MatchedFile] = ()) -> JobTelemetry:
    """Return the joint coverage of ``sorted_files`` and all that `coverage-reports` matches.

    A report that cannot be read becomes a notice; the others count.
    """

    def parse(file: MatchedFile, content: Content) -> Coverage:
        workspace = job.workspace or Path()
        coverage = read_coverage(content, file.name, workspace.as_posix())
        return replace(coverage, files=_locate_files(coverage.files, file.name, workspace))

    patterns = job.context.settings.job.coverage_reports
    reports, notices = read_reports(job, patterns, parse, sorted_files)
    duplicates = find_duplicates(reports)
    notices += [
        f"{name} is on the same source files as {first} in another format: not counted twice"
        for name, first in duplicates.items()
    ]
    reports = [report for report in reports if report.name not in duplicates]
    job_totals = totals(reports)
    is_empty = job_totals.counts == CoverageCounts()
    if reports and is_empty:
        notices.append(f"nothing is coverable in the reports, such as {reports[0].name}")
    name = _INPUT if patterns else "`reports`"
    notices = [f"{name}: {notice}" for notice in limit_texts(notices, _MOST_NOTICES)]
    if is_empty:
        return JobTelemetry(notices=tuple(notices))
    coverage = _compare_with_base(job, job_totals, len(reports), notices)
    return JobTelemetry(
        events_and_metrics=coverage_measurements(coverage, job.metric_points())
        if wants_metrics(job.context.settings)
        else (),
        measured=(Measured(owner=job.reference, attributes=coverage_attributes(coverage)),),
        notices=tuple(notices),
        report=JobReport(coverage=coverage),
    )


def _locate_files(files: frozenset[str], report: str, workspace: Path) -> frozenset[str]:
    """Return source files with the paths that begin at the workspace, if they are there.

    A tool that ran in a folder names files relative to it, and wrote the report in it or below.
    """
    loose = sorted(path for path in files if not path.startswith("/"))
    for folder in PurePosixPath(report).parents:
        base = "" if folder == PurePosixPath() else f"{folder}/"
        if any(_is_file(workspace, f"{base}{path}") for path in loose[:_MOST_TRIED]):
            rooted = (f"/{base}{path}" for path in loose)
            return frozenset((*rooted, *(path for path in files if path.startswith("/"))))
    return files


def _is_file(workspace: Path, path: str) -> bool:
    try:
        return (workspace / path).is_file()
    except (OSError, ValueError):  # The name is too long, or has a null character.
        return False


def _compare_with_base(
    job: OwnJob, job_totals: CoverageTotals, reports: int, notices: list[str]
) -> JobCoverage:
    """Return the coverage with that of the base, and store it for later runs."""
    name = artifact_name(job.run, job.job)
    base, reason = None, ""
    base_branch = job.change.base_branch if job.change else ""
    if job.change is not None and base_branch:
        base, reason, notice = base_coverage(job.context.github, job.run, job.change, name)
        notices += [notice] if notice is not None else []
    try:
        file = store_coverage(job, job_totals)
    except ReportError as error:
        notices.append(f"the coverage is not kept for later runs: {error}")
        file = ""
    return JobCoverage(
        totals=job_totals,
        reports=reports,
        base=base,
        base_branch=base_branch,
        base_missing_reason=reason,
        file=file,
        artifact=name if file else "",
    )
