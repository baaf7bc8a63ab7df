"""States of work, and the time that a feature or a change spent in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class TimeState(Enum):
    """The states, in order: a second belongs to the first one that holds for any part."""

    BLOCKED = "blocked"
    DEPLOYING = "deploying"
    AWAITING_MERGE = "awaiting_merge"
    CHANGES_REQUESTED = "changes_requested"
    AWAITING_REVIEW = "awaiting_review"
    IN_REVIEW = "in_review"
    QUEUED = "queued"
    BUILDING = "building"
    IN_PROGRESS = "in_progress"
    IDLE = "idle"

    @property
    def label(self) -> str:
        """The name as people read it, ``awaiting review``."""
        return self.value.replace("_", " ")


# In these, work waits for people or machines. Nothing tells whether idle time is a wait.
WAITING_STATES = (
    TimeState.BLOCKED,
    TimeState.AWAITING_MERGE,
    TimeState.AWAITING_REVIEW,
    TimeState.QUEUED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeShares:
    """How long each state lasted; together they are exactly the time that was divided.

    ``durations`` has every state, in order. ``incomplete`` are the states that were not read, or
    only in part: they may have lasted longer, and then the states after them shorter.
    """

    durations: tuple[tuple[TimeState, timedelta], ...]
    incomplete: tuple[TimeState, ...] = ()

    @property
    def total(self) -> timedelta:
        """The time that was divided."""
        return sum((duration for _, duration in self.durations), timedelta())

    @property
    def measured(self) -> Iterator[tuple[TimeState, timedelta]]:
        """The states whose time is known: one that was not read has none, which is not 0."""
        for state, duration in self.durations:
            if duration or state not in self.incomplete:
                yield state, duration


# Of a change that has not ended, by the numbers of its open periods.
NO_TIMES: Mapping[int, TimeShares] = {}
