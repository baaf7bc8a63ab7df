"""Hundreds of sweeps over a random history export everything once, or report why not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.simulation.comparison import find_violations
from tests.simulation.history import Habits
from tests.simulation.plan import NO_FAULTS
from tests.simulation.simulation import simulate

SEEDS = range(3)
# Without lag, oddities and runs by events.
CALM = Habits(lag=timedelta(), odd=False, events=False)


def test_a_calm_history_is_exported_once(tmp_path: Path) -> None:
    """This is about the simulation: what it counts is what it let happen."""
    result = simulate(0, tmp_path, habits=CALM, faults=NO_FAULTS, sweeps=30)
    violations, summary = find_violations(result)
    assert [str(each) for each in violations] == []
    assert summary.once == summary.due > 30


# Ten seconds, and much more on a machine with other work.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_history_is_exported_within_the_bound(seed: int, tmp_path: Path) -> None:
    """`python -m tests.simulation --seeds 50` tries more of them."""
    violations, summary = find_violations(simulate(seed, tmp_path))
    assert [str(each) for each in violations] == []
    assert summary.once > 0.9 * summary.due
