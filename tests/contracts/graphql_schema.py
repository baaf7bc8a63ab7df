"""GitHub's published GraphQL schema, as a check of queries and of the fake's answers.

Without the schema, which is kept beside this project and not in it, nothing is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import graphql
from graphql import (
    FieldNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
)
from tests.contracts.errors import ContractError

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "github" / "schema.docs.graphql"

# GitHub's own scalars, whose form the schema only tells in words.
FORMS = {
    "DateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "GitObjectID": "[0-9a-f]{40}",
    "URI": "https?://.+",
}

Json = Mapping[str, Any]


def available() -> bool:
    """Whether there is a schema to check with."""
    return SCHEMA.is_file()


def validate(exchange: Json) -> None:
    """Raise ContractError unless a query fits GitHub's schema, and its answer the query.

    `exchange` holds the `query`, its `variables` and the `answer`. The answer is right if the
    query, executed over the answer's data by the schema's types, gives the same again.
    """
    if not available():
        return
    query, answer = exchange["query"], exchange["answer"]
    validate_query(query)
    if answer.get("data") is None:
        return
    result = graphql.execute_sync(
        schema(),
        graphql.parse(query),
        root_value=answer["data"],
        variable_values=dict(exchange["variables"]),
        field_resolver=_told,
        type_resolver=_type_of,
    )
    if result.errors:
        raise ContractError(f"the answer breaks GitHub's schema: {result.errors[0]}")
    if result.data != answer["data"]:
        raise ContractError("the answer holds what the query does not ask for")


@cache
def validate_query(query: str) -> None:
    """Raise ContractError unless GitHub's schema knows all that a query asks for."""
    problems = graphql.validate(schema(), graphql.parse(query))
    if problems:
        raise ContractError(f"GitHub does not know this query: {problems[0]}")


@cache
def schema() -> GraphQLSchema:
    """Return the published schema."""
    return graphql.build_schema(SCHEMA.read_text(encoding="utf-8"), assume_valid=True)


def _told(value: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    if info.path.key not in value:
        raise ContractError(f"the answer lacks {info.path.as_list()}")
    found = value[info.path.key]
    form = FORMS.get(graphql.get_named_type(info.return_type).name)
    if form and found is not None and not (isinstance(found, str) and re.fullmatch(form, found)):
        raise ContractError(f"{found!r} at {info.path.as_list()} has not the form {form}")
    return found


def _type_of(value: Any, info: GraphQLResolveInfo[Any], _: Any) -> str:
    """The type that the answer names, or the only one for which the query asks for anything."""
    if "__typename" in value:
        return str(value["__typename"])
    selections = [each for node in info.field_nodes for each in _below(node)]
    types = {
        each.type_condition.name.value
        for each in selections
        if isinstance(each, InlineFragmentNode) and each.type_condition
    }
    if len(types) != 1:
        raise ContractError(f"the query does not ask for the type of {info.path.as_list()}")
    return types.pop()


def _below(node: FieldNode) -> Iterable[SelectionNode]:
    return node.selection_set.selections if node.selection_set else ()
