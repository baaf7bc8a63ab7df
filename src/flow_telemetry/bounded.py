"""Reading an answer over HTTP within a time that is really kept: for what is read and what is sent.

A timeout of requests bounds each wait for a byte, so a server that drips a byte a second is never
given up, in the headers as in the body. Here every wait is bounded by what is left of one limit.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from flow_telemetry.clock import Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from requests import PreparedRequest


class BoundedAdapter(HTTPAdapter):
    """requests' own adapter, on connections whose answers are read until ``limit`` only.

    ``limit`` is set before each request, by the thread that makes it and for that thread alone.
    """

    def __init__(self, limit: Deadline, *, connections: int = 10) -> None:
        """Take the limit of requests for which none is set, and how many connections are kept."""
        super().__init__(pool_maxsize=connections)
        self._limit = limit
        self._of_thread = threading.local()

    @property
    def limit(self) -> Deadline:
        """The bound on the request that this thread has under way."""
        limit: Deadline = getattr(self._of_thread, "limit", self._limit)
        return limit

    @limit.setter
    def limit(self, limit: Deadline) -> None:
        self._of_thread.limit = limit

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the pool for a request, proxied or not, which makes bounded connections."""
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = self._bounded(pool.ConnectionCls)
        return pool

    def _bounded(self, connection_class: Any) -> Any:
        """The class, with answers that ask this adapter for the limit."""
        adapter = self

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                unbounded = self.fp.detach()
                self.fp = io.BufferedReader(_BoundedReader(unbounded, sock, adapter))

        return type("Bounded", (connection_class,), {"response_class": Response})


class _BoundedReader(io.RawIOBase):
    """The bytes of a socket; TimeoutError once the adapter's limit is reached."""

    def __init__(self, inner: io.RawIOBase, sock: socket.socket, adapter: BoundedAdapter) -> None:
        self._inner = inner
        self._socket = sock
        self._adapter = adapter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._adapter.limit.remaining()
        if left <= 0:
            raise TimeoutError("the time for one request is over")
        self._socket.settimeout(None if left == float("inf") else left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()
