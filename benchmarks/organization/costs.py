"""What a sweep of a repository costs, fitted to the requests of real sweeps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.organization.history import Kind, RepositoryHistory
from benchmarks.organization.sweeps import SweepFigures
from flow_telemetry.github.organization import _BATCH as REPOSITORIES_A_QUERY
from flow_telemetry.github.runs import MOST_FOUND
from flow_telemetry.rules.ledger import OVERLAP, RECENT_RUNS

PAGE = 100
TERMS = ("repository", "page of runs", "run", "pull request", "issue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Requests by resource (`core` of REST, `graphql`) for each of TERMS, and of the other jobs.

    ``plan`` is what a plan needs besides the list of repositories and their activity, ``shard``
    what each shard needs for itself, the merging job included. ``points`` are those of a query.
    """

    terms: dict[str, tuple[float, ...]]
    plan: dict[str, float]
    shard: dict[str, float]
    points: float
    error: float

    def of_all(self, numbers: Sequence[float]) -> dict[str, float]:
        """Return the requests by resource for so many of each of TERMS."""
        return {
            resource: sum(cost * n for cost, n in zip(terms, numbers, strict=True))
            for resource, terms in self.terms.items()
        }

    def of_thing(self, kind: Kind) -> float:
        """Return the requests of all resources for one thing."""
        position = 2 + list(Kind).index(kind)
        return sum(terms[position] for terms in self.terms.values())

    def of_plan(self, repositories: int) -> dict[str, float]:
        """Return the requests of a plan by resource."""
        # Its pages of the list, the number of runs of each repository, queries of 25 repositories.
        return {
            "core": self.plan["core"] + -(-repositories // PAGE) + repositories,
            "graphql": self.plan["graphql"] + -(-repositories // REPOSITORIES_A_QUERY),
        }


def pages_of_runs(created: Sequence[datetime], begin: datetime, end: datetime) -> int:
    """Return the requests for a list of runs: windows are halved until one has less than 1,000.

    ``created`` are the times of creation in the window, in order.
    """
    if len(created) >= MOST_FOUND and begin < end:
        middle = begin + (end - begin) / 2
        first = [at for at in created if at <= middle]
        later = created[len(first) :]
        return 1 + pages_of_runs(first, begin, middle) + pages_of_runs(later, middle, end)
    return max(1, -(-len(created) // PAGE))


class RunList:
    """The runs of a repository by their creation, as sweeps list them."""

    def __init__(self, history: RepositoryHistory) -> None:
        """Sort the runs."""
        self._created = sorted(t.created_at for t in history.things if t.kind is Kind.RUN)

    def count(self, begin: datetime, end: datetime) -> int:
        """Return the number of runs that were created in a time."""
        return bisect_right(self._created, end) - bisect_left(self._created, begin)

    def pages(self, mark: datetime, now: datetime, recent: timedelta) -> int:
        """Return the requests for the list of a sweep: ``recent``, and from the mark on."""
        begin = mark - recent - OVERLAP
        first, last = bisect_left(self._created, begin), bisect_right(self._created, now)
        return pages_of_runs(self._created[first:last], begin, now)


def fit_costs(
    histories: Sequence[RepositoryHistory],
    sweeps: Iterable[SweepFigures],
    marks: Sequence[datetime],
) -> Costs:
    """Return the costs that fit sweeps which exported everything; ``marks`` are their begins."""
    names = {number: each.name for each in histories for number in (t.number for t in each.things)}
    lists = {each.name: RunList(each) for each in histories}
    rows: list[tuple[float, ...]] = []
    found: dict[str, list[float]] = {"core": [], "graphql": []}
    fixed, planned, count, shards = Counter[str](), Counter[str](), 0, 0
    points = queries = 0
    for sweep, mark in zip(sweeps, marks, strict=True):
        exported: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
        for each in sweep.exported:
            exported[names[each.number]][each.kind] += 1
        for name in sorted({name for name, _ in sweep.swept}):
            of_name = exported[name]
            pages = lists[name].pages(mark, sweep.started_at, RECENT_RUNS)
            rows.append((1.0, pages, *(float(of_name[kind]) for kind in Kind)))
            for resource, numbers in found.items():
                numbers.append(sweep.swept[name, resource])
        fixed += sweep.fixed
        planned += sweep.planned
        points += sweep.points
        queries += sum(n for (_, resource), n in sweep.swept.items() if resource == "graphql")
        queries += sweep.fixed["graphql"] + sweep.planned["graphql"]
        count += 1
        shards += sweep.shards
    terms = {resource: _least_squares(rows, numbers) for resource, numbers in found.items()}
    listed = len(histories) + 1
    at_once = {"core": 1 + listed, "graphql": -(-listed // REPOSITORIES_A_QUERY)}
    predicted = sum(
        sum(c * n for c, n in zip(terms[resource], row, strict=True))
        for resource in found
        for row in rows
    )
    total = sum(map(sum, found.values()))
    return Costs(
        terms=terms,
        plan={r: max(0.0, planned[r] / count - at_once[r]) for r in found},
        shard={r: fixed[r] / max(1, shards) for r in found},
        points=points / max(1, queries),
        error=predicted / total - 1,
    )


def _least_squares(
    rows: Sequence[tuple[float, ...]], results: Sequence[float]
) -> tuple[float, ...]:
    """Return the coefficients with the least squares of errors, by the normal equations."""
    size = len(rows[0])
    # A little is added to the diagonal, for a term that no row has.
    matrix = [
        [sum(row[i] * row[j] for row in rows) + (1e-9 if i == j else 0.0) for j in range(size)]
        + [sum(row[i] * result for row, result in zip(rows, results, strict=True))]
        for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda line: abs(matrix[line][column]))
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for line in range(size):
            if line != column:
                factor = matrix[line][column] / matrix[column][column]
                for position in range(column, size + 1):
                    matrix[line][position] -= factor * matrix[column][position]
    return tuple(matrix[line][size] / matrix[line][line] for line in range(size))
