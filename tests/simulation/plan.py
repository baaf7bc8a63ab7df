"""When the sweeps of a simulation start, and what goes wrong in which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from tests.simulation.program import Variant

# The last sweeps are without faults, so that everything that is due can be exported.
CALM_SWEEPS = 8


class LedgerFate(Enum):
    """What happens to the ledger's file before a sweep."""

    KEPT = "kept"
    LOST = "lost"
    CUT = "cut"
    FORGED = "forged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """A sweep: its start, its inputs, and its faults.

    ``fault_share`` is the share of requests that fail by chance. The program is killed after so
    many requests or exported records, if it makes so many.
    """

    number: int
    starts_at: datetime
    variant: Variant = field(default_factory=Variant)
    fault_share: float = 0.0
    outage: bool = False
    github_token_expired: bool = False
    jira_token_expired: bool = False
    kill_after_requests: int | None = None
    kill_after_records: int | None = None
    ledger: LedgerFate = LedgerFate.KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What can go wrong; all of it by default."""

    share: float = 0.05
    small_budgets: float = 0.12
    kills: float = 0.05
    outages: bool = True
    ledger: bool = True
    unknown_project: bool = True


NO_FAULTS = Faults(
    share=0.0, small_budgets=0.0, kills=0.0, outages=False, ledger=False, unknown_project=False
)


def plan_sweeps(seed: int, start: datetime, number: int, faults: Faults) -> list[SweepPlan]:
    """Return the sweeps of a seed, about six hours apart."""
    random = Random(f"sweeps {seed}")
    times = _start_times(random, start, number)
    days = _bad_days(random, times) if faults.outages else [(times[0], times[0])] * 3
    # Without a loss nothing excuses what is missing.
    losses = _losses(random, seed, number) if faults.ledger and seed % 4 != 2 else {}
    after_outage = sum(at < days[0][1] for at in times) if faults.outages else -1
    unknown = faults.unknown_project and seed % 2 == 1
    plans = []
    for position, at in enumerate(times):
        calm = position >= number - CALM_SWEEPS
        lossy = any(abs(position - loss) < 2 for loss in losses)
        budget = random.randint(12, 80) if random.random() < faults.small_budgets else None
        kill = random.random() < faults.kills and not lossy
        kills = [random.randint(1, 150), None]
        random.shuffle(kills)
        if position == after_outage and seed % 3 == 0 and faults.kills:
            # Between two checkpoints: there is much to export.
            kill, kills = True, [None, random.randint(100, 800)]
        outage, github, jira = (begin <= at < end for begin, end in days)
        plans.append(
            SweepPlan(
                number=position,
                starts_at=at,
                variant=Variant(
                    projects="ACME, NOPE" if unknown else "ACME",
                    max_requests=None if calm else budget,
                    feature_trace=seed % 4 == 3,
                ),
                fault_share=0.0 if calm else faults.share,
                outage=outage,
                github_token_expired=github,
                jira_token_expired=jira,
                kill_after_requests=kills[0] if kill and not calm else None,
                kill_after_records=kills[1] if kill and not calm else None,
                ledger=losses.get(position, LedgerFate.KEPT),
            )
        )
    return plans


def _start_times(random: Random, start: datetime, number: int) -> list[datetime]:
    """Return when sweeps start: GitHub starts scheduled runs late, and leaves some out."""
    times = []
    for _ in range(number):
        hours = random.uniform(5.5, 6.5) if random.random() < 0.9 else random.uniform(1, 12)
        start += timedelta(seconds=round(hours * 3600))
        times.append(start)
    return times


def _bad_days(random: Random, times: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the outage of three days, and the days with an expired token of GitHub and Jira."""
    parts = [0.15, 0.4, 0.65]
    random.shuffle(parts)
    begins = [times[int((part + random.uniform(0, 0.1)) * len(times))] for part in parts]
    lengths = (timedelta(days=3), timedelta(days=1), timedelta(days=1))
    return [(begin, begin + length) for begin, length in zip(begins, lengths, strict=True)]


def _losses(random: Random, seed: int, number: int) -> dict[int, LedgerFate]:
    """Return the sweeps before which the ledger is lost, and damaged or forged."""
    first = int(number * random.uniform(0.28, 0.36))
    second = int(number * random.uniform(0.78, 0.88))
    damage = LedgerFate.FORGED if seed % 2 else LedgerFate.CUT
    return {first: LedgerFate.LOST, second: damage}


def last_start(plans: Iterable[SweepPlan]) -> datetime:
    """Return the start of the last sweep."""
    return max(plan.starts_at for plan in plans)
