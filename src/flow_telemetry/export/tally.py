"""Adding up what became of the batches, the same reason told once."""

from __future__ import annotations

from dataclasses import dataclass, field

from flow_telemetry.export.answer import Attempt
from flow_telemetry.export.causes import Cause, failure
from flow_telemetry.export.verdict import Verdict
from flow_telemetry.telemetry import Failure

# Servers put a request's id into their words: more than these add no news.
_MOST_TEXTS_OF_A_KIND = 3
_MOST_WARNINGS = 5


@dataclass(slots=True)
class _Count:
    cause: Cause
    items: int = 0
    untried: int = 0


@dataclass(slots=True)
class Tally:
    """What became of the batches so far. ``collected`` counts items, ``sent`` those delivered.

    ``reformed`` counts those that it took in their second form.
    """

    collected: int = 0
    sent: int = 0
    rejected: int = 0
    requests: int = 0
    bytes_sent: int = 0
    warnings: list[str] = field(default_factory=list)
    reformed: int = 0
    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)

    def add_attempt(self, attempt: Attempt) -> None:
        """Count the requests that a batch took."""
        self.requests += attempt.requests
        self.bytes_sent += attempt.bytes_sent

    def add_verdict(self, verdict: Verdict, items: int) -> int:
        """Count a batch of so many items; return how many of them were not delivered."""
        if verdict.warning and len(self.warnings) < _MOST_WARNINGS:
            self.warnings += [] if verdict.warning in self.warnings else [verdict.warning]
        self.rejected += verdict.rejected
        undelivered = verdict.rejected if verdict.delivered else items
        self.sent += items - undelivered
        if verdict.cause is not None:
            self._count(verdict.cause).items += undelivered
        return undelivered

    def add_untried(self, cause: Cause, items: int) -> None:
        """Count items that were not sent, for the cause lasts."""
        count = self._count(cause)
        count.items += items
        count.untried += items

    def failures(self) -> tuple[Failure, ...]:
        """Return each reason once, with all its items, in the order in which they came up."""
        return tuple(failure(c.cause, c.items, c.untried) for c in self._counts.values())

    def _count(self, cause: Cause) -> _Count:
        same_kind = [count for (key, _), count in self._counts.items() if key == cause.key]
        name = (cause.key, cause.problem)
        if name not in self._counts and len(same_kind) >= _MOST_TEXTS_OF_A_KIND:
            return same_kind[0]
        return self._counts.setdefault(name, _Count(cause))
