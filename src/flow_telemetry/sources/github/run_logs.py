"""The logs of a run: the archive of all its jobs', or the text of one, in a temporary file.

GitHub answers with a redirect to where it keeps them; no token goes there.
https://docs.github.com/en/rest/actions/workflow-runs#download-workflow-run-attempt-logs
https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
"""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import NotFoundError, UnavailableError
from flow_telemetry.model import Job, Run
from flow_telemetry.sources.github.client import GitHubClient

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
