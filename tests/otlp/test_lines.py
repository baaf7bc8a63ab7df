"""Lines of logs on the wire: their text as the body, and nothing of one line on another."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.logs import entries_in
from tests.otlp.builders import START, make_event
from tests.otlp.encoding import request_of

from flow_telemetry.telemetry import LogRecord, Severity, Signal

BODIES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SHARED = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y"]), max_size=2)


@st.composite
def lines(draw: st.DrawFn) -> list[LogRecord]:
    """Lines, many of them alike, with events between them."""
    number = draw(st.integers(0, 12))
    return [
        replace(
            make_event(each, draw(st.sampled_from(["", "", "", "an.event"]))),
            time=START + each,
            body=draw(st.one_of(BODIES, BODIES, st.none())),
            severity=draw(st.sampled_from(Severity)),
            span_id=draw(st.sampled_from(["1" * 16, "2" * 16])),
            attributes={
                "log.record.uid": draw(st.one_of(st.just(f"line:{each}"), BODIES)),
                **draw(SHARED),
            },
        )
        for each in range(number)
    ]


@given(lines())
def test_any_lines_arrive_as_they_were(records: list[LogRecord]) -> None:
    """Each with its own text, time, place, severity and attributes."""
    found = entries_in(request_of(records, Signal.LOGS))
    assert [
        (e.body, e.has_body, e.time, e.span_id, e.severity, e.event_name, e.attributes)
        for e in found
    ] == [
        (
            *(r.body or "", r.body is not None, r.time, r.span_id),
            *(r.severity.name, r.event_name, r.attributes),
        )
        for r in records
    ]


def test_half_a_surrogate_pair_is_no_end() -> None:
    """It is written as a question mark."""
    texts = ["a\ud800", "b\ud800"]
    record = make_event(1, "")
    found = entries_in(request_of([replace(record, body=text) for text in texts], Signal.LOGS))
    assert [entry.body for entry in found] == ["a?", "b?"]
