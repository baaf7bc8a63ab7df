"""HTTP requests with a time limit that includes the body, and authentication by a token."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from flow_telemetry.clock import Deadline
from flow_telemetry.http.errors import ContradictoryLengths
from flow_telemetry.http.response import Response

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Statuses before the final one; after 101 the connection speaks another protocol.
_INTERIM = range(102, 200)
_MOST_INTERIM = 20

# A total time limit for a request.
#
# A timeout of requests applies to each wait for a byte, so a server that sends a byte a second is
# read for ever, in the headers as in the body. Here every wait ends at one limit.


class BoundedAdapter(HTTPAdapter):
    """An adapter of requests that reads responses until ``limit`` only.

    ``limit`` is set before each request, separately for each thread.
    """

    def __init__(self, limit: Deadline, *, connections: int = 10) -> None:
        """``limit`` is the default limit, ``connections`` the size of the pool."""
        super().__init__(pool_maxsize=connections)
        self._limit = limit
        self._limits = threading.local()

    @property
    def limit(self) -> Deadline:
        """The time limit of this thread's current request."""
        limit: Deadline = getattr(self._limits, "limit", self._limit)
        return limit

    @limit.setter
    def limit(self, limit: Deadline) -> None:
        self._limits.limit = limit

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the pool for a request, proxied or not, with bounded connections."""
        pool: Any = super().get_connection_with_tls_context(request, *args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = self._bounded(pool.ConnectionCls)
        return pool

    def _bounded(self, connection_class: Any) -> Any:
        """Return a subclass of the connection whose responses obey this adapter's limit."""
        adapter = self

        class BoundedResponse(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                unbounded = self.fp.detach()
                self.fp = io.BufferedReader(_BoundedReader(unbounded, sock, adapter))

            def begin(self) -> None:
                # http.client skips 100 only, and returns 103 Early Hints as the final response.
                # https://www.rfc-editor.org/rfc/rfc9110#section-15.2
                for _ in range(_MOST_INTERIM):
                    super().begin()
                    if self.status not in _INTERIM:
                        _check_lengths(self.headers)
                        return
                    # Without headers, begin() reads on.
                    self.headers = None  # type: ignore[assignment]
                raise http.client.HTTPException("too many interim responses")

        return type("Bounded", (connection_class,), {"response_class": BoundedResponse})


def _check_lengths(headers: http.client.HTTPMessage) -> None:
    """Raise ContradictoryLengths if the headers say several lengths of the body."""
    values = ",".join(headers.get_all("Content-Length", [])).split(",")
    if len({value.strip() for value in values}) > 1:
        raise ContradictoryLengths


class _BoundedReader(io.RawIOBase):
    """The bytes of a socket. Raises TimeoutError after the adapter's limit."""

    def __init__(self, inner: io.RawIOBase, sock: socket.socket, adapter: BoundedAdapter) -> None:
        self._inner = inner
        self._socket = sock
        self._adapter = adapter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        seconds_left = self._adapter.limit.remaining()
        if seconds_left <= 0:
            raise TimeoutError("the request timed out")
        self._socket.settimeout(None if seconds_left == float("inf") else seconds_left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


# One request with its complete response.

_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 30.0
_LEAST_SECONDS = 0.1

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request, or a POST request with ``body`` as JSON."""

    url: str
    query: Query | None = None
    body: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"


class BoundedSession(requests.Session):
    """A session of requests with a total time limit for each request of a thread.

    It sends no credentials of ``.netrc``: neither with a request nor after a redirect, where they
    would replace the token.
    """

    def __init__(self, deadline: Deadline, *, connections: int = 10) -> None:
        """``deadline`` is the default limit, ``connections`` the size of the pool."""
        super().__init__()
        # Without any, requests would read .netrc.
        self.auth = TokenAuth("")
        self._adapter = BoundedAdapter(deadline, connections=connections)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def bound(self, limit: Deadline) -> None:
        """Set the limit of this thread's next request, including the body."""
        self._adapter.limit = limit

    def rebuild_auth(self, prepared_request: PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials if a redirect leads to another origin; add none."""
        origin, url = str(response.request.url), str(prepared_request.url)
        if self.should_strip_auth(origin, url):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


def read_all(response: requests.Response) -> bytes:
    """Return the whole body."""
    return response.content


def send_request(
    session: BoundedSession,
    request: Request,
    within: Deadline,
    *,
    at_most: float = _REQUEST_SECONDS,
    read: Callable[[requests.Response], bytes] = read_all,
) -> Response:
    """Send one request; return the response with the body that ``read`` returns.

    The request takes at most ``at_most`` seconds, and ends at ``within``.

    Raises:
        requests.RequestException, ValueError: no complete response came. A redirect to an invalid
            address is a ValueError.
        Exception: an exception of ``read``.
    """
    clock = within.clock
    began = clock.monotonic()
    limit = Deadline.after(clock, within.remaining(at_most))
    session.bound(limit)
    # A context manager, so that the connection is closed if the body is damaged.
    with session.request(
        request.method,
        request.url,
        params=request.query,
        json=request.body,
        # To connect, and to wait for the first byte: only then the adapter's limit applies.
        timeout=(
            max(_LEAST_SECONDS, limit.remaining(_CONNECT_SECONDS)),
            max(_LEAST_SECONDS, limit.remaining()),
        ),
        stream=True,
        # Passed explicitly: else requests would read the environment's variables.
        verify=session.verify,
    ) as response:
        return Response(
            status=response.status_code,
            headers={key.lower(): value for key, value in response.headers.items()},
            body=read(response),
            url=response.url,
            seconds=clock.monotonic() - began,
        )


# Authentication.


class TokenAuth(AuthBase):
    """Adds a token to requests. Without a token it adds nothing, and no entry of ``.netrc`` either.

    requests does not apply the `auth` of a session again after a redirect, and removes the header
    if the redirect leads to another origin.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with the token in its header."""
        if self._token:
            # Headers are Latin-1. The server, not http.client, is to refuse any other character.
            request.headers["Authorization"] = f"Bearer {self._token}".encode().decode("latin-1")
        return request
