"""Answers that are asked for before they are needed, on a guess of what will be.

Who needs one later asks as if there had been no guess: so a guess saves a wait and decides nothing,
and a wrong one costs a request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class ReadAhead(Generic[Answer]):
    """Keeps the answers to what is asked in the background, each until somebody needs it."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Answer]] = {}
        self._in_background = threading.local()

    def start(self, guess: Callable[[], object]) -> None:
        """Run a function that asks, in a thread of its own; what comes of it is kept.

        What it raises is raised where the same is asked again, if that ever is.
        """
        threading.Thread(target=self._run, args=(guess,), name="read-ahead", daemon=True).start()

    def answer(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """Return what was or is being asked ahead, once; else ask now."""
        if getattr(self._in_background, "yes", False):
            return self._ask_ahead(question, ask)
        with self._lock:
            kept = self._kept.pop(question, None)
        return ask() if kept is None else kept.result()

    def _run(self, guess: Callable[[], object]) -> None:
        self._in_background.yes = True
        with suppress(Exception):  # It is kept with the answer; a thread tells nobody.
            guess()

    def _ask_ahead(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        with self._lock:
            known = self._kept.get(question)
            future: Future[Answer] = known or Future()
            self._kept[question] = future
        if known is not None:
            return known.result()
        try:
            future.set_result(ask())
        except BaseException as error:
            future.set_exception(error)
            raise
        return future.result()
