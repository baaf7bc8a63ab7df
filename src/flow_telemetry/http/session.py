"""HTTP requests that are limited in time and size, and authentication by a token."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from flow_telemetry.clock import Abandoned, Deadline, Value, run_until
from flow_telemetry.http.connect import with_bounded_connect
from flow_telemetry.http.errors import CertificateFileError, ContradictoryLengths
from flow_telemetry.http.response import Response
from flow_telemetry.local_files import check_certificates

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
        """Return a subclass of the connection that obeys this adapter's limit."""
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

        bounded = with_bounded_connect(connection_class, lambda: adapter.limit)
        bounded.response_class = BoundedResponse
        return bounded


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
_CHUNK_BYTES = 64 * 1024
# A renamed repository and a file that is stored elsewhere take two or three.
_MOST_REDIRECTS = 10
# The largest pages of GitHub and Jira, a hundred entries with long texts, have some 10 MB.
MOST_BODY_BYTES = 32 * 1024 * 1024
# Of a response that is not 200, only the server's message is used.
_MOST_MESSAGE_BYTES = 256 * 1024

Query = Mapping[str, str | int]


class ResponseTooLarge(Exception):
    """A body has more than ``limit`` bytes after decompression; the rest was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the response has more than {limit:,} bytes")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request, or a POST request with ``body`` as JSON.

    ``change`` is the method of a request that changes something on the server. No redirect of such
    a request is followed: it is for the server that it was written for.
    """

    url: str
    query: Query | None = None
    body: Mapping[str, Any] | None = None
    change: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.change or ("GET" if self.body is None else "POST")


class BoundedSession(requests.Session):
    """A session of requests with a total time limit for each request of a thread.

    It sends no credentials of ``.netrc``: neither with a request nor after a redirect, where they
    would replace the token.
    """

    def __init__(self, deadline: Deadline, *, connections: int = 10) -> None:
        """``deadline`` is the default limit, ``connections`` the size of the pool."""
        super().__init__()
        self.max_redirects = _MOST_REDIRECTS
        # Without any, requests would read .netrc.
        self.auth = TokenAuth("")
        self._adapter = BoundedAdapter(deadline, connections=connections)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def run_bounded(self, url: str, limit: Deadline, exchange: Callable[[], Value]) -> Value:
        """Return what ``exchange`` returns, which sends a request to ``url`` until ``limit``.

        It runs in a thread that is left behind if it hangs: some waits have no limit of their own,
        such as the search of the system's proxy settings, and files of OpenSSL.

        Raises:
            requests.Timeout: it has not ended in time.
            CertificateFileError: a file of certificates is not a regular file, or too large.
        """
        if url.lower().startswith("https:"):
            self._check_certificates()

        def run() -> Value:
            self._adapter.limit = limit
            return exchange()

        try:
            return run_until(limit, run, "request")
        except Abandoned:
            raise requests.Timeout("the request did not end in time") from None

    def _check_certificates(self) -> None:
        own = self.cert if isinstance(self.cert, tuple) else (self.cert,)
        for path in (self.verify, *own):
            if isinstance(path, str):
                try:
                    check_certificates(path)
                except (OSError, ValueError) as error:
                    raise CertificateFileError(str(error)) from None

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the target of a redirect, after its body: requests would read it without limit."""
        target: str | None = super().get_redirect_target(resp)
        # In a chain of redirects, requests asks twice about all but the first one.
        if target is not None and not resp.raw.closed:
            try:
                read_body(resp, _MOST_MESSAGE_BYTES)
            finally:
                # requests closes a response only if it follows the redirect.
                resp.close()
        return target

    def rebuild_auth(self, prepared_request: PreparedRequest, response: requests.Response) -> None:
        """Remove the credentials if a redirect leads to another origin; add none."""
        origin, url = str(response.request.url), str(prepared_request.url)
        if self.should_strip_auth(origin, url):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


def body_pieces(response: requests.Response, limit: int) -> Iterator[bytes]:
    """Yield the decompressed body in pieces, up to ``limit`` bytes.

    Raises:
        ResponseTooLarge: it has more: a few bytes can decompress to gigabytes.
    """
    size = 0
    for piece in response.iter_content(_CHUNK_BYTES):
        size += len(piece)
        if size > limit:
            yield piece[: len(piece) - (size - limit)]
            raise ResponseTooLarge(limit)
        yield piece


def read_body(response: requests.Response, limit: int, *, truncates: bool = False) -> bytes:
    """Return the decompressed body; one that ``truncates`` is cut at the limit.

    Raises:
        ResponseTooLarge: it has more than ``limit`` bytes, and is not truncated.
    """
    pieces: list[bytes] = []
    try:
        pieces.extend(body_pieces(response, limit))
    except ResponseTooLarge:
        if not truncates:
            raise
    return b"".join(pieces)


def read_response(response: requests.Response) -> bytes:
    """Return the body of a response of status 200, or the beginning of another one.

    Raises:
        ResponseTooLarge: a body of status 200 has more than MOST_BODY_BYTES.
    """
    if response.status_code == HTTPStatus.OK:
        return read_body(response, MOST_BODY_BYTES)
    return read_body(response, _MOST_MESSAGE_BYTES, truncates=True)


def send_request(
    session: BoundedSession,
    request: Request,
    within: Deadline,
    *,
    at_most: float = _REQUEST_SECONDS,
    read: Callable[[requests.Response], bytes] = read_response,
) -> Response:
    """Send one request; return the response with the body that ``read`` returns.

    The request takes at most ``at_most`` seconds, and ends at ``within``.

    Raises:
        requests.RequestException, ValueError: no complete response came. A redirect to an invalid
            address is a ValueError.
        ResponseTooLarge: the body is too large.
        Exception: an exception of ``read``.
    """
    clock = within.clock
    began = clock.monotonic()
    limit = Deadline.after(clock, within.remaining(at_most), within.cancellation)

    def exchange() -> Response:
        # A context manager, so that the connection is closed if the body is damaged.
        with session.request(
            request.method,
            request.url,
            params=request.query,
            json=request.body,
            allow_redirects=not request.change,
            # To connect, and to wait for the first byte: only then the adapter's limit applies.
            timeout=(
                max(_LEAST_SECONDS, limit.remaining(_CONNECT_SECONDS)),
                max(_LEAST_SECONDS, limit.remaining()),
            ),
            stream=True,
            # Passed explicitly: else requests would read the environment's variables.
            verify=session.verify,
        ) as response:
            # requests has read the body of a redirect that is not followed.
            is_read = bool(request.change) and response.is_redirect
            return Response(
                status=response.status_code,
                headers={key.lower(): value for key, value in response.headers.items()},
                body=b"" if is_read else read(response),
                url=response.url,
                seconds=clock.monotonic() - began,
            )

    return session.run_bounded(request.url, limit, exchange)


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
