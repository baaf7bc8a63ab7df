"""What a fake server's schema lacks: how GitHub refuses a query that names it.

A query is refused as a whole, before anything of it is answered, each unknown name being an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tests.fakes.accounts import Json
from tests.fakes.graphql_language import Document, Selection

# The type of each field that has fields of its own, as far as queries here ask for it.
TYPES = {
    "Query.repository": "Repository",
    "Repository.issue": "Issue",
    "Repository.pullRequest": "PullRequest",
    "PullRequest.closingIssuesReferences": "IssueConnection",
    "IssueConnection.nodes": "Issue",
    "Issue.parent": "Issue",
    "Issue.subIssues": "IssueConnection",
    "Issue.closedByPullRequestsReferences": "PullRequestConnection",
    "PullRequestConnection.nodes": "PullRequest",
    "Issue.timelineItems": "IssueTimelineItemsConnection",
}


def refusal(document: Document, missing: Collection[str]) -> Json | None:
    """Return the answer to a query that names something of `missing`; None where it does not.

    Those are fields (`Issue.parent`), arguments (`stateReason(enableDuplicate)`) and types
    (`BlockedByAddedEvent`).
    """
    named = dict(_named(document, "Query", document.selections, [f"query {document.name}"]))
    errors = [error for name, error in named.items() if name in missing]
    return {"errors": errors} if errors else None


def _named(
    document: Document, on: str, selections: Sequence[Selection], path: list[str]
) -> Iterator[tuple[str, Json]]:
    for each in selections:
        if each.fragment or each.on:
            fragment = document.fragments[each.fragment] if each.fragment else each
            where = [*path, f"... on {fragment.on}"]
            yield fragment.on, _unknown_type(fragment.on, where)
            yield from _named(document, fragment.on, fragment.selections, where)
        else:
            where = [*path, each.key]
            yield f"{on}.{each.name}", _unknown_field(on, each.name, where)
            for argument in each.arguments:
                name = f"{each.name}({argument})"
                yield name, _unknown_argument(each.name, argument, [*where, argument])
            below = TYPES.get(f"{on}.{each.name}", "")
            yield from _named(document, below, each.selections, where)


def _unknown_field(on: str, name: str, path: list[str]) -> Json:
    return {
        "path": path,
        "extensions": {"code": "undefinedField", "typeName": on, "fieldName": name},
        "locations": [{"line": 1, "column": 1}],
        "message": f"Field '{name}' doesn't exist on type '{on}'",
    }


def _unknown_argument(field: str, name: str, path: list[str]) -> Json:
    said = {"name": field, "typeName": "Field", "argumentName": name}
    return {
        "path": path,
        "extensions": {"code": "argumentNotAccepted", **said},
        "locations": [{"line": 1, "column": 1}],
        "message": f"Field '{field}' doesn't accept argument '{name}'",
    }


def _unknown_type(name: str, path: list[str]) -> Json:
    return {
        "path": path,
        "extensions": {"code": "undefinedType", "typeName": name},
        "locations": [{"line": 1, "column": 1}],
        "message": f"No such type {name}, so it can't be a fragment condition",
    }
