"""Requests that every backend takes, cut from a stream that is never held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.builders import OTHER_TRACE, TRACE, ids, make_event, make_span, make_spans
from tests.otlp.encoding import encoded
from tests.otlp.strategies import events, measurements, spans

from flow_telemetry.otlp.batch import Item, batches
from flow_telemetry.otlp.series import SeriesTable
from flow_telemetry.telemetry import LogRecord, Measurement, Signal, Span


def encoded_size(some: list[Span]) -> int:
    """The bytes of the request before compression."""
    return len(encoded(some))


def test_a_small_trace_is_one_request() -> None:
    """A run of a few jobs leaves whole, in order."""
    trace = make_spans(230)
    [batch] = batches(trace)
    assert ids(batch) == ids(trace)


def test_no_request_has_more_than_a_thousand_spans() -> None:
    """A large run is cut at a thousand spans, and none is lost."""
    trace = make_spans(2_500)
    cut = list(batches(trace))
    assert [len(batch) for batch in cut] == [1000, 1000, 500]
    assert ids(span for batch in cut for span in batch) == ids(trace)


def test_no_request_has_more_than_a_megabyte() -> None:
    """Spans with long values are cut by their size, before compression."""
    trace = [make_span(n, attributes={"a": "x" * 2000, "b": "é" * 1000}) for n in range(1, 700)]
    cut = list(batches(trace))
    assert len(cut) > 1
    assert all(encoded_size(list(batch)) <= 1_000_000 for batch in cut)
    assert sum(map(len, cut)) == len(trace)


def test_the_bound_in_bytes_is_used_up() -> None:
    """The cheap estimate does not make many more requests than the size asks for."""
    trace = [make_span(n, attributes={"a": "x" * 2000}) for n in range(1, 900)]
    assert len(list(batches(trace))) == 2


def test_a_span_beyond_the_bound_goes_alone() -> None:
    """A span that is larger than a request may be is sent all the same."""
    trace = [make_span(1), make_span(2, attributes={"a": "x" * 500}), make_span(3)]
    assert [len(b) for b in batches(trace, most_bytes=400)] == [1, 1, 1]


def test_each_trace_has_its_own_request() -> None:
    """Two traces do not share a request, so that each one arrives whole or not."""
    both = [*make_spans(3), *make_spans(2, trace_id=OTHER_TRACE)]
    assert [len(batch) for batch in batches(both)] == [3, 2]


def test_nothing_makes_no_request() -> None:
    """No spans, no batches."""
    assert list(batches([])) == []


def test_a_stream_is_read_only_as_far_as_its_batches_are_taken() -> None:
    """Memory holds a batch, not the stream."""
    read = []

    def stream() -> Iterator[Span]:
        for number in range(1, 5_001):
            read.append(number)
            yield make_span(number)

    cut = batches(stream())
    next(cut)
    assert len(read) == 1001


@given(spans(most=8))
def test_the_estimate_is_never_below_the_truth(some: list[Span]) -> None:
    """A bound that is one byte below the true size is always enough to cut."""
    trace = [replace(span, trace_id=TRACE) for span in some]
    cut = list(batches(trace, most_bytes=encoded_size(trace) - 1))
    assert len(trace) == 1 or len(cut) > 1


@given(spans(most=8), st.integers(100, 2_000))
def test_a_batch_of_several_keeps_the_bound(some: list[Span], bound: int) -> None:
    """Every request but that of one span is within the bound, and the order stays."""
    cut = list(batches(some, most_bytes=bound))
    assert all(len(batch) == 1 or encoded_size(list(batch)) <= bound for batch in cut)
    assert [span for batch in cut for span in batch] == some


def request_size(some: Sequence[Item], signal: Signal) -> int:
    """The bytes of any signal's request before compression."""
    return len(encoded(some, signal))


@given(events(most=8))
def test_the_estimate_for_events_is_never_below_the_truth(some: list[LogRecord]) -> None:
    """Events of one request may be of any traces, and their size counts in full."""
    assert len(list(batches(some))) == 1
    cut = list(batches(some, most_bytes=request_size(some, Signal.LOGS) - 1))
    assert len(some) == 1 or len(cut) > 1


@given(measurements())
def test_the_estimate_for_points_is_never_below_the_truth(some: list[Measurement]) -> None:
    """A point with all its buckets is measured as large as it is."""
    table = SeriesTable()
    for measurement in some:
        table.add(measurement)
    points = table.points(1, 2)
    cut = list(batches(points, most_bytes=request_size(points, Signal.METRICS) - 1))
    assert len(points) == 1 or len(cut) > 1


def test_many_events_are_cut_at_a_thousand() -> None:
    """The bounds of a request are the same for each signal."""
    many = [make_event(number) for number in range(2_100)]
    assert [len(batch) for batch in batches(many)] == [1000, 1000, 100]
