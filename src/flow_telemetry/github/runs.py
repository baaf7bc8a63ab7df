"""Workflow runs: one run with its jobs and annotations, and lists of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import quote

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import (
    BudgetExceeded,
    FlowTelemetryError,
    PayloadError,
)
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import (
    parse_annotations,
    parse_job,
    parse_jobs,
    parse_repository,
    parse_run,
)
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList
from flow_telemetry.identity import fold
from flow_telemetry.logging import Log
from flow_telemetry.model import Annotation, Job, Repository, Result, Run, result_of
from flow_telemetry.text import counted

# One request per job: enough to explain a failed run, even one of 250 matrix jobs.
MOST_ANNOTATED_JOBS = 30
# GitHub ends a filtered list at 1,000 runs, even if it reports a larger total.
MOST_FOUND = 1000
_PAGE_SIZE = 100
_SECOND = timedelta(seconds=1)
LONGEST_WAIT_SECONDS = 15.0
# The first of the pauses between two looks; each further one is a second longer.
_POLL_INTERVAL_SECONDS = 1.0

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAddress:
    """The address of a run; ``attempt`` is None for the latest."""

    repository: str
    run_id: int
    attempt: int | None = None

    @property
    def path(self) -> str:
        """The path of the run in the REST API."""
        return f"/repos/{self.repository}/actions/runs/{self.run_id}"

    def __str__(self) -> str:
        """Return the run's name in errors."""
        attempt = f", attempt {self.attempt}" if self.attempt else ""
        return f"run {self.run_id} of {self.repository}{attempt}"


def read_run(client: GitHubClient, address: RunAddress) -> Run:
    """Return the attempt with its jobs, requested concurrently if the attempt is known.

    Raises:
        SourceError: the run or its jobs cannot be read.
        DeadlineExceeded: no time is left.
    """
    if address.attempt is None:
        latest = read_attempt(client, address)
        address = replace(address, attempt=latest.attempt)
        return _with_jobs(latest, _list_jobs(client, address))
    run, jobs = client.both(
        lambda: read_attempt(client, address), lambda: _list_jobs(client, address)
    )
    return _with_jobs(run, jobs)


def read_attempt(client: GitHubClient, address: RunAddress) -> Run:
    """Return the attempt without its jobs, or the latest attempt if the address names none.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    if address.attempt is None:
        return parse_run(client.get(address.path, str(address)), where=str(address))
    payload = client.get(f"{address.path}/attempts/{address.attempt}", str(address))
    return parse_run(payload, where=str(address))


_REF = """
query RefKind($owner: String!, $name: String!, $branch: String!, $tag: String!) {
  repository(owner: $owner, name: $name) {
    defaultBranchRef { name }
    branch: ref(qualifiedName: $branch) { name }
    tag: ref(qualifiedName: $tag) { name }
  }
}
"""


def read_ref(client: GitHubClient, run: Run) -> tuple[bool, str | None]:
    """Return whether a run is of a tag, and the repository's default branch.

    It is of a tag if the name of its branch is that of a tag, and of no branch. If GitHub does not
    tell, it counts as a branch, and that is logged only.
    """
    name = run.head_branch or ""
    try:
        response = client.query(
            _REF,
            f"whether {name} of {run.repository.full_name} is a tag",
            owner=run.repository.owner,
            name=run.repository.name,
            branch=f"refs/heads/{name}",
            tag=f"refs/tags/{name}",
        )
    except FlowTelemetryError as error:
        client.log.debug(str(error))
        return False, None
    found = read.child(response.data, "repository")
    of_tag = bool(read.child(found, "tag")) and not read.child(found, "branch")
    return of_tag, read.text(read.child(found, "defaultBranchRef"), "name")


def read_jobs(client: GitHubClient, run: Run) -> Run:
    """Return the run with its jobs."""
    address = RunAddress(repository=run.repository.full_name, run_id=run.id, attempt=run.attempt)
    return _with_jobs(run, _list_jobs(client, address))


def read_lone_job(client: GitHubClient, repository: Repository, job_id: int) -> Job:
    """Return a job without its run, of any attempt.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"job {job_id} of {repository.full_name}"
    payload = client.get(f"/repos/{repository.full_name}/actions/jobs/{job_id}", what)
    if not isinstance(payload, dict):
        raise PayloadError(f"GitHub returned a damaged response for {what}: not an object")
    run_id = read.required(read.number(payload, "run_id"), "run_id", what)
    return parse_job(payload, job_id, run_id=run_id, attempt=1)


def _list_jobs(client: GitHubClient, address: RunAddress) -> PaginatedList[Any]:
    path = f"{address.path}/attempts/{address.attempt}/jobs"
    return client.list_all(path, "jobs", f"jobs of {address}")


