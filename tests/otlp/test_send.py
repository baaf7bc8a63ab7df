"""Every span ends delivered, in the spool or counted as lost, whatever the endpoint does."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fakes.faults import Answer as ServerAnswer
from tests.fakes.faults import (
    Request,
    Scripted,
    black_hole,
    dripping,
    drop,
    html,
    redirect,
    reset,
    status,
)
from tests.fakes.receiver import Receiver, partial_success
from tests.fakes.spans import SpanRecord, from_protobuf, spans_in
from tests.otlp.builders import (
    CANARY,
    OTHER_TRACE,
    FakeClock,
    ids,
    make_span,
    make_spans,
    make_target,
    seconds_from_now,
)
from tests.otlp.servers import closed_port_url
from tests.support.spool import files_in, spans_of, text_of

from flow_telemetry.clock import Deadline
from flow_telemetry.errors import SourceError
from flow_telemetry.http.errors import NetworkErrorKind
from flow_telemetry.http.response import Response
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.response import Attempt
from flow_telemetry.otlp.sending import NewSender, otlp_sender
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.telemetry import Delivery, Signal, SignalTarget, Span

HEADERS = {"authorization": f"Bearer {CANARY}", "x-tenant": "acme"}


class FakeSender:
    """Answers each batch as a function says; keeps what it was given."""

    def __init__(self, answer: Callable[[Sequence[SpanRecord]], Response]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.batches: list[list[str]] = []

    def deliver(self, data: bytes) -> Attempt:
        spans = spans_in(from_protobuf(ExportTraceServiceRequest, gzip.decompress(data)))
        with self._lock:
            self.batches.append([span.span_id for span in spans])
        return Attempt(response=self._answer(spans), requests=1, bytes_sent=100)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def send_spans(
    spans: Iterable[Span],
    target: SignalTarget,
    *,
    deadline: Deadline,
    spool: Spool,
    new_sender: NewSender = otlp_sender,
) -> Delivery:
    """Send spans, and nothing else."""
    exporter = OtlpExporter(
        targets={Signal.TRACES: target}, spool=spool, deadline=deadline, new_sender=new_sender
    )
    [delivery] = exporter.deliver(spans)
    return delivery


def send(
    receiver: Receiver, spool: Spool, spans: Sequence[Span], *, timeout: float = 5.0
) -> Delivery:
    """Send to the receiver, with headers, within thirty seconds."""
    target = make_target(receiver.url, headers=HEADERS, timeout=timeout)
    return send_spans(spans, target, deadline=seconds_from_now(30), spool=spool)


def send_by(
    sender: FakeSender, spool: Spool, spans: Iterable[Span], deadline: Deadline | None = None
) -> Delivery:
    """Send by a fake sender."""
    return send_spans(
        iter(spans),
        make_target("https://otlp.example.com"),
        deadline=deadline or seconds_from_now(30),
        spool=spool,
        new_sender=lambda *_: sender,
    )


def spooled(delivery: Delivery) -> list[str]:
    """The ids of all spooled spans."""
    return [span.span_id for file in delivery.spool_files for span in spans_of(Path(file))]


def is_balanced(delivery: Delivery) -> bool:
    return delivery.collected == delivery.sent + delivery.spooled + delivery.lost


def test_five_thousand_spans_all_arrive(receiver: Receiver, spool: Spool) -> None:
    """No queue drops any, and none is spooled."""
    trace = make_spans(5_000)
    delivery = send(receiver, spool, trace)
    assert sorted(s.span_id for s in receiver.spans) == ids(trace)
    assert (delivery.collected, delivery.sent) == (5_000, 5_000)
    assert (delivery.requests, delivery.failures, delivery.spool_files) == (5, (), ())
    assert delivery.destination == receiver.url
    assert delivery.bytes_sent == sum(len(r.body) for r in receiver.requests)
    assert delivery.complete


def test_batches_side_by_side_keep_their_order(receiver: Receiver, spool: Spool) -> None:
    """Within a request the spans stand as they were mapped."""
    send(receiver, spool, make_spans(3_000))
    for received in receiver.requests:
        sent = [
            span.span_id.hex()
            for group in received.message.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        assert sent == sorted(sent)


def test_two_exports_of_equal_spans_are_equal_requests(receiver: Receiver, spool: Spool) -> None:
    """An export that is repeated changes nothing at the backend."""
    for _ in range(2):
        send(receiver, spool, make_spans(40))
    first, second = (received.message for received in receiver.requests)
    assert first == second


def test_no_spans_make_no_request(receiver: Receiver, spool: Spool) -> None:
    """Nothing to send leaves the backend alone."""
    exporter = OtlpExporter(
        targets={Signal.TRACES: make_target(receiver.url)},
        spool=spool,
        deadline=seconds_from_now(10),
    )
    assert exporter.deliver([]) == ()
    assert receiver.requests == []


def busy(seconds: str) -> ServerAnswer:
    return status(503, "try later", retry_after=seconds)


def slow(request: Request, answer: ServerAnswer) -> ServerAnswer:
    padded = ServerAnswer(body=b"{}" + b" " * 500, headers={"Content-Type": "application/json"})
    return dripping(0.05)(request, padded)


@pytest.mark.parametrize(
    ("fault", "told", "code"),
    [
        (redirect("https://sso.example.org/login?t=1"), "redirect to https://sso.example.org", 307),
        (html(title="Sign in"), 'answered 200 with an HTML page: "Sign in"', 200),
        (status(400, "bad span"), "answered 400 Bad Request", 400),
        (status(401), "answered 401 Unauthorized", 401),
        (status(403), "answered 403 Forbidden", 403),
        (status(404), "answered 404 Not Found", 404),
        (status(405), "answered 405 Method Not Allowed", 405),
        (status(408, retry_after="900"), "answered 408 Request Timeout", 408),
        (status(413), "answered 413", 413),
        (status(415), "answered 415", 415),
        (status(429, retry_after="900"), "answered 429 Too Many Requests", 429),
        (status(500, "oh no"), 'answered 500 Internal Server Error: "oh no"', 500),
        (busy("900"), "answered 503 Service Unavailable", 503),
        (slow, "timed out after 1 s", 200),
        (black_hole(), "timed out after 1 s", None),
        (drop(), "closed the connection", None),
        (reset(), "closed the connection", None),
        (status(401, f"no such key: {CANARY}, Bearer {CANARY}"), "no such key: ***, ***", 401),
        (html(title=f"authorization: {CANARY}"), "authorization: ***", 200),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_told_and_spooled(
    receiver: Receiver,
    spool: Spool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Scripted,
    told: str,
    code: int | None,
) -> None:
    """Nothing is lost, the text says host and cause, and no header's value is anywhere."""
    caplog.set_level(logging.DEBUG)
    receiver.script("/v1/traces", fault, times=None)
    trace = make_spans(20)
    # Short for those that never end; what is answered at once is given its time on a busy machine.
    delivery = send(receiver, spool, trace, timeout=1 if "after 1 s" in told else 5)
    [failure] = delivery.failures
    assert receiver.url in failure.problem
    assert told in failure.problem
    assert (failure.items, failure.status) == (20, code)
    assert (delivery.sent, delivery.spooled, delivery.lost) == (0, 20, 0)
    assert sorted(spooled(delivery)) == ids(trace)
    written = "".join(map(text_of, files_in(tmp_path)))
    for text in (repr(delivery), caplog.text, written):
        assert CANARY not in text


