"""The environment of the process, which is read once, by an entry point."""

from __future__ import annotations

import os


def take_environment() -> dict[str, str]:
    """Return the variables of the process, and remove those of OpenTelemetry from it.

    A job sets `OTEL_*` for its own programs, and the SDK reads them while it is imported and used.
    It would add another backend's headers to our requests, and a value that it cannot read, such
    as `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=none`, stops its import. Our settings, and the commands
    that we start, get the returned copy.
    """
    environ = dict(os.environ)
    for name in environ:
        if name.startswith("OTEL_"):
            del os.environ[name]
    return environ
