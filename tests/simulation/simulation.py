"""The loop: sweep after sweep over one history, with only the ledger's file in between."""

from __future__ import annotations

import re
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

from tests.simulation.clock import SimulatedClock
from tests.simulation.history import (
    OWN_NAME,
    Habits,
    History,
    own_run,
    write_history,
)
from tests.simulation.network import Network
from tests.simulation.plan import Faults, LedgerFate, SweepPlan, last_start, plan_sweeps
from tests.simulation.program import build_simulated_context, run_sweep, sweep_settings
from tests.simulation.recorder import Export, Killed, Recorder
from tests.simulation.worlds import Worlds

from flow_telemetry.outcome import Outcome
from flow_telemetry.rules.ledger import Ledger
from flow_telemetry.sweep.ledger_file import parse_ledger
from flow_telemetry.sweep.things import describe

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
SWEEPS = 200
# Far from the ids of a history.
_FIRST_SWEEP_RUN = 900_000
_YEAR = re.compile(r"\b20[0-9]{2}(?=-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The content of a ledger that was lost: things that were not exported yet.

    ``names`` are those of pending things and unfinished runs, ``marks`` the ends of what each
    source had exported.
    """

    names: tuple[str, ...]
    marks: Mapping[str, datetime]

    @classmethod
    def of(cls, ledger: Ledger) -> Forgotten:
        """Return what a ledger knew, which was read before it was lost."""
        names: list[str] = []
        marks = {}
        for (_, source), known in ledger.sources.items():
            names += (describe(pending.reference) for pending in known.pending)
            names += (describe(reference) for reference, _ in known.unfinished)
            marks[source] = min(known.mark, known.full_mark or known.mark)
        return cls(tuple(names), marks)


@dataclass(slots=True, kw_only=True)
class SweepResult:
    """One sweep: what it exported, and its outcome, None if it was killed.

    ``ledger_before`` and ``ledger`` are the states of the ledger's file before and after it.
    """

    plan: SweepPlan
    started_at: datetime
    ended_at: datetime
    exports: list[Export]
    outcome: Outcome | None
    ledger_before: Hashable
    ledger: Hashable
    requests: int
    forgotten: Forgotten | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        """Whether the program ended before it returned an outcome."""
        return self.outcome is None

    @property
    def succeeded(self) -> bool:
        """Whether the scheduled run succeeds, with `fail-on-error`."""
        return self.outcome is not None and not self.outcome.failed

    @property
    def texts(self) -> tuple[str, ...]:
        """All messages of the outcome."""
        outcome = self.outcome
        if outcome is None:
            return ()
        return (*outcome.problems, *outcome.notices, *outcome.left_out)


@dataclass(slots=True, kw_only=True)
class Result:
    """A whole simulation, which took ``seconds``."""

    seed: int
    history: History
    sweeps: list[SweepResult]
    ended_at: datetime
    seconds: float
    problems: list[str]


def simulate(
    seed: int,
    folder: Path,
    *,
    habits: Habits | None = None,
    faults: Faults | None = None,
    sweeps: int = SWEEPS,
) -> Result:
    """Run all sweeps of a seed; the ledger is in ``folder``."""
    return _Simulation(seed, folder, habits or Habits(), faults or Faults(), sweeps).run()


class _Simulation:
    def __init__(
        self, seed: int, folder: Path, habits: Habits, faults: Faults, sweeps: int
    ) -> None:
        self._seed = seed
        self._ledger = folder / "ledger.json"
        self._plans = plan_sweeps(seed, START, sweeps, faults)
        end = last_start(self._plans)
        outage = [plan.starts_at for plan in self._plans if plan.outage]
        busy = (outage[0], outage[-1]) if outage else None
        self._history = write_history(seed, START, end, habits, busy)
        self._clock = SimulatedClock(START)
        self._worlds = Worlds(self._clock.now)
        self._worlds.add(self._history.mutations)
        self._random = Random(f"simulation {seed}")

    def run(self) -> Result:
        began = time.perf_counter()
        results = [self._sweep(plan) for plan in self._plans]
        return Result(
            seed=self._seed,
            history=self._history,
            sweeps=results,
            ended_at=self._clock.now(),
            seconds=time.perf_counter() - began,
            problems=[
                *(repr(problem) for problem in self._worlds.problems()),
                *(problem for result in results for problem in result.problems),
            ],
        )

    def _sweep(self, plan: SweepPlan) -> SweepResult:
        self._clock.move_to(plan.starts_at)
        run_id = _FIRST_SWEEP_RUN + plan.number
        started = self._clock.now().replace(microsecond=0)
        self._worlds.add([own_run(run_id, "schedule", OWN_NAME, started)])
        self._worlds.advance()
        forgotten = self._damage(plan.ledger)
        ledger_before = self._ledger_state()
        # The program starts some seconds after its run.
        self._clock.sleep(20)
        network = Network(
            plan,
            self._worlds,
            self._clock,
            seed=self._seed,
            unreadable=self._history.unreadable_paths,
        )
        recorder = Recorder(
            plan.number,
            now=self._clock.now,
            ledger=self._ledger_state,
            random=self._random,
            kill_after=plan.kill_after_records,
        )
        outcome = self._run_program(plan, run_id, network, recorder)
        self._clock.sleep(10)
        ended = self._clock.now().replace(microsecond=0)
        result = SweepResult(
            plan=plan,
            started_at=started,
            ended_at=ended,
            exports=recorder.exports,
            outcome=outcome,
            ledger_before=ledger_before,
            ledger=self._ledger_state(),
            requests=network.requests,
            forgotten=forgotten,
            problems=recorder.problems,
        )
        conclusion = "success" if result.succeeded else "failure"
        lag = timedelta(seconds=self._random.choice((0, 0, 0, 600, 2400)))
        end = own_run(
            run_id, "schedule", OWN_NAME, started, ended=ended, conclusion=conclusion, lag=lag
        )
        self._worlds.add([end])
        return result

    def _run_program(
        self, plan: SweepPlan, run_id: int, network: Network, recorder: Recorder
    ) -> Outcome | None:
        context = build_simulated_context(
            sweep_settings(run_id, plan.variant),
            exporter=recorder,
            clock=self._clock,
            ask_github=network.ask_github,
            ask_jira=network.ask_jira,
        )
        try:
            return run_sweep(context, self._ledger)
        except Killed:
            network.kill()
            return None

    def _damage(self, fate: LedgerFate) -> Forgotten | None:
        """Do to the ledger's file what the plan says, if there is one; return what it knew."""
        if fate is LedgerFate.KEPT or not self._ledger.exists():
            return None
        known = parse_ledger(self._ledger.read_bytes(), self._clock.now())
        text = self._ledger.read_text(encoding="utf-8")
        if fate is LedgerFate.LOST:
            self._ledger.unlink()
        elif fate is LedgerFate.CUT:
            self._ledger.write_text(text[: len(text) // 2], encoding="utf-8")
        else:
            # All instants are in the next year: nothing before them would be exported.
            forged = _YEAR.sub(lambda match: str(int(match[0]) + 1), text)
            self._ledger.write_text(forged, encoding="utf-8")
        return Forgotten.of(known)

    def _ledger_state(self) -> Hashable:
        try:
            found = self._ledger.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size
