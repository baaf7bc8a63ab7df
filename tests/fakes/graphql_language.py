"""Reading a GraphQL query, as far as the language is used here: no directives, no mutations.

The tests check each query with a complete implementation; the demo has to do without one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'\.\.\.|[A-Za-z_]\w*|-?\d+|"[^"]*"|[{}()\[\]:$!=]')
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable in the place of a value."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A field, or a fragment in its place: `on` is the type that the fragment is for.

    `fragment` names one that stands elsewhere in the query.
    """

    name: str = ""
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    selections: tuple[Selection, ...] = ()
    on: str = ""
    fragment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A query with its fragments."""

    name: str
    selections: tuple[Selection, ...]
    fragments: Mapping[str, Selection]


def parse(text: str) -> Document:
    """Return the query that a text writes (ValueError: it writes none)."""
    reader = _Reader(_TOKEN.findall(text))
    name = ""
    selections: tuple[Selection, ...] = ()
    fragments = {}
    while reader.left():
        if reader.take() == "query":
            name = reader.take()
            reader.skip_parentheses()
            selections = reader.selections()
        else:
            fragment = reader.take()
            reader.expect("on")
            on = reader.take()
            fragments[fragment] = Selection(on=on, selections=reader.selections())
    return Document(name=name, selections=selections, fragments=fragments)


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def left(self) -> bool:
        return self._at < len(self._tokens)

    def take(self) -> str:
        if not self.left():
            raise ValueError("the query ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def expect(self, token: str) -> None:
        found = self.take()
        if found != token:
            raise ValueError(f"{found} stands where {token} should")

    def takes(self, token: str) -> bool:
        there = self.left() and self._tokens[self._at] == token
        self._at += there
        return there

    def skip_parentheses(self) -> None:
        if self.takes("("):
            while not self.takes(")"):
                self.take()

    def selections(self) -> tuple[Selection, ...]:
        self.expect("{")
        found = []
        while not self.takes("}"):
            found.append(self._selection())
        return tuple(found)

    def _selection(self) -> Selection:
        if self.takes("..."):
            if self.takes("on"):
                return Selection(on=self.take(), selections=self.selections())
            return Selection(fragment=self.take())
        key = name = self.take()
        if self.takes(":"):
            name = self.take()
        arguments = self._pairs(")") if self.takes("(") else {}
        below = self.selections() if self._is_next("{") else ()
        return Selection(name=name, key=key, arguments=arguments, selections=below)

    def _is_next(self, token: str) -> bool:
        return self.left() and self._tokens[self._at] == token

    def _pairs(self, end: str) -> dict[str, Any]:
        found = {}
        while not self.takes(end):
            name = self.take()
            self.expect(":")
            found[name] = self._value()
        return found

    def _value(self) -> Any:
        word = self.take()
        if word == "$":
            return Variable(name=self.take())
        if word == "{":
            return self._pairs("}")
        if word == "[":
            items = []
            while not self.takes("]"):
                items.append(self._value())
            return items
        if word.lstrip("-").isdigit():
            return int(word)
        return word.strip('"') if word.startswith('"') else _WORDS.get(word, word)
