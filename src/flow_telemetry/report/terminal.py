"""Span trees and the end of an export, for terminals and logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.report.lines import (
    MOST_TIMELINE_ENTRIES,
    describe_export,
    describe_left_out,
    describe_time,
    describe_waiting,
    exported_jobs,
    timeline_lines,
)
from flow_telemetry.report.text import (
    cell_width,
    fit,
    is_instant,
    span_duration,
    terminal_line,
)
from flow_telemetry.rules.lifecycle import PhaseKind
from flow_telemetry.telemetry import OPENING, Span
from flow_telemetry.text import counted, one_line

# The names of attributes in `mapping`, which reports do not import.
ENTITY_TYPE = "flow.entity.type"
ATTEMPT = "github.run.attempt"
PHASE = "flow.phase"
WAITING_PHASES = frozenset(
    phase.value
    for phase in (PhaseKind.AWAITING_REVIEW, PhaseKind.AWAITING_MERGE, PhaseKind.IN_MERGE_QUEUE)
)
_WAITS = ("start_wait", "queued", "approval")
# Users choose the names of these spans, and a status may have the name of a job.
_NOTED = ("phase", "status")

_LONGEST_LINE = 1_000
_LONGEST_NAME = 200
_MOST_EXPORTS = 20
_DURATION_WIDTH = 8
_WIDEST_BAR = 40
_SHORTEST_NAME = 8
_DEEPEST = 12
_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


# Spans as trees


@dataclass(slots=True, eq=False)
class Node:
    """A span and its child spans, in order of time."""

    span: Span
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one trace. ``start`` and ``end`` of all of them are in nanoseconds.

    ``roots`` are the spans whose parent is not among them, for example because another export
    sent it.
    """

    trace_id: str
    roots: tuple[Node, ...]
    start: int
    end: int
    spans: int


def entity_type(span: Span) -> str:
    """Return the type of the span's entity, such as ``run``; empty if it has none."""
    return str(span.attributes.get(ENTITY_TYPE, ""))


def is_wait(span: Span) -> bool:
    """Whether the span is a time of waiting: for a runner, people or the merge."""
    return entity_type(span) in _WAITS or span.attributes.get(PHASE) in WAITING_PHASES


def describe_attempt(span: Span) -> str:
    """Return `attempt 2` for a run's later attempt, whose span has the name of the first one."""
    attempt = span.attributes.get(ATTEMPT)
    later = entity_type(span) in ("run", "linked_run") and isinstance(attempt, int) and attempt > 1
    return f"attempt {attempt}" if later else ""


def build_traces(spans: Iterable[Span]) -> list[Trace]:
    """Return the traces in order of time.

    A span that occurs twice counts once. If spans are each other's parents, which is invalid, the
    earliest of them becomes a root.
    """
    by_trace: dict[str, dict[str, Node]] = {}
    for span in sorted(spans, key=attrgetter("start")):
        by_trace.setdefault(span.trace_id, {}).setdefault(span.span_id, Node(span))
    return [
        Trace(
            trace_id=trace_id,
            roots=_link_nodes(nodes),
            start=min(node.span.start for node in nodes.values()),
            end=max(max(node.span.start, node.span.end) for node in nodes.values()),
            spans=len(nodes),
        )
        for trace_id, nodes in by_trace.items()
    ]


def walk(roots: Iterable[Node]) -> Iterator[tuple[Node, int, bool]]:
    """Return all nodes from the top down, each with its depth and whether it is the last sibling.

    Roots have depth 0. It does not recurse, so thousands of levels are safe.
    """
    stack = [(node, 0, index == 0) for index, node in enumerate(reversed(list(roots)))]
    while stack:
        node, depth, last = stack.pop()
        yield node, depth, last
        children = enumerate(reversed(node.children))
        stack += [(child, depth + 1, index == 0) for index, child in children]


