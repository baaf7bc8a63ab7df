"""Clock, deadline and cancellation, and the signals that cancel the program."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from types import FrameType
from typing import NoReturn, Protocol, TypeVar

from flow_telemetry.environment import finish_streams
from flow_telemetry.errors import DeadlineExceeded

# Time is a collaborator: nothing else reads a clock, and tests do not wait.

_LONGEST_SLEEP_SECONDS = 366 * 24 * 3600.0
# How long a wait may go on after a signal.
WAKE_UP_SECONDS = 0.1


class Clock(Protocol):
    """Wall-clock time, monotonic time and sleep."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of the monotonic clock."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        # A `Retry-After` can be longer than the system's limit, beyond which sleep() raises.
        time.sleep(min(seconds, _LONGEST_SLEEP_SECONDS))


@dataclass(slots=True)
class Cancellation:
    """An earlier end for all deadlines that share it.

    ``at`` is a reading of the monotonic clock, None until it is set; ``by`` names the signal.
    ``possible`` is whether a signal may set it: then long waits check it from time to time.
    """

    at: float | None = None
    by: str = ""
    possible: bool = False


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline for waiting, reading, sending and retrying together.

    ``at`` is a reading of ``clock.monotonic()``, or None without a limit. ``set_by`` names the
    setting of the limit in messages.
    """

    clock: Clock
    at: float | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)
    set_by: str = "`timeout`"

    @classmethod
    def after(
        cls, clock: Clock, seconds: float | None, cancellation: Cancellation | None = None
    ) -> Deadline:
        """Return a deadline ``seconds`` from now; None means never."""
        at = None if seconds is None else clock.monotonic() + seconds
        return cls(clock, at, cancellation or Cancellation())

    def at_most(self, seconds: float, *, set_by: str) -> Deadline:
        """Return this deadline, or one ``seconds`` from now if that is earlier."""
        if self.remaining() <= seconds:
            return self
        return replace(self, at=self.clock.monotonic() + seconds, set_by=set_by)

    def remaining(self, at_most: float = float("inf")) -> float:
        """Return the remaining seconds, from 0 to ``at_most``."""
        ends = [end for end in (self.at, self.cancellation.at) if end is not None]
        if not ends:
            return at_most
        return max(0.0, min(at_most, min(ends) - self.clock.monotonic()))

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0

    @property
    def ended(self) -> str:
        """The reason why no time is left, for messages."""
        if self.cancellation.at is None:
            return f"the time for everything ({self.set_by}) was used up"
        return f"the program was cancelled ({self.cancellation.by})"

    def check(self, doing: str) -> None:
        """Raise DeadlineExceeded if no time is left; ``doing`` describes the interrupted work."""
        if self.expired:
            raise DeadlineExceeded(f"{self.ended} while {doing}")

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the deadline, which a signal may move forward meanwhile."""
        until = self.clock.monotonic() + seconds
        while self.cancellation.possible and self.remaining(seconds) > WAKE_UP_SECONDS:
            # Python's own sleep goes on after a signal whose handler returns (PEP 475).
            self.clock.sleep(WAKE_UP_SECONDS)
            seconds = until - self.clock.monotonic()
        self.clock.sleep(max(0.0, self.remaining(seconds)))

    def share(self, part: float, *, set_by: str = "") -> Deadline:
        """Return a deadline that leaves the rest of the remaining time to others.

        ``part`` is a number from 0 to 1. A deadline without a limit is returned as it is.
        """
        if self.at is None:
            return self
        seconds = self.remaining() * part
        return replace(self, at=self.clock.monotonic() + seconds, set_by=set_by or self.set_by)


# Cancellation by a signal: reading ends, and what was read is still sent.
#
# GitHub's runner sends a cancelled step SIGINT, SIGTERM 7.5 s later, and kills it after 2.5 s
# more. So the collected telemetry is sent for a moment, and the rest is spooled.

Value = TypeVar("Value")

