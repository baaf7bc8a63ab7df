"""Answering a GraphQL query over objects that are made as they are asked for.

An object is a mapping of its fields, with `__typename`. A field's value is what it is, or a
function of the field's arguments, or a `Refusal`, which becomes null and an error with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.accounts import Json
from tests.fakes.graphql_language import Document, Selection, Variable

Object = Mapping[str, Any]
Arguments = Mapping[str, Any]
Field = Callable[[Arguments], Mapping[str, Any]]
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a field is null: `kind` is GitHub's type of error, such as FORBIDDEN or NOT_FOUND."""

    kind: str
    message: str


FORBIDDEN = Refusal(kind="FORBIDDEN", message="Resource not accessible by integration")


def connection(nodes: Sequence[Any]) -> Field:
    """Return a list that is paged by `first` and `after`, a cursor being a position."""

    def page(arguments: Arguments) -> Object:
        begin = int(arguments.get("after") or 0)
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


def execute(document: Document, root: Object, variables: Arguments) -> Json:
    """Return the answer to a query over `root`."""
    errors: list[Json] = []
    runner = _Runner(document, variables, errors)
    data = runner.object(root, document.selections, [])
    return {"data": data, **({"errors": errors} if errors else {})}


class _Runner:
    def __init__(self, document: Document, variables: Arguments, errors: list[Json]) -> None:
        self._fragments = document.fragments
        self._variables = variables
        self._errors = errors

    def object(self, value: Object, selections: Sequence[Selection], path: list[str | int]) -> Json:
        asked: dict[str, list[Selection]] = {}
        for field in self._fields(value.get("__typename", ""), selections):
            asked.setdefault(field.key, []).append(field)
        return {key: self._field(value, fields, [*path, key]) for key, fields in asked.items()}

    def _fields(self, type_name: str, selections: Sequence[Selection]) -> Iterator[Selection]:
        for each in selections:
            fragment = self._fragments[each.fragment] if each.fragment else each
            if not fragment.on:
                yield each
            elif fragment.on == type_name:
                yield from self._fields(type_name, fragment.selections)

    def _field(self, value: Object, fields: list[Selection], path: list[str | int]) -> Any:
        found = value[fields[0].name]
        if callable(found):
            found = found({k: self._argument(v) for k, v in fields[0].arguments.items()})
        below = [selection for field in fields for selection in field.selections]
        return self._value(found, below, path)

    def _argument(self, value: Any) -> Any:
        return self._variables.get(value.name) if isinstance(value, Variable) else value

    def _value(self, value: Any, below: list[Selection], path: list[str | int]) -> Any:
        if isinstance(value, Refusal):
            self._errors.append({"type": value.kind, "path": path, "message": value.message})
            return None
        if isinstance(value, list):
            return [self._value(each, below, [*path, at]) for at, each in enumerate(value)]
        return self.object(value, below, path) if isinstance(value, Mapping) else value