def _link_nodes(nodes: dict[str, Node]) -> tuple[Node, ...]:
    """Add each node to its parent's children, and return the roots in order of time."""
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.span.parent_span_id or "")
        (roots if parent is None or parent is node else parent.children).append(node)
    # A node that no root reaches is in or below a cycle of parents.
    reached = {id(node) for node, _, _ in walk(roots)}
    for node in nodes.values():
        if id(node) not in reached:
            nodes[node.span.parent_span_id or ""].children.remove(node)
            roots.append(node)
            reached.update(id(below) for below, _, _ in walk([node]))
    return tuple(sorted(roots, key=lambda node: node.span.start))


# Drawing of trees


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
    ellipsis: str


_UNICODE = _Signs(
    branch="├─ ", last="└─ ", trunk="│  ", bar="█", wait="░", instant="·", failed=" ✗", ellipsis="…"
)
_ASCII = _Signs(
    branch="|- ", last="`- ", trunk="|  ", bar="#", wait="-", instant=".", failed=" !", ellipsis="~"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """The signs, colours and column widths of a drawing; a column of width 0 is left out.

    Spans deeper than ``deepest`` are not indented further, so that names have enough space.
    """

    signs: _Signs
    colour: bool
    name: int
    duration: int
    bar: int
    deepest: int


def tree(spans: Sequence[Span], *, width: int, colour: bool, plain_ascii: bool) -> str:
    """Return the traces as indented trees, with durations and bars in proportion to time.

    A line is at most ``width`` terminal cells wide (8 if ``width`` is smaller).
    ``plain_ascii`` is for streams that cannot encode other characters.
    """
    width = max(_SHORTEST_NAME, width)
    bar = min(_WIDEST_BAR, width // 3) if width >= 48 else 0
    duration = _DURATION_WIDTH if width >= 24 else 0
    name = width - duration - (bar + 2 if bar else 0)
    canvas = _Canvas(
        signs=_ASCII if plain_ascii else _UNICODE,
        colour=colour,
        name=name,
        duration=duration,
        bar=bar,
        deepest=min(_DEEPEST, (name - _SHORTEST_NAME) // len(_ASCII.trunk)),
    )
    drawings = []
    for trace in build_traces(spans):
        took = span_duration(trace.start, trace.end)
        head = f"trace {trace.trace_id}  {counted(trace.spans, 'span')}  {took}"
        rows = [fit(head, width, canvas.signs.ellipsis).rstrip(), *_draw_spans(trace, canvas)]
        drawings.append("\n".join(rows))
    return "\n\n".join(drawings)


def _draw_spans(trace: Trace, canvas: _Canvas) -> Iterator[str]:
    signs = canvas.signs
    # By depth, what ancestors draw to the left of the spans below them.
    trunks = [""]
    for node, full_depth, last in walk(trace.roots):
        span, depth, branch = node.span, min(full_depth, canvas.deepest), ""
        del trunks[max(1, depth) :]
        if depth > 0:
            branch = trunks[-1] + (signs.last if last else signs.branch)
            trunks.append(trunks[-1] + ("   " if last else signs.trunk))
        line = _label(span, canvas.name - len(branch), canvas)
        if canvas.duration:
            line += _duration(span).rjust(canvas.duration)
        if canvas.bar:
            line += "  " + _bar(span, trace, canvas)
        colour = _colour(span) if canvas.colour else ""
        yield branch + (f"{colour}{line.rstrip()}{_PLAIN}" if colour else line.rstrip())


def _duration(span: Span) -> str:
    """Return how long a span took; an opening is the begin of something, and takes no time."""
    is_opening = entity_type(span) == OPENING[1]
    return "" if is_opening else span_duration(span.start, span.end)


def _label(span: Span, width: int, canvas: _Canvas) -> str:
    """Return the name, shortened to fit, with a note that distinguishes it from equal names."""
    failed = "" if span.error is None else canvas.signs.failed
    entity = entity_type(span)
    text = entity if entity in _NOTED else describe_attempt(span)
    note = f" {text}" if text and len(text) < width - _SHORTEST_NAME else ""
    name = terminal_line(span.name, _LONGEST_NAME).strip() or "(unnamed)"
    if canvas.signs is _ASCII:
        name = name.encode("ascii", "replace").decode()
    longest = width - len(failed) - len(note)
    name = fit(name, min(longest, cell_width(name)), canvas.signs.ellipsis) + failed
    padding = " " * (width - cell_width(name) - len(note))
    if note and canvas.colour and not _colour(span):
        note = f"{_DIM}{note}{_PLAIN}"
    return name + note + padding


def _bar(span: Span, trace: Trace, canvas: _Canvas) -> str:
    length = max(1, trace.end - trace.start)
    start = min(canvas.bar - 1, (span.start - trace.start) * canvas.bar // length)
    # Negated twice, so that `//` rounds up.
    end = -(-(span.end - trace.start) * canvas.bar // length)
    sign = canvas.signs.wait if is_wait(span) else canvas.signs.bar
    if is_instant(span.start, span.end):
        sign = canvas.signs.instant
    return " " * start + sign * max(1, end - start)


def _colour(span: Span) -> str:
    if span.error is not None:
        return _RED
    return _DIM if is_wait(span) else ""


# The end of an export


def report(outcome: Outcome) -> str:
    """Return the lines at the end of an export: deliveries, traces, problems and notices."""
    rows = [f"{outcome.status.value}: {describe_export(outcome)}"]
    subjects = [] if outcome.exported is None else [outcome.exported, *outcome.further]
    for subject in subjects[:_MOST_EXPORTS]:
        so_far = ", so far" if subject.partial else ""
        trace = subject.trace
        rows.append(f"{subject.title}{so_far}: trace {trace.trace_id} of {trace.root}")
        rows += [subject.trace_url] if subject.trace_url else []
    if len(subjects) > _MOST_EXPORTS:
        rows.append(f"and {len(subjects) - _MOST_EXPORTS:,} more")
    rows += _describe_time(subjects[0]) if len(subjects) == 1 else []
    lines = [terminal_line(row, _LONGEST_LINE) for row in rows]
    return "\n".join([*lines, *remarks(outcome)])


def remarks(outcome: Outcome) -> list[str]:
    """Return a line for each problem and notice, and for what was left out."""
    rows = [
        *(f"error: {error}" for error in outcome.errors),
        *(f"problem: {problem}" for problem in outcome.problems),
        *(f"notice: {notice}" for notice in outcome.notices),
        *(f"left out: {text}" for text in describe_left_out(outcome)),
    ]
    return [terminal_line(row, _LONGEST_LINE) for row in rows]


def _describe_time(subject: ExportedSubject) -> list[str]:
    """Return how long a run waited and ran, or the last events of another subject."""
    if subject.run is not None:
        waiting = describe_waiting(subject.run, exported_jobs(subject.run, subject.reference))
        rows = [waiting] if waiting else []
        if subject.comparison is not None:
            # Loaded only if a run is compared.
            from flow_telemetry.rules.comparison import describe_comparison  # noqa: PLC0415

            ended = subject.run.completed
            rows.append(
                " ".join(describe_comparison(subject.comparison, subject.run.workflow, ended=ended))
            )
        return rows
    lines = timeline_lines(subject)
    went = describe_time(subject.time)
    earlier = len(lines) - MOST_TIMELINE_ENTRIES
    rows = [went] if went else []
    rows += [f"  {earlier:,} earlier events"] if earlier > 0 else []
    for line in lines[-MOST_TIMELINE_ENTRIES:]:
        about = f" {one_line(line.about, _LONGEST_NAME)}" if line.about else ""
        who = f" by {one_line(line.who, _LONGEST_NAME)}" if line.who else ""
        rows.append(f"  {line.time:%Y-%m-%d %H:%M} {line.what}{about}{who}")
    return rows
