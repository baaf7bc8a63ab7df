"""One bounded session: auth, redirects, total deadline, Response record."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from flow_telemetry.clock import Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Reading a response over HTTP within a time that is really kept: for what is read and what is sent.
#
# A timeout of requests bounds each wait for a byte, so a server that drips a byte a second is
# never given up, in the headers as in the body. Here every wait is bounded by what is left of one
# limit.


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

        class BoundedResponse(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                unbounded = self.fp.detach()
                self.fp = io.BufferedReader(_BoundedReader(unbounded, sock, adapter))

        return type("Bounded", (connection_class,), {"response_class": BoundedResponse})


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


# One request and its whole response, within a time that is kept however slowly that drips.


_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 30.0
_LEAST_SECONDS = 0.1

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: by GET, or by POST where there is a ``body``, which is sent as JSON."""

    url: str
    query: Query | None = None
    body: Mapping[str, Any] | None = None

    @property
    def method(self) -> str:
        """How HTTP calls it."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response of any status: ``headers`` have lower-case names.

    ``url`` is where it came from in the end, ``seconds`` how long it took with its body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", errors="replace")


class Session(Protocol):
    """A session of requests that can bound what this thread asks next, the body included."""

    @property
    def verify(self) -> bool | str | None:
        """The authorities to trust."""
        ...

    def bound(self, limit: Deadline) -> None:
        """Take the bound."""
        ...

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Query | None,
        json: Mapping[str, Any] | None,
        timeout: tuple[float, float],
        stream: bool,
        verify: bool | str | None,
    ) -> requests.Response:
        """Ask, as `requests.Session.request`."""
        ...


def read_all(response: requests.Response) -> bytes:
    """Return all of the body."""
    return response.content


def send_request(
    session: Session,
    request: Request,
    within: Deadline,
    *,
    at_most: float = _REQUEST_SECONDS,
    read: Callable[[requests.Response], bytes] = read_all,
) -> Response:
    """Ask once, and return the response with the body that ``read`` takes from it.

    It takes no more than ``at_most`` seconds, and ends at ``within``.

    Raises:
        requests.RequestException, ValueError: no whole response came; a redirect to what is no
            address is a ValueError of its parts.
        Exception: what ``read`` raises.
    """
    clock = within.clock
    began = clock.monotonic()
    limit = Deadline.after(clock, within.remaining(at_most))
    session.bound(limit)
    # Read here in any case, so that the connection is closed where the body is damaged.
    with session.request(
        request.method,
        request.url,
        params=request.query,
        json=request.body,
        timeout=_until_the_first_byte(limit),
        stream=True,
        # Named, or requests would look for the variables itself.
        verify=session.verify,
    ) as response:
        return Response(
            status=response.status_code,
            headers={key.lower(): value for key, value in response.headers.items()},
            body=read(response),
            url=response.url,
            seconds=clock.monotonic() - began,
        )


def _until_the_first_byte(limit: Deadline) -> tuple[float, float]:
    """The seconds to connect and to wait: an adapter's limit counts from the first byte only."""
    return (
        max(_LEAST_SECONDS, limit.remaining(_CONNECT_SECONDS)),
        max(_LEAST_SECONDS, limit.remaining()),
    )


# The token of a server that is read from, on requests to that server.


class TokenAuth(AuthBase):
    """Puts a token on requests; nothing where there is none, not even what a ``.netrc`` says.

    As an `auth` of the session it is not applied again after a redirect, and requests removes the
    header where a redirect leads to another origin.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with the token in its header."""
        if self._token:
            # Headers are Latin-1; a character beyond it must be the server's to refuse.
            request.headers["Authorization"] = f"Bearer {self._token}".encode().decode("latin-1")
        return request
