"""Limits on names, values and numbers of attributes that every backend accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

from flow_telemetry.telemetry import Attributes, AttributeValue

# Of a span. Stores of logs take more: the SDKs of OpenTelemetry limit a log record to 128.
MOST_ATTRIBUTES = 32
# A pull request that was merged has up to 60. Dynatrace's classic pipeline takes 50 of a record,
# Dash0 16 (docs/reference/backends.md).
MOST_RECORD_ATTRIBUTES = 64
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

OptionalValue: TypeAlias = AttributeValue | None


def nanoseconds(time: datetime) -> int:
    """Return an aware time as nanoseconds since the Unix epoch, without rounding."""
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
    """Return the text without lone surrogates, which JSON allows and UTF-8 does not."""
    return text.encode(errors="replace").decode()


def attributes(
    first: Iterable[tuple[str, OptionalValue]],
    *groups: Iterable[tuple[str, OptionalValue]],
    shared: Attributes | None = None,
    most: int = MOST_ATTRIBUTES,
) -> Attributes:
    """Return the attributes that have a value, within the limits.

    Empty texts and lists count as missing. If there are more than ``most``, those of earlier groups
    are kept. ``shared`` attributes are already within the limits, and come after the first group.
    """
    result: dict[str, AttributeValue] = {}
    _add(result, first)
    if shared:
        result.update(shared)
    for group in groups:
        _add(result, group)
    if len(result) > most:
        return dict(list(result.items())[:most])
    return result


def _add(result: dict[str, AttributeValue], group: Iterable[tuple[str, OptionalValue]]) -> None:
    for key, item in group:
        if item is None or item == "" or item == ():  # noqa: PLR1714 - this loop is hot
            continue
        # Nearly all values are short: no call for these.
        kind = type(item)
        if (kind is str and len(item) <= _SURELY_SHORT and item.isascii()) or kind is int:  # type: ignore[arg-type,union-attr]
            result[key] = item
        elif isinstance(item, str):
            result[key] = value(item)
        elif isinstance(item, (bool, int, float)):
            result[key] = item
        else:
            result[key] = tuple(_limit_list(item))


def _limit_list(texts: Sequence[str]) -> Iterator[str]:
    """Yield the first texts, as many as fit into the size of one value."""
    bytes_left = LONGEST_VALUE_BYTES
    for text in texts[:_MOST_ITEMS]:
        item = value(text)
        bytes_left -= len(item.encode())
        if bytes_left < 0:
            return
        yield item
