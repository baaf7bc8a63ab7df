"""A backend that finds a request too large gets the same items in smaller ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from tests.fakes.faults import Answer, Request, status
from tests.fakes.logs import entries_in
from tests.fakes.metrics import points_in
from tests.fakes.receiver import Receiver
from tests.fakes.spans import spans_in
from tests.otlp.builders import (
    DURATION,
    ERRORS,
    SECOND,
    START,
    ids,
    make_event,
    make_span,
    make_spans,
    make_targets,
    measured,
    seconds_from_now,
)
from tests.otlp.encoding import request_of
from tests.otlp.strategies import events, measurements, spans
from tests.support.spool import spans_of

from flow_telemetry.otlp.batch import Batch, Item
from flow_telemetry.otlp.exporter import OtlpExporter
from flow_telemetry.otlp.fallback import Fallbacks
from flow_telemetry.otlp.lines import OtlpRequest, encode_request, split_request
from flow_telemetry.otlp.protobuf import decode_request
from flow_telemetry.otlp.series import SeriesTable
from flow_telemetry.otlp.spool import Spool
from flow_telemetry.settings import EventTime
from flow_telemetry.telemetry import (
    Delivery,
    EncodedRequest,
    LogRecord,
    Measurement,
    Signal,
    Span,
    Telemetry,
)

Send = Callable[..., tuple[Delivery, ...]]


@pytest.fixture
def send(receiver: Receiver, tmp_path: Path) -> Send:
    """Send to the receiver, as an export does."""

    def run(stream: Iterable[Telemetry]) -> tuple[Delivery, ...]:
        exporter = OtlpExporter(
            targets=make_targets(receiver.url),
            spool=Spool(tmp_path / "spool"),
            deadline=seconds_from_now(30),
            fallbacks=Fallbacks(event_time=EventTime.EVENT),
        )
        return exporter.deliver(stream)

    return run


def prepared_of(items: Iterable[Item], signal: Signal = Signal.TRACES) -> EncodedRequest:
    """A request with those items, as a file holds it."""
    return encode_request(OtlpRequest(signal=signal, message=request_of(list(items), signal)))


def ground(batch: Batch) -> list[Batch]:
    """A batch in the smallest parts that it can be cut to."""
    cut = split_request(batch)
    return [part for half in cut for part in ground(half)] if cut else [batch]


def message_of(batch: Batch) -> Any:
    """The message that a part is sent as."""
    assert batch.encoded is not None
    return decode_request(batch.encoded)


def at_most(size: int) -> Callable[[Request, Answer], Answer]:
    """A proxy that takes bodies of so many bytes."""

    def answer(request: Request, real: Answer) -> Answer:
        return real if len(request.body) <= size else Answer(status=413, kept=())

    return answer


def long_span(number: int, length: int) -> Span:
    """A span whose name no compression makes shorter."""
    return make_span(number, Random(number).randbytes(length // 2).hex())


def test_a_request_that_is_too_large_arrives_in_parts(send: Send, receiver: Receiver) -> None:
    """Nothing is spooled, and nobody has to know of the limit."""
    receiver.script("/v1/traces", at_most(6_000), times=None)
    trace = [long_span(number, 2_000) for number in range(1, 21)]
    [delivery] = send(trace)
    assert (delivery.collected, delivery.sent, delivery.failures) == (20, 20, ())
    assert delivery.requests == len(receiver.requests) > 2
    assert sorted(span.span_id for span in receiver.spans) == ids(trace)


def test_one_item_that_is_too_large_costs_no_other(send: Send, receiver: Receiver) -> None:
    """It is kept and told; all others arrive."""
    receiver.script("/v1/traces", at_most(4_000), times=None)
    trace = [long_span(number, 20_000 if number == 7 else 200) for number in range(1, 21)]
    [delivery] = send(trace)
    assert (delivery.sent, delivery.spooled, delivery.lost) == (19, 1, 0)
    [failure] = delivery.failures
    assert (failure.items, failure.status) == (1, 413)
    assert "smaller than a single span" in failure.advice
    [file] = delivery.spool_files
    assert [span.name for span in spans_of(Path(file))] == [trace[6].name]


def test_a_backend_that_takes_nothing_at_all_is_left_alone_soon(
    send: Send, receiver: Receiver
) -> None:
    """A limit of zero would else be asked twice for each span."""
    receiver.script("/v1/traces", status(413), times=None)
    [delivery] = send(make_spans(1_000))
    assert (delivery.sent, delivery.spooled) == (0, 1_000)
    assert delivery.requests < 1_100


def test_events_and_points_are_cut_too(send: Send, receiver: Receiver) -> None:
    """Of every signal the same holds."""
    receiver.script("/v1/logs", status(413), status(413))
    receiver.script("/v1/metrics", status(413))
    given_events = [make_event(number) for number in range(8)]
    given_points = [measured(DURATION, 3, result="success"), measured(ERRORS, 1)]
    logs, metrics = send([*given_events, *given_points])
    assert (logs.collected, logs.sent, metrics.collected, metrics.sent) == (8, 8, 2, 2)
    assert len(receiver.events) == 8
    assert len(receiver.metrics) == 2


def test_a_prepared_request_is_sent_as_it_is(send: Send, receiver: Receiver) -> None:
    """It counts by its items, beside what was mapped here."""
    [delivery] = send([make_span(1), prepared_of(make_spans(9)[1:]), make_span(10)])
    assert (delivery.collected, delivery.sent, delivery.requests) == (10, 10, 2)
    assert sorted(span.span_id for span in receiver.spans) == ids(make_spans(10))


def test_a_prepared_request_is_cut_where_it_is_too_large(send: Send, receiver: Receiver) -> None:
    """By its resources, scopes, spans and points."""
    receiver.script("/v1/traces", at_most(6_000), times=None)
    trace = [long_span(number, 2_000) for number in range(1, 21)]
    [delivery] = send([prepared_of(trace)])
    assert (delivery.collected, delivery.sent) == (20, 20)
    assert sorted(span.span_id for span in receiver.spans) == ids(trace)


def test_a_prepared_request_is_spooled_where_it_is_refused(
    send: Send, receiver: Receiver, tmp_path: Path
) -> None:
    """In a file that is the same request."""
    receiver.script("/v1/traces", status(400))
    request = prepared_of(make_spans(4))
    [delivery] = send([request])
    assert (delivery.collected, delivery.spooled) == (4, 4)
    [file] = delivery.spool_files
    assert gzip.decompress(Path(file).read_bytes()) == request.body


@given(spans(most=8))
def test_halves_of_spans_hold_what_the_whole_did(given_spans: list[Span]) -> None:
    """None twice and none left out, in order, mapped here or prepared elsewhere."""
    whole = spans_in(request_of(given_spans))
    batch = Batch(Signal.TRACES, (), prepared_of(given_spans))
    assert [s for part in ground(batch) for s in spans_in(message_of(part))] == whole
    assert all(part.count == 1 for part in ground(batch))
    mapped = Batch(Signal.TRACES, tuple(given_spans))
    assert [item for part in ground(mapped) for item in part.items] == given_spans


@given(events(most=8))
def test_halves_of_events_hold_what_the_whole_did(given_events: list[LogRecord]) -> None:
    """Events stand below resources and scopes, too."""
    batch = Batch(Signal.LOGS, (), prepared_of(given_events, Signal.LOGS))
    whole = entries_in(request_of(given_events, Signal.LOGS))
    assert [e for part in ground(batch) for e in entries_in(message_of(part))] == whole
    assert all(part.count == 1 for part in ground(batch))


@given(measurements())
def test_halves_of_points_hold_what_the_whole_did(given_measurements: list[Measurement]) -> None:
    """A metric with several points is cut between them, and stays the metric that it is."""
    table = SeriesTable()
    for measurement in given_measurements:
        table.add(measurement)
    points = table.points(START, START + SECOND)
    batch = Batch(Signal.METRICS, (), prepared_of(points, Signal.METRICS))
    whole = points_in(request_of(points, Signal.METRICS))
    assert [p for part in ground(batch) for p in points_in(message_of(part))] == whole
    assert all(part.count == 1 for part in ground(batch))


def test_what_is_no_request_is_not_cut() -> None:
    """Nothing is lost over bytes that nobody can read."""
    broken = EncodedRequest(signal=Signal.TRACES, body=b"\xff\xff", items=2)
    assert split_request(Batch(Signal.TRACES, (), broken)) == ()