def _with_jobs(run: Run, listed: PaginatedList[Any]) -> Run:
    jobs = parse_jobs(listed.items, run)
    complete = listed.total is None or len(jobs) >= listed.total
    return replace(run, jobs=jobs, jobs_complete=complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWithNotices:
    """A run, and notices about details of it that could not be read."""

    run: Run
    notices: tuple[str, ...] = ()


def read_annotations(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> RunWithNotices:
    """Return the run with annotations of ``jobs`` that failed, timed out or were cancelled.

    If they cannot be read the jobs stay unchanged, with one notice.
    """
    unsuccessful = (Result.FAILURE, Result.ERROR, Result.TIMEOUT, Result.CANCELLATION)
    failed = [job for job in jobs if job.completed and result_of(job.conclusion) in unsuccessful]
    requested = failed[:MOST_ANNOTATED_JOBS]
    annotations: dict[int, tuple[Annotation, ...]] = {}
    notices = []

    def read_job(job: Job) -> tuple[Annotation, ...]:
        # The check run of a job has the job's id.
        path = f"/repos/{run.repository.full_name}/check-runs/{job.id}/annotations"
        return parse_annotations(client.list_all(path, None, f"annotations of job {job.id}").items)

    try:
        # The first request alone: without the permission, the others would fail as well.
        first = [read_job(job) for job in requested[:1]]
        lists = first + client.run_concurrently(read_job, requested[1:])
        annotations = {job.id: items for job, items in zip(requested, lists, strict=True)}
    except FlowTelemetryError as error:
        notices.append(f"could not read why jobs failed: {error}")
    if len(failed) > len(requested):
        skipped = len(failed) - len(requested)
        of_failed = counted(len(failed), "unsuccessful job")
        notices.append(f"annotations of {skipped} of {of_failed} were not read")
    jobs = tuple(replace(job, annotations=annotations.get(job.id, ())) for job in run.jobs)
    return RunWithNotices(run=replace(run, jobs=jobs), notices=tuple(notices))


# Lists of runs, without their jobs; of each run its latest attempt.
# https://docs.github.com/en/rest/actions/workflow-runs
#
# Such a list has the runs in order of their numbers. It is incomplete if the request budget ended
# the reading, if more than 1,000 runs were created in one second, or if an item was damaged.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """All runs of ``repository`` (`acme/shop`) from those of a time to those of its reading."""

    repository: str
    since: datetime
    runs: tuple[Run, ...] = field(repr=False)

    def covers(self, repository: str, since: datetime) -> bool:
        """Whether the list has the runs of a repository since that time."""
        return fold(repository) == fold(self.repository) and self.since <= since

    def created(self, since: datetime, until: datetime) -> Iterator[Run]:
        """Yield the runs of a period, to the second, both ends included."""
        since = since.replace(microsecond=0)
        return (run for run in self.runs if since <= run.created_at <= until)


def list_runs(
    client: GitHubClient,
    repository: str,
    *,
    created_from: datetime,
    created_to: datetime,
    branch: str | None = None,
    event: str | None = None,
    head_sha: str | None = None,
    known: RunList | None = None,
) -> PaginatedList[Run]:
    """Return the runs of ``repository`` (`acme/shop`) created in a period, both ends included.

    The latest runs are read first, so that an exhausted budget leaves out the oldest ones. If
    ``known`` has the runs of the period, nothing is requested.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    if known is not None and known.covers(repository, created_from):
        found = tuple(
            run
            for run in known.created(created_from, created_to)
            if branch in (None, run.head_branch)
            and event in (None, run.event)
            and head_sha in (None, run.head_sha)
        )
        return PaginatedList(items=found, total=len(found), complete=True)
    filters = {"branch": branch, "event": event, "head_sha": head_sha}
    query = {name: value for name, value in filters.items() if value is not None}
    path = f"/repos/{repository}/actions/runs"
    return _list_windows(client, path, f"runs of {repository}", query, (created_from, created_to))


def newest_runs_of_workflow(
    client: GitHubClient, repository: str, workflow: int | str
) -> Iterator[Run]:
    """Yield the runs of a workflow, the newest first, page by page.

    ``workflow`` is its number or its file, with or without the folder. The list has no filter:
    GitHub's filtered lists are those of a search, which lacks new runs for a while
    (https://github.com/max-sixty/tend/pull/348).

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`; NotFoundError if the
            workflow does not exist.
    """
    what = f"runs of workflow {workflow} of {repository}"
    for page in client.pages(_workflow_path(repository, workflow), "workflow_runs", what):
        yield from filter(None, (_parse_run(item, what) for item in page))


def last_successful_run(
    client: GitHubClient,
    repository: str,
    workflow: int | str,
    *,
    before: datetime,
    event: str | None = None,
) -> Run | None:
    """Return the latest successful run of a workflow among those created before a time.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `newest_runs_of_workflow`.
    """
    query = {
        "status": "success",
        "created": f"<{_format_time(before)}",
        **({"event": event} if event else {}),
    }
    what = f"runs of workflow {workflow} of {repository}"
    items, _ = _read_page(client, _workflow_path(repository, workflow), what, query, 1)
    runs = filter(None, (_parse_run(item, what) for item in items))
    return max(runs, key=lambda run: (run.created_at, run.id), default=None)


def successful_runs(
    client: GitHubClient, run: Run, *, most: int, branch: str = "", event: str = ""
) -> tuple[Run, ...]:
    """Return up to ``most`` successful runs of a run's workflow that were created before it.

    They are the newest, without their jobs, on a branch or of an event if one is named. It takes
    one request.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    name = run.repository.full_name
    what = f"successful runs of workflow {run.workflow} of {name}"
    filters = {"branch": branch, "event": event}
    items, _ = _read_page(
        client,
        _workflow_path(name, run.workflow_id or run.path.partition("@")[0]),
        what,
        {
            "status": "success",
            "created": f"<{_format_time(run.created_at)}",
            # They would be most of the response.
            "exclude_pull_requests": "true",
            **{key: value for key, value in filters.items() if value},
        },
        1,
        size=most,
    )
    return tuple(filter(None, (_parse_run(item, what) for item in items)))


def _workflow_path(repository: str, workflow: int | str) -> str:
    file = str(workflow).rpartition("/")[2]
    return f"/repos/{repository}/actions/workflows/{quote(file, safe='')}/runs"


def _list_windows(
    client: GitHubClient, path: str, what: str, query: Query, period: tuple[datetime, datetime]
) -> PaginatedList[Run]:
    """Return the runs of a period, in windows of time that hold fewer than 1,000 runs."""
    runs: dict[int, Run] = {}
    complete = True
    begin, end = (time.astimezone(timezone.utc).replace(microsecond=0) for time in period)
    windows = [(begin, end)] if begin <= end else []
    while windows:
        begin, end = windows.pop()
        created = f"{_format_time(begin)}..{_format_time(end)}"
        read_page = partial(_read_page, client, path, what, {**query, "created": created})
        try:
            items, total = read_page(1)
            # A window that GitHub would cut is halved, down to one second.
            if total >= MOST_FOUND and begin < end:
                middle = begin + (end - begin) // _SECOND // 2 * _SECOND
                windows += [(begin, middle), (middle + _SECOND, end)]
                continue
            last_page = -(-min(total, MOST_FOUND) // _PAGE_SIZE)
            for page_items, _ in client.run_concurrently(read_page, range(2, last_page + 1)):
                items += page_items
        except BudgetExceeded:
            complete = False
            break
        parsed = [_parse_run(item, what) for item in items]
        in_window = {run.id: run for run in parsed if run is not None}
        runs |= in_window
        complete = complete and None not in parsed and len(in_window) >= total
    return PaginatedList(items=tuple(runs[number] for number in sorted(runs)), complete=complete)


def _read_page(
    client: GitHubClient,
    path: str,
    what: str,
    query: Query,
    number: int,
    *,
    size: int = _PAGE_SIZE,
) -> tuple[list[Any], int]:
    """Return the items of a page, and the number of items that GitHub reports for the list."""
    payload = client.get(path, what, **query, per_page=size, page=number)
    items = payload.get("workflow_runs") if isinstance(payload, dict) else None
    if not isinstance(items, list):
        raise PayloadError(f"GitHub returned a damaged response for {what}: no list in it")
    return items, read.number(payload, "total_count") or 0


def _parse_run(item: Any, what: str) -> Run | None:
    try:
        return parse_run(item, where=what)
    except PayloadError:
        return None


def _format_time(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# Repositories by name.


def repository_named(full_name: str | None, home: Repository) -> Repository:
    """Return the repository of that name on the server of ``home``; ``home`` itself for None."""
    if full_name is None or fold(full_name) == fold(home.full_name):
        return home
    owner, _, name = full_name.partition("/")
    url = home.url.removesuffix(home.full_name) + full_name
    return Repository(host=home.host, owner=owner, name=name, url=url)


def read_repository(client: GitHubClient, full_name: str) -> Repository:
    """Return the repository of a name such as `acme/shop`, with the name that GitHub gives it.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"repository {full_name}"
    payload = client.get(f"/repos/{full_name}", what)
    return parse_repository(payload if isinstance(payload, dict) else {}, where=what)


def read_default_branch(client: GitHubClient, full_name: str) -> str:
    """Return the name of a repository's default branch; empty if GitHub does not name it.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    payload = client.get(f"/repos/{full_name}", f"repository {full_name}")
    return read.text(payload if isinstance(payload, dict) else {}, "default_branch") or ""


# GitHub's API lags a few seconds behind the runner.


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """The run as last read; ``shown`` is true if the condition was met in time."""

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
    """Read the run with ``again`` until it meets the condition ``shown``, or time is up.

    The wait takes at most 15 s and a third of the remaining time, so that there is time to export.
    GitHub usually needs a second or two, so the pauses become longer.
    """
    left = min(LONGEST_WAIT_SECONDS, deadline.remaining() / 3)
    pause = _POLL_INTERVAL_SECONDS
    while not shown(run):
        if left < pause:
            return Waited(run=run, shown=False)
        if pause == _POLL_INTERVAL_SECONDS:  # once, before the first pause
            log.info(f"waiting for GitHub to show {what}")
        deadline.sleep(pause)
        left -= pause
        pause += _POLL_INTERVAL_SECONDS
        run = again(run)
    return Waited(run=run, shown=True)
