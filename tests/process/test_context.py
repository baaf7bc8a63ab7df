"""Trace context and baggage as W3C writes them, read and written as OpenTelemetry's SDK does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage import get_all
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flow_telemetry.process.context import (
    TraceContext,
    context_in,
    format_baggage,
    parse_baggage,
    parse_traceparent,
    parse_tracestate,
    with_context,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

hexadecimal = st.text("0123456789abcdef")
ids = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"),
    span_id=st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}"),
    flags=st.integers(0, 3),
)
almost = st.tuples(
    st.sampled_from(["00", "01", "ff", "0", "FF"]),
    st.sampled_from([TRACE, "0" * 32, TRACE.upper(), TRACE[1:]]) | hexadecimal,
    st.sampled_from([SPAN, "0" * 16, SPAN + "0"]) | hexadecimal,
    st.sampled_from(["00", "01", "03", "fe", "0", "01-more", "zz"]),
).map("-".join)


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f" 00-{TRACE}-{SPAN}-00\n", 0),
        (f"00-{TRACE}-{SPAN}-03", 3),
        (f"00-{TRACE}-{SPAN}-ff", 3),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", 1),
    ],
)
def test_a_valid_traceparent(text: str, flags: int) -> None:
    """Of versions to come what is known, and of their flags those that are."""
    context = parse_traceparent(text)
    assert context == TraceContext(trace_id=TRACE, span_id=SPAN, flags=flags)
    assert context.sampled == bool(flags & 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n00",
        f"00-{TRACE}-{SPAN}-\u0660\u0661",
    ],
)
def test_an_invalid_traceparent_is_none(text: str) -> None:
    """Then a new trace begins, as if there were nothing."""
    assert parse_traceparent(text) is None


@given(ids)
def test_what_is_written_is_read_again(context: TraceContext) -> None:
    """By us, and by the SDK."""
    assert parse_traceparent(context.traceparent) == context
    carrier = {"traceparent": context.traceparent}
    span = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    assert f"{span.trace_id:032x}-{span.span_id:016x}" == f"{context.trace_id}-{context.span_id}"


@given(st.text() | almost)
def test_any_text_is_read_as_the_sdk_reads_it(text: str) -> None:
    """What we take the SDK takes, and the other way about."""
    context = parse_traceparent(text)
    carrier = {"traceparent": text.strip()}
    span = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    assert (context is not None) == span.is_valid
    if context is not None:
        assert int(context.trace_id, 16) == span.trace_id


def test_a_child_gets_its_parent_s_state() -> None:
    """A state without a context, or with an invalid one, is nobody's."""
    environ = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "TRACESTATE": "a=1, b=2", "PATH": "/bin"}
    context = context_in(environ)
    assert context is not None
    assert with_context(environ, context.child("00f067aa0ba902b7")) == {
        "TRACEPARENT": f"00-{TRACE}-00f067aa0ba902b7-01",
        "TRACESTATE": "a=1,b=2",
        "PATH": "/bin",
    }
    assert context_in({"TRACESTATE": "a=1"}) is None
    fresh = TraceContext(trace_id=TRACE, span_id=SPAN)
    assert "TRACESTATE" not in with_context({"TRACESTATE": "a=1"}, fresh)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("fw529a3039@dt=FfAAAgAB, ,a=1", "fw529a3039@dt=FfAAAgAB,a=1"),
        ("a=1,a=2", ""),
        ("a=1,B=2", ""),
        ("a", ""),
        (",".join(f"k{n}=v" for n in range(40)), ",".join(f"k{n}=v" for n in range(32))),
        (f"a={'x' * 200},b={'y' * 200},c={'z' * 200},d=1", f"a={'x' * 200},b={'y' * 200}"),
    ],
)
def test_tracestate(text: str, read: str) -> None:
    """Whole entries are cut from the end; a broken one makes all of it worthless."""
    assert parse_tracestate(text) == read


@given(st.text())
def test_any_tracestate(text: str) -> None:
    """What is left is read again as it is."""
    read = parse_tracestate(text)
    assert len(read) <= 512
    assert parse_tracestate(read) == read


KEYS = {
    "flow.feature.key": "ACME-42",
    "flow.work_item.key": "acme/shop#17",
    "vcs.change.id": "123",
}


def test_baggage_of_a_job() -> None:
    """Feature, work item and change, beside what is there, whose properties stay."""
    text = format_baggage(KEYS, present="user = a ;p=1, vcs.change.id=9")
    assert text == (
        "flow.feature.key=ACME-42,flow.work_item.key=acme/shop#17,vcs.change.id=123,user = a ;p=1"
    )
    assert parse_baggage(text) == {**KEYS, "user": "a"}


def test_baggage_leaves_out_what_it_cannot_hold() -> None:
    """Empty values, names that are no token; of what is too long whole entries, from the end."""
    assert format_baggage({"a": "", "b c": "1", "d": "ü, ;\\\n"}) == "d=%C3%BC%2C%20%3B%5C%0A"
    long = format_baggage({"a": "x" * 5000, "b": "y" * 5000, "c": "z"})
    assert long == f"a={'x' * 5000}"
    assert parse_baggage("a=1,b\n=2,=3,c,d=%ff") == {"a": "1", "d": "\ufffd"}


@given(
    st.dictionaries(
        st.text("abcz.-_09", min_size=1, max_size=8),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
        max_size=5,
    )
)
def test_baggage_is_read_again(entries: dict[str, str]) -> None:
    """By us, and by the SDK, in characters that a header may hold."""
    text = format_baggage(entries)
    assert parse_baggage(text) == entries
    assert all("!" <= c <= "~" for c in text)
    # The SDK reads a plus sign as a blank, as forms do; W3C does not, and neither do we.
    plain = {key: value for key, value in entries.items() if "+" not in value}
    read = get_all(W3CBaggagePropagator().extract({"baggage": format_baggage(plain)}))
    assert {key: str(value).strip() for key, value in read.items()} == {
        key: value.strip() for key, value in plain.items()
    }


@given(st.text(), st.text())
def test_any_baggage(text: str, other: str) -> None:
    """Nothing raises, and what is written can stand in an environment."""
    parse_baggage(text)
    written = format_baggage({other: text, "key": other}, present=text)
    assert written.isprintable() or "\t" in written
    assert len(written) <= 8192