def test_a_partial_rejection_spools_the_batch_and_counts_the_rejected(
    receiver: Receiver, spool: Spool
) -> None:
    """OTLP does not tell which spans were refused, so all of them are kept."""
    receiver.script("/v1/traces", partial_success(3, "span too old"))
    delivery = send(receiver, spool, make_spans(20))
    assert (delivery.sent, delivery.rejected, delivery.spooled) == (17, 3, 3)
    assert len(spooled(delivery)) == 20
    assert is_balanced(delivery)
    [failure] = delivery.failures
    assert "rejected 3 spans" in failure.problem
    assert '"span too old"' in failure.problem


def test_a_backend_that_warns_took_everything(receiver: Receiver, spool: Spool) -> None:
    """The warning is passed on and is no failure."""
    receiver.script("/v1/traces", partial_success(0, "use another endpoint"))
    delivery = send(receiver, spool, make_spans(2))
    assert delivery.complete
    assert delivery.failures == ()
    assert delivery.warnings == (f"{receiver.url} took everything, and says: use another endpoint",)


def test_a_refused_connection_is_told_and_spooled(spool: Spool) -> None:
    """Nothing listens: the text names host and port."""
    url = closed_port_url()
    delivery = send_spans(
        make_spans(5), make_target(url), deadline=seconds_from_now(30), spool=spool
    )
    [failure] = delivery.failures
    assert failure.problem == f"{url} refused the connection"
    assert spooled(delivery) == ids(make_spans(5))


