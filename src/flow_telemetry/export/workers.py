"""A few threads that deliver batches, and tell how it went through a queue.

They are daemons: one that hangs, in a resolver or a dead socket, holds neither the program nor
its batch, which the caller still has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, Queue
from typing import Protocol

from flow_telemetry.clock import Clock
from flow_telemetry.export.answer import Answer, Attempt, Trouble
from flow_telemetry.export.intake import Batch


class Sender(Protocol):
    """What delivers requests, one at a time, from one thread."""

    def deliver(self, batch: Batch) -> Attempt:
        """Send a batch in one request; return the last answer."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of the batch of that number; ``attempt`` is None where it was not tried."""

    number: int
    attempt: Attempt | None


class Workers:
    """At most ``most`` threads, started as there is work, each with a sender of its own."""

    def __init__(self, new_sender: Callable[[], Sender], most: int, clock: Clock) -> None:
        """Start nothing yet."""
        self._clock = clock
        self._new_sender = new_sender
        self._most = most
        self._threads = 0
        self._tasks: Queue[tuple[int, Batch] | None] = Queue()
        self._reports: Queue[Report] = Queue()
        self._stopped = threading.Event()

    def submit(self, number: int, batch: Batch) -> None:
        """Hand over a batch; one report will come of it, unless its thread hangs."""
        self._tasks.put((number, batch))
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name="otlp-sender", daemon=True).start()

    def next_report(self, seconds: float) -> Report | None:
        """Return the next report, or None if none comes within that time."""
        try:
            return self._reports.get(timeout=seconds) if seconds > 0 else self._reports.get_nowait()
        except Empty:
            return None

    def stop_trying(self) -> None:
        """Let what was handed over, but not begun, be reported as not tried."""
        self._stopped.set()

    def end(self) -> None:
        """Let the threads end after what they are doing; does not wait for them."""
        self.stop_trying()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _work(self) -> None:
        sender: Sender | None = None
        while (task := self._tasks.get()) is not None:
            number, batch = task
            attempt = None
            began = self._clock.monotonic()
            if not self._stopped.is_set():
                try:
                    sender = sender or self._new_sender()
                    attempt = sender.deliver(batch)
                except Exception as error:  # noqa: BLE001  A thread that ends tells nobody why.
                    answer = Answer(trouble=Trouble.OTHER, detail=type(error).__name__)
                    attempt = Attempt(answer=answer)
                attempt = replace(attempt, seconds=self._clock.monotonic() - began)
            self._reports.put(Report(number=number, attempt=attempt))
        if sender is not None:
            sender.close()
