"""Connections: all addresses of a host, and its resolver, have one time limit together."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.otlp.servers import closed_port_url

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.http.connect import Address, connect, connect_first

# Nobody has these addresses (RFC 5737), and a full backlog answers nobody either.
PATIENCE = 0.5


@pytest.fixture
def silent() -> Iterator[Address]:
    """The address of a port whose backlog is full: what connects to it waits for ever."""
    with socket.socket() as server, closing(socket.socket()) as first:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        others = [socket.socket() for _ in range(3)]
        for each in (first, *others):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        time.sleep(0.05)
        yield (socket.AF_INET, socket.SOCK_STREAM, 0, server.getsockname())
        for each in others:
            each.close()


@pytest.fixture
def answering() -> Iterator[Address]:
    """The address of a port that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield (socket.AF_INET, socket.SOCK_STREAM, 0, server.getsockname())


def soon(seconds: float = PATIENCE) -> Deadline:
    return Deadline.after(SystemClock(), seconds)


def refusing() -> Address:
    port = int(closed_port_url().rpartition(":")[2])
    return (socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", port))


def test_twelve_dead_addresses_have_one_limit_together(silent: Address) -> None:
    """Not each of them the whole."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        connect_first([silent] * 12, soon())
    assert time.monotonic() - began < 2 * PATIENCE


def test_a_dead_address_does_not_hold_up_the_next_for_long(
    silent: Address, answering: Address
) -> None:
    """Such as that of IPv6 in a network without it."""
    began = time.monotonic()
    with connect_first([silent, answering], soon(20)) as connected:
        assert connected.getpeername() == answering[3]
        assert connected.gettimeout() is None
    assert time.monotonic() - began < 2


def test_an_address_that_refuses_is_passed_over_at_once(answering: Address) -> None:
    """The next one is tried without a pause."""
    began = time.monotonic()
    with connect_first([refusing(), refusing(), refusing(), answering], soon(20)) as connected:
        assert connected.getpeername() == answering[3]
    assert time.monotonic() - began < 0.5


def test_the_error_is_that_of_the_address() -> None:
    """A refused connection is no other failure."""
    with pytest.raises(ConnectionRefusedError):
        connect_first([refusing(), refusing()], soon())
    with pytest.raises(OSError, match="no address"):
        connect_first([], soon())


def test_a_connection_leaves_no_socket_or_thread_behind(silent: Address) -> None:
    """What was tried in vain is closed."""
    before = threading.active_count()
    with pytest.raises(TimeoutError):
        connect_first([silent], soon(0.1))
    assert threading.active_count() == before


def test_the_rest_of_the_time_is_for_the_handshake(answering: Address) -> None:
    """The socket's own timeout is what is left."""
    host, port = answering[3]
    with connect(host, port, soon(5)) as connected:
        assert 4 < (connected.gettimeout() or 0) <= 5
