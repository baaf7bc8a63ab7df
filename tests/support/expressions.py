"""GitHub's expressions, as far as the workflows of this project use them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Contexts = Mapping[str, Any]

_CALL = re.compile(r"(\w+)\((.*)\)")


def interpolated(text: str, contexts: Contexts) -> str:
    """Return a text with its `${{ }}` replaced; null becomes nothing, as GitHub does it."""
    return re.sub(r"\$\{\{\s(.*?)\s\}\}", lambda match: _text(value(match[1], contexts)), text)


def value(expression: str, contexts: Contexts) -> Any:
    """Return the value of `a && b || c` without parentheses: `&&` binds closer than `||`."""
    found: Any = None
    for alternative in expression.split("||"):
        for condition in alternative.split("&&"):
            found = _comparison(condition.strip(), contexts)
            if not found:
                break
        if found:
            break
    return found


def _comparison(text: str, contexts: Contexts) -> Any:
    for operator, wanted in ((" == ", True), (" != ", False)):
        left, found, right = text.partition(operator)
        if found:
            return (_operand(left, contexts) == _operand(right, contexts)) is wanted
    return _operand(text, contexts)


def _operand(text: str, contexts: Contexts) -> Any:
    if call := _CALL.fullmatch(text):
        arguments = [_operand(word, contexts) for word in call[2].split(", ")]
        return _called(call[1], arguments)
    if text.startswith("'"):
        return text[1:-1]
    found: Any = contexts
    for key in text.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _called(function: str, arguments: list[Any]) -> Any:
    if function == "format":
        return arguments[0].format(*map(_text, arguments[1:]))
    if function == "startsWith":
        return arguments[0].lower().startswith(arguments[1].lower())
    assert function == "fromJSON", f"the tests do not know {function}()"
    return json.loads(arguments[0])


def _text(found: Any) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)
