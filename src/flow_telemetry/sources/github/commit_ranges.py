"""The pull requests that brought a range of commits: by the commits, or by their messages.

A merge queue's commits are of no pull request yet, so that only their messages tell of which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flow_telemetry.errors import AccessDeniedError, NotFoundError, PayloadError
from flow_telemetry.model import Change, Repository
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.change_nodes import CHANGE_FIELDS, parse_change_node
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.payload import Payload

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
