"""Closings and deployments of a repository that are newer than a time: for a sweep.

GitHub sorts the lists by the last update, which comes with the end or after it. So each list is
read from its newest item back to that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.deployments import (
    deployments_path,
    parse_deployment,
    with_statuses,
)
from flow_telemetry.github.queries import unread_error
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.model import Deployment, Repository
from flow_telemetry.rules.intervals import Interval

# 10,000 items, with 100 on a page.
MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class Closed:
    """A pull request or issue, and the times at which it was closed, in order.

    ``pull`` is the item of a pull request in the list, as far as `parse_change` reads it.
    """

    number: int
    times: tuple[datetime, ...]
    pull: Payload | None = field(default=None, repr=False, compare=False)


def closed_changes(
    client: GitHubClient, repository: Repository, since: datetime
) -> PaginatedList[Closed]:
    """Return the pull requests that were updated since then and closed at any time.

    Those that were opened again are included.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`; BudgetExceeded as `GitHubClient.query`
    """
    what = f"pull requests of {repository.full_name}"
    path = f"/repos/{repository.full_name}/pulls"
    updated, complete = _list_updated(client, path, what, since)
    return _with_closings(client, repository, "pullRequest", updated, complete=complete)


def closed_issues(
    client: GitHubClient, repository: Repository, since: datetime
) -> PaginatedList[Closed]:
    """Return the issues that were updated since then and closed at any time, as `closed_changes`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `closed_changes`.
    """
    what = f"issues of {repository.full_name}"
    path = f"/repos/{repository.full_name}/issues"
    updated, complete = _list_updated(client, path, what, since)
    # GitHub's list of issues contains the pull requests as well.
    issues = [item for item in updated if "pull_request" not in item]
    return _with_closings(client, repository, "issue", issues, complete=complete)


# The list has the last closing only, and none of an item that was opened again.
_CLOSINGS = """
query Closings($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    %s
  }
}
"""
_CLOSINGS_OF = {
    "pullRequest": "n%d: pullRequest(number: %d) { timelineItems(last: 50, itemTypes: "
    "[CLOSED_EVENT, MERGED_EVENT]) { nodes { __typename ... on ClosedEvent { createdAt } "
    "... on MergedEvent { createdAt } } } }",
    "issue": "n%d: issue(number: %d) { timelineItems(last: 50, itemTypes: [CLOSED_EVENT]) "
    "{ nodes { __typename ... on ClosedEvent { createdAt } } } }",
}
_ITEMS_OF_A_QUERY = 50


def _with_closings(
    client: GitHubClient,
    repository: Repository,
    kind: str,
    items: Sequence[Payload],
    *,
    complete: bool,
) -> PaginatedList[Closed]:
    closed_at = {
        number: read.time(item, "closed_at")
        for item in items
        if (number := read.number(item, "number")) is not None
    }
    numbers = sorted(closed_at)
    pulls = {read.number(item, "number"): _shorten(item) for item in items if kind == "pullRequest"}
    groups = [
        numbers[begin : begin + _ITEMS_OF_A_QUERY]
        for begin in range(0, len(numbers), _ITEMS_OF_A_QUERY)
    ]
    read_group = partial(_read_closings, client, repository, kind)
    found = []
    for group, listed in zip(groups, client.run_concurrently(read_group, groups), strict=True):
        for number in group:
            nodes = read.children(
                read.child(read.child(listed, f"n{number}"), "timelineItems"), "nodes"
            )
            times = {read.time(node, "createdAt") for node in nodes} | {closed_at[number]}
            closings = tuple(sorted(time for time in times if time is not None))
            if closings:
                found.append(Closed(number, closings, pulls.get(number)))
    return PaginatedList(items=tuple(found), complete=complete)


def _shorten(pull: Payload) -> Payload:
    """Return the fields of a pull request that are read: GitHub gives some 20 kB of each."""
    base, head = read.child(pull, "base"), read.child(pull, "head")
    base_repo, head_repo = read.child(base, "repo"), read.child(head, "repo")
    user = pull.get("user")
    return {
        **{name: pull.get(name) for name in _FIELDS},
        "user": {name: user.get(name) for name in ("login", "type")}
        if isinstance(user, dict)
        else None,
        "labels": [{"name": each.get("name")} for each in read.children(pull, "labels")],
        "base": {
            "ref": base.get("ref"),
            "sha": base.get("sha"),
            "repo": {name: base_repo.get(name) for name in _BASE_FIELDS},
        },
        "head": {
            "ref": head.get("ref"),
            "sha": head.get("sha"),
            "repo": {"full_name": head_repo.get("full_name")} if head_repo else None,
        },
    }


_FIELDS = (
    *("number", "title", "state", "html_url", "draft", "merge_commit_sha"),
    *("created_at", "updated_at", "closed_at", "merged_at"),
)
_BASE_FIELDS = ("full_name", "html_url", "default_branch")


def _read_closings(
    client: GitHubClient, repository: Repository, kind: str, numbers: Sequence[int]
) -> Payload:
    fields = "\n    ".join(_CLOSINGS_OF[kind] % (number, number) for number in numbers)
    what = f"when pull requests or issues of {repository.full_name} were closed"
    response = client.query(_CLOSINGS % fields, what, owner=repository.owner, name=repository.name)
    listed = read.child(response.data, "repository")
    # One that was deleted meanwhile is null, with an error. If all are, the token cannot see them.
    if not any(listed.values()):
        raise unread_error(client, response, what)
    return listed


def updated_deployments(
    client: GitHubClient, repository: Repository, created: Interval, since: datetime
) -> PaginatedList[Deployment]:
    """Return the deployments that were updated since then, with their statuses, by number.

    GitHub sorts them by creation, so those that were ``created`` in an interval are listed.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    items, complete = list_deployments_since(client, repository, created.start)
    updated = [
        deployment
        for item in items
        if (time := read.time(item, "updated_at")) is None or time >= since
        if (deployment := parse_deployment(item, repository, where=what)).created_at < created.end
    ]
    found = {each.id: each for each in with_statuses(client, updated)}
    return PaginatedList(items=tuple(found[number] for number in sorted(found)), complete=complete)


def list_deployments_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[list[Payload], bool]:
    """Return the deployments that were created since then, and whether they are all.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    pages = client.pages(deployments_path(repository), None, what)
    return _read_back_to(since, pages, "created_at")


def _list_updated(
    client: GitHubClient, path: str, what: str, since: datetime
) -> tuple[list[Payload], bool]:
    """Return the items in any state that were updated since then, and whether they are all."""
    query = {"state": "all", "sort": "updated", "direction": "desc"}
    items, complete = _read_back_to(since, client.pages(path, None, what, **query), "updated_at")
    try:
        # An item that is updated during the reading moves to the front, to pages already read.
        moved = (
            _list_moved(client.fresh.pages(path, None, what, **query), items)
            if len(items) >= 100
            else []
        )
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


def _list_moved(pages: Iterable[list[Any]], earlier: list[Payload]) -> list[Payload]:
    """Return the items that moved to the front of a list since it was read."""
    seen = {(read.number(item, "number"), read.text(item, "updated_at")) for item in earlier}
    moved: list[Payload] = []
    for page in pages:
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
