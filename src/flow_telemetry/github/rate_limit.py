"""Rate limits of GitHub's APIs, and the budget of requests that an export keeps within.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from flow_telemetry.errors import BudgetExceeded
from flow_telemetry.model.api_usage import Api, ApiUsage, RateLimit

# Left for other users of the token: dozens of exports of single runs. A tenth of a small limit.
RESERVED_RATE_LIMIT = 100
# Besides the limit of the hour GitHub accepts 900 requests to REST and 2,000 queries a minute. A
# query counts as one of these, and not with its points of the hour.
MOST_A_MINUTE = {Api.REST: 800, Api.GRAPHQL: 1_800}
_MINUTE = 60.0
# GitHub's value of `x-ratelimit-resource`. Other resources, such as `search`, are not used.
_APIS = {"core": Api.REST, "graphql": Api.GRAPHQL}
API_NAMES = {Api.REST: "REST", Api.GRAPHQL: "GraphQL"}
# The end of the hour in GitHub's headers varies by a second or two from response to response.
_SAME_HOUR = 60
# The last second of 2286, the latest of ten digits.
_LATEST = 9_999_999_999


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return the rate limit by a response's headers, whose names are in lower case, if it has one.

    They count requests to REST, and the points of queries.
    """
    values = []
    for name in ("limit", "remaining", "reset"):
        text = headers.get(f"x-ratelimit-{name}", "")
        if not (text.isascii() and text.isdigit()):
            return None
        values.append(min(int(text[:20]), _LATEST))
    limit, left, reset = values
    return RateLimit(limit=limit, left=left, reset=reset)


@dataclass(slots=True)
class _Hour:
    """One API's hour: the least that was left in it, the most, and the requests of this process."""

    known: RateLimit
    most_left: int
    requests: int


