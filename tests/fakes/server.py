"""A small HTTP/1.1 server on loopback, on which both fakes stand.

The standard library's `HTTPServer` asks the resolver for its own name when it binds, which takes
seconds on some machines, and cannot be told to answer badly. This one does neither more nor less
than the fakes need: every request is recorded, every answer is a value, faults included.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.faults import Answer, Request, Script, Scripted

if TYPE_CHECKING:
    from typing_extensions import Self

POLL_SECONDS = 0.02
SETTLE_SECONDS = 5.0


class LocalServer:
    """A threaded server on an ephemeral port of 127.0.0.1; a context manager.

    `respond` is called in a thread of its own for each connection, and must not raise. The port is
    bound when the address is needed first, so that a fake that is called directly takes none.
    """

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self._respond = respond

    @cached_property
    def _tcp(self) -> _TcpServer:
        return _TcpServer(self._respond)

    @cached_property
    def _thread(self) -> threading.Thread:
        return threading.Thread(target=self._tcp.serve_forever, args=(POLL_SECONDS,), daemon=True)

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        host, port = self._tcp.server_address[:2]
        return f"http://{host!s}:{port}"

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        if seconds > 0:
            self._tcp.closing.wait(seconds)

    def start(self) -> None:
        """Begin to accept connections; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every open connection; returns when all their threads are done."""
        self._tcp.closing.set()
        self._tcp.shutdown()
        self._thread.join()
        self._tcp.server_close()
        self._tcp.close_connections()

    def __enter__(self) -> LocalServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class FakeServer:
    """What the fakes of GitHub, Jira and backends share: an address, scripted answers, a context.

    A subclass answers in `respond`, in a thread of its own for each connection. What it could not
    answer it adds to `errors`, and the first of them is raised when the context ends. With an
    `address` of its own (`https://api.github.com`) it is called directly, and listens nowhere.
    """

    def __init__(self, *, path_prefix: str = "", address: str = "") -> None:
        self.path_prefix = path_prefix
        self._address = address
        self._script = Script()
        self._lock = threading.Lock()
        self._errors: list[Exception] = []
        self._server = LocalServer(self.respond)

    @property
    def url(self) -> str:
        """The base URL: scheme, host, port and prefix, without a slash at the end."""
        return (self._address or self._server.url) + self.path_prefix

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, as it is sent over HTTP."""
        raise NotImplementedError

    def script(
        self,
        to: str | Callable[[Request], bool],
        *answers: Scripted,
        after: int = 0,
        times: int | None = 1,
    ) -> None:
        """Queue scripted answers (see `faults`) for requests whose path and query contain `to`."""
        self._script.add(to, *answers, after=after, times=times)

    def stop(self) -> None:
        """Close every connection and the port."""
        self._server.stop()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None and self._errors:
            raise self._errors[0]


class _TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self.respond = respond
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        with self._changed:
            self._open.add(cast(socket.socket, request))
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: object) -> None:
        super().shutdown_request(request)  # type: ignore[arg-type]
        with self._changed:
            self._open.discard(cast(socket.socket, request))
            self._changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up early is what a test of ours may be about."""

    def close_connections(self) -> None:
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, SETTLE_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        server = cast(_TcpServer, self.server)
        answer = server.respond(self._read())
        if answer.delay:
            server.closing.wait(answer.delay)
        if answer.behaviour == "answer":
            self._write(answer, server.closing)
            return
        self.close_connection = True
        if answer.behaviour == "black hole":
            server.closing.wait()
        elif answer.behaviour == "reset":
            # Lingering for zero seconds makes the close an RST, the "connection reset by peer".
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._read_body(),
            received_at=time.monotonic(),
        )

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _write(self, answer: Answer, closing: threading.Event) -> None:
        length = len(answer.body) if answer.promised is None else answer.promised
        headers = {"Content-Length": str(length), **answer.headers}
        reason = self.responses.get(answer.status, ("",))[0]
        lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        body = b"" if self.command == "HEAD" else answer.body
        self.close_connection = self.close_connection or length != len(answer.body)
        if answer.drip is None:
            self.wfile.write(head + body)
            return
        at_once, drops = (b"", head + body) if answer.drip_from == "headers" else (head, body)
        self.wfile.write(at_once)
        for drop in drops:
            self.wfile.write(bytes([drop]))
            if closing.wait(answer.drip):
                return

    def log_message(self, *args: object) -> None:
        """Say nothing: the requests are recorded, and standard error is the program's."""
