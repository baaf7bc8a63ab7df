"""Lists of workflow runs, without their jobs; of each run its latest attempt.

GitHub ends a filtered list at 1,000 runs, whatever it counts. So a list is walked by windows of
time, and a window that holds as many is halved, down to one second.
https://docs.github.com/en/rest/actions/workflow-runs
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from flow_telemetry.errors import BudgetExceeded, PayloadError
from flow_telemetry.model import Run
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_run

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
