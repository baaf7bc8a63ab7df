"""A clock that only the simulation moves."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta


class SimulatedClock:
    """The `Clock` of the program and of the fakes: a sleep is over at once, and moves it."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move the clock; the threads of a program sleep one after the other here."""
        with self._lock:
            self._elapsed += max(0.0, seconds)

    def move_to(self, instant: datetime) -> None:
        """Move the clock to an instant, unless it is past."""
        self.sleep((instant - self.now()).total_seconds())
