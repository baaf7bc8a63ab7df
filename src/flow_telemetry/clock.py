"""Time as a collaborator, so that nothing else reads a clock and tests need no waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
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


@dataclass(slots=True)
class Cut:
    """An end that deadlines get later, all that share it at once; None while there is none.

    ``by`` names the signal that it is made for.
    """

    at: float | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The one bound on waiting, reading, sending and retrying together.

    ``at`` is a reading of ``clock.monotonic()``, or None where there is no bound. ``set_by`` is
    what to change where the time is too short, in words.
    """

    clock: Clock
    at: float | None = None
    cut: Cut = field(default_factory=Cut)
    set_by: str = "input timeout"

    @classmethod
    def after(cls, clock: Clock, seconds: float | None, cut: Cut | None = None) -> Deadline:
        """Return a deadline ``seconds`` from now; None means never."""
        at = None if seconds is None else clock.monotonic() + seconds
        return cls(clock, at, cut or Cut())

    def at_most(self, seconds: float, *, set_by: str) -> Deadline:
        """Return this deadline, or one that is ``seconds`` from now where that is sooner."""
        if self.remaining() <= seconds:
            return self
        return replace(self, at=self.clock.monotonic() + seconds, set_by=set_by)

    def remaining(self, at_most: float = float("inf")) -> float:
        """Return the seconds that are left, never negative and never more than ``at_most``."""
        ends = [end for end in (self.at, self.cut.at) if end is not None]
        if not ends:
            return at_most
        return max(0.0, min(at_most, min(ends) - self.clock.monotonic()))

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    @property
    def ended(self) -> str:
        """Why no time is left, in words."""
        if self.cut.at is None:
            return f"the time for everything ({self.set_by}) was used up"
        return f"the program was told to end ({self.cut.by})"

    def check(self, doing: str) -> None:
        """Raise DeadlineExceeded, saying what was being done, where no time is left."""
        if self.expired:
            raise DeadlineExceeded(f"{self.ended} while {doing}")

    def sleep(self, seconds: float) -> None:
        """Wait, but never past the deadline."""
        self.clock.sleep(self.remaining(seconds))
