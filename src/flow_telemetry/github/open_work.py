"""Open issues and pull requests of a repository, and its runs that have not ended, as of now.

The counts are those of GraphQL's connections, which are exact. A search is not: it lags, ends at
1,000 items, and may be cut (`incomplete_results`).
https://docs.github.com/en/rest/search/search
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from flow_telemetry.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    NotFoundError,
    PayloadError,
    SourceError,
)
from flow_telemetry.github.ahead import read_ahead, timeline_target
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.graphql import GraphqlResponse, OlderSchemaError
from flow_telemetry.github.issues import TRACKER, parse_node_actor
from flow_telemetry.github.payloads import parse_run
from flow_telemetry.github.queries import unread_error, value_at
from flow_telemetry.github.runs import read_jobs
from flow_telemetry.github.timeline import read_timeline
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.model import Change, Repository, Run, StatusCategory
from flow_telemetry.rules.open_work import (
    MOST_TYPES,
    ActiveRuns,
    OpenChanges,
    OpenItems,
    PresentPhase,
    present_phase,
)

# Issues: one count for each type and category

_TYPES = """
query IssueTypes($owner: String!, $name: String!, $most: Int!) {
  repository(owner: $owner, name: $name) { issueTypes(first: $most) { nodes { name } } }
}
"""
_OLDEST_FIRST = "orderBy: {field: CREATED_AT, direction: ASC}"
# GitHub ends a query after 10 seconds, and counts the issues of a type by a search.
_TYPES_OF_A_QUERY = 10
# An issue without a status is in progress from its assignment on. "Pass in `null` for issues with
# no assigned user, and `*` for issues assigned to any user", by the schema of `IssueFilters`.
_ASSIGNEES = {StatusCategory.TO_DO: "null", StatusCategory.IN_PROGRESS: '"*"'}


def read_open_issues(
    client: GitHubClient, repository: Repository, *, by_assignment: bool
) -> list[OpenItems]:
    """Return the numbers of open issues by type and category, by two requests up to ten types.

    Without ``by_assignment`` their category is unknown. The oldest issue without a type may be
    unknown if there are many others.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    types = _read_types(client, repository)
    categories = (*_ASSIGNEES,) if by_assignment else (None,)
    groups = [
        types[begin : begin + _TYPES_OF_A_QUERY]
        for begin in range(0, max(1, len(types)), _TYPES_OF_A_QUERY)
    ]
    found: list[OpenItems] = []
    of_all: dict[StatusCategory | None, Payload] = {}
    for group in groups:
        counted = _count_issues(client, repository, categories, group)
        for number, category in enumerate(categories):
            of_all[category] = read.child(counted, f"c{number}")
            for position, name in enumerate(group):
                connection = read.child(counted, f"c{number}t{position}")
                found.append(_open_items(repository, name, category, connection))
    for category, connection in of_all.items():
        typed = sum(each.count for each in found if each.category is category)
        found.append(_without_type(repository, category, connection, typed))
    return found


def _read_types(client: GitHubClient, repository: Repository) -> tuple[str, ...]:
    """Return the names of the issue types, none for an account or a server without types."""
    what = f"issue types of {repository.full_name}"
    owner, name = repository.owner, repository.name
    try:
        response = client.query(_TYPES, what, owner=owner, name=name, most=MOST_TYPES)
    except OlderSchemaError:
        return ()
    types = value_at(response.data, ("repository", "issueTypes"))
    return tuple(filter(None, (read.text(node, "name") for node in read.children(types, "nodes"))))


def _count_issues(
    client: GitHubClient,
    repository: Repository,
    categories: Sequence[StatusCategory | None],
    types: Sequence[str],
) -> Payload:
    """Return the connections `c0` of the categories, and `c0t0` of their issues of each type."""
    fields = []
    for number, category in enumerate(categories):
        filters = [f"assignee: {_ASSIGNEES[category]}"] if category else []
        # An older server does not know the types.
        node = "createdAt issueType { name }" if types else "createdAt"
        fields.append(_issues(f"c{number}", 100, filters, node))
        fields += [
            _issues(f"c{number}t{position}", 1, [*filters, f"type: $t{position}"], "createdAt")
            for position in range(len(types))
        ]
    declared = "".join(f", $t{position}: String!" for position in range(len(types)))
    graphql = (
        f"query OpenIssues($owner: String!, $name: String!{declared}) "
        f"{{ repository(owner: $owner, name: $name) {{ {' '.join(fields)} }} }}"
    )
    names = {f"t{position}": name for position, name in enumerate(types)}
    what = f"open issues of {repository.full_name}"
    response = client.query(graphql, what, owner=repository.owner, name=repository.name, **names)
    return _whole_repository(client, response, what)


