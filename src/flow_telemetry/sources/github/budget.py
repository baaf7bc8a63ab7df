"""How much may be asked of GitHub: a number of requests, and never the last of the rate limit.

It ends as well where GitHub refuses what is asked, for longer than there is time to wait.

The rate limit of a token is shared (that of GITHUB_TOKEN by all workflows of a repository), so
what reads much stops before others are refused. https://docs.github.com/en/rest/using-the-rest-api
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

from flow_telemetry.errors import BudgetExceeded

# What is left to everybody else, enough for dozens of exports of single runs; of a small limit it
# is a tenth.
RESERVED_RATE_LIMIT = 100
# Of the REST API GitHub takes 900 such requests a minute, whatever the limit of the hour is.
MOST_A_MINUTE = 800
_MINUTE = 60.0


class RequestBudget:
    """Counts down from ``most`` requests; None: only the rate limit bounds them."""

    def __init__(self, most: int | None = None, *, reserve: int = RESERVED_RATE_LIMIT) -> None:
        """Take both bounds: ``reserve`` is how much of the rate limit stays untouched.

        ``ended`` says why a request was not made, or not answered, and is empty before that.
        """
        self.most = most
        self._reserve = reserve
        self._taken = 0
        self.ended = ""
        # Until when (Unix seconds) no more may be asked, by GitHub's kind of limit.
        self._low_until: dict[str, float] = {}
        # The same by GitHub's own word, and the word.
        self._refused_until, self._refused = 0.0, ""
        self._lock = threading.Lock()
        self._begins: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._limited = False

    @property
    def left(self) -> int | None:
        """How many requests are left; None where their number is not bounded."""
        return None if self.most is None else max(0, self.most - self._taken)

    def take(self, what: str, *, now: float) -> None:
        """Count a request for ``what``; ``now`` is in Unix seconds.

        Raises:
            BudgetExceeded: it may not be made.
        """
        with self._lock:
            why = self._why_not(now)
            if why:
                self.ended = why
                raise BudgetExceeded(f"{what} was not read: {why}")
            self._taken += 1

    def refuse(self, what: str, why: str, *, until: float = float("inf")) -> BudgetExceeded:
        """Allow no more before ``until`` (Unix seconds), and return the error for ``what``."""
        with self._lock:
            self._refused_until, self._refused = until, why
            self.ended = why
        return BudgetExceeded(f"{what} was not read: {why}")

    def pause(self, *, now: float) -> float:
        """Return how many seconds to wait, so that no minute holds more than GitHub takes.

        ``now`` is in seconds of any clock that never goes back. A server that tells of no limits
        is never waited for.
        """
        with self._lock:
            full = self._limited and len(self._begins) == MOST_A_MINUTE
            wait = max(0.0, self._begins[0] + _MINUTE - now) if full else 0.0
            self._begins.append(now + wait)
            return wait

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (lower-case names) how much is left of the rate limit."""
        left, limit, reset = (_number(headers, name) for name in ("remaining", "limit", "reset"))
        if left is None or limit is None or reset is None:
            return
        # Without a token all of the limit is smaller than the reserve.
        low = left < min(self._reserve, max(1, limit // 10))
        with self._lock:
            self._limited = True
            kind = headers.get("x-ratelimit-resource", "core")
            self._low_until[kind] = float(reset) if low else 0.0

    def _why_not(self, now: float) -> str:
        if self.left == 0:
            return f"all {self.most} requests to GitHub that input max-requests allows are used up"
        if now < self._refused_until:
            return self._refused
        if any(now < until for until in self._low_until.values()):
            return (
                "the rate limit of the token is nearly used up, and what is left of it is for "
                "others (try again in an hour, or with another token)"
            )
        return ""


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(f"x-ratelimit-{name}", "")
    return int(text[:12]) if text.isascii() and text.isdigit() else None
