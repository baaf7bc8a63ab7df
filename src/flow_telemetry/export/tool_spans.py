"""The spans that tools made: which of them leave, and where their traces begin. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from flow_telemetry.export.otlp_files import OtlpRequest, groups_of
from flow_telemetry.telemetry import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStart:
    """The first span of a trace without a parent among those that were read; ids in hexadecimal."""

    trace_id: str
    span_id: str


@dataclass(slots=True, kw_only=True)
class ToolSpans:
    """Sorts the spans of requests as they are read, over all files.

    ``trace_id`` is the trace of the job, ``taken`` the ids that spans of ours have in it, both in
    hexadecimal. A second span of an id is left out: a backend would show one of the two, or both.

    ``ours`` counts the spans of that trace that leave, ``repeated``, ``clashing`` (their ids are
    ours) and ``nameless`` (they have no valid ids) those that do not.
    """

    trace_id: str
    taken: Collection[str] = ()
    ours: int = 0
    repeated: int = 0
    clashing: int = 0
    nameless: int = 0
    _others: dict[bytes, list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    def take(self, request: OtlpRequest) -> None:
        """Take out of a request the spans that do not leave; note the others."""
        if request.signal is not Signal.TRACES:
            return
        for *_, spans in groups_of(request):
            kept = [span for span in spans if self._leaves(span)]
            if len(kept) < len(spans):
                copies = [_copy(span) for span in kept]
                del spans[:]
                spans.extend(copies)

    @property
    def others(self) -> Counter[str]:
        """How many spans of each other trace leave."""
        return Counter({trace.hex(): len(spans) for trace, spans in self._others.items()})

    @property
    def starts(self) -> tuple[TraceStart, ...]:
        """Where the other traces begin, in order of time.

        A trace whose spans are all in a circle has none.
        """
        roots = [
            (*root, trace)
            for trace, spans in self._others.items()
            if (root := _first_root(spans)) is not None
        ]
        return tuple(
            TraceStart(trace_id=trace.hex(), span_id=span.hex()) for _, span, trace in sorted(roots)
        )

    def _leaves(self, span: Any) -> bool:
        if not (any(span.trace_id) and any(span.span_id)):
            self.nameless += 1
            return False
        is_ours = span.trace_id.hex() == self.trace_id
        if is_ours and span.span_id.hex() in self.taken:
            self.clashing += 1
            return False
        key = span.trace_id + span.span_id
        if key in self._seen:
            self.repeated += 1
            return False
        self._seen.add(key)
        if is_ours:
            self.ours += 1
        else:
            noted = (span.start_time_unix_nano, span.span_id, span.parent_span_id)
            self._others.setdefault(span.trace_id, []).append(noted)
        return True


def _first_root(spans: Iterable[tuple[int, bytes, bytes]]) -> tuple[int, bytes] | None:
    """Start and id of the first span whose parent is not among them."""
    spans = list(spans)
    ids = {span for _, span, _ in spans}
    return min(((start, span) for start, span, parent in spans if parent not in ids), default=None)


def _copy(span: Any) -> Any:
    """A span of its own: one in a list that is emptied does not outlive it everywhere."""
    copied = type(span)()
    copied.CopyFrom(span)
    return copied
