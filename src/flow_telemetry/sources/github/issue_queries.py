"""What is asked of an issue by GraphQL; each query leaves out what the server's schema lacks.

A field that is left out gives an empty list: the server has no such thing at all.
"""

from __future__ import annotations

from flow_telemetry.sources.github.items import ancestors, item_fragment

_ISSUE = "$owner: String!, $name: String!, $number: Int!"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ACTOR = "actor { __typename login }"
_BLOCKING = "number closedAt repository { nameWithOwner }"
_BLOCKED = f"createdAt {_ACTOR} blockingIssue {{ {_BLOCKING} }}"
_STATUS = f"createdAt {_ACTOR} previousStatus status project {{ number title }}"
_STATUS_CHANGED = "ProjectV2ItemStatusChangedEvent"
# Kinds of event that the REST timeline does not have, or not in full.
_EVENTS = {
    "BlockedByAddedEvent": ("BLOCKED_BY_ADDED_EVENT", _BLOCKED),
    "BlockedByRemovedEvent": ("BLOCKED_BY_REMOVED_EVENT", _BLOCKED),
    _STATUS_CHANGED: ("PROJECT_V2_ITEM_STATUS_CHANGED_EVENT", _STATUS),
}


def chain_query(lacking: frozenset[str]) -> str:
    """Return the query for an issue and its parents."""
    return _query("IssueChain", f"...Item {ancestors(lacking)}", lacking, paged=False)


def details_query(lacking: frozenset[str], *, with_status: bool) -> str:
    """Return the query for an issue's facts and the events that REST does not have."""
    wanted = {
        name: kind
        for name, kind in _EVENTS.items()
        if name not in lacking and (with_status or name != _STATUS_CHANGED)
    }
    types = " ".join(item_type for item_type, _ in wanted.values())
    nodes = " ".join(f"... on {name} {{ {fields} }}" for name, (_, fields) in wanted.items())
    events = (
        f"timelineItems(first: 100, after: $after, itemTypes: [{types}]) "
        f"{{ {_PAGE} nodes {{ __typename {nodes} }} }}"
    )
    facts = (
        "...Item author { __typename login } assignees(first: 20) { nodes { login } } "
        "comments { totalCount }"
    )
    return _query(
        "IssueDetails", f"{facts} {events if wanted else ''}", lacking, paged=bool(wanted)
    )


def children_query(lacking: frozenset[str]) -> str:
    """Return the query for the sub-issues of an issue."""
    listed = f"subIssues(first: 100, after: $after) {{ {_PAGE} nodes {{ ...Item }} }}"
    known = "Issue.subIssues" not in lacking
    return _query("IssueChildren", f"...Item {listed if known else ''}", lacking, paged=known)


def changes_query(lacking: frozenset[str]) -> str:
    """Return the query for the pull requests that close an issue, closed ones included."""
    name = "closedByPullRequestsReferences"
    listed = f"""
    {name}(first: 100, after: $after, includeClosedPrs: true) {{
      {_PAGE}
      nodes {{
        number title state url createdAt closedAt mergedAt mergeCommit {{ oid }}
        baseRefName headRefName headRepository {{ nameWithOwner }}
        repository {{ nameWithOwner url defaultBranchRef {{ name }} }}
      }}
    }}"""
    known = f"Issue.{name}" not in lacking
    return _query("IssueChanges", f"...Item {listed if known else ''}", lacking, paged=known)


def _query(name: str, fields: str, lacking: frozenset[str], *, paged: bool) -> str:
    after = ", $after: String" if paged else ""
    return f"""
query {name}({_ISSUE}{after}) {{
  repository(owner: $owner, name: $name) {{
    issue(number: $number) {{ {fields} }}
  }}
}}
{item_fragment(lacking)}"""
