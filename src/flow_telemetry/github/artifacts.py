"""Artifacts and logs of runs: how to list and download them.

https://docs.github.com/en/rest/actions/artifacts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import NotFoundError, UnavailableError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.http import payload as read
from flow_telemetry.model import Job, Run

_MOST_PAGES = 5
# The limit of a compressed archive, and of one job's uncompressed log.
LARGEST_DOWNLOAD = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact of a run; ``size`` is that of its zip archive in bytes.

    ``from_fork`` is true if the run's commit came from another repository, for example from a
    fork's pull request. It is also true if GitHub does not name the commit's repository.
    """

    id: int
    name: str
    repository: str
    size: int = 0
    expired: bool = False
    run_id: int | None = None
    head_branch: str | None = None
    head_sha: str | None = None
    from_fork: bool = True
    created_at: datetime | None = None

    def __str__(self) -> str:
        """Return the artifact's name in errors."""
        shown = "".join(c if c.isprintable() else "?" for c in self.name[:100])
        return f"artifact {self.id} ({shown}) of {self.repository}"


def list_artifacts(
    client: GitHubClient,
    repository: str,
    *,
    name: str | None = None,
    run_id: int | None = None,
    most_pages: int = _MOST_PAGES,
) -> tuple[Artifact, ...]:
    """Return artifacts of a repository (`acme/shop`), or of one run, the newest first.

    Args:
        client: the client of GitHub.
        repository: owner and name.
        name: return only artifacts with exactly this name.
        run_id: return only artifacts of this run, from all of its attempts.
        most_pages: the maximum number of requests; each returns 100 artifacts.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    run = "" if run_id is None else f"/runs/{run_id}"
    of_run = "" if run_id is None else f"run {run_id} of "
    query: dict[str, str | int] = {} if name is None else {"name": name}
    pages = client.pages(
        f"/repos/{repository}/actions{run}/artifacts",
        "artifacts",
        f"artifacts of {of_run}{repository}",
        **query,
    )
    items = (item for page in islice(pages, most_pages) for item in page)
    artifacts = filter(None, (_parse_artifact(item, repository) for item in items))
    return tuple(sorted(artifacts, key=lambda artifact: artifact.id, reverse=True))


def download_artifact(client: GitHubClient, artifact: Artifact, limit: int) -> bytes:
    """Return an artifact's zip archive, of ``limit`` bytes at most.

    Raises:
        NotFoundError: it expired or was deleted.
        PayloadError: it is larger.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{artifact.repository}/actions/artifacts/{artifact.id}/zip"
    return client.download(path, str(artifact), limit)


def _parse_artifact(item: Any, repository: str) -> Artifact | None:
    """Return the artifact, or None if it has no number or name."""
    payload: Mapping[str, Any] = item if isinstance(item, dict) else {}
    number, name = read.number(payload, "id"), read.text(payload, "name")
    if number is None or name is None:
        return None
    run = read.child(payload, "workflow_run")
    base, head = read.number(run, "repository_id"), read.number(run, "head_repository_id")
    return Artifact(
        id=number,
        name=name,
        repository=repository,
        size=read.number(payload, "size_in_bytes") or 0,
        expired=read.flag(payload, "expired"),
        run_id=read.number(run, "id"),
        head_branch=read.text(run, "head_branch"),
        head_sha=read.text(run, "head_sha"),
        from_fork=base is None or base != head,
        created_at=read.time(payload, "created_at"),
    )


# Logs. GitHub redirects to the host that stores them; the token is not sent there.
# https://docs.github.com/en/rest/actions/workflow-runs#download-workflow-run-attempt-logs
# https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run


def open_run_logs(client: GitHubClient, run: Run, until: Deadline) -> IO[bytes]:
    """Return the log archive of a completed run attempt; the caller closes it.

    Raises:
        NotFoundError: GitHub does not have the logs, or has deleted them.
        PayloadError: they are larger than `LARGEST_DOWNLOAD`.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"runs/{run.id}/attempts/{run.attempt}/logs"
    return _open_log(client, run, path, f"the logs of run {run.id}, attempt {run.attempt}", until)


def open_job_log(client: GitHubClient, run: Run, job: Job, until: Deadline) -> IO[bytes]:
    """Return the log of a completed job; the caller closes it. Raises as `open_run_logs`."""
    return _open_log(client, run, f"jobs/{job.id}/logs", f"the log of job {job.id}", until)


def _open_log(client: GitHubClient, run: Run, path: str, what: str, until: Deadline) -> IO[bytes]:
    """Download ``path``, which is relative to the run's `actions`, into a temporary file."""
    repository = run.repository.full_name
    what = f"{what} of {repository}"
    url_path = f"/repos/{repository}/actions/{path}"
    try:
        file = TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            client.download_into(file, url_path, what, LARGEST_DOWNLOAD, until)
        except BaseException:
            file.close()
            raise
    except NotFoundError:
        raise NotFoundError(
            f"GitHub does not have {what}. GitHub deletes logs after the repository's retention "
            "time (90 days unless set), or somebody deleted them"
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(f"could not write {what} to a temporary file: {reason}") from error
    return file
