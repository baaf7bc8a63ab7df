"""Artifacts and logs."""

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

# Artifacts that runs keep: finding them, and reading what is in one.
#
# https://docs.github.com/en/rest/actions/artifacts

_MOST_PAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact of a run; ``size`` is that of its zip archive in bytes.

    ``from_fork`` is whether the run's commit came from another repository, as that of a fork's
    pull request; also where GitHub does not say where it came from.
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
        """Return how errors name it."""
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
        client: asks GitHub.
        repository: owner and name.
        name: only those that are called exactly so.
        run_id: only those of this run, of all its attempts.
        most_pages: how many requests are made at most; each gives 100 artifacts.

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
    listed = (item for page in islice(pages, most_pages) for item in page)
    found = [each for each in (_parsed(item, repository) for item in listed) if each is not None]
    return tuple(sorted(found, key=lambda artifact: artifact.id, reverse=True))


def download_artifact(client: GitHubClient, artifact: Artifact, limit: int) -> bytes:
    """Return an artifact's zip archive, of ``limit`` bytes at most.

    Raises:
        NotFoundError: it expired or was deleted.
        PayloadError: it is larger.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{artifact.repository}/actions/artifacts/{artifact.id}/zip"
    return client.download(path, str(artifact), limit)


def _parsed(item: Any, repository: str) -> Artifact | None:
    """The artifact; None for what has no number or name."""
    payload: Mapping[str, Any] = item if isinstance(item, dict) else {}
    number, name = read.number(payload, "id"), read.text(payload, "name")
    if number is None or name is None:
        return None
    run = read.child(payload, "workflow_run")
    home, head = read.number(run, "repository_id"), read.number(run, "head_repository_id")
    return Artifact(
        id=number,
        name=name,
        repository=repository,
        size=read.number(payload, "size_in_bytes") or 0,
        expired=read.flag(payload, "expired"),
        run_id=read.number(run, "id"),
        head_branch=read.text(run, "head_branch"),
        head_sha=read.text(run, "head_sha"),
        from_fork=home is None or home != head,
        created_at=read.time(payload, "created_at"),
    )


# The logs of a run: the archive of all its jobs', or the text of one, in a temporary file.
#
# GitHub answers with a redirect to where it keeps them; no token goes there.
# https://docs.github.com/en/rest/actions/workflow-runs#download-workflow-run-attempt-logs
# https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run

# Of an archive compressed, of a job's log as it is.
LARGEST_DOWNLOAD = 256 * 1024 * 1024


def open_run_logs(client: GitHubClient, run: Run, until: Deadline) -> IO[bytes]:
    """Return the archive of the logs of a run attempt that has ended; close it.

    Raises:
        NotFoundError: they are not kept, or not any more.
        PayloadError: they are larger than `LARGEST_DOWNLOAD`.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"runs/{run.id}/attempts/{run.attempt}/logs"
    return _open(
        client, _Kept(run, path, f"the logs of run {run.id}, attempt {run.attempt}"), until
    )


def open_job_log(client: GitHubClient, run: Run, job: Job, until: Deadline) -> IO[bytes]:
    """Return the log of a job that has ended; close it. Errors are those of `open_run_logs`."""
    return _open(client, _Kept(run, f"jobs/{job.id}/logs", f"the log of job {job.id}"), until)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What GitHub keeps of a run: its path below `actions`, and how errors name it."""

    run: Run
    path: str
    what: str


def _open(client: GitHubClient, kept: _Kept, until: Deadline) -> IO[bytes]:
    named = f"{kept.what} of {kept.run.repository.full_name}"
    try:
        file = TemporaryFile()  # noqa: SIM115 - it is the caller's
        try:
            _download(client, kept, named, file, until)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(
            f"{named} cannot be kept in a temporary file while it is read: {reason}"
        ) from error
    return file


def _download(
    client: GitHubClient, kept: _Kept, named: str, file: IO[bytes], until: Deadline
) -> None:
    path = f"/repos/{kept.run.repository.full_name}/actions/{kept.path}"
    try:
        client.download_into(file, path, named, LARGEST_DOWNLOAD, until)
    except NotFoundError:
        raise NotFoundError(
            f"GitHub does not keep {named}: it deletes logs after the repository's retention time "
            "(90 days unless set), or somebody deleted them"
        ) from None
