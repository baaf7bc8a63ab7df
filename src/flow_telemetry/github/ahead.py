"""Reading ahead: what many single requests would return, by a few GraphQL queries.

A query asks for several pull requests, issues, commits or branches. Each of its nodes has what
readers will request for that thing, in the form that they expect, and readers ask as usual. What a
query does not have whole and beyond doubt is left out, so that the reader's own request is sent: a
query that fails changes no result, and costs one request.

GitHub limits a query to 500,000 nodes and to 10 seconds, and counts a hundredth of the lists in it
as points, of which GITHUB_TOKEN has 1,000 an hour.
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.changes import CHANGE_FIELDS, commit_pulls_path, parse_change_node
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.graphql import GraphqlResponse
from flow_telemetry.github.issues import (
    chain_query,
    changes_query,
    children_query,
    closing_query,
    details_query,
    item_fragment,
    select_ancestors,
    select_changes,
    select_children,
    select_closing,
    select_details,
)
from flow_telemetry.github.queries import query_one
from flow_telemetry.github.timeline_query import (
    CHANGE_KINDS,
    ISSUE_KINDS,
    UncertainError,
    rest_actor,
    rest_timeline,
    select_timeline,
    supports_timeline,
)
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.http.session import Request
from flow_telemetry.identity import fold
from flow_telemetry.model import Repository

Responses = Iterator[tuple[Request, Any]]

# A pull request counts as some 100 lists, an issue as 150: a query takes 10 to 15 points.
_ITEMS_A_QUERY = 10
# GitHub looks up the pull requests of every commit separately.
_REFS_A_QUERY = 25
# Few pull requests close more issues, and each costs the labels of its parents.
_MOST_CLOSED = 3
# Most issues have fewer sub-issues and pull requests.
_PART_OF_LIST = "first: 20"
_MOST_EVENTS = 50
_MOST_CHANGES = 20
# A server that fails so many queries one after the other would fail the next ones, too.
_MOST_FAILURES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A thing that is read ahead, as a field of `repository` in a query.

    ``selection`` has ``%`` at the end of the names of its ``variables``, a type and a value each.
    ``requests`` are those whose responses it can have; ``respond`` gives the responses by its node.
    """

    selection: str
    variables: Mapping[str, tuple[str, Any]]
    requests: Sequence[Request]
    respond: Callable[[Payload], Responses]


# Builds a target without what the server's schema lacks.
TargetBuilder = Callable[[frozenset[str]], Target]


def read_ahead(
    client: GitHubClient, repository: Repository, targets: Iterable[TargetBuilder]
) -> None:
    """Read things of a repository whose responses are not known yet; a failure is only logged."""
    unsupported = client.unsupported_names
    items: list[TargetBuilder] = []
    refs: list[TargetBuilder] = []
    for build in targets:
        target = build(unsupported)
        if not all(map(client.knows, target.requests)):
            (items if "number" in target.variables else refs).append(build)
    size = _ITEMS_A_QUERY if items else _REFS_A_QUERY
    # A few commits beside a pull request do not need a query of their own.
    small = [*items, *refs] if len(items) + len(refs) <= size else []
    groups = [small] if small else [*_split(items, _ITEMS_A_QUERY), *_split(refs, _REFS_A_QUERY)]

    def read_group(group: Sequence[TargetBuilder]) -> None:
        requests = [each for build in group for each in build(unsupported).requests]
        fill_ahead(client, requests, lambda: _query(client, repository, group))

    client.run_concurrently(read_group, groups)


def fill_ahead(
    client: GitHubClient,
    requests: Iterable[Request],
    read: Callable[[], Iterable[tuple[Request, Any]]],
) -> None:
    """Keep the responses to requests that ``read`` gives by a query; a failure is only logged."""
    if client.failures_ahead >= _MOST_FAILURES:
        return
    try:
        client.fill(requests, read)
        client.failures_ahead = 0
    except FlowTelemetryError as error:
        client.failures_ahead += 1
        client.log.debug(f"not read ahead: {error}")


