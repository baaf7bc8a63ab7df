"""Runs, jobs, annotations; lists of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import (
    AccessDeniedError,
    BudgetExceeded,
    FlowTelemetryError,
    NotFoundError,
    PayloadError,
)
from flow_telemetry.github.client import GitHubClient, Listing
from flow_telemetry.github.payloads import (
    parse_annotations,
    parse_jobs,
    parse_repository,
    parse_run,
)
from flow_telemetry.http import payload as read
from flow_telemetry.identity import fold
from flow_telemetry.logging import Log
from flow_telemetry.model import Annotation, Job, Repository, Result, Run, result_of

# Reading a run attempt, its jobs, and why jobs of it failed.

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


# Lists of workflow runs, without their jobs; of each run its latest attempt.
#
# GitHub ends a filtered list at 1,000 runs, whatever it counts. So a list is walked by windows of
# time, and a window that holds as many is halved, down to one second.
# https://docs.github.com/en/rest/actions/workflow-runs

MOST_FOUND = 1000
_PAGE_SIZE = 100
_SECOND = timedelta(seconds=1)

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs in order of their numbers, without jobs; ``complete`` is False where some are missing.

    That is so where the budget of requests ended the walk, more than 1,000 were created in one
    second, or an item of a list was damaged.
    """

    runs: tuple[Run, ...] = ()
    complete: bool = True


def list_runs(
    client: GitHubClient,
    repository: str,
    *,
    created_from: datetime,
    created_to: datetime,
    branch: str | None = None,
    event: str | None = None,
    head_sha: str | None = None,
) -> Runs:
    """Return the runs of ``repository`` (`acme/shop`) created in a time, both ends included.

    The latest windows are read first, so that a budget that ends leaves out the oldest runs.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    asked = {"branch": branch, "event": event, "head_sha": head_sha}
    query = {name: value for name, value in asked.items() if value is not None}
    path = f"/repos/{repository}/actions/runs"
    return _walk(client, path, f"runs of {repository}", query, (created_from, created_to))


def successful_runs_of_workflow(
    client: GitHubClient,
    repository: str,
    workflow: int | str,
    *,
    since: datetime,
    until: datetime,
    event: str | None = None,
) -> Runs:
    """Return the runs of a workflow that succeeded, created in a time, both ends included.

    ``workflow`` is its number or its file, with or without the folder.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`; NotFoundError where there is no such
            workflow.
    """
    query = {"status": "success", **({"event": event} if event else {})}
    what = f"runs of workflow {workflow} of {repository}"
    return _walk(client, _workflow_path(repository, workflow), what, query, (since, until))


def last_successful_run(
    client: GitHubClient,
    repository: str,
    workflow: int | str,
    *,
    before: datetime,
    event: str | None = None,
) -> Run | None:
    """Return the run of a workflow that succeeded last of those created before an instant.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `successful_runs_of_workflow`.
    """
    query = {
        "status": "success",
        "created": f"<{_text(before)}",
        **({"event": event} if event else {}),
    }
    what = f"runs of workflow {workflow} of {repository}"
    page = _page(client, _workflow_path(repository, workflow), what, query, 1)
    found, _ = _parse_all(page.items, what)
    return max(found, key=lambda run: (run.created_at, run.id), default=None)


def _workflow_path(repository: str, workflow: int | str) -> str:
    file = str(workflow).rpartition("/")[2]
    return f"/repos/{repository}/actions/workflows/{quote(file, safe='')}/runs"


@dataclass(frozen=True, slots=True)
class _Page:
    items: list[Any]
    total: int


def _walk(
    client: GitHubClient, path: str, what: str, query: Query, window: tuple[datetime, datetime]
) -> Runs:
    found: dict[int, Run] = {}
    complete = True
    begin, end = (each.astimezone(timezone.utc).replace(microsecond=0) for each in window)
    windows = [(begin, end)] if begin <= end else []
    while windows:
        begin, end = windows.pop()
        within = {**query, "created": f"{_text(begin)}..{_text(end)}"}
        try:
            first = _page(client, path, what, within, 1)
            if first.total >= MOST_FOUND and begin < end:
                middle = begin + (end - begin) // _SECOND // 2 * _SECOND
                windows += [(begin, middle), (middle + _SECOND, end)]
                continue
            items = first.items + _further_items(client, path, what, within, first.total)
        except BudgetExceeded:
            complete = False
            break
        runs, undamaged = _parse_all(items, what)
        found |= {run.id: run for run in runs}
        complete = complete and undamaged and len({run.id for run in runs}) >= first.total
    return Runs(runs=tuple(found[number] for number in sorted(found)), complete=complete)


def _further_items(
    client: GitHubClient, path: str, what: str, query: Query, total: int
) -> list[Any]:
    last = -(-min(total, MOST_FOUND) // _PAGE_SIZE)
    pages = client.side_by_side(
        lambda number: _page(client, path, what, query, number), range(2, last + 1)
    )
    return [item for page in pages for item in page.items]


def _page(client: GitHubClient, path: str, what: str, query: Query, number: int) -> _Page:
    payload = client.get(path, what, **query, per_page=_PAGE_SIZE, page=number)
    items = payload.get("workflow_runs") if isinstance(payload, dict) else None
    if not isinstance(items, list):
        raise PayloadError(f"GitHub's answer on {what} holds no list; it is damaged")
    return _Page(items, read.number(payload, "total_count") or 0)


def _parse_all(items: Iterable[Any], what: str) -> tuple[list[Run], bool]:
    """The runs of a list, and whether none was damaged."""
    parsed = [_parsed(item, what) for item in items]
    return [run for run in parsed if run is not None], None not in parsed


def _parsed(item: Any, what: str) -> Run | None:
    try:
        return parse_run(item, where=what)
    except PayloadError:
        return None


def _text(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# Repositories that somebody named, and reading one by the name that GitHub gives it.


def repository_named(full_name: str | None, home: Repository) -> Repository:
    """Return the repository of a key as somebody typed it, beside ``home``; None means that one."""
    if full_name is None or fold(full_name) == fold(home.full_name):
        return home
    owner, _, name = full_name.partition("/")
    url = home.url.removesuffix(home.full_name) + full_name
    return Repository(host=home.host, owner=owner, name=name, url=url)


def read_repository(client: GitHubClient, full_name: str) -> Repository:
    """Return the repository of a name such as `acme/shop`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"repository {full_name}"
    found = {"repository": client.get(f"/repos/{full_name}", what)}
    return parse_repository(read.child(found, "repository"), where=what)


# Waiting for GitHub's API to show what has happened: it lags seconds behind the runner.

LONGEST_WAIT_SECONDS = 15.0
_BETWEEN_LOOKS_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """The run as last seen. ``shown`` is whether what was waited for has come."""

    run: Run
    shown: bool


def wait_until(
    shown: Callable[[Run], bool],
    run: Run,
    *,
    again: Callable[[Run], Run],
    deadline: Deadline,
    log: Log,
    what: str,
) -> Waited:
    """Return the run once ``shown`` of it is true, or as it is when the time is over.

    ``again`` reads the run once more. The wait is bounded by 15 s and by a part of the deadline,
    so that time is left to send.
    """
    left = min(LONGEST_WAIT_SECONDS, deadline.remaining() / 3)
    while not shown(run):
        if left < _BETWEEN_LOOKS_SECONDS:
            return Waited(run=run, shown=False)
        log.info(f"waiting for GitHub to show {what}")
        deadline.sleep(_BETWEEN_LOOKS_SECONDS)
        left -= _BETWEEN_LOOKS_SECONDS
        run = again(run)
    return Waited(run=run, shown=True)
