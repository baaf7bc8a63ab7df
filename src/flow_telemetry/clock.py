"""Time as a collaborator, so that nothing else reads a clock and tests need no waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Protocol

from flow_telemetry.errors import DeadlineExceeded


class Clock(Protocol):
    """What the program needs of time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The one bound on waiting, reading, sending and retrying together.

    ``at`` is a reading of ``clock.monotonic()``, or None where there is no bound.
    """

    clock: Clock
    at: float | None = None

    @classmethod
    def after(cls, clock: Clock, seconds: float | None) -> Deadline:
        """Return a deadline ``seconds`` from now; None means never."""
        return cls(clock, None if seconds is None else clock.monotonic() + seconds)

    def remaining(self, at_most: float = float("inf")) -> float:
        """Return the seconds that are left, never negative and never more than ``at_most``."""
        if self.at is None:
            return at_most
        return max(0.0, min(at_most, self.at - self.clock.monotonic()))

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    def check(self, doing: str) -> None:
        """Raise DeadlineExceeded, saying what was being done, where no time is left."""
        if self.expired:
            raise DeadlineExceeded(
                f"the time for everything (input timeout) was used up while {doing}"
            )

    def sleep(self, seconds: float) -> None:
        """Wait, but never past the deadline."""
        self.clock.sleep(self.remaining(seconds))
