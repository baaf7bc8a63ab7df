"""Asking by GraphQL what not every server has, and lists that go on for pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.graphql import GraphqlAnswer, OlderSchemaError
from flow_telemetry.sources.payload import Payload

# A query's text, made without what the server's schema lacks.
Build = Callable[[frozenset[str]], str]

# A hundred items each: no issue has so many sub-issues, pull requests or changes of status.
_MOST_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The nodes of a list, and the object that it belongs to, empty where there is none.

    ``hidden`` counts the nodes that the token may not see, as far as GitHub tells. ``unread``
    holds what could not be read, a reason each.
    """

    owner: Payload
    nodes: tuple[Payload, ...] = ()
    hidden: int = 0
    unread: tuple[str, ...] = ()


def ask(client: GitHubClient, build: Build, what: str, **variables: Any) -> GraphqlAnswer:
    """Return the answer to a query, asked again once without what the server's schema lacks.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.query`.
    """
    try:
        return client.query(build(client.lacking), what, **variables)
    except OlderSchemaError as error:
        client.lacking |= error.names
        client.log.debug(f"this GitHub server knows no {', '.join(sorted(error.names))}")
        return client.query(build(client.lacking), what, **variables)


def ask_pages(
    client: GitHubClient,
    build: Build,
    what: str,
    variables: Mapping[str, Any],
    *,
    way: Sequence[str],
    connection: str,
) -> Connection:
    """Return all nodes of a list, page after page; the query takes ``$after``.

    ``way`` is the way through the answer to the object whose field ``connection`` is the list.

    Raises:
        SourceError, DeadlineExceeded: as `GitHubClient.query`.
    """
    found: Payload = {}
    nodes: list[Payload] = []
    unread: dict[str, None] = {}
    hidden, after = 0, None
    for _ in range(_MOST_PAGES):
        answer = ask(client, build, what, after=after, **variables)
        unread |= dict.fromkeys(told(answer, what))
        here = at(answer.data, way)
        found = found or here
        listed = read.child(here, connection)
        page = list(read.children(listed, "nodes"))
        nodes += page
        hidden += _length(listed) - len(page)
        info = read.child(listed, "pageInfo")
        after = read.text(info, "endCursor")
        if not read.flag(info, "hasNextPage") or after is None:
            break
    else:
        unread[f"of {what} only the first {len(nodes)} were read"] = None
    return Connection(owner=found, nodes=tuple(nodes), hidden=hidden, unread=tuple(unread))


def told(answer: GraphqlAnswer, what: str) -> tuple[str, ...]:
    """Return what the errors of an answer mean for a reader: one reason, or none."""
    if not answer.errors:
        return ()
    said = "; ".join(answer.errors)
    hint = ". The token needs `issues: read` and `pull-requests: read`" if answer.denied else ""
    return (f"GitHub did not give all of {what}: {said}{hint}",)


def at(data: Payload, way: Sequence[str]) -> Payload:
    """Return the object at the end of a way of keys, an empty one where there is none."""
    for key in way:
        data = read.child(data, key)
    return data


def _length(connection: Payload) -> int:
    nodes = connection.get("nodes")
    return len(nodes) if isinstance(nodes, list) else 0
