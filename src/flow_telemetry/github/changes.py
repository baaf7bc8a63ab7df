"""Pull requests: candidates, commits, details, search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry.errors import AccessDeniedError, NotFoundError, PayloadError, SourceError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.payloads import parse_change, parse_changes
from flow_telemetry.github.timeline import read_timeline
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Parentage, Repository, Run
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import Lookup

# Pull requests as GraphQL gives them beside other things: what to ask for, and the record.

CHANGE_FIELDS = """
number title state url createdAt closedAt mergedAt mergeCommit { oid } baseRefName headRefName
repository { nameWithOwner defaultBranchRef { name } }
headRepository { nameWithOwner }
"""


def parse_change_node(payload: Payload, repository: Repository) -> Change | None:
    """Return a pull request of ``repository``; None for another's, and without number or time."""
    number, created = read.number(payload, "number"), read.time(payload, "createdAt")
    home = read.child(payload, "repository")
    if not number or created is None or not _is(repository, read.text(home, "nameWithOwner")):
        return None
    merged = read.time(payload, "mergedAt")
    return Change(
        repository=repository,
        number=number,
        title=read.text(payload, "title") or "",
        # REST, as all else here, knows open and closed only.
        state="open" if read.text(payload, "state") == "OPEN" else "closed",
        created_at=created,
        url=read.text(payload, "url") or "",
        closed_at=read.time(payload, "closedAt") or merged,
        merged_at=merged,
        merge_commit=read.text(read.child(payload, "mergeCommit"), "oid"),
        base_branch=read.text(payload, "baseRefName") or "",
        default_branch=read.text(read.child(home, "defaultBranchRef"), "name"),
        head_branch=read.text(payload, "headRefName") or "",
        head_repository=read.text(read.child(payload, "headRepository"), "nameWithOwner"),
    )


def _is(repository: Repository, full_name: str | None) -> bool:
    return full_name is not None and fold(full_name) == fold(repository.full_name)


# The pull requests that brought a range of commits: by the commits, or by their messages.
#
# A merge queue's commits are of no pull request yet, so that only their messages tell of which.

