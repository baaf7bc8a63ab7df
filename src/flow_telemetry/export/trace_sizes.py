"""How large the traces of an export become: one backend drops what is too much of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flow_telemetry.export.interface import Telemetry
from flow_telemetry.telemetry import Attributes, Span

# Grafana Tempo's default `max_bytes_per_trace`.
TEMPO_BYTES = 5_000_000
# Spans of one trace are alike, so that every sixteenth tells enough and costs nothing.
_SAMPLE = 16
# What protobuf adds: ids, times, lengths and tags.
_SPAN_OVERHEAD = 64
_ATTRIBUTE_OVERHEAD = 8
_NUMBER = 4


@dataclass(slots=True)
class TraceSizes:
    """Adds up the bytes of each trace, roughly, as its spans pass by.

    What earlier exports sent of the same trace is not known here.
    """

    _spans: dict[str, int] = field(default_factory=dict)
    _bytes: dict[str, int] = field(default_factory=dict)

    def watched(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Hand the stream on as it is."""
        for each in stream:
            if isinstance(each, Span):
                self._add(each)
            yield each

    def _add(self, span: Span) -> None:
        trace = span.trace_id
        count = self._spans.get(trace, 0)
        self._spans[trace] = count + 1
        if count % _SAMPLE == 0:
            self._bytes[trace] = self._bytes.get(trace, 0) + _size(span) * _SAMPLE

    @property
    def notices(self) -> tuple[str, ...]:
        """What to tell of the traces that Tempo would cut, and what to set."""
        return tuple(
            f"trace {trace} has {self._spans[trace]:,} spans of about {size / 1e6:.0f} MB: Grafana "
            "Tempo takes 5 MB of a trace by default and drops the rest. Raise "
            "`max_bytes_per_trace` there (under `overrides`, `defaults`, `global`), or send less "
            "with input detail"
            for trace, size in self._bytes.items()
            if size > TEMPO_BYTES
        )


def _size(span: Span) -> int:
    """About how many bytes a span is; `sizes` has the bound that none passes, far above that."""
    further = [
        *(each.attributes for each in span.events),
        *(each.attributes for each in span.links),
    ]
    groups = [span.attributes, *further]
    return _SPAN_OVERHEAD * len(groups) + len(span.name) + sum(map(_size_of_attributes, groups))


def _size_of_attributes(attributes: Attributes) -> int:
    return sum(
        _ATTRIBUTE_OVERHEAD + len(key) + (len(value) if isinstance(value, str) else _NUMBER)
        for key, value in attributes.items()
    )
