"""Several faults at once, on several calls: drawn by chance, the same ones each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.faults import promise
from tests.faults.all_cases import OF_ENDPOINT, OF_SOURCES
from tests.faults.cases import SHORT, SHORT_OF_OTLP, Case, Side
from tests.faults.items import Items
from tests.faults.stage import Exported, Stage

SEED, HOW_MANY = 20261125, 60
_MOST_OF_A_SIDE = 3
OF_RUNS = [case for case in OF_SOURCES if case.exports is Exported.RUN and not case.only_posix]


@dataclass(frozen=True, slots=True)
class Combination:
    """Faults that strike together; the one that was drawn first wins where two are of one call."""

    number: int
    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """The name of its test."""
        return f"{self.number:02}-" + "+".join(case.id for case in self.cases)

    @property
    def all_can_be_read(self) -> bool:
        """Whether the export collects what it would collect without faults."""
        return all(case.side is Side.OTLP or case.heals for case in self.cases)


def combinations() -> Iterator[Combination]:
    """Yield two to nine faults each time."""
    chance = random.Random(SEED)
    of_endpoint = [case for case in OF_ENDPOINT if not (case.needs or case.only_posix)]
    for number in range(HOW_MANY):
        drawn = chance.sample(of_endpoint, chance.randint(1, _MOST_OF_A_SIDE))
        # In one half nothing is lost on the way in: what a source refuses once, it gives at once.
        passing = [case for case in OF_RUNS if "once, `Retry-After: 0`" in case.fault]
        sources = OF_RUNS if number % 2 else passing
        drawn += chance.sample(sources, chance.randint(1, 2 * _MOST_OF_A_SIDE))
        yield Combination(number, tuple(drawn))


COMBINATIONS = tuple(combinations())


@pytest.mark.parametrize("drawn", COMBINATIONS, ids=lambda drawn: drawn.id[:100])
def test_many_faults_at_once_do_no_more_harm(
    drawn: Combination, stage: Stage, clean: Items
) -> None:
    """Whatever was read is delivered or kept, the build is green, and no secret is out."""
    for case in drawn.cases:
        case.strike(stage)
    stage.otlp_timeout = SHORT_OF_OTLP
    end = promise.ending(stage, timeout=SHORT, fail_on_error=drawn.number % 3 == 0)
    promise.check_nothing_is_wrong(end, clean)
    promise.check_all_is_counted(end)
    if drawn.all_can_be_read:
        promise.check_nothing_is_lost(end, clean)
