"""Endpoints that no HTTP server plays: closed ports, raw bytes, TLS."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Ports that are bound for as long as the tests run: one that is given back is soon another's.
_TAKEN: list[socket.socket] = []


def closed_port_url() -> str:
    """Return the address of a port on which nobody listens, and nobody else can begin to."""
    if not _TAKEN:
        _TAKEN.append(socket.socket())
        _TAKEN[0].bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{_TAKEN[0].getsockname()[1]}"


@contextmanager
def raw_server(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer whatever comes in with these bytes; yield host and port."""

    def serve(connection: socket.socket) -> None:
        with (
            suppress(OSError),
            tls.wrap_socket(connection, server_side=True) if tls else connection as stream,
        ):
            _read_request(stream)
            stream.sendall(answer)

    with _accepting(serve) as port:
        yield f"127.0.0.1:{port}"


def _read_request(stream: socket.socket) -> None:
    """Read a request whole: who closes with something unread resets the connection.

    The client would then see the reset, at times before the answer.
    """
    came = b""
    while b"\r\n\r\n" not in came and (piece := stream.recv(65536)):
        came += piece
    head, _, body = came.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (piece := stream.recv(65536)):
        missing -= len(piece)


@contextmanager
def _accepting(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                continue
            with connection:
                connection.settimeout(5)
                serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        thread.join()
        server.close()


@contextmanager
def cut_during_handshake(farewell: bytes) -> Iterator[tuple[str, list[int]]]:
    """Close each connection after the client's first message of TLS, with these bytes.

    Yield host and port, and a list that grows by one for each connection.
    """
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        connections.append(len(connections))
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(farewell)

    with _accepting(serve) as port:
        yield f"127.0.0.1:{port}", connections


# The connection's end alone, and an alert `close_notify` before it.
CUTS = {ssl.SSLEOFError: b"", ssl.SSLZeroReturnError: b"\x15\x03\x03\x00\x02\x01\x00"}
