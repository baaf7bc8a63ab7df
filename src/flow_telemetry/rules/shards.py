"""Shards of an organization's sweep: the repositories of each, and its share of the requests."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

# https://docs.github.com/en/actions/reference/limits: "A job matrix can generate a maximum of 256
# jobs per workflow run."
MOST_SHARDS = 256
# A sweep sends some hundred requests a minute, so that a shard of so many ends within a job's time.
# All shards share the rate limit of one App: more of them save time, and give no more requests.
REQUESTS_OF_SHARD = 1_000
# `max-parallel` of the workflow. They share the limit of a minute, too: a shard that others leave
# nothing of it could not even read its ledger.
PARALLEL_SHARDS = 2
# Estimates, fitted to sweeps by `python -m benchmarks.organization`: the lists of a repository with
# its open work, and what each new thing needs.
_REQUESTS_OF_REPOSITORY = 12.0
_REQUESTS_OF_RUN = 1.3
_REQUESTS_OF_CLOSING = 0.7
_REQUESTS_OF_DEPLOYMENT = 2.5
# The first hundred runs a day of a repository are in its own; each further one has jobs that are
# active during a sweep, and a place on a page of the list.
_FIRST_RUNS_A_DAY = 100.0
_REQUESTS_OF_RUN_A_DAY = 0.06
_RUNS_OF_PAGE = 100.0
# At least so many of them are queries. An estimate that is too high would let the first shards use
# up what the limit of REST leaves for the last one.
_QUERIES_OF_REPOSITORY = 5.0
_QUERIES_OF_RUN = 0.08
_QUERIES_OF_CLOSING = 0.2
# An estimate that is too low leaves things to the next sweep, one that is too high costs nothing.
_RESERVE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happened in a repository (`acme/shop`) since the mark of its last sweep.

    The numbers are those of new runs, closed pull requests and issues, and new deployments;
    ``remaining`` is the number of things that earlier sweeps left. ``is_due`` is whether the daily
    list of older runs is due. A repository that no sweep knows has no ``mark``. A sweep lists the
    runs of ``listed_days``, of which there are about ``runs_a_day``.
    """

    repository: str
    mark: datetime | None = None
    runs: int = 0
    closings: int = 0
    deployments: int = 0
    remaining: int = 0
    is_due: bool = False
    runs_a_day: float = 0.0
    listed_days: int = 1

    @property
    def is_active(self) -> bool:
        """Whether there is something that a sweep may export."""
        return bool(self.runs or self.closings or self.deployments or self.remaining or self.is_due)

    @property
    def requests(self) -> int:
        """The estimated number of requests to GitHub."""
        pages = self.runs_a_day * self.listed_days / _RUNS_OF_PAGE
        return round(
            _REQUESTS_OF_REPOSITORY
            + pages
            + max(0.0, self.runs_a_day - _FIRST_RUNS_A_DAY) * _REQUESTS_OF_RUN_A_DAY
            + self.runs * _REQUESTS_OF_RUN
            + (self.closings + self.remaining) * _REQUESTS_OF_CLOSING
            + self.deployments * _REQUESTS_OF_DEPLOYMENT
        )

    @property
    def queries(self) -> int:
        """How many of these are queries of GraphQL, which has a rate limit of its own."""
        return int(
            _QUERIES_OF_REPOSITORY
            + self.runs * _QUERIES_OF_RUN
            + (self.closings + self.remaining) * _QUERIES_OF_CLOSING
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A job of the matrix: its number from 1 on, and its repositories, the oldest mark first.

    ``requests`` is the estimated number of requests, ``budget`` the number that it may send.
    """

    number: int
    repositories: tuple[str, ...]
    requests: int
    budget: int = 0


def plan_shards(
    repositories: Iterable[Activity],
    *,
    most_shards: int = MOST_SHARDS,
    requests_left: int | None = None,
) -> tuple[Shard, ...]:
    """Return shards with each active repository in exactly one, balanced by estimated requests.

    No shard has more than the mean and one repository. ``requests_left`` is what the token's rate
    limit of REST leaves, which the shards share in proportion to their requests; None without one.
    """
    active = sorted(
        (each for each in repositories if each.is_active),
        key=lambda each: (-each.requests, each.repository),
    )
    total = sum(each.requests for each in active)
    if requests_left is not None and active:
        # A budget counts queries as well, which use nothing of this limit.
        of_rest = total - sum(each.queries for each in active)
        requests_left = requests_left * total // of_rest
    # If the limit is too small, more shards would waste more of it: each ends within a list.
    sent = total if requests_left is None else min(total, max(1, requests_left))
    number = min(most_shards, MOST_SHARDS, len(active), -(-sent // REQUESTS_OF_SHARD))
    # The largest first, each into the shard with the least so far.
    loads = [(0, position) for position in range(number)]
    parts: list[list[Activity]] = [[] for _ in range(number)]
    for each in active:
        load, position = heapq.heappop(loads)
        parts[position].append(each)
        heapq.heappush(loads, (load + each.requests, position))
    shards = [
        Shard(
            number=position + 1,
            repositories=tuple(each.repository for each in _oldest_first(part)),
            requests=sum(each.requests for each in part),
        )
        for position, part in enumerate(parts)
    ]
    return _with_budgets(shards, total, requests_left)


def _oldest_first(part: Iterable[Activity]) -> list[Activity]:
    """Those with the oldest mark first, so that a budget that ends leaves no one out twice."""
    known = [each for each in part if each.mark is not None]
    unknown = [each for each in part if each.mark is None]
    return [
        *sorted(known, key=lambda each: (each.mark, each.repository)),
        *sorted(unknown, key=lambda each: each.repository),
    ]


def _with_budgets(
    shards: Sequence[Shard], total: int, requests_left: int | None
) -> tuple[Shard, ...]:
    wanted = total * _RESERVE
    given = wanted if requests_left is None else min(wanted, requests_left)
    return tuple(
        # At least one: a setting of none would be refused.
        replace(shard, budget=max(1, given * shard.requests // total))
        for shard in shards
    )
