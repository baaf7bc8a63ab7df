"""Reading a feature trace in tests: its tree, and whether it is one."""

from __future__ import annotations

from tests.fakes.spans import SpanRecord
from tests.support import references

EPIC = "github.com/acme/shop/issues/1"


def shown(spans: list[SpanRecord], root: str = EPIC) -> list[str]:
    """The tree of a trace without the waits of runs and jobs, each level in order of names."""
    trace = references.trace_id(root)
    kept = [s for s in spans if s.trace_id == trace and s.name != "queued"]
    return _below(kept, "", 0)


def _below(spans: list[SpanRecord], parent: str, depth: int) -> list[str]:
    lines = []
    for span in sorted(
        (s for s in spans if s.parent_span_id == parent), key=lambda s: (s.start, s.name)
    ):
        lines += ["  " * depth + span.name, *_below(spans, span.span_id, depth + 1)]
    return lines


def one_tree(spans: list[SpanRecord]) -> bool:
    """Whether spans are one trace with one root, none twice and all connected."""
    ids = [span.span_id for span in spans]
    parents = [span.parent_span_id for span in spans]
    return (
        len({span.trace_id for span in spans}) == 1
        and len(set(ids)) == len(ids)
        and parents.count("") == 1
        and set(parents) - {""} <= set(ids)
    )


def plain(summary: str) -> str:
    """A job summary without the signs that keep names from being Markdown."""
    return summary.replace("\\", "").replace("\u200b", "")


def of(spans: list[SpanRecord], reference: str) -> SpanRecord:
    """The one span of a flow reference."""
    (found,) = (s for s in spans if s.attributes["flow.reference"] == reference)
    return found
