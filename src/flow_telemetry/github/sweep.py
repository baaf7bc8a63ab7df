"""What ended in a time: pull requests, issues and deployments, for whoever no event told of it.

A time is from ``since`` up to, but without, ``until``, so that times that meet lose and repeat
nothing. GitHub sorts by the last update, which comes with the end or after it, so that a list is
read from its newest item back to ``since``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import parse_deployment, with_statuses
from flow_telemetry.github.payloads import parse_changes
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Change, Deployment, Repository

# 10,000 items, of 100 a page.
MOST_PAGES = 100
# A job waits for its approval at most 30 days, and then runs at most 5 on a machine of its own:
# https://docs.github.com/en/actions/reference/limits
LONGEST_DEPLOYMENT = timedelta(days=35)
ENDS = frozenset({"success", "failure", "error"})


@dataclass(frozen=True, slots=True)
class Window:
    """A time from ``since`` up to, but without, ``until``."""

    since: datetime
    until: datetime

    def holds(self, instant: datetime | None) -> bool:
        """Whether an instant is in it."""
        return instant is not None and self.since <= instant < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedChanges:
    """Pull requests in order of their closing; ``complete`` is False where more were closed."""

    changes: tuple[Change, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedIssues:
    """Numbers of issues in order of their closing; ``complete`` is as above."""

    numbers: tuple[int, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedDeployments:
    """Deployments with statuses in order of their numbers; ``complete`` is as above."""

    deployments: tuple[Deployment, ...] = ()
    complete: bool = True


def closed_changes(client: GitHubClient, repository: Repository, window: Window) -> ClosedChanges:
    """Return the pull requests that were merged or closed in a time, and are closed now.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"pull requests of {repository.full_name}"
    path = f"/repos/{repository.full_name}/pulls"
    found = _updated_since(client, path, what, window.since)
    changes = [
        change
        for change in parse_changes(found.items, repository)
        if window.holds(change.closed_at)
    ]
    changes.sort(key=lambda change: (change.closed_at or window.since, change.number))
    return ClosedChanges(changes=tuple(changes), complete=found.complete)


def closed_issues(client: GitHubClient, repository: Repository, window: Window) -> ClosedIssues:
    """Return the issues that were closed in a time, and are closed now; no pull requests.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"issues of {repository.full_name}"
    path = f"/repos/{repository.full_name}/issues"
    found = _updated_since(client, path, what, window.since)
    closed = sorted(
        (closed_at, number)
        for item in found.items
        if "pull_request" not in item
        and (number := read.number(item, "number"))
        and (closed_at := read.time(item, "closed_at"))
        and window.holds(closed_at)
    )
    return ClosedIssues(numbers=tuple(number for _, number in closed), complete=found.complete)


def ended_deployments(
    client: GitHubClient, repository: Repository, window: Window
) -> EndedDeployments:
    """Return the deployments that succeeded or failed for the first time in a time.

    GitHub lists them by their creation, so that it is asked for what was created up to 35 days
    before, and for the statuses of those that were updated since.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    path = f"/repos/{repository.full_name}/deployments"
    earliest = window.since - LONGEST_DEPLOYMENT
    listed = _newest_first(client.pages(path, None, what), "created_at", earliest)
    touched = [
        parse_deployment(item, repository, where=what)
        for item in listed.items
        if (updated := read.time(item, "updated_at")) is None or updated >= window.since
    ]
    try:
        found = with_statuses(client, touched)
    except BudgetExceeded:
        return EndedDeployments(complete=False)
    ended = {each.id: each for each in found if window.holds(_ended_at(each))}
    return EndedDeployments(
        deployments=tuple(ended[number] for number in sorted(ended)), complete=listed.complete
    )


def _ended_at(deployment: Deployment) -> datetime | None:
    return next((each.time for each in deployment.statuses if each.state in ENDS), None)


@dataclass(frozen=True, slots=True)
class _Listed:
    items: list[Payload]
    complete: bool


def _updated_since(client: GitHubClient, path: str, what: str, since: datetime) -> _Listed:
    """The closed ones that were updated since, each as it was read last."""

    def pages() -> Iterator[list[Any]]:
        return client.pages(path, None, what, state="closed", sort="updated", direction="desc")

    listed = _newest_first(pages(), "updated_at", since)
    try:
        # What is updated while a list is read moves to its front, past who reads it.
        again = _moved_to_front(pages, listed.items) if len(listed.items) >= 100 else []
    except BudgetExceeded:
        return _Listed(listed.items, complete=False)
    each_once = {read.number(item, "number"): item for item in (*listed.items, *again)}
    return _Listed(list(each_once.values()), listed.complete)


def _newest_first(pages: Iterable[list[Any]], by: str, since: datetime) -> _Listed:
    """The items of a list down to ``since``, as far as the budget of requests allows."""
    found: list[Payload] = []
    try:
        for count, page in enumerate(pages, 1):
            items = [item for item in page if isinstance(item, dict)]
            times = [read.time(item, by) for item in items]
            fresh = [item for item, t in zip(items, times, strict=True) if t is None or t >= since]
            found += fresh
            if len(fresh) < len(items):
                break
            if count >= MOST_PAGES:
                return _Listed(found, complete=False)
    except BudgetExceeded:
        return _Listed(found, complete=False)
    return _Listed(found, complete=True)


def _moved_to_front(
    pages: Callable[[], Iterator[list[Any]]], known: list[Payload]
) -> list[Payload]:
    """The items that came to the front of a list since it was read."""
    seen = {(read.number(item, "number"), read.text(item, "updated_at")) for item in known}
    found: list[Payload] = []
    for page in pages():
        items = [item for item in page if isinstance(item, dict)]
        new = [
            item
            for item in items
            if (read.number(item, "number"), read.text(item, "updated_at")) not in seen
        ]
        found += new
        if len(new) < len(items):
            break
    return found
