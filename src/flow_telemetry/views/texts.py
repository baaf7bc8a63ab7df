"""Records with other texts in them: all that views show, without credentials and hidden people."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from operator import is_
from typing import Any, TypeVar

from flow_telemetry.outcome import Outcome
from flow_telemetry.redaction import Redactor
from flow_telemetry.rules.people import People, texts_without
from flow_telemetry.settings import Actors

Record = TypeVar("Record")

# A reference is what things are matched by, and made of nothing but names of places and keys.
_KEPT = ("reference", "trace")
_TEXTLESS = frozenset({type(None), bool, int, float, datetime, timedelta})
# What people write, and what is told of an export in sentences.
_WRITTEN = ("title", "message", "oldest_commit_message")
_BRANCHES = ("head_branch", "base_branch")
_TOLD = ("problems", "notices", "left_out", "unread")


def without_credentials(record: Record, redact: Redactor) -> Record:
    """Return a record, such as an outcome, with each text in it as ``redact`` has it.

    The very same record where there is nothing to take out, as nearly always.
    """
    if redact.finds_nothing(_texts(record)):
        return record
    found: Record = _clean(record, redact)
    return found


def without_people(outcome: Outcome, people: People) -> Outcome:
    """Return the outcome with no more of people in what somebody wrote than the user wants."""
    if people.actors is Actors.LOGIN:
        return outcome
    written: Outcome = _rewritten(outcome, people)
    return written


def _rewritten(value: Any, people: People) -> Any:
    if isinstance(value, tuple):
        several = [_rewritten(each, people) for each in value]
        return value if all(map(is_, several, value)) else tuple(several)
    changed: dict[str, Any] = {}
    for name in _fields_of(value):
        held = getattr(value, name)
        if name in _WRITTEN and isinstance(held, str):
            changed[name] = people.text(held)
        elif name in _BRANCHES and isinstance(held, str):
            changed[name] = people.branch(held)
        elif name in _TOLD and isinstance(held, tuple):
            changed[name] = texts_without(people, held)
        elif (clean := _rewritten(held, people)) is not held:
            changed[name] = clean
    return replace(value, **changed) if changed else value


def _texts(record: object) -> list[str]:
    """All texts in a record; a large run holds tens of thousands of records, so no recursion."""
    texts: list[str] = []
    left: list[Any] = [record]
    while left:
        value = left.pop()
        if type(value) is str:
            texts.append(value)
        elif type(value) is tuple:
            left += value
        elif type(value) not in _TEXTLESS:
            left += [getattr(value, name) for name in _fields_of(value)]
    return texts


def _fields_of(value: object) -> tuple[str, ...]:
    """The fields of a record in which there may be texts; what is no record has none."""
    kind: Any = type(value)  # A class is hashable, which its type does not say.
    return _fields_of_kind(kind)


@cache
def _fields_of_kind(kind: Any) -> tuple[str, ...]:
    """The same by its class: of some there are tens of thousands."""
    fields = getattr(kind, "__dataclass_fields__", ())
    return tuple(name for name in fields if name not in _KEPT)


def _clean(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        several = [_clean(each, redact) for each in value]
        return value if all(map(is_, several, value)) else tuple(several)
    changed = {
        name: clean
        for name in _fields_of(value)
        if (clean := _clean(held := getattr(value, name), redact)) is not held
    }
    return replace(value, **changed) if changed else value
