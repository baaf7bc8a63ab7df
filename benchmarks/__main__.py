"""Runs the benchmarks and prints tables of Markdown; what is under way goes to standard error."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.bundle import bundle_facts
from benchmarks.processes import FailedError
from benchmarks.programs import ROOT, Program, own_program, peer_program, started_only, sweep_of
from benchmarks.scenarios import Figures, Scenario, run_scenario
from benchmarks.startup import import_profile
from benchmarks.table import facts_table, figures_table, table
from benchmarks.write_ahead import write_ahead_milliseconds

_LATENCY = 0.1
_MOST_PACKAGES = 12
_SMOKE = (Scenario(jobs=2, steps=3, repeats=1),)
_ALL = (
    *(
        Scenario(jobs=jobs, steps=10, latency=late)
        for jobs in (1, 20, 100)
        for late in (0, _LATENCY)
    ),
    *(Scenario(jobs=1000, steps=10, latency=late, repeats=3) for late in (0, _LATENCY)),
    *(Scenario(jobs=1000, steps=30, latency=late, repeats=3) for late in (0, _LATENCY)),
)
_SWEEPS = tuple(
    Scenario(jobs=1, steps=1, latency=late, repeats=1, changes=500) for late in (0, _LATENCY)
)
_START = Scenario(jobs=1, steps=1, repeats=10)


def main() -> int:
    """Measure and print; returns the exit status."""
    options = _parser().parse_args()
    own, peer = own_program(options.action), peer_program(options.peers)
    programs = [own] if peer is None else [own, peer]
    scenarios = _SMOKE if options.smoke else _ALL
    try:
        groups = [_run(each, programs, options.repeats) for each in scenarios]
        if not options.smoke:
            groups += [_run(each, [sweep_of(own)], options.repeats) for each in _SWEEPS]
        start = _run(_START, [started_only(own)], 1 if options.smoke else options.repeats)[0]
    except FailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _print(groups, start, own, options.action)
    if peer is None:
        _say("No peer ran: FLOW_TELEMETRY_PEERS names its folder, and it needs Node.js.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measures whole exports, beside a peer where there is one."
    )
    parser.add_argument("--smoke", action="store_true", help="one small run, to see that it works")
    parser.add_argument("--repeats", type=int, help="how often each program runs in a scenario")
    parser.add_argument(
        "--action",
        type=Path,
        default=ROOT,
        help="folder of the action; one with a bundle is started by its launcher",
    )
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(os.environ.get("FLOW_TELEMETRY_PEERS", ROOT.parent / "shared" / "peers")),
        help="folder with run-paper2.sh (default: FLOW_TELEMETRY_PEERS, else ../shared/peers)",
    )
    return parser


def _run(scenario: Scenario, programs: Sequence[Program], repeats: int | None) -> Sequence[Figures]:
    if repeats is not None:
        scenario = replace(scenario, repeats=repeats)
    sys.stderr.write(f"{scenario.name} ...\n")
    return run_scenario(scenario, programs)


def _print(groups: Sequence[Sequence[Figures]], start: Figures, own: Program, action: Path) -> None:
    _say(f"{_machine()}, Python {platform.python_version()}, {own.name}\n")
    _say(figures_table(groups) + "\n")
    facts = {
        "start alone, wall": f"{start.cost.wall:.2f} s",
        "start alone, processor": f"{start.cost.processor:.2f} s",
        "start alone, memory": f"{start.cost.memory:.0f} MiB",
        "write-ahead of 20 jobs \u00d7 10 steps": f"{write_ahead_milliseconds():.1f} ms",
    }
    _say(facts_table(facts | bundle_facts(action)) + "\n")
    _say("Imports of the action's door, under Python's import profile:\n")
    rows = [
        (each.package, str(each.modules), f"{each.milliseconds:.0f} ms")
        for each in import_profile(os.environ)[:_MOST_PACKAGES]
    ]
    _say(table(("package", "modules", "own time"), rows))


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
