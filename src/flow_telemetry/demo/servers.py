"""The demo's servers on loopback: a GitHub that replays a recording, and an OTLP receiver."""

from __future__ import annotations

import gzip
import re
import socketserver
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from flow_telemetry.demo.received import spans_in
from flow_telemetry.demo.recording import API, RecordedResponse, Recording, request_key
from flow_telemetry.otlp.lines import OtlpRequest, count_request_items
from flow_telemetry.otlp.protobuf import new_request, new_response
from flow_telemetry.telemetry import EncodedRequest, Signal, Span

if TYPE_CHECKING:
    from typing_extensions import Self

# The end of an interval may be the present, which no recording contains.
_INTERVAL = re.compile(r"(created=[^&. ]+\.\.)[^& ]+")
_NOT_RECORDED = RecordedResponse(status=404, body='{"message": "Not Found"}')


# Status, headers and body.
Response: TypeAlias = tuple[int, Mapping[str, str], bytes]


class LoopbackServer:
    """A threaded HTTP server on an ephemeral port of 127.0.0.1; a context manager.

    `HTTPServer` of the standard library resolves its own name, which takes seconds on some
    machines.
    """

    def __init__(self) -> None:
        """Bind a port; requests are served only within the context."""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def respond(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Return the response; ``target`` is path and query, header names are in lower case."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Start accepting connections."""
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
    """The recorded API of GitHub; any other request gets a 404."""

    def __init__(self, recording: Recording) -> None:
        """Serve ``recording``."""
        super().__init__()
        self._responses = {
            _without_end(key): response for key, response in recording.responses.items()
        }
        self.requests = 0

    def respond(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,
    ) -> Response:
        """Return the recorded response."""
        with self._lock:
            self.requests += 1
        key = _without_end(request_key(method, target, body))
        recorded = self._responses.get(key, _NOT_RECORDED)
        link = {"Link": recorded.link.replace(API, self.url)} if recorded.link else {}
        fields = {"Content-Type": "application/json; charset=utf-8", **link}
        return recorded.status, fields, recorded.body.replace(API, self.url).encode()


def _without_end(key: str) -> str:
    """Return the key of a request without the end of an interval of creation times."""
    return _INTERVAL.sub(r"\1", key)


class DemoReceiver(LoopbackServer):
    """An OTLP/HTTP receiver for protobuf; keeps requests and spans, counts records and points."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[EncodedRequest] = []
        self.spans: list[Span] = []
        self.log_records = 0
        self.points = 0

    @property
    def distinct(self) -> list[Span]:
        """The spans as a backend shows them: each export repeats the opening spans above it."""
        return list({(span.trace_id, span.span_id): span for span in self.spans}.values())

    def respond(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Decode a request of one of the three signals."""
        signal = next((signal for signal in Signal if target == f"/v1/{signal.value}"), None)
        if signal is None or method != "POST":
            return 404, {}, b""
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = new_request(signal)
        message.ParseFromString(body)
        with self._lock:
            items = self._keep(signal, message)
            self.requests.append(EncodedRequest(signal=signal, body=body, items=items))
        content: bytes = new_response(signal).SerializeToString()
        return 200, {"Content-Type": "application/x-protobuf"}, content

    def _keep(self, signal: Signal, message: Any) -> int:
        """Keep or count the items of a request; return their number."""
        items = count_request_items(OtlpRequest(signal=signal, message=message))
        if signal is Signal.TRACES:
            self.spans += spans_in(message)
        elif signal is Signal.LOGS:
            self.log_records += items
        else:
            self.points += items
        return items


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
        status, fields, content = owner.respond(self.command, self.path, headers, body)
        self.send_response(status)
        for name, value in {**fields, "Content-Length": len(content)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve

    def log_message(self, *_: object) -> None:
        """Print nothing: standard error is the program's."""