def _split(targets: list[TargetBuilder], size: int) -> list[list[TargetBuilder]]:
    return [targets[begin : begin + size] for begin in range(0, len(targets), size)]


def _query(
    client: GitHubClient, repository: Repository, group: Sequence[TargetBuilder]
) -> list[tuple[Request, Any]]:
    """Return the responses to the requests of several targets, as far as a query has them."""

    def text_of(unsupported: frozenset[str]) -> str:
        targets = [build(unsupported) for build in group]
        declared = "".join(
            f", ${name}{number}: {type_name}"
            for number, target in enumerate(targets)
            for name, (type_name, _) in target.variables.items()
        )
        fields = "\n".join(
            f"    i{number}: {target.selection.replace('%', str(number))}"
            for number, target in enumerate(targets)
        )
        fragment = item_fragment(unsupported) if "...Item" in fields else ""
        return f"""
query Ahead($owner: String!, $name: String!{declared}) {{
  repository(owner: $owner, name: $name) {{
{fields}
  }}
}}
{fragment}"""

    variables = {
        f"{name}{number}": value
        for number, build in enumerate(group)
        for name, (_, value) in build(frozenset()).variables.items()
    }
    response = query_one(
        client,
        text_of,
        f"{len(group)} things of {repository.full_name}",
        owner=repository.owner,
        name=repository.name,
        **variables,
    )
    found = read.child(response.data, "repository")
    return [
        response_of_one
        for number, build in enumerate(group)
        if not _has_error(response, f"i{number}") and (node := read.child(found, f"i{number}"))
        for response_of_one in build(client.unsupported_names).respond(node)
    ]


def _has_error(response: GraphqlResponse, name: str) -> bool:
    """Whether a field of `repository`, or all of it, has an error."""
    return any(path[1:2] in ((), (name,)) for path in response.error_paths)


# What is read ahead.


def change_target(client: GitHubClient, repository: Repository, pull: Payload) -> TargetBuilder:
    """Return the target of a pull request: its details, its timeline, and what it closes.

    ``pull`` is its item in a list of REST, which has what GraphQL lacks.
    """
    full_name, number = repository.full_name, read.number(pull, "number") or 0
    one = client.request(f"/repos/{full_name}/pulls/{number}")
    timeline = client.page_request(f"/repos/{full_name}/issues/{number}/timeline")

    def build(unsupported: frozenset[str]) -> Target:
        with_timeline = supports_timeline(CHANGE_KINDS, unsupported)
        closing = _closing_request(client, repository, number, unsupported)

        def respond(node: Payload) -> Responses:
            counts = {
                "additions": read.number(node, "additions"),
                "deletions": read.number(node, "deletions"),
                "changed_files": read.number(node, "changedFiles"),
                "commits": read.number(read.child(node, "count"), "totalCount"),
            }
            with suppress(UncertainError):
                yield one, {**pull, **counts, "merged_by": rest_actor(read.child(node, "mergedBy"))}
            events = rest_timeline(node, CHANGE_KINDS)
            if events is not None:
                yield timeline, events
            yield from _closing_response(closing, node)

        history = select_timeline(CHANGE_KINDS, _MOST_EVENTS) if with_timeline else ""
        return Target(
            selection=(
                "pullRequest(number: $number%) {\n"
                "      additions deletions changedFiles mergedBy { __typename login }\n"
                f"      count: commits {{ totalCount }} {history}\n"
                f"      {select_closing(unsupported, _MOST_CLOSED)}\n"
                "    }"
            ),
            variables={"number": ("Int!", number)},
            requests=(one, timeline, closing) if with_timeline else (one, closing),
            respond=respond,
        )

    return build


