"""The form of a reason why something was not delivered, and what all reasons share.

A cause says scheme, host and port of an address and no more, and names headers without values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flow_telemetry.export.redaction import Redactor, one_line, origin
from flow_telemetry.telemetry import Failure, Signal, SignalTarget


@dataclass(frozen=True, slots=True)
class Nouns:
    """What a user calls a signal, and one item of it."""

    signal: str
    item: str

    def some(self, count: int) -> str:
        """Return so many items, in words."""
        return f"1 {self.item}" if count == 1 else f"{count} {self.item}s"


NOUNS = {
    Signal.TRACES: Nouns("traces", "span"),
    Signal.LOGS: Nouns("events", "event"),
    Signal.METRICS: Nouns("metrics", "metric point"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What may be told of a target."""

    origin: str
    header_names: tuple[str, ...]
    redactor: Redactor
    signal: Signal
    url: str = field(repr=False)

    @classmethod
    def of(cls, target: SignalTarget) -> Place:
        """Return what may be told of ``target``."""
        return cls(
            origin=origin(target.url),
            header_names=tuple(one_line(name)[:64] for name in target.headers),
            redactor=Redactor.of(target),
            signal=target.signal,
            url=target.url,
        )

    @property
    def nouns(self) -> Nouns:
        """What the user calls the signal that goes there."""
        return NOUNS[self.signal]

    @property
    def wrong_path(self) -> str:
        """The advice where something else than an OTLP receiver answers."""
        return (
            "Check the path of input otlp-endpoint: it is to be the base URL of the OTLP receiver, "
            f"to which this program appends /v1/{self.signal.value}; many backends keep OTLP under "
            "a path of their own"
        )

    @property
    def headers(self) -> str:
        """The headers that the user gave, by name."""
        if not self.header_names:
            return "no header was sent: give the backend's key in input otlp-headers"
        return f"headers sent: {', '.join(self.header_names)} (input otlp-headers)"

    def quoted(self, words: str) -> str:
        """Return a server's words as the end of a sentence, fit to be shown, if there are any."""
        shown = self.redactor.shown(words)
        return f': "{shown}"' if shown else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason. ``problem`` has no number of items yet; ``key`` tells reasons of one kind apart.

    ``lasting`` means that no later batch can escape it, so that none needs to be tried, and
    ``absent`` that nothing takes the signal there at all. ``final`` means that no later try of the
    same items can fare better, wherever the reason lies with them.
    """

    key: str
    problem: str
    advice: str
    status: int | None = None
    lasting: bool = False
    rejection: bool = False
    absent: bool = False
    final: bool = False
    nouns: Nouns = NOUNS[Signal.TRACES]


def failure(cause: Cause, items: int, untried: int = 0) -> Failure:
    """Return the cause for so many items, ``untried`` of which were not sent because of it."""
    problem, some = cause.problem, cause.nouns.some(items)
    if cause.rejection:
        problem = problem.replace(f"some {cause.nouns.item}s", some, 1)
    if untried == items:
        problem += f"; {some} not sent"
    elif untried:
        problem += f"; {untried} of {some} not tried after that"
    return Failure(problem=problem, advice=cause.advice, items=items, status=cause.status)