def test_what_no_later_batch_escapes_is_not_tried_again(spool: Spool) -> None:
    """After a 401 the other thirty thousand spans go to the spool at once, and it is told."""
    sender = FakeSender(lambda _: Response(status=401))
    trace = make_spans(32_000)
    delivery = send_by(sender, spool, trace)
    assert len(sender.batches) <= 6
    assert sorted(spooled(delivery)) == ids(trace)
    [failure] = delivery.failures
    assert failure.items == delivery.spooled == 32_000
    assert "of 32000 spans not tried after that" in failure.problem


def test_one_bad_batch_does_not_stop_the_others(spool: Spool) -> None:
    """A 400 for what one request holds leaves the rest deliverable."""

    def answer(spans: Sequence[SpanRecord]) -> Response:
        return Response(status=400 if spans[0].span_id == f"{1001:016x}" else 200)

    trace = make_spans(5_000)
    delivery = send_by(FakeSender(answer), spool, trace)
    assert (delivery.sent, delivery.spooled) == (4_000, 1_000)
    assert spooled(delivery) == ids(trace[1000:2000])


def test_after_the_deadline_the_rest_is_spooled(spool: Spool) -> None:
    """The time is over while it is read: all is kept, without a request."""
    clock = FakeClock()
    deadline = Deadline.after(clock, 60)

    def stream() -> Iterator[Span]:
        for span in make_spans(5_000):
            if span.span_id == f"{2_500:016x}":
                clock.sleep(61)
            yield span

    sender = FakeSender(lambda _: Response(status=200))
    delivery = send_by(sender, spool, stream(), deadline)
    assert (delivery.sent, delivery.spooled) == (0, 5_000)
    assert spooled(delivery) == ids(make_spans(5_000))
    [failure] = delivery.failures
    assert "`timeout`" in failure.problem


def test_a_signal_is_not_blamed_on_an_input(spool: Spool) -> None:
    """The step was cancelled: there was time enough, and nothing that could be raised."""
    deadline = Deadline.after(FakeClock(), 60)
    deadline.cancellation.at = deadline.clock.monotonic()
    delivery = send_by(FakeSender(lambda _: Response(status=200)), spool, make_spans(3), deadline)
    assert delivery.spooled == 3
    [failure] = delivery.failures
    assert "was cancelled" in failure.problem
    assert "`timeout`" not in f"{failure.problem} {failure.advice}"


def test_a_thread_that_hangs_holds_neither_program_nor_spans(spool: Spool) -> None:
    """A dead resolver or socket keeps its thread; its batch is spooled all the same."""
    released = threading.Event()

    def hang(spans: Sequence[SpanRecord]) -> Response:
        released.wait(60)
        return Response(status=200)

    delivery = send_by(FakeSender(hang), spool, make_spans(2_500), seconds_from_now(1))
    released.set()
    assert (delivery.sent, delivery.spooled) == (0, 2_500)
    assert sorted(spooled(delivery)) == ids(make_spans(2_500))
    assert "ended before https://otlp.example.com had answered" in delivery.failures[0].problem


def test_a_sender_that_fails_by_itself_loses_nothing(spool: Spool) -> None:
    """A fault of ours is told as one, without the words of the exception."""

    def broken(spans: Sequence[SpanRecord]) -> Response:
        raise LookupError(CANARY)

    delivery = send_by(FakeSender(broken), spool, make_spans(3))
    assert spooled(delivery) == ids(make_spans(3))
    assert "LookupError" in delivery.failures[0].problem
    assert CANARY not in repr(delivery)


def test_spans_that_cannot_be_encoded_cost_no_others(spool: Spool) -> None:
    """Half a surrogate pair in a name is a fault of ours: told, and nothing else is lost."""
    sender = FakeSender(lambda _: Response(status=200))
    delivery = send_by(
        sender, spool, [make_span(1, "broken \ud800"), make_span(1, trace_id=OTHER_TRACE)]
    )
    assert (delivery.sent, delivery.lost) == (1, 1)
    assert "could not be encoded" in delivery.failures[0].problem


def test_when_reading_fails_what_was_read_is_kept(tmp_path: Path, spool: Spool) -> None:
    """The error is the caller's to tell; the spans under way are on disk."""
    released = threading.Event()

    def hang(spans: Sequence[SpanRecord]) -> Response:
        released.wait(60)
        return Response(error=NetworkErrorKind.TIMEOUT)

    def broken() -> Iterator[Span]:
        yield from make_spans(1_500)
        raise SourceError("GitHub could not be read")

    with pytest.raises(SourceError):
        send_by(FakeSender(hang), spool, broken())
    released.set()
    [file] = files_in(tmp_path)
    assert [span.span_id for span in spans_of(file)] == ids(make_spans(1_000))


