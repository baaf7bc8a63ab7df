"""Telling something beside a command, whose exit status holds even where nobody can be told."""

from __future__ import annotations

import contextlib
import sys


def tell(line: str) -> None:
    """Write a line to standard error, if that is open and takes it."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"flow-telemetry: {line}\n")


def finish_streams() -> None:
    """Write what is left; a stream that does not take it is let go.

    Else Python would try again at its end, and exit with a status of its own.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)
