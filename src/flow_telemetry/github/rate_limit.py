"""Request budget and rate limits: a number of requests, and a reserve of the token's limit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

from flow_telemetry.errors import BudgetExceeded

# The rate limit of a token is shared (that of GITHUB_TOKEN by all workflows of a repository), so
# large exports stop before others are refused.
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api

# Left for other users of the token: dozens of exports of single runs. A tenth of a small limit.
RESERVED_RATE_LIMIT = 100
# GitHub accepts 900 requests to the REST API a minute, besides the limit of the hour.
MOST_A_MINUTE = 800
_MINUTE = 60.0


class RequestBudget:
    """The number of requests that are left, and whether the rate limit allows another.

    ``ended`` is the reason why a request was not sent or was refused; empty before that.
    """

    def __init__(self, most: int | None = None, *, reserve: int = RESERVED_RATE_LIMIT) -> None:
        """Allow ``most`` requests, or any number if None; ``reserve`` is for other users."""
        self.most = most
        self._reserve = reserve
        self._sent = 0
        self.ended = ""
        # Unix seconds until which the reserve is all that is left, by GitHub's kind of limit.
        self._low_until: dict[str, float] = {}
        # Unix seconds until which GitHub refuses requests, and the reason.
        self._refused_until, self._refused = 0.0, ""
        self._lock = threading.Lock()
        self._send_times: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._has_rate_limit = False

    @property
    def left(self) -> int | None:
        """The number of requests that are left; None without a limit."""
        return None if self.most is None else max(0, self.most - self._sent)

    def take(self, what: str, *, now: float) -> None:
        """Count a request for ``what``; ``now`` is in Unix seconds.

        Raises:
            BudgetExceeded: the request must not be sent.
        """
        with self._lock:
            reason = self._end_reason(now)
            if reason:
                self.ended = reason
                raise BudgetExceeded(f"{what} was not read: {reason}")
            self._sent += 1

    def refuse(self, what: str, reason: str, *, until: float = float("inf")) -> BudgetExceeded:
        """Allow no request before ``until`` (Unix seconds), and return the error for ``what``."""
        with self._lock:
            self._refused_until, self._refused = until, reason
            self.ended = reason
        return BudgetExceeded(f"{what} was not read: {reason}")

    def pause(self, *, now: float) -> float:
        """Return the seconds to wait before the next request, within MOST_A_MINUTE.

        ``now`` is in seconds of a monotonic clock. A server without rate limits needs no pause.
        """
        with self._lock:
            full = self._has_rate_limit and len(self._send_times) == MOST_A_MINUTE
            wait = max(0.0, self._send_times[0] + _MINUTE - now) if full else 0.0
            self._send_times.append(now + wait)
            return wait

    def note(self, headers: Mapping[str, str]) -> None:
        """Update the rate limit from a response's headers (lower-case names)."""
        left, limit, reset = (
            rate_limit_value(headers, name) for name in ("remaining", "limit", "reset")
        )
        if left is None or limit is None or reset is None:
            return
        # Without a token all of the limit is smaller than the reserve.
        low = left < min(self._reserve, max(1, limit // 10))
        with self._lock:
            self._has_rate_limit = True
            kind = headers.get("x-ratelimit-resource", "core")
            self._low_until[kind] = float(reset) if low else 0.0

    def _end_reason(self, now: float) -> str:
        if self.left == 0:
            return f"all {self.most} requests to GitHub that `max-requests` allows were sent"
        if now < self._refused_until:
            return self._refused
        if any(now < until for until in self._low_until.values()):
            return (
                "the rate limit of the token is nearly used up, and the rest is for other users "
                "(try again in an hour, or with another token)"
            )
        return ""


def rate_limit_value(headers: Mapping[str, str], name: str) -> int | None:
    """Return `remaining`, `limit` or `reset` (in Unix seconds) of the rate limit, if it is known.

    ``headers`` are those of a response, with names in lower case.
    """
    text = headers.get(f"x-ratelimit-{name}", "")
    return int(text[:12]) if text.isascii() and text.isdigit() else None
