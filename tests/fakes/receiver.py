"""A real OTLP/HTTP receiver on loopback, with the faults that backends and proxies have.

    with Receiver() as receiver:
        receiver.script("/v1/traces", status(503, retry_after="1"), partial_success(3, "too old"))
        ... the program exports to receiver.url ...
    assert receiver.tree() == ["RUN CI", "  build", "    Compile"]
    assert [event.event_name for event in receiver.events] == ["flow.change.merged"]
    assert receiver.points_of("cicd.pipeline.run.duration")[0].count == 1

It keeps what it says it keeps: a request answered with an error, a page or a redirect is recorded
in `requests`, but what it holds is not among `spans`, `events` or `metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from tests.fakes.faults import Alteration, Answer, Request
from tests.fakes.logs import LogEntry, entries_in
from tests.fakes.metrics import MetricPoint, points_in
from tests.fakes.otlp import (
    JSON,
    LOGS,
    METRICS,
    PROTOBUF,
    SIGNALS,
    TRACES,
    Signal,
    content_type,
    decoded,
    encoded,
)
from tests.fakes.server import FakeServer
from tests.fakes.spans import SpanRecord, from_json, from_protobuf, spans_in, tree_lines

SUCCESS = 2  # the hundreds of a status

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request and what became of it.

    `message` is the decoded request, None where it could not be decoded; `status` what it was
    answered (0: nothing); `rejected` how many of its items, the first ones, were not kept; `kept`
    the positions of those that were, where the backend is one that tells.
    """

    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    message: Any = field(repr=False)
    status: int
    accepted: bool
    rejected: int = 0
    kept: tuple[int, ...] | None = None

    def kept_of(self, items: list[Item]) -> list[Item]:
        """Return those of the request's items that were kept."""
        if self.kept is not None:
            return [items[position] for position in self.kept]
        return items[self.rejected :] if self.accepted else []


class Receiver(FakeServer):
    """A context manager that takes OTLP at `url` + /v1/traces, /v1/logs and /v1/metrics.

    `path_prefix` stands before those paths, as in backends that keep OTLP under a path of theirs.
    """

    def __init__(self, *, path_prefix: str = "") -> None:
        super().__init__(path_prefix=path_prefix)
        self.requests: list[Received] = []

    @property
    def spans(self) -> list[SpanRecord]:
        """Every span that was kept, in the order in which they came."""
        return self._all_kept(TRACES, spans_in)

    @property
    def ended(self) -> list[SpanRecord]:
        """The kept spans but for opening spans: those of what has ended."""
        return [s for s in self.spans if s.attributes.get("flow.entity.type") != "opening"]

    @property
    def events(self) -> list[LogEntry]:
        """Every log record that was kept, in the order in which they came."""
        return self._all_kept(LOGS, entries_in)

    @property
    def metrics(self) -> list[MetricPoint]:
        """Every point of a metric that was kept, in the order in which they came."""
        return self._all_kept(METRICS, points_in)

    def events_named(self, name: str) -> list[LogEntry]:
        """Return the kept events of that name."""
        return [event for event in self.events if event.event_name == name]

    def points_of(self, name: str) -> list[MetricPoint]:
        """Return the kept points of the metric of that name."""
        return [point for point in self.metrics if point.name == name]

    def requests_to(self, signal: str) -> list[Received]:
        """Return the requests of one signal: traces, logs or metrics."""
        return [each for each in list(self.requests) if each.path.endswith(f"/v1/{signal}")]

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

    def _all_kept(self, signal: Signal, items_in: Callable[[Any], list[Item]]) -> list[Item]:
        return [
            item
            for received in list(self.requests)
            if isinstance(received.message, signal.request)
            for item in received.kept_of(items_in(received.message))
        ]

    def respond(self, request: Request) -> Answer:
        signal = _signal_at(request.path, self.path_prefix)
        message = decoded(request, signal)
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
            kept=answer.kept,
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
        return replace(answer, body=encoded(response, request))

    return alter


def _signal_at(path: str, prefix: str) -> Signal | None:
    return SIGNALS.get(path[len(prefix) :]) if path.startswith(prefix) else None


def _real_answer(request: Request, signal: Signal | None, message: Message | None) -> Answer:
    if signal is None:
        return Answer(status=404)
    if message is None:
        return Answer(status=405 if request.method != "POST" else 400)
    headers = {"Content-Type": content_type(request.headers)}
    return Answer(headers=headers, body=encoded(signal.response(), request))


def _rejected(answer: Answer, signal: Signal) -> int | None:
    """How many items the answer says it rejected; None where it is no word of a receiver's."""
    if answer.behaviour != "answer" or answer.status // 100 != SUCCESS:
        return None
    if not answer.body:
        return 0
    decode = {PROTOBUF: from_protobuf, JSON: from_json}.get(
        content_type({name.lower(): value for name, value in answer.headers.items()})
    )
    if decode is None:
        return None
    try:
        response: Any = decode(signal.response, answer.body)
    except (ValueError, RecursionError, DecodeError, json_format.ParseError):
        return None
    return int(getattr(response.partial_success, signal.rejected))
