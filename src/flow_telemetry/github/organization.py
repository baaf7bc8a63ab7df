"""Repositories of an organization: those that the token can read, and what happened in each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from flow_telemetry.errors import (
    AccessDeniedError,
    BudgetExceeded,
    DeadlineExceeded,
    NotFoundError,
    PayloadError,
    SourceError,
)
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import parse_repository
from flow_telemetry.github.runs import read_repository
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import Repository
from flow_telemetry.text import counted

# GitHub allows no other characters.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
# A hundredth of a point of GraphQL's limit for each list of a repository.
_BATCH = 25
# More things since the last sweep than this count as so many: the number only balances shards.
MOST_COUNTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRepository:
    """A repository as lists have it."""

    repository: Repository
    private: bool = False
    archived: bool = False
    disabled: bool = False
    fork: bool = False


def list_repositories(client: GitHubClient, organization: str) -> PaginatedList[ListedRepository]:
    """Return the repositories of an organization that the token may read.

    For a token of a GitHub App these are the ones that the App is installed in.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`; NotFoundError if the
            token sees no such organization, or none of its repositories.
    """
    what = f"repositories of {organization}"
    try:
        listed = client.list_all("/installation/repositories", "repositories", what)
    except (AccessDeniedError, NotFoundError):
        # Another token than one of an installation: of a person, for example.
        try:
            listed = client.list_all(f"/orgs/{organization}/repos", None, what)
        except NotFoundError:
            raise NotFoundError(
                f"GitHub shows no organization {organization} to the token: check the login in "
                "`organization`. The repositories of a person are swept one by one"
            ) from None
    found = [each for each in map(_parse_listed, listed.items) if each is not None]
    own = tuple(each for each in found if fold(each.repository.owner) == fold(organization))
    if not own:
        raise NotFoundError(
            f"the token can read no repository of {organization}: install the GitHub App in that "
            "organization, and give its token as `github-token`"
        )
    return PaginatedList(items=own, total=listed.total, complete=listed.complete)


def _parse_listed(item: object) -> ListedRepository | None:
    payload: Payload = item if isinstance(item, dict) else {}
    try:
        repository = parse_repository(payload, where="a repository of a list")
    except PayloadError:
        return None
    if not _NAME.fullmatch(repository.name):
        return None  # It would be more than a name in the settings of a shard.
    return ListedRepository(
        repository=repository,
        private=payload.get("private") is not False,
        archived=read.flag(payload, "archived"),
        disabled=read.flag(payload, "disabled"),
        fork=read.flag(payload, "fork"),
    )


def read_present_name(client: GitHubClient, full_name: str) -> str | None:
    """Return the name of a repository today, to which GitHub redirects; None if it is gone.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    try:
        return read_repository(client, full_name).full_name
    except (AccessDeniedError, NotFoundError):
        return None


# Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThings:
    """Numbers of runs, closings and deployments since a time, as far as they can be read.

    ``unread`` are the lists that could not be read, such as `issues`, and ``reason`` is why the
    first of them could not.
    """

    runs: int = 0
    closings: int = 0
    deployments: int = 0
    unread: tuple[str, ...] = ()
    reason: str = ""


def count_new_things(
    client: GitHubClient, since: Mapping[str, datetime], *, with_runs: bool
) -> dict[str, NewThings]:
    """Return what happened in each repository (`acme/shop`) since a time of its own.

    A request for 25 repositories, and with runs one more for each. A repository that the budget
    ended before is not in the result.
    """
    names = sorted(since)
    batches = [names[begin : begin + _BATCH] for begin in range(0, len(names), _BATCH)]
    counted: dict[str, NewThings] = {}
    for found in client.run_concurrently(lambda batch: _count_batch(client, batch, since), batches):
        counted |= found
    if not with_runs:
        return counted

    def with_number_of_runs(name: str) -> tuple[str, NewThings | None]:
        return name, _count_runs(client, name, since[name], counted[name])

    return {
        name: things
        for name, things in client.run_concurrently(with_number_of_runs, sorted(counted))
        if things is not None
    }


def _count_batch(
    client: GitHubClient, names: Sequence[str], since: Mapping[str, datetime]
) -> dict[str, NewThings]:
    try:
        counted = _query_activity(client, names, since, _CONNECTIONS)
        # A list that the token may not read is an error of the whole repository: its other lists
        # need queries of their own.
        denied = [name for name in names if counted[name].unread]
        counted |= {name: NewThings() for name in denied}
        for connection in _CONNECTIONS if denied else ():
            found = _query_activity(client, denied, since, [connection])
            for name in denied:
                counted[name] = _join(counted[name], found[name])
    except (BudgetExceeded, DeadlineExceeded):
        return {}
    return counted


def _join(one: NewThings, other: NewThings) -> NewThings:
    return NewThings(
        runs=one.runs + other.runs,
        closings=one.closings + other.closings,
        deployments=one.deployments + other.deployments,
        unread=one.unread + other.unread,
        reason=one.reason or other.reason,
    )


def _query_activity(
    client: GitHubClient,
    names: Sequence[str],
    since: Mapping[str, datetime],
    connections: Collection[str],
) -> dict[str, NewThings]:
    """Return what some lists of repositories have since a time of its own for each.

    Raises:
        BudgetExceeded, DeadlineExceeded: as `GitHubClient.query`.
    """
    what = f"what happened in {counted(len(names), 'repository')}"
    variables = {f"{part}{n}": text for n, name in enumerate(names) for part, text in _parts(name)}
    try:
        response = client.query(_activity_query(len(names), connections), what, **variables)
    except SourceError as error:
        unread = tuple(_NAMES[each] for each in connections)
        return {name: NewThings(unread=unread, reason=str(error)) for name in names}
    reason = "; ".join(response.errors) or "GitHub did not give it"
    return {
        name: _parse_activity(read.child(response.data, f"r{n}"), since[name], connections, reason)
        for n, name in enumerate(names)
    }


def _parts(name: str) -> Iterator[tuple[str, str]]:
    owner, _, short = name.partition("/")
    yield "owner", owner
    yield "name", short


def _activity_query(number: int, connections: Collection[str]) -> str:
    # Names are variables: a repository's name is never part of a query's text.
    declared = ", ".join(f"$owner{n}: String!, $name{n}: String!" for n in range(number))
    fields = "\n".join(
        f"  r{n}: repository(owner: $owner{n}, name: $name{n}) {{ ...Activity }}"
        for n in range(number)
    )
    lists = "\n".join(f"  {_CONNECTIONS[each]}" for each in connections)
    return f"""
query RepositoryActivity({declared}) {{
{fields}
}}
fragment Activity on Repository {{
{lists}
}}
"""


_NEWEST = f"first: {MOST_COUNTED}, orderBy: {{field: UPDATED_AT, direction: DESC}}"
_CREATED = f"first: {MOST_COUNTED}, orderBy: {{field: CREATED_AT, direction: DESC}}"
_CONNECTIONS = {
    "pullRequests": f"pullRequests({_NEWEST}, states: [CLOSED, MERGED]) {{ nodes {{ closedAt }} }}",
    "issues": f"issues({_NEWEST}, states: [CLOSED]) {{ nodes {{ closedAt }} }}",
    "deployments": f"deployments({_CREATED}) {{ nodes {{ createdAt }} }}",
}
_NAMES = {"pullRequests": "pull requests", "issues": "issues", "deployments": "deployments"}


def _parse_activity(
    payload: Payload, since: datetime, connections: Collection[str], reason: str
) -> NewThings:
    def count(connection: str, time: str) -> int:
        nodes = read.children(read.child(payload, connection), "nodes")
        times = (read.time(node, time) for node in nodes)
        return sum(each is not None and each >= since for each in times)

    unread = tuple(_NAMES[name] for name in connections if not payload.get(name))
    return NewThings(
        closings=count("pullRequests", "closedAt") + count("issues", "closedAt"),
        deployments=count("deployments", "createdAt"),
        unread=unread,
        reason=reason if unread else "",
    )


def _count_runs(
    client: GitHubClient, name: str, since: datetime, things: NewThings
) -> NewThings | None:
    created = since.astimezone(timezone.utc).strftime(">=%Y-%m-%dT%H:%M:%SZ")
    try:
        payload = client.get(
            f"/repos/{name}/actions/runs", f"runs of {name}", created=created, per_page=1
        )
        runs = read.number(payload if isinstance(payload, dict) else {}, "total_count") or 0
    except (BudgetExceeded, DeadlineExceeded):
        return None
    except SourceError as error:
        return _join(things, NewThings(unread=("runs",), reason=str(error)))
    return _join(things, NewThings(runs=runs))
