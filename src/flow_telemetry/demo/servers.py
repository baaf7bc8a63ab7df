"""The demo's servers on loopback: a GitHub that replays a recording, and an OTLP receiver."""

from __future__ import annotations

import gzip
import socketserver
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from flow_telemetry.demo.received import spans_in
from flow_telemetry.demo.recording import API, RecordedResponse, Recording, request_key
from flow_telemetry.otlp.protobuf import new_request, new_response
from flow_telemetry.telemetry import Signal, Span

if TYPE_CHECKING:
    from typing_extensions import Self

_NOT_RECORDED = RecordedResponse(status=404, body='{"message": "Not Found"}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came in; ``target`` is path and query, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a server sends back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class LoopbackServer:
    """A threaded HTTP server on an ephemeral port of 127.0.0.1; a context manager.

    `HTTPServer` of the standard library would ask the resolver for its own name, which takes
    seconds on some machines.
    """

    def __init__(self) -> None:
        """Take a port; requests are answered within the context only."""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def respond(self, request: Request) -> Response:
        """Return the response to a request."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Begin to accept connections."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class ReplayedGitHub(LoopbackServer):
    """GitHub's API as it was recorded; what was not recorded does not exist."""

    def __init__(self, recording: Recording) -> None:
        """Serve the recording."""
        super().__init__()
        self._responses = recording.responses
        self.requests = 0

    def respond(self, request: Request) -> Response:
        """Return the recorded response."""
        with self._lock:
            self.requests += 1
        found = self._responses.get(
            request_key(request.method, request.target, request.body), _NOT_RECORDED
        )
        links = {"Link": found.link.replace(API, self.url)} if found.link else {}
        return Response(
            status=found.status,
            headers={"Content-Type": "application/json; charset=utf-8", **links},
            body=found.body.replace(API, self.url).encode(),
        )


class DemoReceiver(LoopbackServer):
    """An OTLP/HTTP receiver for protobuf: keeps the spans, counts log records and points."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        super().__init__()
        self.spans: list[Span] = []
        self.log_records = 0
        self.points = 0

    def respond(self, request: Request) -> Response:
        """Take a request of one of the three signals."""
        signals = [each for each in Signal if request.target == f"/v1/{each.value}"]
        if not signals or request.method != "POST":
            return Response(status=404, headers={}, body=b"")
        (signal,), body = signals, request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = new_request(signal)
        message.ParseFromString(body)
        with self._lock:
            self._keep(signal, message)
        return Response(
            status=200,
            headers={"Content-Type": "application/x-protobuf"},
            body=new_response(signal).SerializeToString(),
        )

    def _keep(self, signal: Signal, message: Any) -> None:
        if signal is Signal.TRACES:
            self.spans += spans_in(message)
        elif signal is Signal.LOGS:
            self.log_records += sum(
                len(scope.log_records)
                for resource in message.resource_logs
                for scope in resource.scope_logs
            )
        else:
            self.points += sum(
                len(getattr(metric, metric.WhichOneof("data")).data_points)
                for resource in message.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            )


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    owner: LoopbackServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a client may hang up at any time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner = cast(_Server, self.server).owner
        response = owner.respond(
            Request(method=self.command, target=self.path, headers=headers, body=body)
        )
        self.send_response(response.status)
        for name, value in {**response.headers, "Content-Length": len(response.body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = _serve

    def log_message(self, *_: object) -> None:
        """Print nothing: standard error is the program's."""
