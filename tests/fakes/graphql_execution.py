"""GraphQL by graphql-core and a part of GitHub's schema, over objects that are made when needed.

An object is a mapping of its fields, with `__typename`. A field's value is what it is, or a
function of the field's arguments, or a `Refusal`, which becomes null and an error with its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import graphql as core
from tests.fakes.accounts import Json

Object = Mapping[str, Any]
Arguments = Mapping[str, Any]
Field = Callable[[Arguments], Mapping[str, Any]]
LARGEST_PAGE = 100
_SCHEMA = Path(__file__).with_name("github.graphql")
# GitHub names places; nothing here reads them.
_LOCATIONS = [{"line": 1, "column": 1}]
_NUMBER = re.compile(r"[0-9]+")
_KNOWN_FORMS: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a field is null: `kind` is GitHub's type of error, such as FORBIDDEN or NOT_FOUND."""

    kind: str
    message: str


FORBIDDEN = Refusal(kind="FORBIDDEN", message="Resource not accessible by integration")


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.kind = refusal.kind


@cache
def schema() -> core.GraphQLSchema:
    """Return the part of GitHub's schema that the fake serves."""
    return core.build_schema(_SCHEMA.read_text(encoding="utf-8"))


def connection(nodes: Sequence[Any]) -> Field:
    """Return a list that is paged by `first` and `after`, a cursor being a position.

    With `last` it is the end of the list.
    """

    def page(arguments: Arguments) -> Object:
        begin = int(arguments.get("after") or 0)
        if arguments.get("last"):
            begin = max(0, len(nodes) - int(arguments["last"]))
        end = begin + min(arguments.get("first") or LARGEST_PAGE, LARGEST_PAGE)
        return {
            "totalCount": len(nodes),
            "pageInfo": {
                "hasNextPage": end < len(nodes),
                "endCursor": str(min(end, len(nodes))) if nodes[begin:end] else None,
            },
            "nodes": list(nodes[begin:end]),
        }

    return page


def execute(query: str, root: Object, variables: Arguments, missing: Collection[str]) -> Json:
    """Return the answer to a query over `root`.

    `missing` is what an older server's schema lacks: a query that names something of it is refused
    as a whole. They are fields (`Issue.parent`), arguments (`stateReason(enableDuplicate)`) and
    types (`BlockedByAddedEvent`).

    Raises:
        ValueError: the fake's schema does not know the query.
    """
    document = _read(query)
    named = dict(_named(document)) if missing else {}
    if unknown := [error for name, error in named.items() if name in missing]:
        return {"errors": unknown}
    result = core.execute_sync(
        schema(),
        document,
        root_value=root,
        variable_values=dict(variables),
        field_resolver=_resolve,
        type_resolver=lambda value, *_: str(value["__typename"]),
    )
    errors = [_error(each) for each in result.errors or ()]
    return {"data": result.data, **({"errors": errors} if errors else {})}


@lru_cache(maxsize=256)
def _read(query: str) -> core.DocumentNode:
    """Return the document of a query; a program sends the same texts again and again."""
    document = core.parse(query)
    # Texts that differ only in their numbers are of one form.
    form = _NUMBER.sub("0", query)
    if form not in _KNOWN_FORMS:
        if problems := core.validate(schema(), document):
            message = problems[0].message
            raise ValueError(f"the fake's schema does not know the query: {message}")
        _KNOWN_FORMS.add(form)
    return document


def _resolve(source: Object, info: core.GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    value = source[info.field_name]
    if callable(value):
        value = value(arguments)
    if isinstance(value, Refusal):
        raise _Refused(value)
    return value


def _error(error: core.GraphQLError) -> Json:
    refused = error.original_error
    if isinstance(refused, _Refused):
        return {"type": refused.kind, "path": error.path, "message": error.message}
    raise ValueError(f"the fake failed at {error.path}: {error.message}") from error


def _named(document: core.DocumentNode) -> Iterator[tuple[str, Json]]:
    """Yield each field, argument and type that a query names, with GitHub's error for it."""
    found: list[tuple[str, Json]] = []
    types = core.TypeInfo(schema())

    class Names(core.Visitor):
        def __init__(self) -> None:
            super().__init__()
            self.path: list[str] = []

        def enter_operation_definition(self, node: core.OperationDefinitionNode, *_: Any) -> None:
            self.path = [f"query {node.name.value if node.name else ''}".rstrip()]

        def enter_fragment_definition(self, node: core.FragmentDefinitionNode, *_: Any) -> None:
            self.path = [f"fragment {node.name.value}"]

        def enter_inline_fragment(self, node: core.InlineFragmentNode, *_: Any) -> None:
            on = node.type_condition.name.value if node.type_condition else ""
            self.path.append(f"... on {on}")
            found.append((on, _unknown_type(on, [*self.path])))

        def leave_inline_fragment(self, *_: Any) -> None:
            self.path.pop()

        def enter_field(self, node: core.FieldNode, *_: Any) -> None:
            parent, name = types.get_parent_type(), node.name.value
            on = parent.name if parent else ""
            self.path.append(node.alias.value if node.alias else name)
            found.append((f"{on}.{name}", _unknown_field(on, name, [*self.path])))
            for argument in node.arguments or ():
                given = argument.name.value
                error = _unknown_argument(name, given, [*self.path, given])
                found.append((f"{name}({given})", error))

        def leave_field(self, *_: Any) -> None:
            self.path.pop()

    core.visit(document, core.TypeInfoVisitor(types, Names()))
    return iter(found)


def _unknown_field(on: str, name: str, path: list[str]) -> Json:
    return {
        "path": path,
        "extensions": {"code": "undefinedField", "typeName": on, "fieldName": name},
        "locations": _LOCATIONS,
        "message": f"Field '{name}' doesn't exist on type '{on}'",
    }


def _unknown_argument(field: str, name: str, path: list[str]) -> Json:
    said = {"name": field, "typeName": "Field", "argumentName": name}
    return {
        "path": path,
        "extensions": {"code": "argumentNotAccepted", **said},
        "locations": _LOCATIONS,
        "message": f"Field '{field}' doesn't accept argument '{name}'",
    }


def _unknown_type(name: str, path: list[str]) -> Json:
    return {
        "path": path,
        "extensions": {"code": "undefinedType", "typeName": name},
        "locations": _LOCATIONS,
        "message": f"No such type {name}, so it can't be a fragment condition",
    }
