"""GitHub's rate limits of one App's installation, as GitHub documents them.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

HOUR, MINUTE = 3_600, 60
# An installation has 5,000 requests an hour, 50 more for each repository and user beyond 20 up to
# 12,500, and 15,000 in an organization of Enterprise Cloud.
PRIMARY = (5_000, 12_500, 15_000)
# GraphQL has points of its own: as many as REST has requests, but 10,000 on Enterprise Cloud.
POINTS = {5_000: 5_000, 12_500: 12_500, 15_000: 10_000}
# "No more than 900 points per minute are allowed for REST API endpoints, and no more than 2,000
# points per minute are allowed for the GraphQL API endpoint." A GET and a query are a point each.
REST_A_MINUTE, GRAPHQL_A_MINUTE = 900, 2_000
# "No more than 100 concurrent requests are allowed."
CONCURRENT = 100


@dataclass(slots=True)
class Account:
    """The requests of one installation: by hour and by minute, REST and GraphQL apart.

    ``limit`` is the primary limit of REST. Shards are simulated one after the other, each on a
    clock of its own: so requests come in any order of time, and count for their own minute.
    """

    limit: int
    by_hour: Counter[tuple[str, int]] = field(default_factory=Counter)
    by_minute: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def most(self, resource: str) -> int:
        """The limit of an hour of `core` (REST) or `graphql`."""
        return self.limit if resource == "core" else POINTS.get(self.limit, self.limit)

    def left(self, resource: str, at: float) -> int:
        """The requests that are left in the hour of ``at`` (Unix seconds)."""
        return max(0, self.most(resource) - self.by_hour[resource, int(at // HOUR)])

    def take(self, resource: str, at: float, number: int = 1, *, points: int = 1) -> str:
        """Count requests; return the limit that refuses them: `primary`, `secondary`, or empty.

        They count as ``points`` for the hour, and each as one for the minute.
        """
        hour, minute = int(at // HOUR), int(at // MINUTE)
        a_minute = REST_A_MINUTE if resource == "core" else GRAPHQL_A_MINUTE
        reason = ""
        if self.by_hour[resource, hour] + points > self.most(resource):
            reason = "primary"
        elif self.by_minute[resource, minute] + number > a_minute:
            reason = "secondary"
        if reason:
            self.refused[reason] += 1
        else:
            self.by_hour[resource, hour] += points
            self.by_minute[resource, minute] += number
        return reason

    def headers(self, resource: str, at: float) -> dict[str, str]:
        """The headers about the primary limit."""
        most, left = self.most(resource), self.left(resource, at)
        return {
            "x-ratelimit-limit": str(most),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-used": str(most - left),
            "x-ratelimit-reset": str((int(at // HOUR) + 1) * HOUR),
            "x-ratelimit-resource": resource,
        }
