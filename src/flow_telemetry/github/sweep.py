"""Pull requests, issues and deployments that ended in a period: for a sweep.

GitHub sorts the lists by the last update, which comes with the end or after it. So each list is
read from its newest item back to the start of the period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import parse_deployment, with_statuses
from flow_telemetry.github.payloads import parse_changes
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.model import Change, Deployment, Repository
from flow_telemetry.rules.deployments import final_statuses
from flow_telemetry.rules.intervals import Interval

# 10,000 items, with 100 on a page.
MOST_PAGES = 100
# A job waits at most 30 days for its approval, and runs at most 5 days on a self-hosted runner:
# https://docs.github.com/en/actions/reference/limits
LONGEST_DEPLOYMENT = timedelta(days=35)


def closed_changes(
    client: GitHubClient, repository: Repository, window: Interval
) -> PaginatedList[Change]:
    """Return pull requests that were merged or closed in a period and are closed now, in order.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"pull requests of {repository.full_name}"
    path = f"/repos/{repository.full_name}/pulls"
    updated, complete = _list_updated(client, path, what, window.start, state="closed")
    changes = [
        change for change in parse_changes(updated, repository) if window.holds(change.closed_at)
    ]
    changes.sort(key=lambda change: (change.closed_at or window.start, change.number))
    return PaginatedList(items=tuple(changes), complete=complete)


def closed_issues(
    client: GitHubClient, repository: Repository, window: Interval
) -> PaginatedList[int]:
    """Return numbers of issues that were closed in a period, in that order.

    Issues that were reopened in it are included, since they may have been closed in it before.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"issues of {repository.full_name}"
    path = f"/repos/{repository.full_name}/issues"
    updated, complete = _list_updated(client, path, what, window.start, state="all")
    closed = sorted(
        (time, number)
        for item in updated
        # GitHub's list of issues contains the pull requests as well.
        if "pull_request" not in item
        and (number := read.number(item, "number"))
        and (time := _closed_or_reopened(item, window))
    )
    return PaginatedList(items=tuple(number for _, number in closed), complete=complete)


def _closed_or_reopened(issue: Payload, window: Interval) -> datetime | None:
    closed_at = read.time(issue, "closed_at")
    if closed_at is not None:
        return closed_at if window.holds(closed_at) else None
    reopened = read.text(issue, "state_reason") == "reopened"
    return read.time(issue, "updated_at") if reopened else None


def ended_deployments(
    client: GitHubClient, repository: Repository, window: Interval
) -> PaginatedList[Deployment]:
    """Return deployments that had a final status in a period, by number.

    GitHub sorts them by creation. So those created up to 35 days before the period are listed, and
    the statuses of those that were updated since its start are read.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    path = f"/repos/{repository.full_name}/deployments"
    earliest = window.start - LONGEST_DEPLOYMENT
    items, complete = _read_back_to(earliest, client.pages(path, None, what), "created_at")
    updated = [
        parse_deployment(item, repository, where=what)
        for item in items
        if (time := read.time(item, "updated_at")) is None or time >= window.start
    ]
    ended: dict[int, Deployment] = {}
    try:
        for deployment in with_statuses(client, updated):
            if any(window.holds(status.time) for status in final_statuses(deployment)):
                ended[deployment.id] = deployment
    except BudgetExceeded:
        return PaginatedList(complete=False)
    return PaginatedList(items=tuple(ended[number] for number in sorted(ended)), complete=complete)


def _list_updated(
    client: GitHubClient, path: str, what: str, since: datetime, *, state: str
) -> tuple[list[Payload], bool]:
    """Return the items in a state that were updated since then, and whether they are all."""
    read_pages = partial(
        client.pages, path, None, what, state=state, sort="updated", direction="desc"
    )
    items, complete = _read_back_to(since, read_pages(), "updated_at")
    try:
        # An item that is updated during the reading moves to the front, to pages already read.
        moved = _list_moved(read_pages, items) if len(items) >= 100 else []
    except BudgetExceeded:
        return items, False
    by_number = {read.number(item, "number"): item for item in (*items, *moved)}
    return list(by_number.values()), complete


def _read_back_to(
    since: datetime, pages: Iterable[list[Any]], key: str
) -> tuple[list[Payload], bool]:
    """Return the items of a list, newest first, back to ``since``, and whether they are all.

    ``key`` names the time by which the list is sorted.
    """
    recent: list[Payload] = []
    try:
        for count, page in enumerate(pages, 1):
            items = [item for item in page if isinstance(item, dict)]
            times = [read.time(item, key) for item in items]
            fresh = [item for item, t in zip(items, times, strict=True) if t is None or t >= since]
            recent += fresh
            if len(fresh) < len(items):
                break
            if count >= MOST_PAGES:
                return recent, False
    except BudgetExceeded:
        return recent, False
    return recent, True


def _list_moved(
    read_pages: Callable[[], Iterator[list[Any]]], earlier: list[Payload]
) -> list[Payload]:
    """Return the items that moved to the front of a list since it was read."""
    seen = {(read.number(item, "number"), read.text(item, "updated_at")) for item in earlier}
    moved: list[Payload] = []
    for page in read_pages():
        items = [item for item in page if isinstance(item, dict)]
        new = [
            item
            for item in items
            if (read.number(item, "number"), read.text(item, "updated_at")) not in seen
        ]
        moved += new
        if len(new) < len(items):
            break
    return moved
