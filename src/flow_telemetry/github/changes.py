"""Pull requests: candidates, commits, details, search."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry.errors import FlowTelemetryError, NotFoundError, PayloadError, SourceError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.graphql import GraphqlResponse
from flow_telemetry.github.payloads import parse_change, parse_changes
from flow_telemetry.github.queries import unread_error, value_at
from flow_telemetry.github.timeline import Timeline, read_timeline
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import PaginatedList, Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Edit, EditedField, Parentage, Repository, Run
from flow_telemetry.rules import parentage
from flow_telemetry.rules.lifecycle import CLOSINGS
from flow_telemetry.rules.parentage import Lookup

# The fields of a pull request in a GraphQL query.
CHANGE_FIELDS = """
number title state url createdAt closedAt mergedAt mergeCommit { oid }
baseRefName headRefName headRefOid
repository { nameWithOwner defaultBranchRef { name } }
headRepository { nameWithOwner }
"""


def parse_change_node(payload: Payload, repository: Repository) -> Change | None:
    """Return a pull request of ``repository`` from GraphQL.

    Return None if it belongs to another repository, or has no number or creation time.
    """
    number, created = read.number(payload, "number"), read.time(payload, "createdAt")
    base = read.child(payload, "repository")
    full_name = read.text(base, "nameWithOwner") or ""
    if not number or created is None or fold(full_name) != fold(repository.full_name):
        return None
    merged = read.time(payload, "mergedAt")
    return Change(
        repository=repository,
        number=number,
        title=read.text(payload, "title") or "",
        # REST has only "open" and "closed"; GraphQL has "MERGED" as well.
        state="open" if read.text(payload, "state") == "OPEN" else "closed",
        created_at=created,
        url=read.text(payload, "url") or "",
        closed_at=read.time(payload, "closedAt") or merged,
        merged_at=merged,
        merge_commit=read.text(read.child(payload, "mergeCommit"), "oid"),
        base_branch=read.text(payload, "baseRefName") or "",
        default_branch=read.text(read.child(base, "defaultBranchRef"), "name"),
        head_branch=read.text(payload, "headRefName") or "",
        head_sha=read.text(payload, "headRefOid") or "",
        head_repository=read.text(read.child(payload, "headRepository"), "nameWithOwner"),
    )


# GitHub ends a query after 10 seconds, and looks up the pull requests of every commit separately.
_COMMITS_A_QUERY = 50
_CHANGES = f"""
query CommitChanges($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Commit {{
      associatedPullRequests(first: 20) {{
        nodes {{ {CHANGE_FIELDS} }}
      }}
    }}
  }}
}}
"""
# First lines of GitHub's merge commits: "Merge pull request #7 from acme/x", "Add the cart (#7)".
_MERGED = re.compile(r"Merge pull request #([1-9][0-9]{0,9}) |.*\(#([1-9][0-9]{0,9})\)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The commits that one commit contains and another does not, as GitHub returned them.

    ``status`` is `ahead`, `behind`, `diverged` or `identical`, ``base_date`` the date of the common
    ancestor. ``complete`` is False if commits are missing.
    """

    status: str
    commits: tuple[Payload, ...] = ()
    complete: bool = True
    base_date: datetime | None = None


