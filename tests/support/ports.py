"""Ports for servers that cannot be told to take any, and to say which."""

from __future__ import annotations

import socket
from contextlib import suppress
from random import SystemRandom

# No system hands these out by itself, so that none becomes that of another test's server between
# the look and the server's start.
_RANGE = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback on which nobody listens, drawn by chance."""
    drawn = SystemRandom().sample(_RANGE, len(_RANGE))  # another chance in each process
    free = (port for port in drawn if _is_free(port))
    return [next(free) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
