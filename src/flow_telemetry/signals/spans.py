"""Making one span: the ids, times and bounds that all kinds of entity share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals import limits, semconv
from flow_telemetry.signals.limits import Maybe, nanoseconds
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.telemetry import Attributes, Resource, Span, SpanEvent, SpanKind, SpanLink

Facts: TypeAlias = tuple[tuple[str, Maybe], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMaker:
    """Makes the spans of one entity and of its parts.

    ``common`` are the facts that stand on each of them, so that a query finds it without a join.
    """

    placement: Placement
    resource: Resource
    common: Facts = ()
    # Bounded once, and not for each of tens of thousands of spans.
    _shared: Attributes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Bound what all of the spans have."""
        shared = limits.attributes(self.placement.keys, self.common)
        object.__setattr__(self, "_shared", shared)

    def span(
        self,
        entity: Entity,
        reference: str,
        parent: str | None,
        name: str,
        interval: Interval,
        *,
        facts: Facts = (),
        kind: SpanKind = SpanKind.INTERNAL,
        events: tuple[SpanEvent, ...] = (),
        links: tuple[SpanLink, ...] = (),
        error: str | None = None,
    ) -> Span:
        """Return the span of a flow reference below that of ``parent``, None for a root.

        ``error`` is the description of an ERROR status.
        """
        own: Facts = ((semconv.FLOW_ENTITY_TYPE, entity.value), (semconv.FLOW_REFERENCE, reference))
        placement = self.placement
        return Span(
            trace_id=placement.trace_id,
            span_id=placement.span_id(reference),
            parent_span_id=None if parent is None else placement.span_id(parent),
            name=limits.name(name),
            start=nanoseconds(interval.start),
            end=nanoseconds(interval.end),
            resource=self.resource,
            kind=kind,
            attributes=limits.attributes(own, facts, shared=self._shared),
            events=events,
            links=links,
            error=None if error is None else limits.value(error),
        )
