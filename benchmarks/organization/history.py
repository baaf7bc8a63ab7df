"""What happens in an organization: runs, pull requests and issues of repositories, over days."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from random import Random

# The size of issue 24, by repository and day.
REPOSITORIES = 1_000
PER_DAY = {"run": 100.0, "change": 10.0, "issue": 3.0}
START = datetime(2026, 3, 2, tzinfo=timezone.utc)
DAY = timedelta(days=1)
# The lists of a sweep reach a day back for runs, three for deployments, from an hour before its
# window.
BEFORE = timedelta(days=3, hours=6)
# Three in ten changes appear in lists later, by up to this time.
LATE_SHARE = 0.3
MOST_LATE = timedelta(minutes=45)
# Of the pull requests that are open, runs belong to the newest.
_LOOKED_AT = 30


class Kind(Enum):
    """The kinds of things that a sweep exports here."""

    RUN = "run"
    CHANGE = "change"
    ISSUE = "issue"


@dataclass(frozen=True, slots=True)
class Thing:
    """A run, pull request or issue: ``number`` is unique, ``late`` is how long lists lack the end.

    ``change`` is the pull request of a run; 0 for a push to the default branch.
    """

    kind: Kind
    number: int
    created_at: datetime
    ended_at: datetime
    late: timedelta
    change: int = 0

    @property
    def reference(self) -> str:
        """The name of the thing in ledgers."""
        if self.kind is Kind.RUN:
            return f"workflow_run {self.number} attempt 1"
        return f"{'pull_request' if self.kind is Kind.CHANGE else 'issues'} {self.number}"


@dataclass(frozen=True, slots=True)
class RepositoryHistory:
    """A repository (`acme/r0001`) and its things, in the order of their ends."""

    name: str
    things: tuple[Thing, ...]


def write_histories(
    repositories: int, days: float, *, seed: int = 1
) -> Iterator[RepositoryHistory]:
    """Yield the histories of some repositories of the organization, the busiest first.

    Fewer than all are spread evenly over the ranks, so that the mean is that of all. The busiest
    repository has about 20 times the activity of the mean, the quietest half of them a third.
    """
    ranks = [(n + 0.5) * REPOSITORIES / repositories for n in range(repositories)]
    weights = [1 / (rank + 10) for rank in ranks]
    mean = sum(weights) / len(weights)
    for number, weight in enumerate(weights):
        writer = _Writer(Random(f"{seed} {number}"), number * 1_000_000 + 1)
        things = writer.write(days, weight / mean)
        yield RepositoryHistory(name=f"acme/r{number:04}", things=things)


class _Writer:
    def __init__(self, random: Random, first: int) -> None:
        self._random = random
        self._next = first

    def write(self, days: float, activity: float) -> tuple[Thing, ...]:
        begin, end = START - BEFORE, START + DAY * days
        changes = [
            self._thing(Kind.CHANGE, at, (1, 30))
            for at in self._times(begin, end, PER_DAY["change"] * activity)
        ]
        issues = [
            self._thing(Kind.ISSUE, at, (2, 60))
            for at in self._times(begin, end, PER_DAY["issue"] * activity)
        ]
        begins = [each.created_at for each in changes]
        runs = []
        for at in self._times(begin, end, PER_DAY["run"] * activity):
            # Seven of ten runs belong to a pull request that is open, if there is one.
            latest = changes[: bisect_right(begins, at)][-_LOOKED_AT:]
            opened = [each for each in latest if each.ended_at > at]
            of_change = opened and self._random.random() < 0.7
            change = self._random.choice(opened).number if of_change else 0
            runs.append(self._thing(Kind.RUN, at, (1 / 30, 2 / 3), change=change))
        found = (each for each in (*changes, *issues, *runs) if each.ended_at <= end)
        return tuple(sorted(found, key=lambda each: (each.ended_at, each.number)))

    def _times(self, begin: datetime, end: datetime, per_day: float) -> list[datetime]:
        """Times at which things begin; the busiest hour has twice the mean, the quietest none."""
        days = (end - begin) / DAY
        expected = per_day * days
        number = math.floor(expected) + (self._random.random() < expected % 1)
        times: list[datetime] = []
        while len(times) < number:
            at = begin + timedelta(seconds=round(self._random.uniform(0, days * 86_400)))
            share = (1 - math.cos(2 * math.pi * (at.hour + at.minute / 60) / 24)) / 2
            if self._random.random() < share:
                times.append(at)
        return sorted(times)

    def _thing(
        self, kind: Kind, created_at: datetime, hours: tuple[float, float], *, change: int = 0
    ) -> Thing:
        """Return a thing that takes so many hours, shorter times more often."""
        least, most = hours
        takes = least + (most - least) * self._random.random() ** 2
        is_late = self._random.random() < LATE_SHARE
        late = self._random.uniform(0, MOST_LATE.total_seconds()) if is_late else 0.0
        number, self._next = self._next, self._next + 1
        return Thing(
            kind=kind,
            number=number,
            created_at=created_at,
            ended_at=created_at + timedelta(seconds=round(takes * 3_600)),
            late=timedelta(seconds=round(late)),
            change=change,
        )