class RateLimits:
    """The requests of this process to each API, and what the token's rate limits leave."""

    def __init__(self) -> None:
        """Nothing was sent yet."""
        self._lock = threading.Lock()
        self._requests: Counter[Api] = Counter()
        self._hours: dict[Api, _Hour] = {}
        self._points_before = 0

    @property
    def requests(self) -> int:
        """The number of requests that were sent."""
        return sum(self._requests.values())

    def of(self, api: Api) -> RateLimit | None:
        """Return the limit of the hour in which the last response came; None if it is unknown."""
        hour = self._hours.get(api)
        return None if hour is None else hour.known

    def count(self, api: Api) -> None:
        """Count a request that is about to be sent."""
        with self._lock:
            self._requests[api] += 1
            if api in self._hours:
                self._hours[api].requests += 1

    def note(self, api: Api, headers: Mapping[str, str]) -> None:
        """Update the limit from a response's headers (lower-case names), in any order."""
        found = parse_rate_limit(headers)
        # Enterprise Server sends the limit, and not always its name.
        name = headers.get("x-ratelimit-resource")
        if found is None or (name is not None and _APIS.get(name) is not api):
            return
        with self._lock:
            hour = self._hours.get(api)
            if hour is None:
                self._hours[api] = _Hour(found, found.left, self._requests[api])
            elif abs(found.reset - hour.known.reset) < _SAME_HOUR:
                left, reset = min(found.left, hour.known.left), hour.known.reset
                hour.known = RateLimit(limit=found.limit, left=left, reset=reset)
                hour.most_left = max(found.left, hour.most_left)
            else:
                if api is Api.GRAPHQL:
                    self._points_before = self._points()
                # The request of this response belongs to the new hour.
                self._hours[api] = _Hour(found, found.left, requests=1)

    def used(self, api: Api) -> int:
        """Return what this process used of the present hour: requests, or about its points."""
        hour = self._hours.get(api)
        if hour is None:
            return 0
        if api is Api.REST:
            return hour.requests
        # The first response shows what is left after its query, which cost at least a point, as
        # each of them did.
        return max(hour.requests, hour.most_left - hour.known.left + 1)

    def usage(self) -> tuple[ApiUsage, ...]:
        """Return the use of each API to which a request was sent."""
        with self._lock:
            return tuple(
                ApiUsage(
                    api=api,
                    requests=self._requests[api],
                    # Of a single query nothing is known: the first response comes after it.
                    points=self._points()
                    if api is Api.GRAPHQL and api in self._hours and self._requests[api] > 1
                    else None,
                    rate_limit=self.of(api),
                )
                for api in Api
                if self._requests[api]
            )

    def _points(self) -> int:
        return self._points_before + self.used(Api.GRAPHQL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShare:
    """The percentage of a token's hourly limits that an export may use, since others need the rest.

    With ``of_limit`` it is for a token with this limit only.
    """

    percent: int
    of_limit: int | None = None


class RequestBudget:
    """The number of requests that are left, and whether the rate limits allow another.

    The rate limits of a token are shared (those of GITHUB_TOKEN by all workflows of a repository),
    so large exports stop before others are refused. Each API has its own: if that of GraphQL is
    used up, REST can be read.

    ``ended`` is the reason why a request was not sent or was refused; empty before that.
    """

    def __init__(
        self,
        most: int | None = None,
        *,
        reserve: int = RESERVED_RATE_LIMIT,
        share: LimitShare | None = None,
        processes: int = 1,
    ) -> None:
        """Allow ``most`` requests, or any number if None; ``reserve`` is for other users.

        ``processes`` use the token at once, and share the limits of a minute.
        """
        self.most = most
        self.limits = RateLimits()
        self._reserve = reserve
        self._share = share
        self.ended = ""
        # Unix seconds until which GitHub refuses requests, and the reason.
        self._refused: dict[Api, tuple[float, str]] = {}
        self._lock = threading.Lock()
        self._send_times = {
            api: deque[float](maxlen=most // processes) for api, most in MOST_A_MINUTE.items()
        }

    @property
    def left(self) -> int | None:
        """The number of requests that are left; None without a limit."""
        return None if self.most is None else max(0, self.most - self.limits.requests)

    def allowed(self, api: Api) -> int | None:
        """Return how many requests to an API may follow, as far as it is known; None if it is not.

        A query counts as one, though it may cost several points.
        """
        counts = [self.left] if self.left is not None else []
        known = self.limits.of(api)
        if known is not None:
            counts.append(known.left - self._least_left(known))
            if (share := self._share_of(known)) is not None:
                counts.append(share - self.limits.used(api))
        return max(0, min(counts)) if counts else None

    def take(self, what: str, api: Api, *, now: float) -> None:
        """Count a request for ``what``; ``now`` is in Unix seconds.

        Raises:
            BudgetExceeded: the request must not be sent.
        """
        with self._lock:
            reason = self._end_reason(api, now)
            if reason:
                self.ended = reason
                raise BudgetExceeded(f"{what} was not read: {reason}")
            self.limits.count(api)

    def refuse(
        self, what: str, reason: str, *, api: Api | None = None, until: float = float("inf")
    ) -> BudgetExceeded:
        """Allow no request before ``until`` (Unix seconds), and return the error for ``what``.

        With ``api`` only those to this one are not allowed.
        """
        with self._lock:
            for each in Api if api is None else (api,):
                self._refused[each] = until, reason
            self.ended = reason
        return BudgetExceeded(f"{what} was not read: {reason}")

    def pause(self, api: Api, *, now: float) -> float:
        """Return the seconds to wait before the next request, within a part of MOST_A_MINUTE.

        ``now`` is in seconds of a monotonic clock. A server without rate limits needs no pause.
        """
        times = self._send_times[api]
        with self._lock:
            full = self.limits.of(api) is not None and len(times) == times.maxlen
            wait = max(0.0, times[0] + _MINUTE - now) if full else 0.0
            times.append(now + wait)
            return wait

    def _end_reason(self, api: Api, now: float) -> str:
        if self.left == 0:
            return f"all {self.most} requests to GitHub that `max-requests` allows were sent"
        until, reason = self._refused.get(api, (0.0, ""))
        if now < until:
            return reason
        known = self.limits.of(api)
        if known is None or now >= known.reset:
            return ""
        if known.left < self._least_left(known):
            return (
                f"the rate limit of the token for {API_NAMES[api]} is nearly used up, and the rest "
                f"is for other users (try again after {known.reset_at:%H:%M} UTC, or with another "
                "token)"
            )
        return self._end_of_share(api, known)

    def _least_left(self, known: RateLimit) -> int:
        # Without a token all of the limit is smaller than the reserve.
        return min(self._reserve, max(1, known.limit // 10))

    def _share_of(self, known: RateLimit) -> int | None:
        share = self._share
        if share is None or share.of_limit not in (None, known.limit):
            return None
        return max(1, known.limit * share.percent // 100)

    def _end_of_share(self, api: Api, known: RateLimit) -> str:
        share, most = self._share, self._share_of(known)
        if share is None or most is None or self.limits.used(api) < most:
            return ""
        unit = "requests to REST" if api is Api.REST else "points of GraphQL"
        return (
            f"the sweep used its share of the workflow's token, {share.percent} % of "
            f"{known.limit:,} {unit} an hour (`rate-limit-share`), which leaves the rest to others"
        )
