"""Taking values out of decoded JSON that may be damaged, without trusting its types.

Optional values of a wrong type count as missing; a required one raises an error that names it.
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

# OTLP counts nanoseconds since 1970 in 64 bits; a time outside of that is no time.
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
    """Return a text, None where it is missing, empty or blank."""
    value = payload.get(key)
    return value if _is_text(value) else None


def number(payload: Payload, key: str) -> int | None:
    """Return a whole number that is not negative and fits 64 bits."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_NUMBER else None


def flag(payload: Payload, key: str) -> bool:
    """Return whether the value is true."""
    return payload.get(key) is True


def child(payload: Payload, key: str) -> Payload:
    """Return an object, an empty one where it is missing."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def children(payload: Payload, key: str) -> Iterator[Payload]:
    """Return the objects of a list, whatever else is in it."""
    value = payload.get(key)
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def texts(payload: Payload, key: str) -> tuple[str, ...]:
    """Return the texts of a list."""
    value = payload.get(key)
    return tuple(each for each in (value if isinstance(value, list) else ()) if _is_text(each))


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def time(payload: Payload, key: str) -> datetime | None:
    """Return a time, aware and in UTC; None for GitHub's zero time and for what is no time.

    A time without its zone is none: it would mean another instant on each machine.
    """
    value = payload.get(key)
    return _time_in(value) if isinstance(value, str) else None


# A step ends when the next one begins, and most of a run's times are of the same minutes.
@lru_cache(maxsize=4_096)
def _time_in(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    second, fraction, zone = match.groups()
    try:
        found = datetime.fromisoformat(second + ("+00:00" if zone in "Zz" else zone))
        if fraction:  # Python 3.10 reads 3 or 6 digits only; all are to read the same.
            found = found.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        found = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return found if _EARLIEST < found < _LATEST else None


def required(value: Any, what: str, where: str) -> Any:
    """Return ``value``, or raise a PayloadError that says what is missing where."""
    if value is None:
        raise PayloadError(
            f"GitHub's answer on {where} has no usable `{what}`; it is damaged, or no answer of "
            "GitHub's API at all. Check GITHUB_API_URL, and try again"
        )
    return value
