"""Waiting for what another process or thread does: until it is so, however busy the machine is.

until(lambda: receiver.requests, "the program sends nothing")
"""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_SECONDS = 60.0
_BETWEEN_LOOKS_SECONDS = 0.02


def until(
    condition: Callable[[], object],
    otherwise: str,
    *,
    longest: float = LONGEST_SECONDS,
    between_looks: float = _BETWEEN_LOOKS_SECONDS,
) -> None:
    """Return as soon as it is so; AssertionError, which says ``otherwise``, where it never is.

    ``longest`` and ``between_looks`` are in seconds.
    """
    end = time.monotonic() + longest
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(between_looks)
