"""Days of the whole organization: the real planner and ledger, and the costs that were fitted.

Modelled are GitHub's answers and the time that requests take. Real are the plan's shards and
budgets (`rules.shards`), the windows and marks (`rules.ledger`), and what a sweep records of its
sources (`sweep.state`).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.organization.costs import PAGE, Costs, RunList
from benchmarks.organization.history import DAY, START, Kind, RepositoryHistory, Thing
from benchmarks.organization.limits import HOUR, MINUTE, Account
from benchmarks.organization.sweeps import BETWEEN_JOBS, SECONDS_A_REQUEST, TIMEOUT
from flow_telemetry.github.organization import MOST_COUNTED
from flow_telemetry.github.rate_limit import MOST_A_MINUTE, RESERVED_RATE_LIMIT
from flow_telemetry.github.runs import MOST_FOUND
from flow_telemetry.model.api_usage import Api
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import (
    DELAY,
    LONGEST,
    OVERLAP,
    RECENT_RUNS,
    SourceLedger,
    full_window_of,
    window_of,
)
from flow_telemetry.rules.shards import Activity, Shard, plan_shards
from flow_telemetry.sweep.state import SourceState
from flow_telemetry.sweep.sweep import CHECKPOINT

# A job's share of `timeout` in which it reads.
_READING = TIMEOUT * 0.8
# Of the workflow; with 8 requests at once each, they stay below GitHub's limit of 100.
_MOST_PARALLEL = 8
_SOURCES = {Kind.RUN: "runs", Kind.CHANGE: "pull requests", Kind.ISSUE: "issues"}


@dataclass(slots=True)
class ModelRepository:
    """A repository: its history in the orders that are needed, and its ledger by source."""

    history: RepositoryHistory
    since: datetime
    runs: RunList = field(init=False)
    ledgers: dict[Kind, SourceLedger] = field(init=False)
    _by_kind: dict[Kind, list[Thing]] = field(init=False)
    _ends: dict[Kind, list[datetime]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a ledger whose marks are the start of the simulation."""
        self.runs = RunList(self.history)
        self.ledgers = {
            # As the first plan does it: all of the daily lists are due a day later.
            kind: SourceLedger(
                start=self.since,
                mark=self.since,
                full_mark=self.since if kind is Kind.RUN else None,
            )
            for kind in Kind
        }
        self._by_kind = {
            kind: [thing for thing in self.history.things if thing.kind is kind] for kind in Kind
        }
        self._ends = {
            kind: [thing.ended_at for thing in things] for kind, things in self._by_kind.items()
        }

    def ended(self, kind: Kind, begin: datetime, end: datetime) -> list[Thing]:
        """Return the things that ended in a time, in order."""
        ends = self._ends[kind]
        return self._by_kind[kind][bisect_left(ends, begin) : bisect_left(ends, end)]

    def activity(self, now: datetime) -> Activity:
        """Return what the plan's queries count."""
        mark = min(each.mark for each in self.ledgers.values())
        since = mark - OVERLAP
        closings = sum(
            min(MOST_COUNTED, len(self.ended(kind, since, now)))
            for kind in (Kind.CHANGE, Kind.ISSUE)
        )
        runs = self.runs.count(since, now)
        recent = self.ledgers[Kind.RUN].recent_runs
        is_due = bool(full_window_of(self.ledgers[Kind.RUN], now - DELAY))
        return Activity(
            repository=self.history.name,
            mark=mark,
            runs=runs,
            closings=closings,
            remaining=sum(len(e.pending) + len(e.unfinished) for e in self.ledgers.values()),
            is_due=is_due,
            runs_a_day=runs * (DAY / (now - since)),
            listed_days=(recent + LONGEST if is_due else recent).days,
        )

    def full_list_pages(self, now: datetime) -> int:
        """Return the requests for the daily list of older runs; 0 if it is not due.

        The history does not reach so far back: the number of runs a day is that of its own days.
        """
        intervals = full_window_of(self.ledgers[Kind.RUN], now - DELAY)
        if not intervals:
            return 0
        a_day = self.runs.count(START - DAY, now) / ((now - START + DAY) / DAY)
        return _pages_of_number(round(a_day * ((LONGEST - RECENT_RUNS) / DAY)))


