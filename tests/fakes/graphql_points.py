"""Points of a GraphQL query against the limit of the hour, by GitHub's published formula.

Each connection takes a request for each parent that it can have; a hundred requests are a point,
and every query costs at least one.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import graphql as core

REQUESTS_A_POINT = 100


def points_of(query: str, variables: Mapping[str, Any]) -> int:
    """Return the points of a query; what cannot be parsed costs one."""
    try:
        document = core.parse(query)
    except core.GraphQLError:
        return 1
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, core.FragmentDefinitionNode)
    }
    needed = sum(
        _requests(each.selection_set, 1, variables, fragments)
        for each in document.definitions
        if isinstance(each, core.OperationDefinitionNode)
    )
    return max(1, round(needed / REQUESTS_A_POINT))


def _requests(
    selection: core.SelectionSetNode | None,
    parents: int,
    variables: Mapping[str, Any],
    fragments: Mapping[str, core.SelectionSetNode],
) -> int:
    """Return the requests for what is selected of so many parents."""
    needed = 0
    for field in _fields(selection, fragments):
        size = _size(field, variables)
        needed += parents if size else 0
        below = parents * size if size else parents
        needed += _requests(field.selection_set, below, variables, fragments)
    return needed


def _fields(
    selection: core.SelectionSetNode | None, fragments: Mapping[str, core.SelectionSetNode]
) -> Iterator[core.FieldNode]:
    for node in selection.selections if selection is not None else ():
        if isinstance(node, core.FieldNode):
            yield node
        elif isinstance(node, core.FragmentSpreadNode):
            yield from _fields(fragments[node.name.value], fragments)
        elif isinstance(node, core.InlineFragmentNode):
            yield from _fields(node.selection_set, fragments)


def _size(field: core.FieldNode, variables: Mapping[str, Any]) -> int:
    """Return the `first` or `last` of a connection; 0 if it is none."""
    for argument in field.arguments or ():
        if argument.name.value in ("first", "last"):
            value = argument.value
            if isinstance(value, core.VariableNode):
                return int(variables.get(value.name.value) or 0)
            if isinstance(value, core.IntValueNode):
                return int(value.value)
    return 0
