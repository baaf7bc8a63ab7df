"""What stands between the program and its servers: TLS in front of them, proxies on the way.

with tls_front(github.url, authority.server()) as url: ...     # https://localhost:…
with Proxy(user="u", password="p") as proxy: ...               # proxy.url, proxy.asked
"""

from __future__ import annotations

import base64
import selectors
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import cast
from urllib.parse import urlsplit

_PIECE = 65_536
_PATIENCE_SECONDS = 10.0


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go are what tests are about."""


@contextmanager
def _serving(server: _Server) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def tls_front(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """Open TLS for a server of plain HTTP; yield its address on localhost."""
    behind = (urlsplit(url).hostname or "", urlsplit(url).port or 80)

    class Front(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with context.wrap_socket(self.request, server_side=True) as client:
                _join(client, socket.create_connection(behind, _PATIENCE_SECONDS))

    with _serving(_Server(("127.0.0.1", 0), Front)) as port:
        yield f"https://localhost:{port}"


class Proxy:
    """An HTTP proxy on loopback: it forwards plain requests, and opens tunnels by CONNECT.

    With ``user`` it asks for credentials; with ``status`` it refuses everything by that.
    ``asked`` are the methods and targets that came, refused ones included.
    """

    def __init__(self, *, user: str = "", password: str = "", status: int = 0) -> None:
        self.user = user
        self.password = password
        self.status = status
        self.asked: list[tuple[str, str]] = []
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._running = _serving(self._server)

    @property
    def url(self) -> str:
        """What HTTPS_PROXY would say, with the credentials that it asks for."""
        credentials = f"{self.user}:{self.password}@" if self.user else ""
        return f"http://{credentials}127.0.0.1:{self._server.server_address[1]}"

    @property
    def hosts(self) -> set[str]:
        """The hosts with ports that were asked for."""
        return {urlsplit(t).netloc if "//" in t else t for _, t in self.asked}

    def refusal(self, authorization: str) -> int:
        """Return the status by which a request is refused, 0 for none."""
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if self.user and authorization != f"Basic {known}":
            return 407
        return self.status

    def __enter__(self) -> Proxy:
        self._running.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, trace)


def _handler_for(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if self._refused():
                return
            host, _, port = self.path.rpartition(":")
            server = socket.create_connection((host, int(port)), _PATIENCE_SECONDS)
            self.send_response(200)
            self.end_headers()
            _join(cast("socket.socket", self.connection), server)
            self.close_connection = True

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self._refused():
                return
            to = urlsplit(self.path)
            own = ("proxy-authorization", "proxy-connection", "connection")
            headers = {n: v for n, v in self.headers.items() if n.lower() not in own}
            server = HTTPConnection(to.netloc, timeout=_PATIENCE_SECONDS)
            server.request(self.command, to._replace(scheme="", netloc="").geturl(), body, headers)
            answer = server.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
            server.close()

        do_GET = do_POST = _forward

        def _refused(self) -> bool:
            proxy.asked.append((self.command, self.path))
            status = proxy.refusal(self.headers.get("Proxy-Authorization", ""))
            if status:
                self._answer(status, {"Proxy-Authenticate": "Basic"}, b"<html>the proxy</html>")
            return bool(status)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing: what was asked is recorded."""

    return Handler


def _join(one: socket.socket, other: socket.socket) -> None:
    """Hand on what both sides say until one of them ends.

    In one thread: a connection over TLS is not read and written at once.
    """
    with other, selectors.DefaultSelector() as heard, suppress(OSError):
        for source, target in ((one, other), (other, one)):
            heard.register(source, selectors.EVENT_READ, target)
        while said := heard.select(_PATIENCE_SECONDS):
            for key, _ in said:
                data = cast("socket.socket", key.fileobj).recv(_PIECE)
                if not data:
                    return
                key.data.sendall(data)