def _pages_of_number(number: int) -> int:
    """Return the requests for a list of so many runs, spread evenly, as `pages_of_runs`."""
    if number >= MOST_FOUND:
        return 1 + 2 * _pages_of_number(number // 2)
    return max(1, -(-number // PAGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """What three days came to.

    ``lags`` are minutes from the end of a thing to its export, in order; ``left`` the things that
    ended before the last window's end and were not exported.
    """

    limit: int
    apps: int
    most_shards: int
    shards: float
    by_hour: tuple[int, ...]
    points_by_hour: tuple[int, ...]
    refused: Counter[str]
    lags: tuple[float, ...]
    left: int
    exported: int
    longest: float

    def lag(self, share: float) -> float:
        """Return a quantile of the lags in minutes; infinite if too much was not exported."""
        position = int(share * (len(self.lags) + self.left))
        return self.lags[position] if position < len(self.lags) else float("inf")


@dataclass(slots=True, kw_only=True)
class _ShardRun:
    """A shard at work: its own clock, what is left of its budget, and its present repository."""

    now: float
    ends_at: float
    budget: float
    waiting: list[ModelRepository]
    steps: Iterator[bool] = field(default_factory=lambda: iter(()))


@dataclass(slots=True, kw_only=True)
class Model:
    """The sweeps of an organization, or of the part of it that one of several Apps has."""

    repositories: Sequence[ModelRepository]
    costs: Costs
    most_shards: int
    account: Account
    lags: list[float] = field(default_factory=list)
    exported: int = 0
    shards: int = 0
    sweeps: int = 0
    longest: float = 0.0
    requests: float = 0.0
    _end: datetime = START

    def sweep(self, at: datetime) -> None:
        """Run the plan, the shards side by side, and the merge."""
        self._end = at - DELAY
        begin = at.timestamp()
        plan = self.costs.of_plan(len(self.repositories))
        left = self.account.left("core", begin)
        now, sent = self._spend(begin, plan, begin + _READING)
        if sent < sum(plan.values()):
            return  # The limit ended the plan: the next one tries again.
        planned = plan_shards(
            [each.activity(at) for each in self.repositories],
            most_shards=self.most_shards,
            requests_left=max(0, left - round(plan["core"]) - RESERVED_RATE_LIMIT),
        )
        ended = self._run_shards(planned, now + BETWEEN_JOBS)
        self.shards += len(planned)
        self.sweeps += 1
        self.longest = max(self.longest, ended + BETWEEN_JOBS - begin)

    def _run_shards(self, shards: Sequence[Shard], begin: float) -> float:
        """Run the shards side by side, as many as the workflow does, and return the end of all."""
        by_name = {each.history.name: each for each in self.repositories}
        # The one that is behind goes on first: they share the limits of a minute and an hour.
        queue: list[tuple[float, int, _ShardRun]] = []
        waiting = list(reversed(shards))
        ended = begin

        def start(now: float) -> None:
            shard = waiting.pop()
            run = _ShardRun(
                now=now,
                ends_at=now + _READING,
                budget=shard.budget - sum(self.costs.shard.values()),
                waiting=[by_name[name] for name in reversed(shard.repositories)],
            )
            run.now, _ = self._spend(now, self.costs.shard, run.ends_at)
            heapq.heappush(queue, (run.now, shard.number, run))

        while waiting and len(queue) < _MOST_PARALLEL:
            start(begin)
        while queue:
            _, number, run = heapq.heappop(queue)
            if next(run.steps, None) is None:
                if not run.waiting:
                    ended = max(ended, run.now)
                    if waiting:
                        start(run.now + BETWEEN_JOBS)
                    continue
                run.steps = self._sweep_repository(run, run.waiting.pop())
            heapq.heappush(queue, (run.now, number, run))
        return ended

    def _sweep_repository(self, run: _ShardRun, home: ModelRepository) -> Iterator[bool]:
        """Sweep a repository as `sweep.sweep.Sweep` does; yield after each step of requests."""
        at = datetime.fromtimestamp(run.now, START.tzinfo)
        states = {
            kind: SourceState.of(_SOURCES[kind], ledger) for kind, ledger in home.ledgers.items()
        }
        ledger = home.ledgers[Kind.RUN]
        of_a_day = home.runs.pages(ledger.mark, at, RECENT_RUNS)
        listing = self.costs.of_all((1.0, float(of_a_day), 0.0, 0.0, 0.0))
        # The pages alone: the cost of a page that was fitted has what grows with a repository, too.
        listing["core"] += home.runs.pages(ledger.mark, at, ledger.recent_runs) - of_a_day
        listed = self._try(run, listing)
        yield listed
        if listed:
            found: list[tuple[Thing, SourceState]] = []
            for kind, state in states.items():
                things = self._list(home, kind, state, at)
                state.remaining = {thing.reference: thing.ended_at for thing in things}
                found += [(thing, state) for thing in things]
            states[Kind.RUN].unfinished = {
                (thing.reference, self._end)
                for thing in home.ended(Kind.RUN, self._end, at + 2 * OVERLAP)
                if thing.created_at <= at
            }
            found.sort(key=lambda each: each[0].ended_at)
            for first in range(0, len(found), CHECKPOINT):
                group = found[first : first + CHECKPOINT]
                exported = self._export(run, group)
                yield exported
                if not exported:
                    break
        pages = home.full_list_pages(at) if listed else 0
        if pages and self._try(run, {"core": float(pages)}):
            states[Kind.RUN].full_remaining = {}
            yield True
        if listed:
            home.ledgers = {kind: state.current(None, self._end) for kind, state in states.items()}

    def _list(
        self, home: ModelRepository, kind: Kind, state: SourceState, at: datetime
    ) -> list[Thing]:
        """Return what the list shows of the window and no sweep has exported."""
        intervals = window_of(state.ledger, self._end, self._end)
        window = Window(intervals)
        known = {reference for reference, _ in state.ledger.exported}
        begin = min(each.start for each in intervals)
        return [
            thing
            for thing in home.ended(kind, begin, self._end + timedelta(seconds=1))
            if window.holds(thing.ended_at)
            and thing.reference not in known
            and thing.ended_at + thing.late <= at
        ]

    def _export(self, run: _ShardRun, group: Sequence[tuple[Thing, SourceState]]) -> bool:
        """Export a group of things, or as many as the budget allows; say whether all of it."""
        costs = {kind: self.costs.of_thing(kind) for kind in Kind}
        numbers: Counter[Kind] = Counter()
        needed, taken = 0.0, []
        for thing, state in group:
            needed += costs[thing.kind]
            if needed > run.budget:
                break
            numbers[thing.kind] += 1
            taken.append((thing, state))
        terms = (0.0, 0.0, *(float(numbers[kind]) for kind in Kind))
        if not taken or not self._try(run, self.costs.of_all(terms)):
            run.budget = 0.0
            return False
        for thing, state in taken:
            state.settle(thing.reference)
            state.note(thing.reference, (thing.ended_at,))
            self.lags.append((run.now - thing.ended_at.timestamp()) / MINUTE)
        self.exported += len(taken)
        if len(taken) < len(group):
            run.budget = 0.0
        return len(taken) == len(group)

    def _try(self, run: _ShardRun, needed: dict[str, float]) -> bool:
        """Send requests by resource; say whether all were sent."""
        total = sum(needed.values())
        if total > run.budget or run.now >= run.ends_at:
            # What there is of the budget is spent on a list that is not read whole.
            part = max(0.0, run.budget) / total if total else 0.0
            run.now, _ = self._spend(run.now, {r: n * part for r, n in needed.items()}, run.ends_at)
            run.budget = 0.0
            return False
        run.now, sent = self._spend(run.now, needed, run.ends_at)
        run.budget = 0.0 if sent < total - 1 else run.budget - sent
        return sent >= total - 1

    def _spend(self, now: float, needed: dict[str, float], until: float) -> tuple[float, float]:
        """Send requests at the pace of one process; return the time after them, and the number."""
        sent = 0.0
        for resource, number in needed.items():
            left = number
            while left > 0:
                if now >= until or self._reserve_is_left(resource, now):
                    return now, sent
                size = min(left, 10.0)
                # GitHub refuses what is beyond its limit of a minute, and the client waits.
                points = self.costs.points if resource == "graphql" else 1.0
                if self.account.take(resource, now, round(size), points=round(size * points)):
                    now = (now // MINUTE + 1) * MINUTE
                    continue
                pace = SECONDS_A_REQUEST
                if resource == "core":
                    pace = max(pace, MINUTE / MOST_A_MINUTE[Api.REST])
                now += size * pace
                self.requests += size
                sent += size
                left -= size
        return now, sent

    def _reserve_is_left(self, resource: str, now: float) -> bool:
        return self.account.left(resource, now) <= RESERVED_RATE_LIMIT + 10


def run_model(
    histories: Sequence[RepositoryHistory],
    costs: Costs,
    *,
    days: int,
    limit: int,
    most_shards: int,
    apps: int = 1,
    hours: int = 1,
) -> ModelFigures:
    """Return the figures of sweeps every so many hours; each App has a share of the repositories.

    Each App has a plan, shards and a ledger of its own.
    """
    models = []
    for number in range(apps):
        homes = [
            ModelRepository(history, START)
            for position, history in enumerate(histories)
            if position % apps == number
        ]
        models.append(
            Model(
                repositories=homes,
                costs=costs,
                most_shards=most_shards,
                account=Account(limit),
            )
        )
    times = [START + timedelta(hours=hour, minutes=23) for hour in range(hours, days * 24, hours)]
    for at in times:
        for model in models:
            model.sweep(at)
    end = times[-1] - DELAY
    expected = sum(START <= t.ended_at < end for each in histories for t in each.things)
    exported = sum(model.exported for model in models)
    lags = sorted(lag for model in models for lag in model.lags)
    span = range(int(START.timestamp()) // HOUR, int(times[-1].timestamp()) // HOUR)

    def hourly(resource: str) -> tuple[int, ...]:
        return tuple(max(m.account.by_hour[resource, hour] for m in models) for hour in span)

    refused: Counter[str] = Counter()
    for model in models:
        refused += model.account.refused
    return ModelFigures(
        limit=limit,
        apps=apps,
        most_shards=most_shards,
        shards=sum(m.shards for m in models) / max(1, sum(m.sweeps for m in models)),
        by_hour=hourly("core"),
        points_by_hour=hourly("graphql"),
        refused=refused,
        lags=tuple(lags),
        left=max(0, expected - exported),
        exported=exported,
        longest=max(model.longest for model in models) / MINUTE,
    )
