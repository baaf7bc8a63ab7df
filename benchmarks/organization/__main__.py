"""Prints the tables of the organization's sweep; what is under way goes to standard error."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.organization.costs import TERMS, Costs, fit_costs
from benchmarks.organization.history import (
    REPOSITORIES,
    START,
    RepositoryHistory,
    write_histories,
)
from benchmarks.organization.limits import MINUTE, PRIMARY, Account
from benchmarks.organization.model import Model, ModelFigures, ModelRepository, run_model
from benchmarks.organization.process import measure_share
from benchmarks.organization.sweeps import FIRST_WINDOW, SweepFigures, run_sweeps, things_by_number
from benchmarks.table import table
from flow_telemetry.rules.ledger import DELAY

_STAGES = ("costs", "check", "model", "process")
# The first sweep begins an hour and a half before; the day's busiest hour is at noon.
_FIRST = START + timedelta(hours=10, minutes=23)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages that are asked for, by default all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.organization", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(_STAGES)}")
    parser.add_argument("--costs", type=Path, help="file that the fit is written to or read from")
    parser.add_argument("--fitted", type=int, default=20, help="repositories of the fit")
    parser.add_argument("--sweeps", type=int, default=6, help="sweeps of the fit")
    parser.add_argument("--checked", type=int, default=50, help="repositories of the check")
    parser.add_argument("--check-sweeps", type=int, default=6, help="sweeps of the check")
    parser.add_argument("--check-every", type=int, default=4, help="hours between these")
    parser.add_argument("--check-first", type=int, default=25 * 60, help="minutes of the first")
    parser.add_argument("--repositories", type=int, default=REPOSITORIES)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--shards", type=int, nargs="*", default=[1, 8, 64])
    parser.add_argument("--limits", type=int, nargs="*", default=list(PRIMARY))
    parser.add_argument("--apps", type=int, nargs="*", default=[2, 3, 4])
    parser.add_argument("--hours", type=int, nargs="*", default=[1, 3, 6])
    parser.add_argument("--shares", type=int, nargs="*", default=[16, 125])
    options = parser.parse_args(arguments)
    stages = options.stages or _STAGES
    unknown = set(stages) - set(_STAGES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if {"costs", "check", "model"} & set(stages):
        costs = _costs(options, fits="costs" in stages)
        if "check" in stages:
            _print_check(options, costs)
        if "model" in stages:
            _print_model(options, costs)
    if "process" in stages:
        _print_shares(options.shares)
    return 0


# The fit.


def _costs(options: argparse.Namespace, *, fits: bool) -> Costs:
    path: Path | None = options.costs
    if not fits and path is not None and path.exists():
        return Costs(**json.loads(path.read_text(encoding="utf-8")))
    times = [_FIRST + timedelta(hours=hour) for hour in range(1 + options.sweeps)]
    histories = list(write_histories(options.fitted, 1 + options.sweeps / 24))
    # The first one exports a day, and reads the list of 35 days, which is no part of the costs.
    _, *sweeps = _really(histories, times, shards=8, limit=12_500)
    costs = fit_costs(histories, sweeps, [at - DELAY for at in times[:-1]])
    if path is not None:
        path.write_text(json.dumps(asdict(costs)), encoding="utf-8")
    rows = [
        (term, *(f"{costs.terms[resource][position]:.2f}" for resource in costs.terms))
        for position, term in enumerate(TERMS)
    ]
    rows.append(("plan", *(f"{costs.plan[resource]:.1f}" for resource in costs.terms)))
    rows.append(("shard", *(f"{costs.shard[resource]:.1f}" for resource in costs.terms)))
    rows.append(("query: points", "", f"{costs.points:.1f}"))
    _say(f"Requests of {len(sweeps)} real sweeps of {options.fitted} repositories, fitted:")
    _say(table(("for each", "REST", "GraphQL"), rows))
    return costs


def _really(
    histories: Sequence[RepositoryHistory],
    times: Sequence[datetime],
    *,
    shards: int,
    limit: int,
    first_window: timedelta = FIRST_WINDOW,
) -> Iterable[SweepFigures]:
    with tempfile.TemporaryDirectory() as folder:
        for each in run_sweeps(
            histories,
            times,
            Path(folder),
            shards=shards,
            limit=limit,
            first_window=first_window,
        ):
            sys.stderr.write(
                f"{each.started_at:%H:%M}: {sum(each.swept.values()):,} requests, "
                f"{len(each.exported):,} things, {each.shards} shards\n"
            )
            for problem in each.problems[:3]:
                sys.stderr.write(f"  {problem}\n")
            yield each


# The check of the model against real sweeps that it was not fitted to.


def _print_check(options: argparse.Namespace, costs: Costs) -> None:
    # Other repositories than those of the fit, and other windows.
    repositories: int = options.checked
    every, first = timedelta(hours=options.check_every), timedelta(minutes=options.check_first)
    times = [_FIRST + every * position for position in range(options.check_sweeps)]
    histories = list(write_histories(repositories, 2, seed=2))
    things = things_by_number(histories)
    sweeps = list(_really(histories, times, shards=8, limit=12_500, first_window=first))
    lags = sorted(
        (each.at - things[each.number].ended_at).total_seconds() / MINUTE
        for sweep in sweeps
        for each in sweep.exported
    )
    requests = sum(
        sum(sweep.swept.values()) + sum(sweep.fixed.values()) + sum(sweep.planned.values())
        for sweep in sweeps
    )
    model = Model(
        repositories=[ModelRepository(history, times[0] - first) for history in histories],
        costs=costs,
        most_shards=8,
        account=Account(12_500),
    )
    for at in times:
        model.sweep(at)
    modelled = sorted(model.lags)
    rows = [
        ("requests", f"{requests:,}", f"{model.requests:,.0f}"),
        ("things exported", f"{len(lags):,}", f"{model.exported:,}"),
        *(
            (
                f"lag, p{share * 100:.0f}",
                f"{lags[int(share * len(lags))]:.0f} min",
                f"{modelled[int(share * len(modelled))]:.0f} min",
            )
            for share in (0.5, 0.99)
        ),
    ]
    _say(f"{len(times)} sweeps of {repositories:,} repositories, every {options.check_every} h:")
    _say(table(("", "real sweeps", "model"), rows))


# The full size.


def _print_model(options: argparse.Namespace, costs: Costs) -> None:
    histories = list(write_histories(options.repositories, options.days, seed=3))
    things = sum(t.ended_at >= START for each in histories for t in each.things)
    _say(f"{len(histories):,} repositories, {things:,} things in {options.days} days:")
    cases = [
        *((limit, shards, 1, 1) for limit in options.limits for shards in options.shards),
        *((limit, 8, 1, hours) for limit in options.limits for hours in options.hours if hours > 1),
        *((limit, 8, apps, 1) for limit in options.limits for apps in options.apps),
    ]
    rows = []
    for limit, shards, apps, hours in cases:
        figures = run_model(
            histories,
            costs,
            days=options.days,
            limit=limit,
            most_shards=shards,
            apps=apps,
            hours=hours,
        )
        rows.append(_row(figures, hours))
        sys.stderr.write(f"{' | '.join(rows[-1])}\n")
    headers = (
        *("limit of an App", "Apps", "every", "shards: most, used", "REST an hour: mean, most"),
        *("GraphQL an hour: most", "lag p50", "p99", "not exported", "longest sweep"),
    )
    _say(table(headers, rows))


def _row(figures: ModelFigures, hours: int) -> tuple[str, ...]:
    def lag(share: float) -> str:
        minutes = figures.lag(share)
        if minutes == float("inf"):
            return "never"
        return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"

    total = figures.left + figures.exported
    return (
        f"{figures.limit:,}",
        f"{figures.apps}",
        f"{hours} h",
        f"{figures.most_shards}, {figures.shards:.0f}",
        f"{statistics.mean(figures.by_hour):,.0f}, {max(figures.by_hour):,}",
        f"{max(figures.points_by_hour):,}",
        lag(0.5),
        lag(0.99),
        f"{figures.left / total:.0%}",
        f"{figures.longest:.0f} min",
    )


def _print_shares(shares: Sequence[int]) -> None:
    rows = []
    for repositories in shares:
        figures = measure_share(repositories)
        rows.append(
            (
                f"{repositories}",
                f"{figures.requests:,}",
                f"{figures.spans:,}",
                f"{figures.cost.wall:.0f} s",
                f"{figures.cost.processor:.0f} s",
                f"{figures.cost.memory:.0f} MiB",
            )
        )
        sys.stderr.write(f"{' | '.join(rows[-1])}\n")
    _say("The real process for the busiest hour of a shard's repositories, without a limit:")
    _say(
        table(("repositories", "requests", "spans", "wall", "processor", "memory"), rows),
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
