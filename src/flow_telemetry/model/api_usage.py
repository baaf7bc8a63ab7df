"""Use of GitHub's APIs by an export: requests, points, and what the rate limit leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum


class Api(Enum):
    """GitHub's APIs, each with a rate limit of its own: of requests, or of points of queries."""

    REST = "rest"
    GRAPHQL = "graphql"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The limit of an hour, which ends at ``reset`` (Unix seconds), and how much of it is left."""

    limit: int
    left: int
    reset: int

    @property
    def reset_at(self) -> datetime:
        """The end of the hour in UTC."""
        return datetime.fromtimestamp(self.reset, tz=timezone.utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiUsage:
    """The requests to one API, and the token's rate limit; None if the server has none.

    ``points`` are those of the queries, about: the difference in the limit, to which others who use
    the token at the same time contribute. None for REST, and if they are unknown.
    """

    api: Api
    requests: int
    points: int | None = None
    rate_limit: RateLimit | None = None
