"""Limits that every backend accepts, applied to each span when it is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from flow_telemetry.telemetry import Attributes, AttributeValue

MOST_ATTRIBUTES = 32
MOST_EVENTS = 8
LONGEST_NAME = 128
LONGEST_VALUE_BYTES = 2048
_SURELY_SHORT = LONGEST_VALUE_BYTES // 4
_MOST_ITEMS = 32
# Terminal control characters and marks that change the direction of text.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_UNREADABLE = "\ufffd"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)

_EMPTY = ("", ())

Maybe: TypeAlias = AttributeValue | None


def nanoseconds(time: datetime) -> int:
    """Return a time, aware, as nanoseconds since the Unix epoch, without rounding."""
    return (time - _EPOCH) // _MICROSECOND * 1000


def name(text: str) -> str:
    """Return a name of at most 128 characters on one line; U+FFFD replaces control characters."""
    one_line = text if text.isprintable() else _CONTROLS.sub(_UNREADABLE, " ".join(text.split()))
    clean = one_line if one_line.isascii() else _valid(one_line)
    return clean if len(clean) <= LONGEST_NAME else clean[: LONGEST_NAME - 1] + "…"


def value(text: str) -> str:
    """Return a value of at most 2,048 bytes in UTF-8."""
    if len(text) <= _SURELY_SHORT and text.isascii():
        return text
    encoded = _valid(text).encode()
    if len(encoded) <= LONGEST_VALUE_BYTES:
        return encoded.decode()
    return encoded[: LONGEST_VALUE_BYTES - 3].decode(errors="ignore") + "…"


def _valid(text: str) -> str:
    """The text without lone surrogates, which JSON can hold and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def attributes(
    first: Iterable[tuple[str, Maybe]],
    *groups: Iterable[tuple[str, Maybe]],
    shared: Attributes | None = None,
) -> Attributes:
    """Return the attributes of the groups that have a value, cut to the bounds.

    Empty texts and lists count as missing. If there are too many, earlier groups win; those that
    are ``shared``, and bounded already, come after the first.
    """
    found: dict[str, AttributeValue] = {}
    _add(found, first)
    if shared:
        found.update(shared)
    for group in groups:
        _add(found, group)
    if len(found) > MOST_ATTRIBUTES:
        return dict(list(found.items())[:MOST_ATTRIBUTES])
    return found


def _add(found: dict[str, AttributeValue], group: Iterable[tuple[str, Maybe]]) -> None:
    for key, given in group:
        if given is None or given == "" or given == ():  # noqa: PLR1714 - it is hot
            continue
        # Certainly within the bounds, as nearly all are: without a call for each.
        kind = type(given)
        if (kind is str and len(given) <= _SURELY_SHORT and given.isascii()) or kind is int:  # type: ignore[arg-type,union-attr]
            found[key] = given
        else:
            found[key] = _bounded(given)


def _bounded(given: AttributeValue) -> AttributeValue:
    if isinstance(given, str):
        return value(given)
    if isinstance(given, (bool, int, float)):
        return given
    return tuple(_bounded_items(given))


def _bounded_items(given: Sequence[str]) -> Iterator[str]:
    """The first items, as many as fit into one value."""
    left = LONGEST_VALUE_BYTES
    for each in given[:_MOST_ITEMS]:
        item = value(each)
        left -= len(item.encode())
        if left < 0:
            return
        yield item
