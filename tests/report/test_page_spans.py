"""The spans of the page: bounded however many an export sends, and complete at their level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.builders import make_span

from flow_telemetry.page import PageSpans
from flow_telemetry.telemetry import EncodedRequest, Signal, Span

KINDS = ("run", "job", "step", "queued", "phase", "opening", "test_case", "")


def spans_of(kinds: list[str]) -> list[Span]:
    """Return a span of each kind."""
    return [
        make_span(number, kind, attributes={"flow.entity.type": kind} if kind else {})
        for number, kind in enumerate(kinds, start=1)
    ]


def test_the_finest_spans_are_left_out_first() -> None:
    """All steps, then all jobs: what stays is complete, and the page says what is not on it."""
    kept = PageSpans(most_spans=4)
    stream = spans_of(["run", "job", "step", "step", "step", "run", "step"])
    assert list(kept.watched(stream)) == stream
    assert [span.name for span in kept.spans] == ["run", "run", "job"]
    assert kept.notes == (
        "The page shows at most 4 spans, so these are not on it: "
        "4 steps, queue times and other spans within jobs.",
    )


def test_of_the_coarsest_the_first_are_kept() -> None:
    """A sweep of a year has more runs than a page can show."""
    kept = PageSpans(most_spans=2)
    list(kept.watched(spans_of(["run", "job", "run", "run", "run"])))
    assert [span.span_id[-1] for span in kept.spans] == ["1", "3"]
    assert "2 spans of runs" in kept.notes[0]
    assert "1 jobs" in kept.notes[0]


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_large_spans_are_bounded_too(size: int) -> None:
    """Whatever their attributes contain."""
    kept = PageSpans(most_bytes=2_000_000)
    run = make_span(1, "run", attributes={"flow.entity.type": "run", "x": "x" * size})
    list(kept.watched([run] * 10))
    assert len(kept.spans) == (10 if size == 1 else 1)
    assert bool(kept.notes) == (size > 1)


def test_spans_of_tools_are_counted() -> None:
    """They are requests that are encoded already."""
    kept = PageSpans()
    request = EncodedRequest(signal=Signal.TRACES, body=b"", items=7)
    logs = EncodedRequest(signal=Signal.LOGS, body=b"", items=9)
    assert list(kept.watched([request, logs])) == [request, logs]
    assert kept.notes == (
        "Not on the page: 7 spans of tools: the page shows only those of GitHub and trackers.",
    )


@given(st.lists(st.sampled_from(KINDS), max_size=60), st.integers(1, 20))
def test_nothing_is_lost_without_a_word(kinds: list[str], most: int) -> None:
    """Each span is kept or counted, and the limit holds."""
    kept = PageSpans(most_spans=most)
    list(kept.watched(spans_of(kinds)))
    assert len(kept.spans) <= most
    assert bool(kept.notes) == (len(kept.spans) < len(kinds))
