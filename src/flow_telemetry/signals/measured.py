"""What only the runner knows of a step or a job, as the span `#measured` below its own.

The step's span is GitHub's word alone, so that whoever sends it again sends it equal; what was
measured stands beside it, sent once by the job's own export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flow_telemetry import identity
from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.signals.spans import Facts, SpanMaker
from flow_telemetry.telemetry import Span, SpanLink

_NAME = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A part of what was measured of a step or job, by the reference of its span.

    ``interval`` is a finer time than GitHub's whole seconds, where one is known.
    """

    owner: str
    facts: Facts = ()
    interval: Interval | None = None
    links: tuple[SpanLink, ...] = ()


def measured_spans(
    make: SpanMaker, measured: Iterable[Measured], intervals: Mapping[str, Interval]
) -> Iterator[Span]:
    """Return one span for each owner, with all that was measured of it.

    ``intervals`` are the owners' own times, by reference; what has none there has no span.
    """
    by_owner: dict[str, list[Measured]] = {}
    for each in measured:
        by_owner.setdefault(each.owner, []).append(each)
    for owner, interval in intervals.items():
        if owner in by_owner:
            yield _span(make, owner, by_owner[owner], interval)


def _span(make: SpanMaker, owner: str, parts: list[Measured], interval: Interval) -> Span:
    finer = next((each.interval for each in parts if each.interval is not None), None)
    return make.span(
        Entity.MEASURED,
        identity.measured_reference(owner),
        owner,
        _NAME,
        finer or interval,
        facts=tuple(fact for each in parts for fact in each.facts),
        links=tuple(link for each in parts for link in each.links),
    )
