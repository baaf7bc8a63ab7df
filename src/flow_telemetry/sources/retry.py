"""When to ask a server again, and how long to wait: pure, so that tests need no waiting.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
names the headers; servers that know no rate limits send none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

MOST_TRIES = 5
_FIRST_WAIT_SECONDS = 1.0
_SECONDARY_LIMIT_SECONDS = 60.0
_UNAVAILABLE = (500, 502, 503, 504)


def wait_before_retry(
    status: int, headers: Mapping[str, str], body: str, *, tries: int, now: float
) -> float | None:
    """Return the seconds to wait before the next try; None where another try is no use.

    ``headers`` have lower-case names, ``tries`` is how often was asked, ``now`` is Unix seconds.
    """
    if tries >= MOST_TRIES:
        return None
    if status in (403, 429):
        return _rate_limit_wait(status, headers, body, now=now)
    if status in _UNAVAILABLE:
        asked = _number(headers.get("retry-after"))
        return asked if asked is not None else backoff(tries)
    return None


def backoff(tries: int) -> float:
    """Return the seconds to wait after ``tries`` failures: 1, 2, 4 and so on."""
    return float(_FIRST_WAIT_SECONDS * 2 ** (tries - 1))


def _rate_limit_wait(
    status: int, headers: Mapping[str, str], body: str, *, now: float
) -> float | None:
    asked = _number(headers.get("retry-after"))
    if asked is not None:
        return asked
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        return max(1.0, reset - now + 1) if reset is not None else _SECONDARY_LIMIT_SECONDS
    limited = status == 429 or "rate limit" in body.lower()
    return _SECONDARY_LIMIT_SECONDS if limited else None


def _number(value: str | None) -> float | None:
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return float(value[:12])
