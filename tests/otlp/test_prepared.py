"""A request that somebody else made goes wherever ours go, and is counted by what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.otlp.builders import make_event, make_span, make_spans
from tests.otlp.test_halves import prepared_of

from flow_telemetry.otlp.batch import TraceSizes, batch_telemetry
from flow_telemetry.otlp.exporter import FileExporter, NullExporter, Recording, WatchedExporter
from flow_telemetry.otlp.lines import encode_request, parse_otlp_lines
from flow_telemetry.telemetry import Signal, Telemetry

TRACES = prepared_of(make_spans(3))
LOGS = prepared_of([make_event(1), make_event(2)], Signal.LOGS)


def test_a_file_gets_it_as_a_line_of_its_own(tmp_path: Path) -> None:
    """What is read there again is the same request."""
    path = tmp_path / "out.jsonl"
    traces, logs = FileExporter(path).deliver([TRACES, make_span(9), LOGS])
    assert (traces.collected, traces.sent, logs.sent) == (4, 4, 2)
    requests = parse_otlp_lines(enumerate(path.read_bytes().splitlines(), 1), "out")[0]
    again = [encode_request(request) for request in requests]
    assert len(again) == 3
    assert TRACES in again
    assert LOGS in again


def test_nowhere_counts_it_by_its_items() -> None:
    """As what is mapped here counts."""
    traces, logs = NullExporter().deliver([TRACES, make_span(9), LOGS])
    assert (traces.sent, logs.sent) == (4, 2)


def test_a_watcher_lets_it_pass() -> None:
    """It is not drawn, for it is not ours, but it is delivered."""
    seen = Recording()
    traces, _ = WatchedExporter(NullExporter(), seen.watched).deliver([TRACES, make_span(9), LOGS])
    assert traces.sent == 4
    assert (len(seen.spans), seen.events, seen.measurements) == (1, [], [])


def test_who_adds_up_sizes_lets_it_pass() -> None:
    """Its traces are another's."""
    stream: list[Telemetry] = [TRACES, make_span(9)]
    assert list(TraceSizes().watched(stream)) == stream


@pytest.mark.parametrize("wanted", [{Signal.TRACES}, {Signal.LOGS}])
def test_a_signal_that_is_off_stays_out(wanted: set[Signal]) -> None:
    """Whoever made it: `signals: traces` sends no events."""
    batches = list(batch_telemetry([TRACES, LOGS], wanted, lambda: 0))
    assert [batch.signal for batch in batches] == list(wanted)
