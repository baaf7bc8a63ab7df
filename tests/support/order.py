"""What the order of spans promises to a backend that sorts by start and draws a critical path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tests.fakes.spans import SpanRecord

SECOND = 10**9
# Kinds whose siblings follow each other by GitHub's clock.
_IN_SEQUENCE = (
    {"step", "queued", "approval"},
    {"queued", "start_wait"},
    {"phase"},
    {"status"},
)
# They may lie before or behind their owner.
_FREE = ("run", "linked_run", "deployment", "change", "work_item", "opening", "command")


def disorder(spans: Iterable[SpanRecord]) -> list[str]:
    """Return a sentence for each span that breaks a rule; copies of a span count once."""
    unique = {(span.trace_id, span.span_id): span for span in spans}
    children: dict[tuple[str, str], list[SpanRecord]] = defaultdict(list)
    for span in unique.values():
        children[span.trace_id, span.parent_span_id].append(span)
    found = []
    for ids, span in unique.items():
        found += [f"{span.name} is shorter than 1 µs"] if span.end - span.start < 1_000 else []
        if _kind(span) in ("step", "phase", "status"):
            length = span.end - span.start
            if length % SECOND not in (0, 1_000, 2_000):
                found.append(f"{span.name} takes {length} ns")
        below = sorted(children[ids], key=lambda child: child.start)
        if _kind(span) == "opening":
            # Jaeger warns of a child that is not within its parent and not longer.
            found += [
                f"{child.name} is as short as {span.name}"
                for child in below
                if _kind(child) != "opening" and child.end - child.start <= span.end - span.start
            ]
        else:
            found += [
                f"{child.name} is outside of {span.name}"
                for child in below
                if _kind(child) not in _FREE
                and not span.start <= child.start <= child.end <= span.end
            ]
        for kinds in ({"job"}, {"step"}):
            found += _same_start([child for child in below if _kind(child) in kinds])
        for kinds in _IN_SEQUENCE:
            found += _touching([child for child in below if _kind(child) in kinds])
    return found


def _kind(span: SpanRecord) -> str:
    return str(span.attributes.get("flow.entity.type", ""))


def _same_start(siblings: Sequence[SpanRecord]) -> Iterator[str]:
    for one, other in pairwise(siblings):
        if one.start == other.start:
            yield f"{one.name} and {other.name} start together"


def _touching(siblings: Sequence[SpanRecord]) -> Iterator[str]:
    for number, one in enumerate(siblings):
        for other in siblings[number + 1 :]:
            follows = one.end // SECOND <= other.start // SECOND
            if follows and one.end >= other.start:
                yield f"{one.name} touches {other.name}"
