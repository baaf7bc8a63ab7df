"""Placement of entities: their trace, their parent span and their links.

Entities form one tree. The trace scope selects the root of a trace in it. Links lead only to other
traces, because some backends draw a link within a trace like a parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.limits import OptionalValue
from flow_telemetry.model import Change, Lineage, Parentage, WorkItem
from flow_telemetry.settings import TraceScope
from flow_telemetry.telemetry import SpanLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestry:
    """The ancestors of an entity: a pull request, and the work items above it.

    ``beside`` is set for entities after the merge: they are siblings of the pull request, under
    the work item, if the trace reaches the item.
    """

    change: Change | None = None
    lineage: Lineage = field(default_factory=Lineage)
    beside: bool = False

    def path(self, scope: TraceScope) -> tuple[str, ...]:
        """Return the references above the entity up to the root of its trace, nearest first."""
        if scope is TraceScope.RUN:
            return ()
        references = tuple(item.reference for item in self.lineage.items)
        items = {TraceScope.ITEM: references[:1], TraceScope.FEATURE: references}.get(scope, ())
        change = () if self.change is None else (self.change.reference,)
        return items if items and self.beside else (*change, *items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """Settings of traces. ``feature_trace`` says whether the feature trace is sent."""

    scope: TraceScope
    namespace: str = ""
    feature_trace: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The place of an entity in a trace. ``parent`` is the reference of its parent span, or None.

    ``trace_id`` is the trace's id, hashed once instead of for every span. ``keys`` are attributes
    of every span of the entity: feature, work item and change, if known.
    """

    trace: TraceIdentity
    trace_id: str
    parent: str | None
    keys: tuple[tuple[str, OptionalValue], ...] = ()
    links: tuple[SpanLink, ...] = ()

    def span_id(self, reference: str) -> str:
        """Return the id of a reference's span in this trace."""
        return self.trace.span_id(reference)


def place(
    reference: str,
    ancestry: Ancestry,
    tracing: Tracing,
    *,
    others: Iterable[Change] = (),
    path: tuple[str, ...] | None = None,
) -> Placement:
    """Return the placement of an entity in its live trace.

    ``others`` are further pull requests that it belongs to; further items are in the lineage.
    ``path`` is the path that other programs have already received, if any: it takes precedence,
    and a pull request that is not in it becomes a link.
    """
    if path is None:
        path = ancestry.path(tracing.scope)
    elif ancestry.change is not None and ancestry.change.reference not in path:
        others = (ancestry.change, *others)
    trace = TraceIdentity(root=path[-1] if path else reference, namespace=tracing.namespace)
    return Placement(
        trace=trace,
        trace_id=trace.trace_id,
        parent=path[0] if path else None,
        keys=ancestor_keys(ancestry),
        links=_links(reference, trace, ancestry, tracing, others),
    )


def place_item(item: WorkItem, lineage: Lineage, tracing: Tracing) -> Placement:
    """Return the placement of an item in its live trace: with scope feature, below its ancestors.

    ``lineage`` begins with the item itself.
    """
    above = lineage.items[1:] if tracing.scope is TraceScope.FEATURE else ()
    trace = TraceIdentity(
        root=above[-1].reference if above else item.reference, namespace=tracing.namespace
    )
    ancestry = Ancestry(lineage=lineage)
    return Placement(
        trace=trace,
        trace_id=trace.trace_id,
        parent=above[0].reference if above else None,
        keys=ancestor_keys(ancestry),
        links=_links(item.reference, trace, ancestry, tracing, ()),
    )


def ancestor_keys(ancestry: Ancestry) -> tuple[tuple[str, OptionalValue], ...]:
    """Return the keys for every span, by which queries join spans of different traces."""
    feature, nearest = ancestry.lineage.feature, ancestry.lineage.nearest
    return (
        (semconv.VCS_CHANGE_ID, str(ancestry.change.number) if ancestry.change else None),
        (semconv.FLOW_WORK_ITEM_KEY, nearest.key if nearest else None),
        (semconv.FLOW_FEATURE_KEY, feature.key if feature else None),
    )


def _links(
    reference: str,
    trace: TraceIdentity,
    ancestry: Ancestry,
    tracing: Tracing,
    others: Iterable[Change],
) -> tuple[SpanLink, ...]:
    lineage, namespace = ancestry.lineage, tracing.namespace
    links = []
    if lineage.feature is not None and tracing.feature_trace:
        feature = TraceIdentity(root=lineage.feature.reference, namespace=namespace)
        links.append(link(feature, reference, "feature"))
    links += [root_link(change.reference, namespace, "change") for change in others]
    # Items that are not ancestors of the entity in its feature become links.
    further = (*lineage.others, *lineage.above)
    links += [root_link(item.reference, namespace, "work_item") for item in further]
    return tuple(other for other in links if other.trace_id != trace.trace_id)


def link(trace: TraceIdentity, reference: str, why: str) -> SpanLink:
    """Return a link to a reference's span in a trace."""
    return SpanLink(
        trace_id=trace.trace_id,
        span_id=trace.span_id(reference),
        attributes={semconv.FLOW_LINK: why},
    )


def root_link(reference: str, namespace: str, why: str) -> SpanLink:
    """Return a link to the trace whose root is the entity."""
    return link(TraceIdentity(root=reference, namespace=namespace), reference, why)


def run_ancestry(parentage: Parentage, lineage: Lineage) -> Ancestry:
    """Return the ancestors of a run."""
    return Ancestry(change=parentage.change, lineage=lineage, beside=parentage.after_merge)