def _issues(alias: str, first: int, filters: Sequence[str], node: str) -> str:
    chosen = f", filterBy: {{{', '.join(filters)}}}" if filters else ""
    return (
        f"{alias}: issues(states: OPEN, first: {first}, {_OLDEST_FIRST}{chosen}) "
        f"{{ totalCount nodes {{ {node} }} }}"
    )


def _open_items(
    repository: Repository, item_type: str, category: StatusCategory | None, connection: Payload
) -> OpenItems:
    times = (read.time(node, "createdAt") for node in read.children(connection, "nodes"))
    return OpenItems(
        tracker=TRACKER,
        repository=repository,
        type=item_type,
        category=category,
        count=read.number(connection, "totalCount") or 0,
        oldest=min(filter(None, times), default=None),
    )


def _without_type(
    repository: Repository, category: StatusCategory | None, connection: Payload, typed: int
) -> OpenItems:
    """Return the issues without a type: all of a category but the ``typed`` ones.

    The oldest is known if it is one of the first 100 of the category.
    """
    nodes = [n for n in read.children(connection, "nodes") if not read.child(n, "issueType")]
    items = _open_items(repository, "", category, {**connection, "nodes": nodes})
    return replace(items, count=max(0, items.count - typed))


def _whole_repository(client: GitHubClient, response: GraphqlResponse, what: str) -> Payload:
    """Return the repository of a response.

    Raises:
        SourceError: a part of it could not be read.
    """
    found = read.child(response.data, "repository")
    if response.errors or not found:
        raise unread_error(client, response, what)
    return found


# Pull requests: their number, and the phases of the oldest

_CHANGES = """
query OpenChanges($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(
      states: OPEN, first: 100, after: $after, orderBy: {field: CREATED_AT, direction: ASC}
    ) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { number createdAt isDraft author { __typename login } }
    }
  }
}
"""
_MOST_PAGES_OF_CHANGES = 10
# Of GITHUB_TOKEN's 1,000 points an hour and repository, a sweep takes a tenth for the phases.
MOST_CHANGES_BY_PHASE = 100
_CONCURRENT = 10


