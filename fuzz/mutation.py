"""Edits of decoded JSON: pure, so that a few bytes say the same edit on every machine.

An edit names a place by the way down to it, and what is to happen there. So a fuzzer that changes a
byte changes one edit, and what it found before stays as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from fuzz.odd import ODD, ODD_TEXTS

EDIT_BYTES = 8
MOST_EDITS = 12
_DEEPEST = 1200
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_SECONDS = (1, 59, 3600, 86_400, 10**7, 10**9)

_DELETED = object()


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: ``target`` is an answer, ``place`` a value in it, ``what`` and ``how`` say it."""

    target: int
    place: int
    what: int
    how: int


def edits_in(data: bytes) -> tuple[Edit, ...]:
    """Return the edits that bytes stand for, eight for each; what is left over is no edit."""
    found = []
    for start in range(0, min(len(data), EDIT_BYTES * MOST_EDITS) - EDIT_BYTES + 1, EDIT_BYTES):
        each = data[start : start + EDIT_BYTES]
        place = int.from_bytes(each[1:5], "little")
        found.append(Edit(each[0], place, each[5], int.from_bytes(each[6:8], "little")))
    return tuple(found)


def edited(value: Any, edits: Iterable[Edit]) -> Any:
    """Return a value with the edits made one after the other; what is given stays as it is."""
    for edit in edits:
        try:
            changed = _rebuilt(value, edit.place, partial(_changed, edit=edit, root=value))
        except RecursionError:
            continue  # It is nested as deep as can be.
        value = None if changed is _DELETED else changed
    return value


def as_json(value: Any) -> bytes:
    """Return a value as JSON, however deep, with what only JSON of others holds (NaN, 1e999)."""
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b"[" * 100_000


def _rebuilt(value: Any, place: int, change: Callable[[Any], Any]) -> Any:
    """The value with what is at a place changed; a place is read digit by digit on the way down."""
    if not isinstance(value, (dict, list)) or not value:
        return change(value)
    place, choice = divmod(place, len(value) + 1)
    if choice == len(value):
        return change(value)
    if isinstance(value, dict):
        key = list(value)[choice]
        new = _rebuilt(value[key], place, change)
        rest = {k: v for k, v in value.items() if k != key}
        return rest if new is _DELETED else {**value, key: new}
    new = _rebuilt(value[choice], place, change)
    return [*value[:choice], *([] if new is _DELETED else [new]), *value[choice + 1 :]]


def _found(value: Any, place: int) -> Any:
    while isinstance(value, (dict, list)) and value:
        place, choice = divmod(place, len(value) + 1)
        if choice == len(value):
            break
        value = list(value.values())[choice] if isinstance(value, dict) else value[choice]
    return value


def _changed(found: Any, edit: Edit, root: Any) -> Any:
    return _WAYS[edit.what % len(_WAYS)](found, edit.how, root)


def _replaced(_: Any, how: int, __: Any) -> Any:
    return ODD[how % len(ODD)]


def _deleted(_: Any, __: int, ___: Any) -> Any:
    return _DELETED


def _of_elsewhere(_: Any, how: int, root: Any) -> Any:
    """A subtree of another place, as if two facts had changed theirs."""
    return _found(root, how * 2_654_435_761 % 2**32)


def _wrapped(found: Any, how: int, _: Any) -> Any:
    return [found] if how % 2 else {"nodes": [found], "name": found}


def _unwrapped(found: Any, how: int, _: Any) -> Any:
    inside = (
        list(found.values() if isinstance(found, dict) else found or ()) if _holds(found) else []
    )
    return inside[how % len(inside)] if inside else None


def _nested(found: Any, how: int, _: Any) -> Any:
    for _level in range(how % _DEEPEST):
        found = [found] if how % 2 else {"parent": found}
    return found


def _repeated(found: Any, how: int, _: Any) -> Any:
    """Entries twice and more; as GitHub's pages do where a list grows while it is read."""
    if isinstance(found, list):
        return (found * (2 + how % 30))[:400]
    if isinstance(found, dict):
        return {**found, **{f"{key}\u200b": value for key, value in list(found.items())[:5]}}
    return [found] * (how % 300)


def _turned(found: Any, how: int, _: Any) -> Any:
    if isinstance(found, list):
        return found[::-1] if how % 2 else found[how % (len(found) + 1) :]
    if isinstance(found, dict):
        return dict(reversed(found.items()))
    return found


def _of_another_type(found: Any, how: int, _: Any) -> Any:
    if isinstance(found, bool) or found is None:
        return (str(found), int(bool(found)), [found])[how % 3]
    if isinstance(found, (int, float)):
        found = found if abs(found) < 2**63 else 2**63
        return (str(found), float(found), -found, found + 1, [found], found * 2**40)[how % 6]
    if isinstance(found, str):
        return ([found], {found: found}, len(found), list(found[:50]), ascii(found))[how % 5]
    return str(found)[:5000]


def _odd_text(found: Any, how: int, _: Any) -> Any:
    text, odd = (
        found if isinstance(found, str) else str(found)[:500],
        ODD_TEXTS[how // 6 % len(ODD_TEXTS)],
    )
    middle = len(text) // 2
    ways = (text + odd, odd + text, text[:middle] + odd + text[middle:])
    return (*ways, text.upper(), text[::-1], text * 3)[how % 6]


def _shifted(found: Any, how: int, root: Any) -> Any:
    """Another time, so that what should come first comes last; a number a little beside."""
    if isinstance(found, str) and _TIME.fullmatch(found):
        seconds = _SECONDS[how // 2 % len(_SECONDS)] * (-1 if how % 2 else 1)
        try:
            moved = datetime.fromisoformat(found[:19]) + timedelta(seconds=seconds)
        except (ValueError, OverflowError):
            return found
        return f"{moved.replace(tzinfo=timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(found, int) and not isinstance(found, bool):
        return found + how % 7 - 3
    return _of_elsewhere(found, how, root)


def _holds(found: Any) -> bool:
    return isinstance(found, (dict, list))


# Named more than once is what finds more.
_WAYS: tuple[Callable[[Any, int, Any], Any], ...] = (
    *(_replaced, _replaced, _replaced, _deleted, _of_elsewhere, _wrapped, _unwrapped, _nested),
    *(_repeated, _turned, _of_another_type, _odd_text, _shifted, _shifted, _odd_text, _deleted),
)


def edited_bytes(content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return bytes that are no JSON (an archive, a report, a log) with the edits made."""
    for edit in edits:
        at = edit.place % (len(content) + 1)
        odd = ODD_TEXTS[edit.how % len(ODD_TEXTS)].encode(errors="surrogatepass")
        length = edit.how % 64
        content = (
            content[:at] + odd + content[at:],
            content[:at] + bytes([edit.how % 256]) + content[at + 1 :],
            content[:at] + content[at + length :],
            content[:at] + content[at : at + length] * (2 + edit.how % 20) + content[at:],
            content[:at],
            content[at:] + content[:at],
            content[:at] + str(10 ** (edit.how % 40)).encode() + content[at + 1 :],
        )[edit.what % 7]
    return content