def test_a_spool_that_fails_is_counted_as_lost(tmp_path: Path) -> None:
    """Neither delivered nor kept: both reasons are told."""
    (tmp_path / "file").write_text("in the way")
    sender = FakeSender(lambda _: Response(status=403))
    delivery = send_by(sender, Spool(tmp_path / "file" / "spool"), make_spans(7))
    assert (delivery.spooled, delivery.lost) == (0, 7)
    assert [f.items for f in delivery.failures] == [7, 7]
    assert is_balanced(delivery)


def test_all_is_on_disk_before_the_first_request(spool: Spool) -> None:
    """A kill from then on loses nothing; what was taken is removed at once."""
    on_disk: list[int] = []

    def answer(spans: Sequence[SpanRecord]) -> Response:
        on_disk.append(len(files_in(spool.folder)))
        return Response(status=200)

    assert send_by(FakeSender(answer), spool, make_spans(30_000)).sent == 30_000
    assert on_disk[0] == 30
    assert min(on_disk) < 10
    assert not spool.folder.exists()


def test_without_a_disk_only_a_few_batches_are_held_at_once(tmp_path: Path) -> None:
    """A slow backend slows the reading down: memory stays flat however much there is."""
    (tmp_path / "file").write_text("in the way")
    read, most_ahead, answered = 0, 0, 0
    lock = threading.Lock()

    def answer(spans: Sequence[SpanRecord]) -> Response:
        nonlocal answered
        with lock:
            answered += len(spans)
        return Response(status=200)

    def stream() -> Iterator[Span]:
        nonlocal read, most_ahead
        for number in range(1, 30_001):
            read += 1
            with lock:
                most_ahead = max(most_ahead, read - answered)
            yield make_span(number)

    delivery = send_by(FakeSender(answer), Spool(tmp_path / "file" / "spool"), stream())
    assert delivery.sent == 30_000
    assert delivery.unstored
    assert most_ahead <= 8_001


@pytest.mark.parametrize("rejected", [0, 1, 1000])
def test_the_sums_always_agree(spool: Spool, rejected: int) -> None:
    """Collected is sent, spooled and lost together, whatever is mixed."""
    body = f'{{"partialSuccess": {{"rejectedSpans": {rejected}}}}}'.encode()
    answers = {
        1: Response(status=200),
        1001: Response(status=500),
        2001: Response(status=200, headers={"content-type": "application/json"}, body=body),
    }
    sender = FakeSender(lambda spans: answers[int(spans[0].span_id, 16)])
    delivery = send_by(sender, spool, make_spans(3_000))
    assert is_balanced(delivery)
    assert delivery.sent == 2_000 - rejected
    assert delivery.rejected == rejected


def test_the_headers_reach_the_backend(receiver: Receiver, spool: Spool) -> None:
    """Hidden everywhere, and sent all the same."""
    send(receiver, spool, make_spans(1))
    assert receiver.requests[0].headers["authorization"] == f"Bearer {CANARY}"


def test_an_unused_target_opens_nothing(spool: Spool) -> None:
    """The real sender is not even made where there is nothing to send."""

    def no_sender(target: SignalTarget, deadline: Deadline) -> FakeSender:
        raise AssertionError("no sender is needed")

    exporter = OtlpExporter(
        targets={Signal.TRACES: make_target("http://localhost:4318")},
        spool=spool,
        deadline=Deadline(FakeClock()),
        new_sender=no_sender,
    )
    assert exporter.deliver([]) == ()


@pytest.mark.parametrize(("rejected", "complete"), [(1, True), (2, False)])
def test_a_backend_may_reject_an_opening_span(
    receiver: Receiver, spool: Spool, rejected: int, complete: bool
) -> None:
    """It is older than all others, and repeats what they imply: that is no failure."""
    old, *others = make_spans(5)
    opening = replace(
        old, start=1, end=1_001, attributes={**old.attributes, "flow.entity.type": "opening"}
    )
    receiver.script("/v1/traces", partial_success(rejected, "span too old"))
    delivery = send(receiver, spool, [*others, opening])
    assert delivery.complete is complete
    assert (delivery.failures == ()) is complete
    assert is_balanced(delivery)
