"""GraphQL queries for fields that not every server has, and for lists of several pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flow_telemetry.errors import AccessDeniedError, SourceError, UnavailableError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.errors import PERMISSIONS_HINT
from flow_telemetry.github.graphql import GraphqlResponse, OlderSchemaError
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload

# Builds the text of a query without the names that the server's schema lacks.
QueryBuilder = Callable[[frozenset[str]], str]

# Of a hundred items: no issue has so many sub-issues, pull requests or changes of status.
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionNodes:
    """The nodes of a list, and the object that owns it, empty if there is none.

    ``hidden`` is the number of nodes that the token may not see, as far as GitHub reports them.
    ``unread`` has the read errors.
    """

    owner: Payload
    nodes: tuple[Payload, ...] = ()
    hidden: int = 0
    unread: tuple[str, ...] = ()


def query_one(
    client: GitHubClient, build: QueryBuilder, what: str, **variables: Any
) -> GraphqlResponse:
    """Return the response to a query, repeated without the names that the schema lacks.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    try:
        return client.query(build(client.unsupported_names), what, **variables)
    except OlderSchemaError as error:
        client.unsupported_names |= error.names
        client.log.debug(f"the schema of this GitHub server lacks {', '.join(sorted(error.names))}")
        return client.query(build(client.unsupported_names), what, **variables)


def query_pages(
    client: GitHubClient,
    build: QueryBuilder,
    what: str,
    variables: Mapping[str, Any],
    *,
    path: Sequence[str],
    connection: str,
) -> ConnectionNodes:
    """Return all nodes of a list, page by page; the query takes ``$after``.

    ``path`` has the keys to the object in the response whose field ``connection`` is the list.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    owner: Payload = {}
    nodes: list[Payload] = []
    unread: dict[str, None] = {}
    hidden, after = 0, None
    for _ in range(_MOST_PAGES):
        response = query_one(client, build, what, after=after, **variables)
        unread |= dict.fromkeys(describe_unread(client, response, what))
        page_owner = value_at(response.data, path)
        owner = owner or page_owner
        listed = read.child(page_owner, connection)
        page = list(read.children(listed, "nodes"))
        nodes += page
        # The token sees null in place of a hidden node.
        all_nodes = listed.get("nodes")
        hidden += len(all_nodes) - len(page) if isinstance(all_nodes, list) else 0
        info = read.child(listed, "pageInfo")
        after = read.text(info, "endCursor")
        if not read.flag(info, "hasNextPage") or after is None:
            break
    else:
        unread[f"only the first {len(nodes)} of {what} were read"] = None
    return ConnectionNodes(owner=owner, nodes=tuple(nodes), hidden=hidden, unread=tuple(unread))


def describe_unread(client: GitHubClient, response: GraphqlResponse, what: str) -> tuple[str, ...]:
    """Return a read error for the errors of a response, if there are any."""
    if not response.errors:
        return ()
    message = "; ".join(response.errors)
    hint = f". {PERMISSIONS_HINT}" if response.denied else ""
    text = f"GitHub did not give all of {what}: {message}{hint}"
    client.denials.note(text, response.permissions)
    return (text,)


def unread_error(client: GitHubClient, response: GraphqlResponse, what: str) -> SourceError:
    """Return the error for a response without the part of the data that was requested."""
    text = f"could not read {what}" + (
        f" ({'; '.join(response.errors)})" if response.errors else ""
    )
    if response.denied:
        denial = AccessDeniedError(f"{text}. {PERMISSIONS_HINT}", response.permissions)
        client.denials.note(str(denial), denial.permissions)
        return denial
    return UnavailableError(text)


def value_at(data: Payload, path: Sequence[str]) -> Payload:
    """Return the object at the end of a path of keys; empty if there is none."""
    for key in path:
        data = read.child(data, key)
    return data
