"""Waiting for what another process or thread does: until it is so, however busy the machine is.

until(lambda: receiver.requests, "the program sends nothing")
"""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_SECONDS = 60.0
_BETWEEN_LOOKS_SECONDS = 0.02


def until(condition: Callable[[], object], otherwise: str) -> None:
    """Return as soon as it is so; AssertionError, which says ``otherwise``, where it never is."""
    end = time.monotonic() + LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(_BETWEEN_LOOKS_SECONDS)