def timeline_target(client: GitHubClient, repository: Repository, number: int) -> TargetBuilder:
    """Return the target of the timeline of a pull request."""
    timeline = client.page_request(f"/repos/{repository.full_name}/issues/{number}/timeline")

    def respond(node: Payload) -> Responses:
        events = rest_timeline(node, CHANGE_KINDS)
        if events is not None:
            yield timeline, events

    def build(unsupported: frozenset[str]) -> Target:
        # A target without requests is left out.
        supported = supports_timeline(CHANGE_KINDS, unsupported)
        history = select_timeline(CHANGE_KINDS, _MOST_EVENTS) if supported else "number"
        return Target(
            selection=f"pullRequest(number: $number%) {{ {history} }}",
            variables={"number": ("Int!", number)},
            requests=(timeline,) if supported else (),
            respond=respond,
        )

    return build


def lineage_target(client: GitHubClient, repository: Repository, number: int) -> TargetBuilder:
    """Return the target of what a pull request closes."""

    def build(unsupported: frozenset[str]) -> Target:
        closing = _closing_request(client, repository, number, unsupported)
        return Target(
            selection=(
                f"pullRequest(number: $number%) {{ {select_closing(unsupported, _MOST_CLOSED)} }}"
            ),
            variables={"number": ("Int!", number)},
            requests=(closing,),
            respond=partial(_closing_response, closing),
        )

    return build


def _closing_request(
    client: GitHubClient, repository: Repository, number: int, unsupported: frozenset[str]
) -> Request:
    text = closing_query(unsupported)
    return client.query_request(text, **_variables(repository, number))


def _closing_response(closing: Request, node: Payload) -> Responses:
    closed = read.child(node, "closingIssuesReferences")
    total = read.number(closed, "totalCount")
    if total is not None and total <= _MOST_CLOSED:
        pull = {name: node.get(name) for name in ("commits", "closingIssuesReferences")}
        yield closing, {"data": {"repository": {"pullRequest": pull}}}


def issue_target(
    client: GitHubClient, repository: Repository, number: int, *, with_status: bool
) -> TargetBuilder:
    """Return the target of an issue: its parents, its details, its timeline, and its parts.

    The parts are its sub-issues and the pull requests that close it.
    """
    path = f"/repos/{repository.full_name}/issues/{number}/timeline"
    timeline = client.page_request(path)
    variables = _variables(repository, number)

    def build(unsupported: frozenset[str]) -> Target:
        with_timeline = supports_timeline(ISSUE_KINDS, unsupported)
        chain = client.query_request(chain_query(unsupported), **variables)
        query = details_query(unsupported, with_status=with_status)
        details = client.query_request(query, after=None, **variables)
        lists = {
            "subIssues": client.query_request(children_query(unsupported), after=None, **variables),
            "closedByPullRequestsReferences": client.query_request(
                changes_query(unsupported), after=None, **variables
            ),
        }

        def respond(node: Payload) -> Responses:
            issue = {name: value for name, value in node.items() if name != "history"}
            whole = [
                request
                for name, request in lists.items()
                if not read.flag(read.child(read.child(node, name), "pageInfo"), "hasNextPage")
            ]
            for request in (chain, details, *whole):
                yield request, {"data": {"repository": {"issue": issue}}}
            events = rest_timeline(node, ISSUE_KINDS)
            if events is not None and [e["event"] for e in events].count("closed") <= 1:
                yield timeline, events

        fields, _ = select_details(unsupported, with_status=with_status)
        history = select_timeline(ISSUE_KINDS, _MOST_EVENTS) if with_timeline else ""
        return Target(
            selection=(
                f"issue(number: $number%) {{\n      {fields} {select_ancestors(unsupported)}\n"
                f"      {select_children(unsupported, _PART_OF_LIST)}\n"
                f"      {select_changes(unsupported, _PART_OF_LIST)}\n"
                f"      {history}\n    }}"
            ),
            variables={"number": ("Int!", number)},
            requests=(
                *(chain, details, *lists.values()),
                *((timeline,) if with_timeline else ()),
            ),
            respond=respond,
        )

    return build


