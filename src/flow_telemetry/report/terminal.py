"""Tree and report for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.report.lines import jobs_of, left_out, queue_against_run, sentence
from flow_telemetry.report.text import (
    cell_width,
    counted,
    fit,
    one_line,
    span_duration,
    terminal_line,
)
from flow_telemetry.rules.lifecycle import PhaseKind
from flow_telemetry.telemetry import Span

if TYPE_CHECKING:
    from flow_telemetry.report.lines import Line

# Spans put in order: which trace, below which span, how far in.

# The convention of `signals`, which views do not import.
ENTITY_TYPE = "flow.entity.type"
ATTEMPT = "github.run.attempt"
PHASE = "flow.phase"
WAITING_PHASES = frozenset(
    each.value
    for each in (PhaseKind.AWAITING_REVIEW, PhaseKind.AWAITING_MERGE, PhaseKind.IN_MERGE_QUEUE)
)
_WAITS = ("queued", "approval")


@dataclass(slots=True, eq=False)
class Node:
    """A span and the spans below it, in order of time."""

    span: Span
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one trace. ``start`` and ``end`` in nanoseconds, over all of its spans.

    ``roots`` are the spans without a parent among them: it may have been sent another day.
    """

    trace_id: str
    roots: tuple[Node, ...]
    start: int
    end: int
    spans: int


@dataclass(frozen=True, slots=True)
class Row:
    """A span's place: ``depth`` is 0 at a root; ``last`` tells that no sibling follows."""

    node: Node
    depth: int
    last: bool


def entity_of(span: Span) -> str:
    """Return what the span stands for, such as ``run``; empty where it does not say."""
    return str(span.attributes.get(ENTITY_TYPE, ""))


def is_wait(span: Span) -> bool:
    """Whether the span is a time of waiting: for a runner, people or the merge."""
    return entity_of(span) in _WAITS or span.attributes.get(PHASE) in WAITING_PHASES


def attempt_of(span: Span) -> str:
    """Return `attempt 2` for the run of a later attempt, whose name is that of the first."""
    attempt = span.attributes.get(ATTEMPT)
    later = entity_of(span) == "run" and isinstance(attempt, int) and attempt > 1
    return f"attempt {attempt}" if later else ""


def traces(spans: Iterable[Span]) -> list[Trace]:
    """Return the traces in order of time, each with every span once.

    A span that comes twice counts once. Spans that are each other's parents, which no sender
    should make, still show: the earliest of them as a root.
    """
    by_trace: dict[str, dict[str, Node]] = {}
    for span in sorted(spans, key=attrgetter("start")):
        by_trace.setdefault(span.trace_id, {}).setdefault(span.span_id, Node(span))
    return [_trace(trace_id, nodes) for trace_id, nodes in by_trace.items()]


def walk(roots: Iterable[Node]) -> Iterator[Row]:
    """Return the rows below ``roots`` from the top down; a depth of thousands is no danger."""
    first = list(roots)
    waiting = [Row(node, 0, place == 0) for place, node in enumerate(reversed(first))]
    while waiting:
        row = waiting.pop()
        yield row
        below = reversed(row.node.children)
        waiting += [Row(node, row.depth + 1, place == 0) for place, node in enumerate(below)]


def _trace(trace_id: str, nodes: dict[str, Node]) -> Trace:
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.span.parent_span_id or "")
        (roots if parent is None or parent is node else parent.children).append(node)
    roots += _break_circles(roots, nodes)
    return Trace(
        trace_id=trace_id,
        roots=tuple(sorted(roots, key=lambda node: node.span.start)),
        start=min(node.span.start for node in nodes.values()),
        end=max(max(node.span.start, node.span.end) for node in nodes.values()),
        spans=len(nodes),
    )


def _break_circles(roots: list[Node], nodes: dict[str, Node]) -> list[Node]:
    """Take a span out of each circle of parents, so that the rest hangs below it."""
    reached = {id(row.node) for row in walk(roots)}
    taken = []
    for node in nodes.values():
        if id(node) not in reached:
            nodes[node.span.parent_span_id or ""].children.remove(node)
            taken.append(node)
            reached.update(id(row.node) for row in walk([node]))
    return taken


# Traces as trees, for people at a terminal.

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
    yield fit(head, room, canvas.signs.cut).rstrip()
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
    name = fit(name, min(most, cell_width(name)), canvas.signs.cut) + failed
    filling = " " * (room - cell_width(name) - len(note))
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


# The end of an export as lines, for people at a terminal and for logs.


_LONGEST_REPORT_LINE = 1_000
_LONGEST_REPORT_NAME = 200
_MOST_REPORTED_EXPORTS = 20


def report(outcome: Outcome) -> str:
    """Return the end of a command: what was sent where, its trace, and all there is to know."""
    rows = [f"{outcome.status.value}: {sentence(outcome)}"]
    exported = [] if outcome.exported is None else [outcome.exported, *outcome.further]
    rows += [row for each in exported[:_MOST_REPORTED_EXPORTS] for row in _exported(each)]
    if len(exported) > _MOST_REPORTED_EXPORTS:
        rows.append(f"and {len(exported) - _MOST_REPORTED_EXPORTS:,} more")
    rows += _where_time_went(exported[0]) if len(exported) == 1 else []
    rows += [f"problem: {problem}" for problem in outcome.problems]
    rows += [f"notice: {notice}" for notice in outcome.notices]
    rows += [f"left out: {each}" for each in left_out(outcome)]
    return "\n".join(terminal_line(row, _LONGEST_REPORT_LINE) for row in rows)


def _exported(exported: Exported) -> list[str]:
    trace = exported.trace
    so_far = ", so far" if exported.partial else ""
    told = f"{exported.title}{so_far}: trace {trace.trace_id} of {trace.root}"
    return [told, exported.trace_url] if exported.trace_url else [told]


def _where_time_went(exported: Exported) -> list[str]:
    """How long a run waited and ran; the last events of anything else."""
    if exported.run is not None:
        told = queue_against_run(exported.run, jobs_of(exported.run, exported.reference))
        return [told] if told else []
    # Loaded where there are some: a run has none.
    from flow_telemetry.report.lines import MOST_HAPPENINGS, happenings  # noqa: PLC0415

    events = happenings(exported)
    earlier = len(events) - MOST_HAPPENINGS
    rows = [f"  {earlier:,} earlier events"] if earlier > 0 else []
    return rows + [_event(each) for each in events[-MOST_HAPPENINGS:]]


def _event(line: Line) -> str:
    about = f" {one_line(line.about, _LONGEST_REPORT_NAME)}" if line.about else ""
    who = f" by {one_line(line.who, _LONGEST_REPORT_NAME)}" if line.who else ""
    return f"  {line.time:%Y-%m-%d %H:%M} {line.what}{about}{who}"
