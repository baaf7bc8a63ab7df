"""What becomes of spans that are older than a backend takes: it would drop them without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flow_telemetry.settings import OldSpans
from flow_telemetry.signals import semconv
from flow_telemetry.telemetry import Span


@dataclass(slots=True)
class AgeLimit:
    """Holds spans against an age and counts the old ones.

    ``oldest`` is the earliest start, in nanoseconds since 1970, that is not too old: most backends
    look at the start.
    """

    oldest: int
    policy: OldSpans
    old: int = 0

    def applied(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Return the spans as the policy has them leave."""
        for span in spans:
            if span.start >= self.oldest:
                yield span
                continue
            self.old += 1
            if self.policy is OldSpans.SEND:
                yield span
            elif self.policy is OldSpans.CLAMP:
                yield self._clamped(span)

    def _clamped(self, span: Span) -> Span:
        """The span from the oldest instant on; what was cut stands on it."""
        attributes = {**span.attributes, semconv.FLOW_CLAMPED_START: span.start // 1_000_000_000}
        return replace(
            span, start=self.oldest, end=max(span.end, self.oldest), attributes=attributes
        )
