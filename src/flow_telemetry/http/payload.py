"""Values of decoded JSON, which may be damaged.

An optional value of a wrong type counts as missing; a missing required value raises an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Generic, TypeGuard, TypeVar

from flow_telemetry.errors import PayloadError

Payload = Mapping[str, Any]

# OTLP has 64 bits for the nanoseconds since 1970; times beyond are invalid.
_EARLIEST = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = datetime(2262, 1, 1, tzinfo=timezone.utc)
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z|z|[+-][0-9]{2}:[0-9]{2})"
)
_LARGEST_NUMBER = 2**63 - 1

ListItem = TypeVar("ListItem")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaginatedList(Generic[ListItem]):
    """The items of a list that was read page by page.

    ``total`` is the number of items that the server reported, None if it reported none.
    ``complete`` is False if some items could not be read.
    """

    items: tuple[ListItem, ...] = ()
    total: int | None = None
    complete: bool = True


def text(payload: Payload, key: str) -> str | None:
    """Return a text; None if it is missing, empty or blank."""
    value = payload.get(key)
    return value if _is_text(value) else None


def number(payload: Payload, key: str) -> int | None:
    """Return a whole number from 0 to 2^63 - 1; else None."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_NUMBER else None


def flag(payload: Payload, key: str) -> bool:
    """Return whether the value is true."""
    return payload.get(key) is True


def child(payload: Payload, key: str) -> Payload:
    """Return an object, or an empty one."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def children(payload: Payload, key: str) -> Iterator[Payload]:
    """Return the objects of a list; other elements are ignored."""
    value = payload.get(key)
    return (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))


def texts(payload: Payload, key: str) -> tuple[str, ...]:
    """Return the texts of a list; other elements are ignored."""
    value = payload.get(key)
    return tuple(item for item in (value if isinstance(value, list) else ()) if _is_text(item))


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def time(payload: Payload, key: str) -> datetime | None:
    """Return a time in UTC; None for GitHub's zero time and invalid times.

    A time without a zone is invalid, because it would depend on the machine.
    """
    value = payload.get(key)
    return _parse_time(value) if isinstance(value, str) else None


# Cached: a step ends when the next one begins, so most times occur twice.
@lru_cache(maxsize=4_096)
def _parse_time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    second, fraction, zone = match.groups()
    try:
        timestamp = datetime.fromisoformat(second + ("+00:00" if zone in "Zz" else zone))
        if fraction:  # Python 3.10 accepts only 3 or 6 digits.
            timestamp = timestamp.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        timestamp = timestamp.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return timestamp if _EARLIEST < timestamp < _LATEST else None


def required(value: Any, what: str, where: str) -> Any:
    """Return ``value``, or raise a PayloadError if it is None."""
    if value is None:
        raise PayloadError(
            f"GitHub's response for {where} has no usable `{what}`; it is damaged, or is not from "
            "GitHub's API. Check GITHUB_API_URL, and try again"
        )
    return value
