"""Reading which work items a pull request leads to, in one query: what it closes, and the parents.

The token cannot see a parent in another repository without a word of GitHub: such an issue is
missing from the list, such a parent is null.
"""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry import identity
from flow_telemetry.errors import SourceError
from flow_telemetry.model import Change, WorkItem
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.items import ancestors, item_fragment, parse_chain
from flow_telemetry.sources.github.query import ask, at, told
from flow_telemetry.sources.interface import ItemChain
from flow_telemetry.sources.payload import Payload

# Each costs a nested list of labels at every level, and hardly anybody closes more at once.
_MOST_CLOSED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What a pull request closes: each issue with its parents, those of its own repository first.

    Of one repository the lowest number comes first. ``unread`` holds what could not be read, a
    reason each.
    """

    chains: tuple[ItemChain, ...] = ()
    oldest_commit_message: str = ""
    unread: tuple[str, ...] = ()


def read_closing(client: GitHubClient, change: Change) -> Closing:
    """Return the issues that a pull request closes, with their parents, by one request.

    A server whose schema lacks one of the fields is asked once more.

    Raises:
        DeadlineExceeded: no time is left.
    """
    repository = change.repository
    what = f"the issues that {repository.full_name}#{change.number} closes"
    try:
        answer = ask(
            client,
            closing_query,
            what,
            owner=repository.owner,
            name=repository.name,
            number=change.number,
        )
    except SourceError as error:
        return Closing(unread=(str(error),))
    pull = at(answer.data, ("repository", "pullRequest"))
    return _closing(pull, change, told(answer, what), what)


def closing_query(lacking: frozenset[str]) -> str:
    """Return the query, without what the server's schema lacks."""
    return f"""
query ChangeLineage($owner: String!, $name: String!, $number: Int!) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      commits(first: 1) {{ nodes {{ commit {{ message }} }} }}
      closingIssuesReferences(
        first: {_MOST_CLOSED}, orderBy: {{ field: CREATED_AT, direction: ASC }}
      ) {{
        totalCount
        nodes {{ ...Item {ancestors(lacking)} }}
      }}
    }}
  }}
}}
{item_fragment(lacking)}"""


def _closing(pull: Payload, change: Change, unread: tuple[str, ...], what: str) -> Closing:
    closed = read.child(pull, "closingIssuesReferences")
    chains = [
        chain
        for node in read.children(closed, "nodes")
        if (chain := parse_chain(node, change.repository)).items
    ]
    total = read.number(closed, "totalCount") or 0
    if total > _MOST_CLOSED:
        unread += (f"of {what} only the oldest {_MOST_CLOSED} of {total} were read",)
    first = next(read.children(read.child(pull, "commits"), "nodes"), {})
    return Closing(
        chains=tuple(sorted(chains, key=lambda chain: _order(chain.items[0], change))),
        oldest_commit_message=read.text(read.child(first, "commit"), "message") or "",
        unread=unread,
    )


def _order(item: WorkItem, change: Change) -> tuple[bool, str, int]:
    home = item.repository.full_name if item.repository else ""
    elsewhere = identity.fold(home) != identity.fold(change.repository.full_name)
    return elsewhere, identity.fold(home), item.number or 0
