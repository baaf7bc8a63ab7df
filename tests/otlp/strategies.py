"""Spans of every kind that hypothesis can think of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from flow_telemetry.telemetry import (
    Durations,
    Instrument,
    InstrumentKind,
    LogRecord,
    Measurement,
    Resource,
    Severity,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
)

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_VALUES = st.one_of(
    _TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(_TEXTS, min_size=1, max_size=3).map(tuple),
)
_ATTRIBUTES = st.dictionaries(_KEYS, _VALUES, max_size=4)
_TIMES = st.integers(0, 2**63 - 1)
_TRACE_IDS = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")
_SPAN_IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
_EVENTS = st.builds(SpanEvent, name=_TEXTS, time=_TIMES, attributes=_ATTRIBUTES)
_LINKS = st.builds(SpanLink, trace_id=_TRACE_IDS, span_id=_SPAN_IDS, attributes=_ATTRIBUTES)


def spans(most: int = 5) -> st.SearchStrategy[list[Span]]:
    """Spans with different ids, on two resources."""
    resources = st.lists(
        st.builds(Resource, attributes=st.dictionaries(_KEYS, _TEXTS, max_size=3)),
        min_size=1,
        max_size=2,
    )
    return resources.flatmap(lambda known: _spans_on(known, most))


def events(most: int = 5) -> st.SearchStrategy[list[LogRecord]]:
    """Events of any entity, at any time."""
    event = st.builds(
        LogRecord,
        event_name=_TEXTS,
        time=_TIMES,
        observed=_TIMES,
        trace_id=_TRACE_IDS,
        span_id=_SPAN_IDS,
        resource=st.builds(Resource, attributes=st.dictionaries(_KEYS, _TEXTS, max_size=3)),
        attributes=_ATTRIBUTES,
        body=st.none() | _TEXTS,
        severity=st.sampled_from(Severity),
    )
    return st.lists(event, min_size=1, max_size=most, unique_by=lambda e: (e.trace_id, e.span_id))


def measurements(most: int = 8) -> st.SearchStrategy[list[Measurement]]:
    """Measurements with a few instruments, of which some fall into one series."""
    instruments = st.lists(
        st.builds(
            Instrument,
            name=_TEXTS,
            kind=st.sampled_from(InstrumentKind),
            unit=st.sampled_from(["s", "1", "{comment}"]),
            description=_TEXTS,
            durations=st.none() | st.sampled_from(Durations),
            whole=st.booleans(),
        ),
        min_size=1,
        max_size=3,
    )
    return instruments.flatmap(
        lambda known: st.lists(_measurement(known), min_size=1, max_size=most)
    )


def _measurement(instruments: list[Instrument]) -> st.SearchStrategy[Measurement]:
    return st.builds(
        Measurement,
        instrument=st.sampled_from(instruments),
        value=st.floats(0, 1e9),
        resource=st.builds(Resource, attributes=st.dictionaries(_KEYS, _TEXTS, max_size=2)),
        attributes=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
        span=st.none() | st.tuples(_TRACE_IDS, _SPAN_IDS),
    )


def equal_value(arrived: Any, given: Any) -> bool:
    """Whether a value arrived as it was given, of the same kind."""
    if isinstance(given, tuple):
        return bool(arrived == list(given))
    return type(arrived) is type(given) and bool(arrived == given)


def _spans_on(resources: list[Resource], most: int) -> st.SearchStrategy[list[Span]]:
    span = st.builds(
        Span,
        trace_id=_TRACE_IDS,
        span_id=_SPAN_IDS,
        parent_span_id=st.none() | _SPAN_IDS,
        name=_TEXTS,
        start=_TIMES,
        end=_TIMES,
        resource=st.sampled_from(resources),
        kind=st.sampled_from(SpanKind),
        attributes=_ATTRIBUTES,
        events=st.lists(_EVENTS, max_size=2).map(tuple),
        links=st.lists(_LINKS, max_size=2).map(tuple),
        error=st.none() | _TEXTS,
    )
    return st.lists(span, min_size=1, max_size=most, unique_by=lambda s: (s.trace_id, s.span_id))
