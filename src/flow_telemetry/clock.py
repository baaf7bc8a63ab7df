"""Clock, deadline and cancellation, and the signals that end the program."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from types import FrameType
from typing import Protocol, TypeVar

from flow_telemetry.errors import DeadlineExceeded

# Time as a collaborator, so that nothing else reads a clock and tests need no waiting.

_LONGEST_SLEEP_SECONDS = 366 * 24 * 3600.0


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
        # A server's `Retry-After` can ask for more than the system can sleep, which is an error.
        time.sleep(min(seconds, _LONGEST_SLEEP_SECONDS))


@dataclass(slots=True)
class Cancellation:
    """An earlier end for all deadlines that share it.

    ``at`` is a reading of the monotonic clock, None until it is set; ``by`` names the signal.
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
    cut: Cancellation = field(default_factory=Cancellation)
    set_by: str = "`timeout`"

    @classmethod
    def after(
        cls, clock: Clock, seconds: float | None, cut: Cancellation | None = None
    ) -> Deadline:
        """Return a deadline ``seconds`` from now; None means never."""
        at = None if seconds is None else clock.monotonic() + seconds
        return cls(clock, at, cut or Cancellation())

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


# What a signal to end the program does: reading stops at once, and what was read still leaves.
#
# GitHub's runner sends a cancelled step SIGINT, SIGTERM 7.5 s later, and kills it after 2.5 s
# more. So what is collected is sent for a moment, and what is left then is kept in the spool.

Value = TypeVar("Value")

SENDING_SECONDS = 2.0
_BY_SIGNAL = 128
# SIGBREAK is what Ctrl-Break sends on Windows, where there is no SIGTERM from others.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupted(BaseException):
    """Ends what is being read; no `except Exception` on the way keeps it."""


class Interruption:
    """Whether the program was told to end. Its ``cut`` ends the deadlines that share it."""

    def __init__(self, clock: Clock) -> None:
        """Listen to nothing yet."""
        self.cut = Cancellation()
        self.signal: int | None = None
        self._clock = clock
        self._reading = False

    @property
    def name(self) -> str:
        """The name of the signal that came; empty where none did."""
        return "" if self.signal is None else signal.Signals(self.signal).name

    @property
    def status(self) -> int:
        """The exit status that a shell tells of a program that a signal ended; 0 without one."""
        return 0 if self.signal is None else _BY_SIGNAL + self.signal

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over while this lasts; outside of the main thread that is impossible."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def read(self, step: Callable[[], Value]) -> Value:
        """Return what ``step`` returns.

        Raises:
            Interrupted: a signal came before it was done.
        """
        if self.signal is not None:
            raise Interrupted
        self._reading = True
        try:
            return step()
        finally:
            self._reading = False

    def leave(self, status: int) -> int:
        """Return the exit status, or end the program with it at once where a signal came.

        Threads that still wait for an answer would hold it.
        """
        if self.signal is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        return status

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        now = self._clock.monotonic()
        self.cut.by = signal.Signals(number).name
        # A second signal means it: then nothing more is tried.
        self.cut.at = now if self.signal is not None else now + SENDING_SECONDS
        self.signal = number
        if self._reading:
            self._reading = False
            raise Interrupted


@contextmanager
def thread_pool(most: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool whose threads are waited for at the end, except after an `Interrupted`."""
    pool = ThreadPoolExecutor(most, thread_name_prefix=name)
    try:
        yield pool
    except Interrupted:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown()
        raise
    pool.shutdown()
