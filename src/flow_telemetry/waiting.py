"""Waiting for GitHub's API to show what has happened: it lags seconds behind the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flow_telemetry.clock import Deadline
from flow_telemetry.log import Log
from flow_telemetry.model import Run

LONGEST_WAIT_SECONDS = 15.0
_BETWEEN_LOOKS_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """The run as last seen. ``shown`` is whether what was waited for has come."""

    run: Run
    shown: bool


def wait_until(
    shown: Callable[[Run], bool],
    run: Run,
    *,
    again: Callable[[Run], Run],
    deadline: Deadline,
    log: Log,
    what: str,
) -> Waited:
    """Return the run once ``shown`` of it is true, or as it is when the time is over.

    ``again`` reads the run once more. The wait is bounded by 15 s and by a part of the deadline,
    so that time is left to send.
    """
    left = min(LONGEST_WAIT_SECONDS, deadline.remaining() / 3)
    while not shown(run):
        if left < _BETWEEN_LOOKS_SECONDS:
            return Waited(run=run, shown=False)
        log.info(f"waiting for GitHub to show {what}")
        deadline.sleep(_BETWEEN_LOOKS_SECONDS)
        left -= _BETWEEN_LOOKS_SECONDS
        run = again(run)
    return Waited(run=run, shown=True)
