"""Every query fits GitHub's published GraphQL schema, and the fake's answers fit the queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphql as core
import pytest
from tests.contracts import graphql_schema
from tests.contracts.errors import ContractError
from tests.fakes import graphql
from tests.fakes.graphql_execution import schema
from tests.fakes.world import World, happened

from flow_telemetry.github import ahead_waits, comments, deliveries, deployments, protection
from flow_telemetry.github import issues as issue_queries
from flow_telemetry.github import issues as lineage

pytestmark = pytest.mark.skipif(
    not graphql_schema.available(), reason="GitHub's published schema is not here"
)

# Queries of one form, of which the fake answers by their names.
FIXED = [
    *(deployments.JOB_DEPLOYMENTS, deliveries._EARLIER, protection._QUERY, comments._VIEWER),
    *(ahead_waits._DEPLOYMENTS, ahead_waits._PROTECTIONS),
]
QUERIES: dict[str, Callable[[frozenset[str]], str]] = {
    "lineage": lineage.closing_query,
    "chain": issue_queries.chain_query,
    "details": lambda lacking: issue_queries.details_query(lacking, with_status=True),
    "details without status": lambda lacking: issue_queries.details_query(
        lacking, with_status=False
    ),
    "children": issue_queries.children_query,
    "changes": issue_queries.changes_query,
}
OPTIONAL = (
    "Issue.parent",
    "Issue.issueType",
    "Issue.stateReason",
    "stateReason(enableDuplicate)",
    "Issue.subIssues",
    "Issue.closedByPullRequestsReferences",
    "BlockedByAddedEvent",
    "BlockedByRemovedEvent",
    "ProjectV2ItemStatusChangedEvent",
)
LACKING = [frozenset[str](), *(frozenset({name}) for name in OPTIONAL), frozenset(OPTIONAL)]


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("lacking", LACKING, ids=lambda names: "+".join(sorted(names)) or "all")
def test_github_knows_each_query(name: str, lacking: frozenset[str]) -> None:
    """With all of its parts, without any one of them, and without all of them."""
    query = QUERIES[name](lacking)
    graphql_schema.validate_query(query)
    assert not [part for part in lacking if f" {part.rpartition('.')[2]} " in query]


@pytest.mark.parametrize("query", FIXED)
def test_github_knows_the_queries_about_deployments(query: str) -> None:
    """Those of a run's jobs and of an environment, and those of its rules."""
    graphql_schema.validate_query(query)


def test_the_fakes_schema_is_a_part_of_the_published_one() -> None:
    """Each of its types, fields, arguments and values is in GitHub's, with the same type."""
    published = graphql_schema.schema().type_map
    fields = 0
    for name, own in schema().type_map.items():
        known: Any = published[name]
        assert type(own).__name__ == type(known).__name__, name
        if isinstance(own, core.GraphQLEnumType):
            assert set(own.values) <= set(known.values), name
        elif isinstance(own, core.GraphQLUnionType):
            assert {each.name for each in own.types} <= {each.name for each in known.types}
        elif isinstance(own, core.GraphQLObjectType | core.GraphQLInterfaceType):
            for field, of_field in own.fields.items():
                fields += 1
                assert str(of_field.type) == str(known.fields[field].type), f"{name}.{field}"
                for argument, given in of_field.args.items():
                    expected = known.fields[field].args[argument].type
                    assert str(given.type) == str(expected), f"{name}.{field}({argument})"
    assert fields > 60


@pytest.mark.parametrize("name", QUERIES)
def test_the_fake_answers_as_the_schema_says(name: str) -> None:
    """A world in which everything happened gives all kinds of objects their right shape."""
    answer = exchange(QUERIES[name](frozenset()))
    graphql_schema.validate(answer)
    assert answer["answer"].keys() == {"data"}
    assert None not in answer["answer"]["data"]["repository"].values()


@pytest.mark.parametrize(
    ("query", "changes", "reason"),
    [
        ("{ repository(owner: $owner, name: $name) { nothing } }", None, "does not know"),
        ("{ repository(owner: $owner, name: $name) { url } }", {"url": 7}, "not the form"),
        ("{ repository(owner: $owner, name: $name) { url } }", {"url": None}, "non-nullable"),
        ("{ repository(owner: $owner, name: $name) { url } }", {}, "lacks"),
        (
            "{ repository(owner: $owner, name: $name) { url } }",
            {"url": "https://a", "id": "R_1"},
            "does not ask for",
        ),
    ],
)
def test_a_broken_contract_is_told(query: str, changes: Any, reason: str) -> None:
    """The check itself sees what is wrong: unknown fields, types, nulls, too little, too much."""
    asked = {
        "query": f"query Broken($owner: String!, $name: String!) {query}",
        "variables": {"owner": "acme", "name": "shop"},
        "answer": {"data": {"repository": changes}},
    }
    with pytest.raises(ContractError, match=reason):
        graphql_schema.validate(asked)


def exchange(query: str) -> dict[str, Any]:
    """Ask the fake about number 17, which is an issue here and a pull request in acme/api."""
    world = World("acme/shop")
    world.repository("acme/api")
    world.issue(42, type="Epic", labels=["big"], state_reason="not_planned")
    world.issue(
        17,
        type="Story",
        parent=42,
        author="dependabot[bot]",
        assignees=["bob"],
        closed_at="2026-11-24T03:30:00Z",
        timeline=[
            happened("blocked_by_added", subject="acme/shop#42", by="dependabot[bot]"),
            happened("blocked_by_removed", subject="acme/shop#42", by=None),
            happened("project_v2_item_status_changed", subject="Done", before="Todo"),
        ],
    )
    world.issue(18, parent=17)
    world.pull_request(17, repository="acme/api", closes=["acme/shop#17"])
    name = "api" if "pullRequest(" in query else "shop"
    asked = {
        "query": query,
        "variables": {"owner": "acme", "name": name, "number": 17, "after": None},
    }
    return {**asked, "answer": graphql.answer(world, asked, set())}
