"""Simulations of many seeds: `python -m tests.simulation --seeds 50`."""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.comparison import Summary, Violation, find_violations
from tests.simulation.simulation import SWEEPS, simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    seed: int
    seconds: float
    summary: Summary
    violations: list[Violation]


def main() -> int:
    """Print a line for each seed, and what is wrong; return whether anything is."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="the number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="the sweeps of each seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--show", type=int, default=5, help="the violations shown of each seed")
    options = parser.parse_args()
    failed = 0
    for report in _reports(options):
        rules = Counter(violation.rule for violation in report.violations)
        numbers = ", ".join(f"{number} {rule}" for rule, number in rules.items()) or "ok"
        print(f"seed {report.seed}: {numbers}; {report.summary}; {report.seconds:.1f} s")
        for violation in report.violations[: options.show]:
            print(f"    {violation}")
        failed += bool(rules)
    print(f"{failed} of {options.seeds} seeds failed")
    return 1 if failed else 0


def _reports(options: argparse.Namespace) -> Iterator[_Report]:
    seeds = range(options.first, options.first + options.seeds)
    sweeps = [options.sweeps] * len(seeds)
    if options.workers == 1:
        yield from map(_report, seeds, sweeps)
        return
    with ProcessPoolExecutor(options.workers) as pool:
        yield from pool.map(_report, seeds, sweeps)


def _report(seed: int, sweeps: int) -> _Report:
    with tempfile.TemporaryDirectory() as folder:
        result = simulate(seed, Path(folder), sweeps=sweeps)
    violations, summary = find_violations(result)
    return _Report(seed=seed, seconds=result.seconds, summary=summary, violations=violations)


if __name__ == "__main__":
    sys.exit(main())