SENDING_SECONDS = 2.0
_BY_SIGNAL = 128
# Ctrl-Break sends SIGBREAK on Windows, which has no SIGTERM from other processes.
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupted(BaseException):
    """Ends the reading. It is not an Exception, so that no handler catches it by accident."""


class Interruption:
    """The cancellation of the program by a signal, shared by its deadlines.

    ``reading`` ends all reading at the signal, and ``cancellation`` the sending a moment later.
    """

    def __init__(self, clock: Clock) -> None:
        """Handle no signal yet."""
        self.cancellation = Cancellation()
        self.reading = Cancellation()
        self.signal: int | None = None
        self._clock = clock
        self._reading = False
        self._finishes = False

    @property
    def name(self) -> str:
        """The name of the received signal, or an empty text."""
        return "" if self.signal is None else signal.Signals(self.signal).name

    @property
    def status(self) -> int:
        """The exit status in the convention of shells for a received signal; 0 without a signal."""
        return 0 if self.signal is None else _BY_SIGNAL + self.signal

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals within the context; do nothing outside of the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        self.cancellation.possible = self.reading.possible = True
        try:
            yield
        finally:
            self.cancellation.possible = self.reading.possible = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def read(self, step: Callable[[], Value], *, finishes: bool = False) -> Value:
        """Return what ``step`` returns.

        If ``finishes``, the first signal only ends the deadlines of reading, so that ``step``
        returns soon with what it has read by then; a second signal ends it at once.

        Raises:
            Interrupted: a signal came before ``step`` began, or before it returned.
        """
        if self.signal is not None:
            raise Interrupted
        self._reading, self._finishes = True, finishes
        try:
            return step()
        finally:
            self._reading = False

    def leave(self, status: int) -> int:
        """Return the exit status, or exit immediately after a signal.

        Otherwise the program would wait for threads that wait for a response.
        """
        if self.signal is not None:
            finish_streams()
            os._exit(status)
        return status

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        now, first = self._clock.monotonic(), self.signal is None
        self.cancellation.by = self.reading.by = signal.Signals(number).name
        # After a second signal nothing more is sent.
        self.cancellation.at = now + SENDING_SECONDS if first else now
        self.reading.at = now
        self.signal = number
        if self._reading and not (first and self._finishes):
            self._reading = False
            raise Interrupted


# Work that may hang, such as in a resolver or a pipe, in a thread that can be left behind.

# Work that ends at its limit by itself says better why. After this it hangs.
GRACE_SECONDS = 0.5


class Abandoned(Exception):
    """Work had not ended when its time was over, or when the program was cancelled."""


def run_until(
    limit: Deadline, work: Callable[[], Value], name: str, *, grace: float = GRACE_SECONDS
) -> Value:
    """Return what ``work`` returns, which runs in a thread of its own, named ``name``.

    An exception of ``work`` is raised here. The thread is a daemon, so that one that hangs does
    not keep the program from ending. ``grace`` is the seconds after the limit in which the work
    may end by itself.

    Raises:
        Abandoned: the work has not ended at the limit.
    """
    results: list[Callable[[], Value]] = []
    ended = threading.Lock()
    ended.acquire()

    def run() -> None:
        try:
            value = work()
            results.append(lambda: value)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            results.append(partial(_raise, error))
        finally:
            ended.release()

    threading.Thread(target=run, name=name, daemon=True).start()
    # Short waits: a signal may move the limit forward, and on Windows its handler runs between.
    while not ended.acquire(timeout=limit.remaining(WAKE_UP_SECONDS)):
        if limit.expired:
            if limit.cancellation.at is None and ended.acquire(timeout=grace):
                break
            raise Abandoned
    result = results.pop()
    try:
        return result()
    finally:
        # An error whose traceback reaches a frame that holds it would keep its connection open.
        del result


def _raise(error: BaseException) -> NoReturn:
    try:
        raise error
    finally:
        del error


@contextmanager
def thread_pool(most: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool. Wait for its threads at the end, except after an `Interrupted`."""
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
