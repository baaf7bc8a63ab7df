"""The coverage that a pull request's base has: what a run of the base kept, as an artifact.

An export writes what a later one may compare with; the workflow keeps it, since a step of a
composite action can reach neither the artifacts' service nor the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, ReportError
from flow_telemetry.model import (
    Change,
    Job,
    Run,
)
from flow_telemetry.model.coverage import (
    CoverageTotals,
)
from flow_telemetry.sources.github.artifacts import Artifact, download_artifact, list_artifacts
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.reports.archives import ArchiveBounds, read_archive
from flow_telemetry.sources.reports.coverage.kept import (
    LARGEST_KEPT,
    kept_coverage,
    read_kept_coverage,
)
from flow_telemetry.subjects.inside.job import JobInside

FILE_NAME = "coverage.json"
_FOLDER_NAME = "flow-telemetry-coverage"
_BOUNDS = ArchiveBounds(files=1, largest=LARGEST_KEPT, size=LARGEST_KEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCoverage:
    """What was found; where nothing was, ``lacks`` says why for the summary, or ``notice``."""

    totals: CoverageTotals | None = None
    lacks: str = ""
    notice: str | None = None


def artifact_name(run: Run, job: Job) -> str:
    """Return the name under which a job's coverage is kept: the same in each run of its workflow.

    A matrix leg's name tells it from the others.
    """
    path = run.path.partition("@")[0]
    digest = sha256(f"{path}\n{job.name}".encode(errors="replace")).hexdigest()
    return f"flow-telemetry-coverage-{digest[:16]}"


def keep_coverage(job: JobInside, totals: CoverageTotals) -> str:
    """Write what a later run may compare with, and return the file's path; empty outside a job.

    Raises:
        ReportError: it cannot be written.
    """
    if job.temporary is None:
        return ""
    folder = job.temporary.parent / _FOLDER_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(
            kept_coverage(totals, job.run, job.job), encoding="utf-8", newline="\n"
        )
    except OSError as error:
        raise ReportError(f"{folder / FILE_NAME} cannot be written: {error.strerror}") from error
    return str(folder / FILE_NAME)


def base_coverage(client: GitHubClient, run: Run, change: Change, name: str) -> BaseCoverage:
    """Return what the newest run on the base of a pull request kept under a name.

    It takes two requests. What came from a fork is never read, whatever its branch is called.
    """
    try:
        listed = list_artifacts(client, run.repository.full_name, name=name, most_pages=1)
        chosen = _chosen(listed, change, run.id)
        if chosen is None:
            return BaseCoverage(lacks="no run on it has kept the coverage of this job")
        packed = download_artifact(client, chosen, LARGEST_KEPT)
        return BaseCoverage(totals=_unpacked(packed, str(chosen)))
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


def _chosen(listed: tuple[Artifact, ...], change: Change, own_run: int) -> Artifact | None:
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


def _unpacked(packed: bytes, name: str) -> CoverageTotals:
    found = read_archive(packed, name, wanted=lambda file: file == FILE_NAME, bounds=_BOUNDS)
    if not found.files:
        reason = "; ".join(found.left_out) or f"it holds no {FILE_NAME}"
        raise ReportError(f"{name} cannot be read: {reason}")
    return read_kept_coverage(found.files[0].content, f"{FILE_NAME} in {name}")