def compare_commits(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> Comparison | None:
    """Return the commits that ``head`` contains and ``base`` does not.

    Of a range of more than 250 commits only the newest 250 are read. ``what`` names the range in
    errors. Return None if GitHub cannot compare the two commits.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    if base == head:
        return Comparison(status="identical")
    try:
        payload, commits, complete = _commits_between(client, repository, base, head, what)
    except NotFoundError:
        return None
    return Comparison(
        status=read.text(payload, "status") or "",
        commits=commits,
        complete=complete,
        base_date=commit_date(read.child(payload, "merge_base_commit")),
    )


def commit_date(payload: Payload) -> datetime | None:
    """Return the committer's date of a commit of REST."""
    return read.time(read.child(read.child(payload, "commit"), "committer"), "date")


def changes_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> PaginatedList[Change] | None:
    """Return the pull requests of the commits that ``head`` contains and ``base`` does not.

    The list of a range of more than 250 commits is incomplete. Return None if GitHub cannot compare
    the two commits.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    comparison = compare_commits(client, repository, base, head, what)
    if comparison is None:
        return None
    commits = comparison.commits
    node_ids = [node_id for commit in commits if (node_id := read.text(commit, "node_id"))]
    by_commit = read_changes_by_commit(client, repository, node_ids)
    complete = comparison.complete and by_commit.complete and len(node_ids) == len(commits)
    changes = tuple(change for each in by_commit.changes.values() for change in each)
    return PaginatedList(items=changes, complete=complete)


def numbers_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> tuple[int, ...]:
    """Return the pull request numbers in the messages of GitHub's merge commits in a range.

    The commits of a merge queue do not belong to a pull request yet: only their messages name it.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    _, commits, _ = _commits_between(client, repository, base, head, what)
    messages = (read.text(read.child(commit, "commit"), "message") or "" for commit in commits)
    matches = (_MERGED.match(message.partition("\n")[0]) for message in messages)
    return tuple(dict.fromkeys(int(match[1] or match[2]) for match in matches if match))


def _commits_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> tuple[Payload, tuple[Payload, ...], bool]:
    """Return the comparison, its commits, and whether they are all commits of the range."""
    # Without a `page` parameter GitHub returns the newest 250 commits.
    comparison = client.get(f"/repos/{repository.full_name}/compare/{base}...{head}", what)
    if not isinstance(comparison, dict):
        raise PayloadError(f"GitHub returned a damaged response for {what}: not an object")
    commits = tuple(read.children(comparison, "commits"))
    return comparison, commits, read.number(comparison, "total_commits") == len(commits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesByCommit:
    """The pull requests of commits by GraphQL's ids; ``complete`` is False if some are missing."""

    changes: Mapping[str, tuple[Change, ...]]
    complete: bool


def read_changes_by_commit(
    client: GitHubClient, repository: Repository, node_ids: Sequence[str]
) -> ChangesByCommit:
    """Return the pull requests of each commit, 50 commits a request."""
    starts = range(0, len(node_ids), _COMMITS_A_QUERY)
    batches = [node_ids[start : start + _COMMITS_A_QUERY] for start in starts]
    what = f"pull requests of commits of {repository.full_name}"
    responses = client.run_concurrently(
        lambda batch: client.query(_CHANGES, what, ids=list(batch)), batches
    )
    changes: dict[str, tuple[Change, ...]] = {}
    for batch, response in zip(batches, responses, strict=True):
        changes.update(zip(batch, _parse_commits(client, response, repository, what), strict=False))
    return ChangesByCommit(changes=changes, complete=not any(r.errors for r in responses))


def _parse_commits(
    client: GitHubClient, response: GraphqlResponse, repository: Repository, what: str
) -> Iterator[tuple[Change, ...]]:
    """Yield the pull requests of each commit of a response, none for a commit without an answer.

    Raises:
        PayloadError, AccessDeniedError, UnavailableError: the response contains no commits.
    """
    nodes = response.data.get("nodes")
    if not isinstance(nodes, list) and not response.errors:
        raise PayloadError(f"GitHub returned a damaged response for {what}: no list in it")
    listed = nodes if isinstance(nodes, list) else ()
    connections = [
        node.get("associatedPullRequests") if isinstance(node, dict) else None for node in listed
    ]
    if response.errors and not any(isinstance(each, dict) for each in connections):
        raise unread_error(client, response, what)
    for each in connections:
        pulls = read.children(each, "nodes") if isinstance(each, dict) else ()
        yield tuple(filter(None, (parse_change_node(pull, repository) for pull in pulls)))


# The pull request of a run: `flow_telemetry.rules.parentage` decides which of the candidates it is.


_DELETED_FORK = (
    "the repository of its branch was deleted, and GitHub names no open or merged pull request by "
    "its commit"
)


def read_parentage(client: GitHubClient, run: Run) -> Parentage:
    """Return the pull request of a run; ``unread`` holds a message for each failed request.

    Deployments of the run's jobs are used only if they were read before.

    Raises:
        DeadlineExceeded: no time is left.
    """
    lookup = parentage.parent_lookup(run)
    unread: list[str] = []
    excluded: dict[int, str] = {}
    result = None
    if lookup is Lookup.QUEUE:
        queued = _read_queued_change(client, run, unread)
        result = parentage.parent_from_merge_queue(queued, _read_merge_group(client, run))
    if lookup in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        changes = read_candidates(client, run, unread)
        result = parentage.find_parent_by_branch(run, changes)
        excluded |= _excluded(parentage.excluded_by_branch, run, changes)
        if result is None and run.head_repository is None and not unread:
            unread.append(_DELETED_FORK)
    if result is None and lookup in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        changes = read_changes_of_commit(client, run, run.head_sha, unread)
        result = parentage.find_parent_by_commit(run, changes)
        excluded |= _excluded(parentage.excluded_by_commit, run, changes)
    if result is None and parentage.may_be_deployment(run):
        for commit in parentage.deployed_commits(run):
            changes = read_changes_of_commit(client, run, commit, unread)
            result = result or parentage.find_parent_by_commit(run, changes)
            excluded |= _excluded(parentage.excluded_by_commit, run, changes)
    result = result or parentage.no_parent(run, excluded, unread=bool(unread))
    return replace(result, unread=tuple(unread))


def _excluded(
    rule: Callable[[Run, Change], str | None], run: Run, changes: Iterable[Change]
) -> dict[int, str]:
    """Return why changes are not the parent of a run, by their numbers."""
    return {change.number: reason for change in changes if (reason := rule(run, change))}


def _read_queued_change(client: GitHubClient, run: Run, unread: list[str]) -> Change | None:
    """Return the pull request in the queue branch's name, with only its number if unreadable."""
    number = parentage.merge_queue_number(run)
    if number is None:
        return None
    full_name = run.repository.full_name
    what = f"pull request {full_name}#{number}"
    try:
        change = parse_change(client.get(f"/repos/{full_name}/pulls/{number}", what), where=what)
    except SourceError as error:
        unread.append(str(error))
        return Change(repository=run.repository, number=number)
    return replace(change, repository=run.repository)


def _read_merge_group(client: GitHubClient, run: Run) -> tuple[Change, ...]:
    """Return the pull requests of a merge queue's group, with only their numbers."""
    base = parentage.merge_queue_base(run)
    if base is None or not run.head_sha:
        return ()
    what = f"the merge group of run {run.id} of {run.repository.full_name}"
    try:
        numbers = numbers_between(client, run.repository, base, run.head_sha, what)
    except SourceError as error:
        # They only become span links, so a failure does not deserve a warning.
        client.log.debug(str(error))
        return ()
    return tuple(Change(repository=run.repository, number=number) for number in numbers)


def read_candidates(client: GitHubClient, run: Run, unread: list[str]) -> tuple[Change, ...]:
    """Return the pull requests of a run's branch in any state; append errors to ``unread``.

    The branch of a deleted fork has no list of pull requests: those of the run's commit are read,
    as far as GitHub finds them by it (open and merged ones).
    """
    if not run.head_branch:
        return ()
    if run.head_repository is None:
        known = parentage.head_is_known(run)
        return read_changes_of_commit(client, run, run.head_sha, unread) if known else ()
    head = f"{run.head_repository.partition('/')[0]}:{run.head_branch}"
    path = f"/repos/{run.repository.full_name}/pulls"
    return _list_changes(client, run, path, unread, head=head, state="all")


def read_changes_of_commit(
    client: GitHubClient, run: Run, commit: str, unread: list[str]
) -> tuple[Change, ...]:
    """Return the pull requests that contain a commit; append errors to ``unread``."""
    if not commit:
        return ()
    return _list_changes(client, run, commit_pulls_path(run.repository, commit), unread)


def commit_pulls_path(repository: Repository, commit: str) -> str:
    """Return the path of the list of a commit's pull requests."""
    return f"/repos/{repository.full_name}/commits/{commit}/pulls"


def _list_changes(
    client: GitHubClient, run: Run, path: str, unread: list[str], **query: str
) -> tuple[Change, ...]:
    what = f"pull requests of {run.repository.full_name}"
    try:
        return parse_changes(client.list_all(path, None, what, **query).items, run.repository)
    except SourceError as error:
        unread.append(str(error))
        return ()


# One pull request, and pull requests by their creation.


def read_change(client: GitHubClient, repository: str, number: int) -> Change:
    """Return a pull request of `owner/name` with its timeline, both requested concurrently.

    Raises:
        SourceError: the pull request or its timeline cannot be read.
        DeadlineExceeded: no time is left.
    """
    what = f"pull request {repository}#{number}"
    payload, timeline = client.both(
        lambda: client.get(f"/repos/{repository}/pulls/{number}", what),
        lambda: read_timeline(client, repository, number),
    )
    change = parse_change(payload, where=what)
    return replace(
        change,
        timeline=timeline.events,
        timeline_complete=timeline.complete,
        edits=_with_base_branches(client, change, timeline),
    )


# REST does not name the base branches of these events.
_BASE_CHANGES = """
query BaseChanges($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      timelineItems(
        first: 100, itemTypes: [BASE_REF_CHANGED_EVENT, AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT]
      ) {
        nodes {
          __typename
          ... on BaseRefChangedEvent { createdAt previousRefName }
          ... on AutomaticBaseChangeSucceededEvent { createdAt oldBase }
        }
      }
    }
  }
}
"""


def _with_base_branches(
    client: GitHubClient, change: Change, timeline: Timeline
) -> tuple[Edit, ...]:
    """Return the edits, with the base branches that matter: those changed after a closing.

    It takes a request only then. If it fails, these branches stay unknown.
    """
    closings = [event.time for event in timeline.events if event.kind in CLOSINGS]
    edited = [e.time for e in timeline.edits if e.field is EditedField.BASE_BRANCH]
    if not closings or not edited or max(edited) <= min(closings):
        return timeline.edits
    repository = change.repository
    what = f"the base branches of pull request {repository.full_name}#{change.number}"
    variables = {"owner": repository.owner, "name": repository.name, "number": change.number}
    try:
        response = client.query(_BASE_CHANGES, what, **variables)
    except SourceError as error:
        client.log.info(str(error))
        return timeline.edits
    path = ("repository", "pullRequest", "timelineItems")
    nodes = read.children(value_at(response.data, path), "nodes")
    changes = [edit for edit in map(_parse_base_change, nodes) if edit is not None]
    others = [edit for edit in timeline.edits if edit.field is not EditedField.BASE_BRANCH]
    return tuple(sorted((*others, *changes), key=lambda edit: edit.time))


def _parse_base_change(node: Payload) -> Edit | None:
    time = read.time(node, "createdAt")
    if time is None:
        return None
    before = read.text(node, "previousRefName") or read.text(node, "oldBase")
    return Edit(field=EditedField.BASE_BRANCH, time=time, before=before)


def with_head_at(client: GitHubClient, run: Run, change: Change | None) -> Change | None:
    """Return the pull request of a run, with its timeline if the run's head depends on it.

    It does if the run has the base's commit, and the pull request was updated after its creation.
    If the timeline cannot be read, the head is unknown.
    """
    if change is None or not parentage.has_commit_of_base(run):
        return change
    if change.updated_at is None or change.updated_at <= run.created_at:
        return change
    try:
        timeline = read_timeline(client, change.repository.full_name, change.number)
    except FlowTelemetryError as error:
        client.log.debug(f"the head of run {run.id} is unknown: {error}")
        return replace(change, head_sha="")
    return replace(change, timeline=timeline.events)


def changes_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Change, ...]:
    """Return the pull requests created at or after ``since``, in any state, newest first.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{repository.full_name}/pulls"
    what = f"pull requests of {repository.full_name}"
    recent: list[Change] = []
    for page in client.pages(path, None, what, state="all", sort="created", direction="desc"):
        recent += [
            change
            for change in parse_changes(page, repository)
            if change.created_at and change.created_at >= since
        ]
        pulls = (item for item in page if isinstance(item, dict))
        times = filter(None, (read.time(pull, "created_at") for pull in pulls))
        if min(times, default=since) < since:
            break
    return tuple(recent)
