"""Traces as trees, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flow_telemetry.telemetry import Span
from flow_telemetry.views import cells
from flow_telemetry.views.durations import counted, span_duration
from flow_telemetry.views.escape import terminal_line
from flow_telemetry.views.tree import Row, Trace, attempt_of, entity_of, is_wait, traces, walk

_LONGEST_LINE = 1_000
_LONGEST_NAME = 200
_MOST_EXPORTS = 20
# Spans named by a word of people: a status may be called like a job.
_NOTED = ("phase", "status")
_DURATION = 8
_WIDEST_BAR = 40
_SHORTEST_NAME = 8
_DEEPEST = 12
_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signs:
    """The characters of a drawing."""

    branch: str
    last: str
    trunk: str
    bar: str
    wait: str
    instant: str
    failed: str
    cut: str


_UNICODE = _Signs(
    branch="├─ ", last="└─ ", trunk="│  ", bar="█", wait="░", instant="·", failed=" ✗", cut="…"
)
_ASCII = _Signs(
    branch="|- ", last="`- ", trunk="|  ", bar="#", wait="-", instant=".", failed=" !", cut="~"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """How a trace is drawn: columns in cells; one of no width is left out.

    Below ``deepest`` the tree goes straight down, for it would leave no room for names.
    """

    signs: _Signs
    colour: bool
    ascii_only: bool
    name: int
    duration: int
    bar: int
    deepest: int


def tree(spans: Sequence[Span], *, width: int, colour: bool, plain_ascii: bool) -> str:
    """Return the traces as indented trees, with durations and bars in proportion of time.

    No line takes more than ``width`` cells (8 where it is less). ``plain_ascii`` is for streams
    that can write nothing else.
    """
    canvas = _canvas(max(_SHORTEST_NAME, width), colour=colour, plain_ascii=plain_ascii)
    drawn = ("\n".join(_trace_lines(trace, canvas)) for trace in traces(spans))
    return "\n\n".join(drawn)


def _canvas(width: int, *, colour: bool, plain_ascii: bool) -> _Canvas:
    bar = min(_WIDEST_BAR, width // 3) if width >= 48 else 0
    durations = _DURATION if width >= 24 else 0
    name = width - durations - (bar + 2 if bar else 0)
    return _Canvas(
        signs=_ASCII if plain_ascii else _UNICODE,
        colour=colour,
        ascii_only=plain_ascii,
        name=name,
        duration=durations,
        bar=bar,
        deepest=min(_DEEPEST, (name - _SHORTEST_NAME) // len(_ASCII.trunk)),
    )


def _trace_lines(trace: Trace, canvas: _Canvas) -> Iterator[str]:
    took = span_duration(trace.start, trace.end)
    head = f"trace {trace.trace_id}  {counted(trace.spans, 'span')}  {took}"
    room = canvas.name + canvas.duration + (canvas.bar + 2 if canvas.bar else 0)
    yield cells.fit(head, room, canvas.signs.cut).rstrip()
    trunks = [""]
    for row in walk(trace.roots):
        yield _line(row, trunks, trace, canvas)


def _line(row: Row, trunks: list[str], trace: Trace, canvas: _Canvas) -> str:
    span = row.node.span
    branch = _branch(row, trunks, canvas)
    columns = [_label(span, canvas.name - len(branch), canvas)]
    if canvas.duration:
        columns.append(span_duration(span.start, span.end).rjust(canvas.duration))
    if canvas.bar:
        columns.append("  " + _bar(span, trace, canvas))
    return branch + _coloured("".join(columns).rstrip(), span, colour=canvas.colour)


def _branch(row: Row, trunks: list[str], canvas: _Canvas) -> str:
    """The lines before a name. ``trunks`` holds what its ancestors leave below them, by depth."""
    depth = min(row.depth, canvas.deepest)
    del trunks[max(1, depth) :]
    if depth == 0:
        return ""
    signs = canvas.signs
    trunks.append(trunks[-1] + ("   " if row.last else signs.trunk))
    return trunks[-2] + (signs.last if row.last else signs.branch)


def _label(span: Span, room: int, canvas: _Canvas) -> str:
    """The name, cut where it is too long, and what tells it from others of that name."""
    failed = "" if span.error is None else canvas.signs.failed
    note, name = _note(span, room), _name(span, canvas)
    most = room - len(failed) - len(note)
    name = cells.fit(name, min(most, cells.width(name)), canvas.signs.cut) + failed
    filling = " " * (room - cells.width(name) - len(note))
    if note and canvas.colour and _colour(span) is None:
        note = f"{_DIM}{note}{_PLAIN}"
    return name + note + filling


def _note(span: Span, room: int) -> str:
    entity = entity_of(span)
    text = entity if entity in _NOTED else attempt_of(span)
    return f" {text}" if text and len(text) < room - _SHORTEST_NAME else ""


def _name(span: Span, canvas: _Canvas) -> str:
    name = terminal_line(span.name, _LONGEST_NAME).strip() or "(unnamed)"
    return name.encode("ascii", "replace").decode() if canvas.ascii_only else name


def _bar(span: Span, trace: Trace, canvas: _Canvas) -> str:
    length = max(1, trace.end - trace.start)
    first = min(canvas.bar - 1, (span.start - trace.start) * canvas.bar // length)
    behind = -(-(span.end - trace.start) * canvas.bar // length)
    sign = canvas.signs.wait if is_wait(span) else canvas.signs.bar
    if span.end <= span.start:
        sign = canvas.signs.instant
    return " " * first + sign * max(1, behind - first)


def _coloured(line: str, span: Span, *, colour: bool) -> str:
    sign = _colour(span) if colour else None
    return line if sign is None else f"{sign}{line}{_PLAIN}"


def _colour(span: Span) -> str | None:
    if span.error is not None:
        return _RED
    return _DIM if is_wait(span) else None
