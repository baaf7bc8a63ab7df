"""What is measured: each program on runs of some sizes, with and without latency, and a sweep."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import Cost, FailedError, measure
from benchmarks.programs import ROOT, Place, Program, environ_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A run of so many jobs and steps, GitHub's ``latency`` in seconds, and how often to run it.

    ``changes`` are merged pull requests, for a sweep.
    """

    jobs: int
    steps: int
    latency: float = 0.0
    repeats: int = 5
    changes: int = 0

    @property
    def name(self) -> str:
        """The row's name in a table."""
        what = f"sweep of {self.changes} pull requests"
        if not self.changes:
            what = f"{self.jobs:,} {'job' if self.jobs == 1 else 'jobs'} \u00d7 {self.steps} steps"
        return f"{what}, {self.latency * 1000:.0f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a program did in a scenario: the median of its costs, and what the servers saw."""

    scenario: Scenario
    program: str
    cost: Cost
    seen: dict[str, int]


class Servers:
    """The process with the fake GitHub and the sink; see `benchmarks.servers`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.addresses = self._read()

    def seen(self) -> dict[str, int]:
        """Return what was asked and what arrived since the last time."""
        if self._process.stdin is None:
            raise FailedError("the servers cannot be asked")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        counts: dict[str, int] = self._read()
        return counts

    def _read(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise FailedError("the servers ended; what went wrong stands above")
        return json.loads(line)


@contextmanager
def servers(scenario: Scenario) -> Iterator[Servers]:
    """Serve the scenario's world while the context lasts."""
    words = [sys.executable, "-m", "benchmarks.servers"]
    for name in ("jobs", "steps", "changes", "latency"):
        words += [f"--{name}", str(getattr(scenario, name))]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Servers(process)
        if process.stdin is not None:
            process.stdin.close()


def run_scenario(scenario: Scenario, programs: Sequence[Program]) -> list[Figures]:
    """Run the programs in turns, after one turn that fills every cache, and return their medians.

    Raises:
        FailedError: a program failed.
    """
    costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
    seen: dict[str, dict[str, int]] = {}
    with servers(scenario) as world:
        for turn in range(scenario.repeats + 1):
            for program in programs:
                cost = _measured(program, world)
                seen[program.name] = world.seen()
                if turn:
                    costs[program.name].append(cost)
    return [
        Figures(scenario=scenario, program=name, cost=_median(of_name), seen=seen[name])
        for name, of_name in costs.items()
    ]


def _measured(program: Program, world: Servers) -> Cost:
    # A path with a space, as a runner's may have.
    with tempfile.TemporaryDirectory(prefix="flow telemetry ") as folder:
        place = Place(folder=Path(folder), **world.addresses)
        return measure(program.command, environ_of(program, place), Path(folder))


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        processor=statistics.median(cost.processor for cost in costs),
        memory=statistics.median(cost.memory for cost in costs),
    )
