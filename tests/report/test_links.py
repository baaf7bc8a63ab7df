"""The link to a trace in the user's backend, from the template of input `trace-url`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import START, at

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules.intervals import Interval

_TRACE = TraceIdentity(root="github.com/acme/shop/pull/123")
_RUN = "github.com/acme/shop/actions/runs/999/attempts/1"


def _url(template: str) -> str | None:
    return trace_url(template, _TRACE, _RUN, Interval(START, at(61.5)))


def test_ids_and_times_are_filled_in() -> None:
    """The ids are those of the design, the times Unix milliseconds."""
    template = "https://tempo.example/t/{trace_id}?s={span_id}&from={start}&to={end}&q={x}{{start}}"
    assert _url(template) == (
        "https://tempo.example/t/bc5addb5cf688a1630d4f8fe75f91da2?s=4874e21768926a40"
        "&from=1795491780000&to=1795491841500&q={x}{1795491780000}"
    )


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{trace_id}",
        "tempo.example/{trace_id}",
        "javascript:alert('{trace_id}')",
        "https://",
        "https:///{trace_id}",
        "https://[::1/{trace_id}",
        "https://tempo.example/a b",
        "https://tempo.example/\n::error::x",
        "https://tempo.example/\x1b[31m",
        "https://tempo.example/\u202e",
    ],
)
def test_what_is_no_link_is_left_out(template: str) -> None:
    """Only http and https with a host count, on one line without spaces."""
    assert _url(template) is None


@given(st.text())
def test_any_template_gives_a_link_or_none(template: str) -> None:
    """No template makes it fail, and no link holds what could break out of its place."""
    url = _url(template)
    assert url is None or (url.startswith(("http://", "https://")) and url.isprintable())