def commit_target(client: GitHubClient, repository: Repository, sha: str) -> TargetBuilder:
    """Return the target of the pull requests of a commit."""
    request = client.page_request(commit_pulls_path(repository, sha))

    def respond(node: Payload) -> Responses:
        pulls = _rest_pulls(read.child(node, "associatedPullRequests"), repository)
        if pulls is not None:
            yield request, pulls

    target = Target(
        selection=(
            "object(oid: $oid%) { ... on Commit { "
            f"associatedPullRequests(first: {_MOST_CHANGES}) {_PULLS} }} }}"
        ),
        variables={"oid": ("GitObjectID!", sha)},
        requests=(request,),
        respond=respond,
    )
    return lambda _: target


def branch_target(
    client: GitHubClient, repository: Repository, owner: str, branch: str
) -> TargetBuilder:
    """Return the target of the pull requests from a branch of one of ``owner``'s repositories."""
    path = f"/repos/{repository.full_name}/pulls"
    request = client.page_request(path, head=f"{owner}:{branch}", state="all")

    def respond(node: Payload) -> Responses:
        pulls = _rest_pulls(node, repository)
        # The repository of a deleted fork has no name, and its owner may be this one.
        if pulls is not None and all(pull["head"]["repo"] for pull in pulls):
            of_owner = f"{fold(owner)}/"
            yield (
                request,
                [
                    pull
                    for pull in pulls
                    if fold(pull["head"]["repo"]["full_name"]).startswith(of_owner)
                ],
            )

    target = Target(
        selection=(
            f"pullRequests(headRefName: $branch%, first: {_MOST_CHANGES}, "
            f"orderBy: {{ field: CREATED_AT, direction: DESC }}) {_PULLS}"
        ),
        variables={"branch": ("String!", branch)},
        requests=(request,),
        respond=respond,
    )
    return lambda _: target


def _variables(repository: Repository, number: int) -> dict[str, str | int]:
    return {"owner": repository.owner, "name": repository.name, "number": number}


# Pull requests of a list, in the form of REST.

_PULLS = (
    f"{{ pageInfo {{ hasNextPage }} nodes {{ {' '.join(CHANGE_FIELDS.split())} "
    "updatedAt baseRefOid } }"
)


def _rest_pulls(connection: Payload, repository: Repository) -> list[dict[str, Any]] | None:
    """Return the pull requests of ``repository`` as REST lists them; None if some are missing."""
    nodes = connection.get("nodes")
    if not isinstance(nodes, list) or read.flag(read.child(connection, "pageInfo"), "hasNextPage"):
        return None
    pulls = []
    for node in nodes:
        change = parse_change_node(node, repository) if isinstance(node, dict) else None
        if change is not None:
            pulls.append(_rest_pull(node))
        elif not isinstance(node, dict):
            return None
    return pulls


def _rest_pull(node: Payload) -> dict[str, Any]:
    base, head = read.child(node, "repository"), read.child(node, "headRepository")
    head_name = read.text(head, "nameWithOwner")
    return {
        "number": read.number(node, "number"),
        "title": read.text(node, "title"),
        # REST has only "open" and "closed"; GraphQL has "MERGED" as well.
        "state": "open" if read.text(node, "state") == "OPEN" else "closed",
        "html_url": read.text(node, "url"),
        "created_at": read.text(node, "createdAt"),
        "updated_at": read.text(node, "updatedAt"),
        "closed_at": read.text(node, "closedAt") or read.text(node, "mergedAt"),
        "merged_at": read.text(node, "mergedAt"),
        "merge_commit_sha": read.text(read.child(node, "mergeCommit"), "oid"),
        "base": {
            "ref": read.text(node, "baseRefName"),
            "sha": read.text(node, "baseRefOid"),
            "repo": {
                "full_name": read.text(base, "nameWithOwner"),
                "default_branch": read.text(read.child(base, "defaultBranchRef"), "name"),
            },
        },
        "head": {
            "ref": read.text(node, "headRefName"),
            "sha": read.text(node, "headRefOid"),
            "repo": {"full_name": head_name} if head_name else None,
        },
    }
