"""TCP connections: one time limit for resolving a name and for trying all of its addresses."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any

from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import allowed_gai_family

from flow_telemetry.clock import Abandoned, Deadline, run_until
from flow_telemetry.http.errors import ResolverTimeout

# An address that does not answer holds up the next one for so long ("Connection Attempt Delay").
# https://www.rfc-editor.org/rfc/rfc8305#section-5
_NEXT_ATTEMPT_SECONDS = 0.25
# A timeout of 0 would make a socket non-blocking.
_LEAST_SECONDS = 0.05
# The attempt is under way. Windows says the second.
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0))

# Family, type and protocol of a socket, and the address to connect it to.
Address = tuple[int, int, int, Any]
# Level, name and value of options of a socket.
SocketOptions = Iterable[tuple[int, int, Any]]


def with_bounded_connect(connection: type[Any], limit: Callable[[], Deadline]) -> type[Any]:
    """Return a subclass of a connection class of urllib3 that connects within its timeout.

    urllib3 gives each address of a host the whole timeout, and the resolver any time. ``limit``
    returns the deadline of this thread's request.
    """

    def new_connection(self: Any) -> socket.socket:
        """Return a connected socket, or raise what urllib3 raises."""
        until = limit()
        if isinstance(self.timeout, int | float):
            until = until.at_most(self.timeout, set_by=until.set_by)
        try:
            return connect(self._dns_host, self.port, until, self.socket_options or ())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}") from error

    return type("Bounded", (connection,), {"_new_conn": new_connection})


def connect(host: str, port: int, until: Deadline, options: SocketOptions = ()) -> socket.socket:
    """Return a socket that is connected to the first address of a host that accepts.

    Its timeout is the rest of the time, for the handshake of TLS.

    Raises:
        socket.gaierror: the name does not exist.
        ResolverTimeout: the resolver did not answer.
        TimeoutError: no address answered.
        OSError: no address accepted; the error of the last one.
    """
    connected = connect_first(resolve(host.strip("[]"), port, until), until, options)
    seconds = until.remaining()
    connected.settimeout(None if seconds == float("inf") else max(_LEAST_SECONDS, seconds))
    return connected


def resolve(host: str, port: int, until: Deadline) -> list[Address]:
    """Return the addresses of a host, in the order of the system."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise LocationParseError(f"'{host}', label empty or too long") from None

    def ask() -> list[Address]:
        rows = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in rows]

    try:
        # The system's resolver has no limit that a program can set, but a thread can be left.
        return run_until(until, ask, "resolver", grace=0.0)
    except Abandoned:
        raise ResolverTimeout(f"the resolver did not answer for {host}") from None


def connect_first(
    addresses: Iterable[Address], until: Deadline, options: SocketOptions = ()
) -> socket.socket:
    """Return a blocking socket that is connected to the first address that accepts.

    An address that does not answer does not use up the time of the others: each next one is tried
    after a moment, beside the earlier ones, in turns by family (RFC 8305, "Happy Eyeballs").
    """
    waiting = deque(_in_turns(addresses))
    error = OSError("the resolver returned no address")
    clock = until.clock
    next_at = clock.monotonic()
    pending: set[socket.socket] = set()
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or pending:
                if until.expired:
                    raise TimeoutError("no address answered in time")
                if waiting and (not pending or clock.monotonic() >= next_at):
                    next_at = clock.monotonic() + _NEXT_ATTEMPT_SECONDS
                    try:
                        attempt = _begin(waiting.popleft(), options)
                    except OSError as failure:
                        error = failure
                        continue
                    pending.add(attempt)
                    selector.register(attempt, selectors.EVENT_WRITE)
                pause = until.remaining(60.0)
                if waiting:
                    pause = min(pause, max(0.0, next_at - clock.monotonic()))
                for key, _ in selector.select(pause):
                    ended: Any = key.fileobj
                    selector.unregister(ended)
                    pending.remove(ended)
                    code = ended.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        ended.setblocking(True)
                        return ended  # type: ignore[no-any-return]
                    ended.close()
                    error, next_at = _error(code), clock.monotonic()
        finally:
            for attempt in pending:
                attempt.close()
    raise error


def _begin(address: Address, options: SocketOptions) -> socket.socket:
    """Return a socket that is connecting."""
    family, kind, protocol, target = address
    attempt = socket.socket(family, kind, protocol)
    try:
        for option in options:
            attempt.setsockopt(*option)
        attempt.setblocking(False)
        code = attempt.connect_ex(target)
        if code not in _UNDER_WAY:
            raise _error(code)
    except OSError:
        attempt.close()
        raise
    return attempt


def _error(code: int) -> OSError:
    """Return the exception of an error number, such as ConnectionRefusedError."""
    return OSError(code, os.strerror(code))


def _in_turns(addresses: Iterable[Address]) -> Iterator[Address]:
    """Yield the addresses in turns by family, beginning with the family of the first one."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return (address for address in turns if address is not None)
