"""Spans put in order: which trace, below which span, how far in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from flow_telemetry.rules.reviewing import PhaseKind
from flow_telemetry.telemetry import Span

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