# GitHub gives an answer 10 seconds; it looks each commit's pull requests up on its own.
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
# What GitHub writes when it merges: "Merge pull request #7 from acme/x", "Add the cart (#7)".
_MERGED = re.compile(r"Merge pull request #([1-9][0-9]{0,9}) |.*\(#([1-9][0-9]{0,9})\)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeChanges:
    """Pull requests, and whether they are all of them."""

    changes: tuple[Change, ...] = ()
    complete: bool = True


def changes_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> RangeChanges | None:
    """Return the pull requests of the commits that ``head`` holds and ``base`` does not.

    Of a range of more than 250 commits the newest count. ``what`` names it in errors. None where
    GitHub cannot compare the two.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    if base == head:
        return RangeChanges()
    try:
        commits, complete = _commits_between(client, repository, base, head, what)
    except NotFoundError:
        return None
    found = _of_nodes(client, repository, [read.text(each, "node_id") for each in commits])
    return replace(found, complete=found.complete and complete)


def numbers_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> tuple[int, ...]:
    """Return the numbers of pull requests in the messages that GitHub gave merges in a range.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    commits, _ = _commits_between(client, repository, base, head, what)
    messages = (read.text(read.child(each, "commit"), "message") or "" for each in commits)
    found = (_MERGED.match(message.partition("\n")[0]) for message in messages)
    return tuple(dict.fromkeys(int(match[1] or match[2]) for match in found if match))


def _commits_between(
    client: GitHubClient, repository: Repository, base: str, head: str, what: str
) -> tuple[tuple[Payload, ...], bool]:
    """The commits, and whether they are all; without a page asked for, the newest 250 come."""
    compared = client.get(f"/repos/{repository.full_name}/compare/{base}...{head}", what)
    if not isinstance(compared, dict):
        raise PayloadError(f"GitHub's answer on {what} is no object; it is damaged")
    commits = tuple(read.children(compared, "commits"))
    return commits, read.number(compared, "total_commits") == len(commits)


def _of_nodes(client: GitHubClient, repository: Repository, ids: list[str | None]) -> RangeChanges:
    """The pull requests that brought commits, by the commits' node ids."""
    known = [each for each in ids if each]
    parts = [known[at : at + _COMMITS_A_QUERY] for at in range(0, len(known), _COMMITS_A_QUERY)]
    what = f"pull requests of commits of {repository.full_name}"
    answers = client.side_by_side(lambda part: client.query(_CHANGES, what, ids=part), parts)
    complete = len(known) == len(ids)
    changes: list[Change] = []
    for answer in answers:
        if not isinstance(answer.data.get("nodes"), list) and not answer.errors:
            raise PayloadError(f"GitHub's answer on {what} holds no list; it is damaged")
        commits = [
            each["associatedPullRequests"]
            for each in read.children(answer.data, "nodes")
            if isinstance(each.get("associatedPullRequests"), dict)
        ]
        if answer.errors and not commits:
            said = "; ".join(answer.errors)
            raise AccessDeniedError(
                f"{what} could not be read ({said}). The token needs `pull-requests: read`"
            )
        complete = complete and not answer.errors
        changes += _parse_all(commits, repository)
    return RangeChanges(changes=tuple(changes), complete=complete)


def _parse_all(commits: Iterable[Payload], repository: Repository) -> Iterator[Change]:
    for commit in commits:
        for pull in read.children(commit, "nodes"):
            change = parse_change_node(pull, repository)
            if change is not None:
                yield change


# Reading what a run belongs to: its pull request, as `flow_telemetry.rules.parentage` decides.


def read_parentage(client: GitHubClient, run: Run) -> Parentage:
    """Return what the run belongs to; what could not be read is a reason in ``unread``.

    The deployments that its jobs made count where they were read before.

    Raises:
        DeadlineExceeded: no time is left.
    """
    where = parentage.lookup(run)
    unread: list[str] = []
    found = None
    if where is Lookup.QUEUE:
        queued = _queued_change(client, run, unread)
        found = parentage.of_queue(queued, _queued_beside(client, run))
    if where in (Lookup.CANDIDATES, Lookup.CANDIDATES_THEN_COMMIT):
        found = parentage.of_candidates(run, read_candidates(client, run, unread))
    if found is None and where in (Lookup.CANDIDATES_THEN_COMMIT, Lookup.COMMIT):
        found = parentage.of_commit(run, read_changes_of_commit(client, run, run.head_sha, unread))
    if found is None and parentage.asks_for_deployments(run):
        for commit in parentage.deployed_commits(run):
            changes = read_changes_of_commit(client, run, commit, unread)
            found = found or parentage.of_commit(run, changes)
    return replace(found or parentage.none_of(run), unread=tuple(unread))


def _queued_change(client: GitHubClient, run: Run, unread: list[str]) -> Change | None:
    """The pull request that the queue's branch names; by its number alone where it is not read."""
    number = parentage.queued_number(run)
    if number is None:
        return None
    full_name = run.repository.full_name
    what = f"pull request {full_name}#{number}"
    try:
        found = parse_change(client.get(f"/repos/{full_name}/pulls/{number}", what), where=what)
    except SourceError as error:
        unread.append(str(error))
        return Change(repository=run.repository, number=number)
    return replace(found, repository=run.repository)


def _queued_beside(client: GitHubClient, run: Run) -> tuple[Change, ...]:
    """The pull requests of a queue's group, by their numbers: their merges say which they are.

    They become links only: that they cannot be read is no reason for a warning.
    """
    base = parentage.queued_base(run)
    if base is None or not run.head_sha:
        return ()
    what = f"the merge group of run {run.id} of {run.repository.full_name}"
    try:
        numbers = numbers_between(client, run.repository, base, run.head_sha, what)
    except SourceError as error:
        client.log.debug(str(error))
        return ()
    return tuple(Change(repository=run.repository, number=number) for number in numbers)


def read_candidates(client: GitHubClient, run: Run, unread: list[str]) -> tuple[Change, ...]:
    """Return the pull requests of a run's branch in any state; reasons go into ``unread``."""
    if not run.head_branch:
        return ()
    if run.head_repository is None:
        unread.append("the repository of its branch was deleted, so its pull request is unknown")
        return ()
    head = f"{run.head_repository.partition('/')[0]}:{run.head_branch}"
    return _read(client, run, f"/repos/{run.repository.full_name}/pulls", unread, head=head)


def read_changes_of_commit(
    client: GitHubClient, run: Run, commit: str, unread: list[str]
) -> tuple[Change, ...]:
    """Return the pull requests that brought a commit; reasons go into ``unread``."""
    if not commit:
        return ()
    path = f"/repos/{run.repository.full_name}/commits/{commit}/pulls"
    return _read(client, run, path, unread)


def _read(
    client: GitHubClient, run: Run, path: str, unread: list[str], **query: str
) -> tuple[Change, ...]:
    what = f"pull requests of {run.repository.full_name}"
    if query:
        query["state"] = "all"
    try:
        return parse_changes(client.list_all(path, None, what, **query).items, run.repository)
    except SourceError as error:
        unread.append(str(error))
        return ()


# Reading one pull request with all of its facts and its timeline.


def read_change(client: GitHubClient, repository: str, number: int) -> Change:
    """Return the pull request of that number of `owner/name`; both requests are made at once.

    Raises:
        SourceError: the pull request or its timeline cannot be read.
        DeadlineExceeded: no time is left.
    """
    what = f"pull request {repository}#{number}"
    payload, (timeline, complete) = client.both(
        lambda: client.get(f"/repos/{repository}/pulls/{number}", what),
        lambda: read_timeline(client, repository, number),
    )
    change = parse_change(payload, where=what)
    return replace(change, timeline=timeline, timeline_complete=complete)


# Finding the pull requests that carry a tracker's keys: GitHub keeps no list of those.


def changes_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Change, ...]:
    """Return the pull requests that were opened since an instant, in whatever state, newest first.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{repository.full_name}/pulls"
    what = f"pull requests of {repository.full_name}"
    found: list[Change] = []
    for page in client.pages(path, None, what, state="all", sort="created", direction="desc"):
        changes = parse_changes(page, repository)
        fresh = [each for each in changes if each.created_at and each.created_at >= since]
        found += fresh
        oldest = min((t for item in page if (t := _created(item))), default=None)
        if oldest is not None and oldest < since:
            break
    return tuple(found)


def _created(item: object) -> datetime | None:
    return read.time(item, "created_at") if isinstance(item, dict) else None
