"""Sequential rounds of requests: what latency costs, counted rather than timed.

    with counted_rounds(github) as rounds:
        program.export(run)
    assert rounds.count <= 2

An answer leaves when no further request has come for a while: all that waits then is one round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fakes.github import FakeGitHub

# Longer than a busy machine needs to send what it can send at once.
SETTLE_SECONDS = 0.5


@dataclass(slots=True)
class Rounds:
    """The rounds so far: how many requests each had."""

    sizes: list[int] = field(default_factory=list)
    _waiting: int = 0
    _last: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def count(self) -> int:
        """The number of rounds."""
        return len(self.sizes)

    def hold(self) -> None:
        """Wait for the end of the round."""
        with self._changed:
            round_number = self.count
            self._waiting += 1
            self._last = time.monotonic()
            while self.count == round_number:
                left = self._last + SETTLE_SECONDS - time.monotonic()
                if left <= 0:
                    self.sizes.append(self._waiting)
                    self._waiting = 0
                    self._changed.notify_all()
                else:
                    self._changed.wait(left)


@contextmanager
def counted_rounds(github: FakeGitHub) -> Iterator[Rounds]:
    """Count the rounds of requests while the context lasts."""
    rounds, before = Rounds(), github.before_answer
    github.before_answer = rounds.hold
    try:
        yield rounds
    finally:
        github.before_answer = before
