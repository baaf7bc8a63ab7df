"""A real OTLP/HTTP receiver on loopback, with the faults that backends and proxies have.

    with Receiver() as receiver:
        receiver.script("/v1/traces", status(503, retry_after="1"), partial_success(3, "too old"))
        ... the program exports to receiver.url ...
    assert receiver.tree() == ["RUN CI", "  build", "    Compile"]

It keeps what it says it keeps: a request answered with an error, a page or a redirect is recorded
in `requests`, but its spans are not among `spans`.
"""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from flow_telemetry.testing.faults import Alteration, Answer, Request, Script, Scripted
from flow_telemetry.testing.server import LocalServer
from flow_telemetry.testing.spans import (
    SpanRecord,
    from_json,
    from_protobuf,
    spans_in,
    tree_lines,
)

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
SUCCESS = 2  # the hundreds of a status


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One of OTLP's three: its request, its response, and how that counts what it rejected."""

    request: type[Message]
    response: type[Message]
    rejected: str


SIGNALS = {
    "/v1/traces": Signal(
        request=ExportTraceServiceRequest,
        response=ExportTraceServiceResponse,
        rejected="rejected_spans",
    ),
    "/v1/logs": Signal(
        request=ExportLogsServiceRequest,
        response=ExportLogsServiceResponse,
        rejected="rejected_log_records",
    ),
    "/v1/metrics": Signal(
        request=ExportMetricsServiceRequest,
        response=ExportMetricsServiceResponse,
        rejected="rejected_data_points",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request and what became of it.

    `message` is the decoded request, None where it could not be decoded; `status` what it was
    answered (0: nothing); `rejected` how many of its items, the first ones, were not kept.
    """

    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    message: Any = field(repr=False)
    status: int
    accepted: bool
    rejected: int = 0


class Receiver:
    """A context manager that takes OTLP at `url` + /v1/traces, /v1/logs and /v1/metrics.

    `path_prefix` stands before those paths, as in backends that keep OTLP under a path of theirs.
    """

    def __init__(self, *, path_prefix: str = "") -> None:
        self.path_prefix = path_prefix
        self.requests: list[Received] = []
        self._script = Script()
        self._lock = threading.Lock()
        self._server = LocalServer(self._respond)

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT would say."""
        return self._server.url + self.path_prefix

    @property
    def spans(self) -> list[SpanRecord]:
        """Every span that was kept, in the order in which they came."""
        return [
            span
            for received in list(self.requests)
            if received.accepted and isinstance(received.message, ExportTraceServiceRequest)
            for span in spans_in(received.message)[received.rejected :]
        ]

    def spans_named(self, name: str) -> list[SpanRecord]:
        """Return the kept spans of that name."""
        return [span for span in self.spans if span.name == name]

    def span(self, name: str) -> SpanRecord:
        """Return the one kept span of that name; LookupError where there is none or another."""
        found = self.spans_named(name)
        if len(found) != 1:
            names = sorted({span.name for span in self.spans})
            raise LookupError(f"{len(found)} spans are named {name!r}, not one, among {names}")
        return found[0]

    def tree(self, trace_id: str | None = None) -> list[str]:
        """Return the names of the kept spans (of one trace), indented under their parents."""
        return tree_lines(s for s in self.spans if trace_id in (None, s.trace_id))

    def script(
        self,
        to: str | Callable[[Request], bool],
        *answers: Scripted,
        after: int = 0,
        times: int | None = 1,
    ) -> None:
        """Queue scripted answers (see `faults`) for requests whose path contains `to`."""
        self._script.add(to, *answers, after=after, times=times)

    def __enter__(self) -> Receiver:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()

    def _respond(self, request: Request) -> Answer:
        signal = _signal_at(request.path, self.path_prefix)
        message = _decoded(request, signal)
        answer = self._script.apply(request, lambda: _real_answer(request, signal, message))
        rejected = None if signal is None else _rejected(answer, signal)
        received = Received(
            path=request.path,
            headers=dict(request.headers),
            body=request.body,
            message=message,
            status=answer.status if answer.behaviour == "answer" else 0,
            accepted=message is not None and rejected is not None,
            rejected=rejected or 0,
        )
        with self._lock:
            self.requests.append(received)
        return answer


def partial_success(rejected: int, message: str = "") -> Alteration:
    """Return a 200 that tells of so many rejected items; zero with a message is OTLP's warning."""

    def alter(request: Request, answer: Answer) -> Answer:
        signal = next(s for path, s in SIGNALS.items() if request.path.endswith(path))
        said = {signal.rejected: rejected, "error_message": message}
        response = json_format.ParseDict({"partial_success": said}, signal.response())
        return replace(answer, body=_encoded(response, request))

    return alter


def _signal_at(path: str, prefix: str) -> Signal | None:
    return SIGNALS.get(path[len(prefix) :]) if path.startswith(prefix) else None


def _decoded(request: Request, signal: Signal | None) -> Message | None:
    """Return the request's message; None for another path, method or type, or a damaged body."""
    if signal is None or request.method != "POST":
        return None
    try:
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        decode = {PROTOBUF: from_protobuf, JSON: from_json}.get(_content_type(request.headers))
        return None if decode is None else decode(signal.request, body)
    except (OSError, EOFError, zlib.error, ValueError, DecodeError, json_format.ParseError):
        return None


def _real_answer(request: Request, signal: Signal | None, message: Message | None) -> Answer:
    if signal is None:
        return Answer(status=404)
    if message is None:
        return Answer(status=405 if request.method != "POST" else 400)
    headers = {"Content-Type": _content_type(request.headers)}
    return Answer(headers=headers, body=_encoded(signal.response(), request))


def _rejected(answer: Answer, signal: Signal) -> int | None:
    """How many items the answer says it rejected; None where it is no word of a receiver's."""
    if answer.behaviour != "answer" or answer.status // 100 != SUCCESS:
        return None
    if not answer.body:
        return 0
    decode = {PROTOBUF: from_protobuf, JSON: from_json}.get(
        _content_type({name.lower(): value for name, value in answer.headers.items()})
    )
    if decode is None:
        return None
    response: Any = decode(signal.response, answer.body)
    return int(getattr(response.partial_success, signal.rejected))


def _encoded(response: Message, request: Request) -> bytes:
    if _content_type(request.headers) == JSON:
        return json_format.MessageToJson(response).encode()
    return response.SerializeToString()


def _content_type(headers: Any) -> str:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()
