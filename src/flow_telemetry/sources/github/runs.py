"""Reading a run attempt, its jobs, and why jobs of it failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.model import Annotation, Job, Result, Run, result_of
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.listing import Listing
from flow_telemetry.sources.github.parse import parse_annotations, parse_jobs, parse_run

# One request a job: enough to tell why a run failed, without a request for each of 250 legs.
MOST_ANNOTATED_JOBS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAddress:
    """Which run to read. ``attempt`` is None for the latest."""

    repository: str
    run_id: int
    attempt: int | None = None

    @property
    def path(self) -> str:
        """The path of the run in the API."""
        return f"/repos/{self.repository}/actions/runs/{self.run_id}"

    def __str__(self) -> str:
        """Return how errors name the run."""
        attempt = f", attempt {self.attempt}" if self.attempt else ""
        return f"run {self.run_id} of {self.repository}{attempt}"


def read_run(client: GitHubClient, address: RunAddress) -> Run:
    """Return the attempt with its jobs; both are asked for at once where the attempt is known.

    Raises:
        SourceError: the run or its jobs cannot be read.
        DeadlineExceeded: no time is left.
    """
    if address.attempt is None:
        latest = read_attempt(client, address)
        address = replace(address, attempt=latest.attempt)
        return _with_jobs(latest, _list_jobs(client, address))
    run, listing = client.both(
        lambda: read_attempt(client, address), lambda: _list_jobs(client, address)
    )
    return _with_jobs(run, listing)


def read_attempt(client: GitHubClient, address: RunAddress) -> Run:
    """Return the attempt without its jobs; the latest where the address names none.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    if address.attempt is None:
        return parse_run(client.get(address.path, str(address)), where=str(address))
    payload = client.get(f"{address.path}/attempts/{address.attempt}", str(address))
    return parse_run(payload, where=str(address))


def read_jobs_again(client: GitHubClient, run: Run) -> Run:
    """Return the run with its jobs as they are now."""
    address = RunAddress(repository=run.repository.full_name, run_id=run.id, attempt=run.attempt)
    return _with_jobs(run, _list_jobs(client, address))


def _list_jobs(client: GitHubClient, address: RunAddress) -> Listing:
    path = f"{address.path}/attempts/{address.attempt}/jobs"
    return client.list_all(path, "jobs", f"jobs of {address}")


def _with_jobs(run: Run, listing: Listing) -> Run:
    jobs = parse_jobs(listing.items, run)
    complete = listing.total is None or len(jobs) >= listing.total
    return replace(run, jobs=jobs, jobs_complete=complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """A run whose unsuccessful jobs carry their annotations, and what could not be read."""

    run: Run
    notices: tuple[str, ...] = ()


def read_annotations(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> Annotated:
    """Return the run with annotations of those of ``jobs`` that failed, timed out, were cancelled.

    Without the permission `checks: read` the jobs stay as they are, and that is said once.
    """
    asked = [job for job in jobs if job.completed and _did_not_succeed(job)]
    wanted, over = asked[:MOST_ANNOTATED_JOBS], asked[MOST_ANNOTATED_JOBS:]
    found: dict[int, tuple[Annotation, ...]] = {}
    notices = []
    try:
        first = [_job_annotations(client, run, job) for job in wanted[:1]]
        rest = client.side_by_side(lambda job: _job_annotations(client, run, job), wanted[1:])
        found = {job.id: annotations for job, annotations in zip(wanted, first + rest, strict=True)}
    except (AccessDeniedError, NotFoundError):
        notices.append(
            "why jobs failed could not be read: the token may not read annotations. "
            "Add `checks: read` to the `permissions:` of the job"
        )
    except FlowTelemetryError as error:
        notices.append(f"why jobs failed could not be read: {error}")
    if over:
        notices.append(
            f"annotations of {len(over)} of {len(asked)} unsuccessful jobs were not read"
        )
    jobs = tuple(replace(job, annotations=found.get(job.id, ())) for job in run.jobs)
    return Annotated(run=replace(run, jobs=jobs), notices=tuple(notices))


def _did_not_succeed(job: Job) -> bool:
    unsuccessful = (Result.FAILURE, Result.ERROR, Result.TIMEOUT, Result.CANCELLATION)
    return result_of(job.conclusion) in unsuccessful


def _job_annotations(client: GitHubClient, run: Run, job: Job) -> tuple[Annotation, ...]:
    """The annotations of a job: its check run has the job's own id."""
    path = f"/repos/{run.repository.full_name}/check-runs/{job.id}/annotations"
    return parse_annotations(client.list_all(path, None, f"annotations of job {job.id}").items)