def read_open_changes(client: GitHubClient, repository: Repository) -> OpenChanges:
    """Return the open pull requests, of more than 1,000 only the oldest, 100 by a request.

    If the budget or the time ends after the first page, those of the pages before it.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    what = f"open pull requests of {repository.full_name}"
    names = {"owner": repository.owner, "name": repository.name}
    changes: dict[int, Change] = {}
    after: str | None = None
    total = 0
    for number in range(_MOST_PAGES_OF_CHANGES):
        try:
            response = client.query(_CHANGES, what, **names, after=after)
        except (BudgetExceeded, DeadlineExceeded):
            if not number:
                raise
            break
        connection = read.child(_whole_repository(client, response, what), "pullRequests")
        total = read.number(connection, "totalCount") or 0
        changes |= {
            change.number: change
            for node in read.children(connection, "nodes")
            if (change := _parse_open_change(node, repository)) is not None
        }
        page = read.child(connection, "pageInfo")
        after = read.text(page, "endCursor")
        if not read.flag(page, "hasNextPage") or after is None:
            break
    return OpenChanges(repository=repository, total=total, changes=tuple(changes.values()))


def _parse_open_change(node: Payload, repository: Repository) -> Change | None:
    number, created_at = read.number(node, "number"), read.time(node, "createdAt")
    if not number or created_at is None:
        return None
    return Change(
        repository=repository,
        number=number,
        state="open",
        created_at=created_at,
        draft=read.flag(node, "isDraft"),
        author=parse_node_actor(read.child(node, "author")),
    )


def with_phases(
    client: GitHubClient, opened: OpenChanges, now: datetime, may_go_on: Callable[[], bool]
) -> OpenChanges:
    """Return the open pull requests with the phases of the oldest, ten by a query.

    At most `MOST_CHANGES_BY_PHASE` are read, while ``may_go_on``.
    """
    phases: list[PresentPhase] = []
    unread: list[str] = []
    done = 0
    oldest = opened.changes[:MOST_CHANGES_BY_PHASE]

    def read_one(change: Change) -> tuple[PresentPhase | None, str | None]:
        try:
            timeline = read_timeline(client, change.repository.full_name, change.number)
        except (BudgetExceeded, DeadlineExceeded):
            return None, ""
        except SourceError as error:
            return None, str(error)
        if not timeline.complete:
            return None, ""
        return present_phase(replace(change, timeline=timeline.events), now), None

    for begin in range(0, len(oldest), _CONCURRENT):
        if not may_go_on():
            break
        group = oldest[begin : begin + _CONCURRENT]
        read_ahead(
            client,
            opened.repository,
            [timeline_target(client, change.repository, change.number) for change in group],
        )
        for phase, reason in client.run_concurrently(read_one, group):
            done += reason is None
            phases += [phase] if phase else []
            unread += [reason] if reason else []
    return replace(opened, phases=tuple(phases), read=done, unread=tuple(dict.fromkeys(unread)))


# Runs and their jobs

# GitHub's words for a run that has not ended, from the last to the first that it passes: a run
# that moves on while the lists are read is on one of them at least.
_ACTIVE = ("in_progress", "queued", "waiting", "pending", "requested")
# Of these the jobs are read: those of the other runs wait for something else than a runner.
_WITH_JOBS = ("in_progress", "queued")
_MOST_PAGES_OF_RUNS = 3
MOST_RUNS_WITH_JOBS = 50


def list_active_runs(client: GitHubClient, repository: Repository) -> ActiveRuns:
    """Return the runs that have not ended, of each status the latest 300, without their jobs.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"active runs of {repository.full_name}"
    runs: dict[int, Run] = {}
    incomplete = False
    # From the first to the last status, so that the latest state of a run counts.
    for status in reversed(_ACTIVE):
        path = f"/repos/{repository.full_name}/actions/runs"
        pages = client.pages(path, "workflow_runs", what, status=status)
        for number, items in enumerate(pages, 1):
            runs |= {run.id: run for run in _parse_runs(items, what) if not run.completed}
            if number == _MOST_PAGES_OF_RUNS:
                incomplete = incomplete or len(items) == 100
                break
    return ActiveRuns(runs=tuple(runs.values()), incomplete=incomplete)


def with_queued_jobs(
    client: GitHubClient, active: ActiveRuns, may_go_on: Callable[[], bool]
) -> ActiveRuns:
    """Return the runs with the jobs of 50 in progress or queued, the oldest first.

    They are read while ``may_go_on``; ``unread`` has the errors.
    """
    runs = {run.id: run for run in active.runs}
    with_jobs = sorted(
        (run for run in runs.values() if run.status in _WITH_JOBS),
        key=lambda run: (run.created_at, run.id),
    )
    unread: list[str] = []
    for run in _with_jobs(client, with_jobs[:MOST_RUNS_WITH_JOBS], may_go_on, unread):
        runs[run.id] = run
    missing = any(not runs[run.id].jobs_complete or not runs[run.id].jobs for run in with_jobs)
    return ActiveRuns(
        runs=tuple(runs[number] for number in sorted(runs)),
        incomplete=active.incomplete,
        jobs_incomplete=active.incomplete or missing,
        unread=tuple(dict.fromkeys(unread)),
    )


def _parse_runs(items: Iterable[object], what: str) -> Iterator[Run]:
    for item in items:
        try:
            yield parse_run(item, where=what)
        except PayloadError:
            continue


def _with_jobs(
    client: GitHubClient, runs: Sequence[Run], may_go_on: Callable[[], bool], unread: list[str]
) -> Iterator[Run]:
    """Yield the runs with their jobs; append the errors to ``unread``."""

    def read_one(run: Run) -> Run:
        try:
            return read_jobs(client, run)
        except (BudgetExceeded, DeadlineExceeded, NotFoundError):
            return run  # A run that was deleted meanwhile is not found.
        except SourceError as error:
            unread.append(str(error))
            return run

    for begin in range(0, len(runs), _CONCURRENT):
        if not may_go_on():
            return
        yield from client.run_concurrently(read_one, runs[begin : begin + _CONCURRENT])
