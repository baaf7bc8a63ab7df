"""Traces drawn as trees, and the end of a command."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.strategies import spans as any_spans
from tests.report.builders import (
    HOSTILE,
    at,
    busy_run,
    make_delivery,
    make_exported,
    make_outcome,
    make_span,
    spans_of_run,
)
from tests.report.flow_builders import exported_change, make_change

from flow_telemetry.model import Actor, Change, Event, EventKind
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.report.terminal import report, tree
from flow_telemetry.report.text import cell_width
from flow_telemetry.telemetry import Span


def _drawn(spans: list[Span], width: int = 60) -> list[str]:
    return tree(spans, width=width, colour=False, plain_ascii=False).split("\n")


def test_spans_are_drawn_below_their_parents() -> None:
    """Names, durations and bars stand in columns, a wait and a failure look different."""
    wait = {"flow.entity.type": "queued"}
    spans = [
        make_span(1, "RUN CI", seconds=90),
        make_span(2, "queued", parent=1, seconds=45, attributes=wait),
        make_span(3, "build", parent=1, start=45, seconds=45, error="boo"),
        make_span(4, "skipped", parent=3, start=45, seconds=0),
        make_span(5, "compile", parent=3, start=60, seconds=30),
    ]
    assert _drawn(spans) == [
        "trace bc5addb5cf688a1630d4f8fe75f91da2  5 spans  1m 30s",
        "RUN CI                          1m 30s  ████████████████████",
        "├─ queued                          45s  ░░░░░░░░░░",
        "└─ build ✗                         45s            ██████████",
        "   ├─ skipped                       0s            ·",
        "   └─ compile                      30s               ███████",
    ]


def test_ascii_is_for_streams_that_know_nothing_else() -> None:
    """Lines, bars and names use ASCII only."""
    spans = [make_span(1, "Größe", seconds=9), make_span(2, "日本", parent=1, error="x")]
    drawn = tree(spans, width=60, colour=False, plain_ascii=True)
    assert drawn.isascii()
    assert drawn.split("\n")[1].startswith("Gr??e ")
    assert drawn.split("\n")[2].startswith("`- ?? ! ")


def test_colours_tell_failures_and_waits() -> None:
    """Red and dim, with colours only; what succeeded has none."""
    spans = spans_of_run(busy_run())
    coloured = tree(spans, width=80, colour=True, plain_ascii=False)
    lines = {line.strip("├─└│ "): line for line in coloured.split("\n")}
    assert any(line.startswith("\x1b[31mtest (3.12") and line.endswith("\x1b[0m") for line in lines)
    assert any(line.startswith("\x1b[2mqueued") for line in lines)
    assert not any("\x1b" in line for line in lines if "Run build" in line)
    assert "\x1b" not in tree(spans, width=80, colour=False, plain_ascii=False)


def test_repeated_runs_and_phases_are_told_apart() -> None:
    """The run of a later attempt has its number, a phase or status its kind, dimmed."""
    run = {"flow.entity.type": "run"}
    spans = [
        make_span(1, "pull request #7", seconds=90),
        make_span(2, "draft", parent=1, attributes={"flow.entity.type": "phase"}),
        make_span(3, "RUN CI", parent=1, start=1, attributes={**run, "github.run.attempt": 1}),
        make_span(4, "RUN CI", parent=1, start=2, attributes={**run, "github.run.attempt": 2}),
    ]
    assert [line[:24].strip() for line in _drawn(spans)[2:]] == [
        "├─ draft phase",
        "├─ RUN CI",
        "└─ RUN CI attempt 2",
    ]
    coloured = tree(spans, width=60, colour=True, plain_ascii=False)
    assert "RUN CI\x1b[2m attempt 2\x1b[0m" in coloured


def test_a_long_name_gives_room_to_its_attempt() -> None:
    """The name is cut, not the number; where there is room for neither the name stays."""
    facts = {"flow.entity.type": "run", "github.run.attempt": 12}
    span = make_span(1, "RUN " + "x" * 90, attributes=facts, error="boo")
    for width in (40, 100):
        assert " ✗ attempt 12 " in _drawn([span], width)[1]
    assert "attempt" not in _drawn([span], 10)[1]


def test_several_traces_and_missing_parents_are_drawn() -> None:
    """Each trace has its own head; a span whose parent is elsewhere stands at the edge."""
    other = replace(make_span(7, "later", parent=99, start=500), trace_id="f" * 32)
    drawn = _drawn([other, make_span(1, "first"), make_span(2, "orphan", parent=99)])
    starts = [line.split(" ")[0] for line in drawn]
    assert starts == ["trace", "first", "orphan", "", "trace", "later"]


def test_repeated_and_circular_spans_are_drawn_once() -> None:
    """What no sender should send is drawn all the same."""
    again = make_span(1, "again", start=3)
    circle = [make_span(2, "a", parent=3, start=5), make_span(3, "b", parent=2, start=6)]
    own = make_span(4, "own", parent=4, start=8)
    drawn = _drawn([make_span(1, "first"), again, *circle, own])
    assert [line.split("  ")[0].rstrip() for line in drawn[1:]] == ["first", "a", "└─ b", "own"]


def test_wide_characters_take_two_cells() -> None:
    """Columns stay straight beside Chinese, Japanese and emoji."""
    drawn = _drawn([make_span(1, "x"), make_span(2, "日本語 🚀 e\u0301"), make_span(3, "日" * 90)])
    columns = {cell_width(line[: line.index("1s")]) for line in drawn[1:]}
    assert len(columns) == 1


@given(
    any_spans(6),
    st.integers(-5, 200),
    st.booleans(),
    st.lists(st.sampled_from(HOSTILE), min_size=6, max_size=6),
)
def test_any_spans_fit_any_width(
    spans: list[Span], width: int, plain_ascii: bool, names: list[str]
) -> None:
    """It never fails, no line is wider than the terminal, and none tells it what to do."""
    named = [
        replace(s, name=n, trace_id=spans[0].trace_id) for s, n in zip(spans, names, strict=False)
    ]
    for drawn in (spans, named):
        text = tree(drawn, width=width, colour=False, plain_ascii=plain_ascii)
        lines = text.split("\n")
        assert all(cell_width(line) <= max(8, width) for line in lines)
        assert all(line.isprintable() for line in lines)
        assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)


def test_a_chain_of_thousands_is_drawn() -> None:
    """Depth neither ends in a recursion error nor leaves a name without room."""
    chain = [make_span(n, f"s{n}", parent=n - 1 or None, start=n) for n in range(1, 5_001)]
    drawn = _drawn(chain, width=50)
    assert len(drawn) == 5_001
    assert "s5000" in drawn[-1]


def test_large_runs_are_drawn_at_once() -> None:
    """A run of 32,000 spans does not keep anybody waiting."""
    jobs = [make_span(n, f"job {n}", parent=1, start=n) for n in range(2, 1_002)]
    steps = [
        make_span(n * 10_000 + m, f"Run step {m}", parent=n, start=n)
        for n in range(2, 1_002)
        for m in range(31)
    ]
    spans = [make_span(1, "RUN CI", seconds=2_000), *jobs, *steps]
    began = time.process_time()
    drawn = tree(spans, width=100, colour=True, plain_ascii=False)
    assert drawn.count("\n") == 32_001
    assert time.process_time() - began < 5


def test_a_report_tells_what_was_sent_where() -> None:
    """Status, counts, place, trace and link, then what is worth knowing."""
    exported = make_exported(busy_run(), trace_url="https://tempo.example/t/1")
    outcome = make_outcome(
        busy_run(),
        exported=exported,
        status=Status.SPOOLED,
        deliveries=(
            make_delivery(sent=5, spooled=3, lost=1, requests=2, spool_files=("spool/a.jsonl",)),
        ),
        problems=("it did not work",),
        notices=("be aware",),
        left_out=("2 jobs",),
    )
    assert report(outcome).split("\n") == [
        "spooled: Sent 5 of 9 spans to https://otlp.example.com:4318 in 2 requests, 2.3 kB. "
        "The export took 1.2s.",
        "RUN CI: trace bc5addb5cf688a1630d4f8fe75f91da2 of github.com/acme/shop/pull/123",
        "https://tempo.example/t/1",
        "The 6 jobs together waited 1m 50s for runners and 9m for approvals and ran 12m 39s: "
        "46 % waiting.",
        "problem: it did not work",
        "notice: be aware",
        "left out: 2 jobs",
        "left out: 3 spans not delivered but kept in spool/a.jsonl",
        "left out: 1 span neither delivered nor kept",
    ]


def test_a_report_names_all_that_was_exported() -> None:
    """What went along, and of a sweep the first twenty; each with its trace."""
    run = make_exported(busy_run())
    change = exported_change(make_change(), partial=True)
    rows = report(make_outcome(busy_run(), further=(change,))).split("\n")
    assert rows[1:] == [
        "RUN CI: trace bc5addb5cf688a1630d4f8fe75f91da2 of github.com/acme/shop/pull/123",
        "pull request #123, so far: trace bc5addb5cf688a1630d4f8fe75f91da2 of "
        "github.com/acme/shop/pull/123",
    ]
    many = report(make_outcome(busy_run(), further=(run,) * 30)).split("\n")
    assert len(many) == 22
    assert many[-1] == "and 11 more"


def test_a_report_of_nothing_says_so() -> None:
    """A skipped export has its status and its reason."""
    outcome = Outcome(status=Status.SKIPPED, notices=("nothing is sent: no endpoint",))
    assert report(outcome).split("\n") == [
        "skipped: Nothing was sent. The export took 0s.",
        "notice: nothing is sent: no endpoint",
    ]


def _told_of(text: str) -> Change:
    """A pull request with a label of that text, put on by somebody called so."""
    put_on = Event(
        kind=EventKind.LABELED, time=at(60), subject=text, actor=Actor(login=text or "ghost")
    )
    return make_change(timeline=(put_on,), merged_at=None, closed_at=None)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_report_is_obeyed(text: str) -> None:
    """Each text stays on its line and is no command."""
    outcome = Outcome(
        status=Status.PARTIAL,
        exported=exported_change(_told_of(text), title=text),
        problems=(text,),
        notices=(text,),
        left_out=(text,),
    )
    rows = report(outcome).split("\n")
    assert len(rows) == 7
    assert all(row.isprintable() and "##[" not in row for row in rows)
    assert not any(row.lstrip().startswith("::") for row in rows)
