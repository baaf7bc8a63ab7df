"""Placement of entities: their trace, their parent span, the openings above them and their links.

Entities form one tree. The trace scope selects the root of a trace in it. Links lead only to other
traces, because some backends draw a link within a trace like a parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.limits import OptionalValue
from flow_telemetry.model import Change, Lineage, Parentage, WorkItem
from flow_telemetry.settings import SpanNames, TraceScope
from flow_telemetry.telemetry import SpanLink


class TraceKind(Enum):
    """The kinds of trace: the values of the attribute `flow.trace`.

    LIVE is sent piece by piece, FEATURE once when the feature closes, SNAPSHOT once on request.
    """

    LIVE = "live"
    FEATURE = "feature"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The creation of a pull request or work item, of which its opening span is made.

    ``parent`` is the reference of the owner above it, None at the root of the trace.
    """

    reference: str
    created_at: datetime
    parent: str | None


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
    """Settings of traces. ``feature_trace`` says whether the feature trace is sent.

    ``boilerplate_steps`` says whether the steps that the runner adds have spans.
    """

    scope: TraceScope
    namespace: str = ""
    feature_trace: bool = True
    names: SpanNames = SpanNames.FULL
    boilerplate_steps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The place of an entity in a trace. ``parent`` is the reference of its parent span, or None.

    ``trace_id`` is the trace's id, hashed once instead of for every span. ``keys`` are attributes
    of every span of the entity: feature, work item and change, if known. ``openings`` are those
    above the entity of which the creation is known, nearest first; a feature trace has none.
    ``feature_trace_id`` is the id of the feature trace that will contain the entity, if that is
    another trace.
    """

    trace: TraceIdentity
    trace_id: str
    parent: str | None
    kind: TraceKind = TraceKind.LIVE
    names: SpanNames = SpanNames.FULL
    boilerplate_steps: bool = True
    keys: tuple[tuple[str, OptionalValue], ...] = ()
    links: tuple[SpanLink, ...] = ()
    openings: tuple[Opening, ...] = ()
    feature_trace_id: str | None = None

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
    return _placement(trace, ancestry, tracing, path, others)


def place_change(change: Change, lineage: Lineage, tracing: Tracing) -> Placement:
    """Return the placement of a change's lives and phases: below its own opening."""
    return place(change.reference, Ancestry(change=change, lineage=lineage), tracing)


def place_item(item: WorkItem, lineage: Lineage, tracing: Tracing) -> Placement:
    """Return the placement of an item's lives and statuses: below its own opening.

    With scope feature that is below those of its ancestors. ``lineage`` begins with the item.
    """
    above = lineage.items[1:] if tracing.scope is TraceScope.FEATURE else ()
    path = (item.reference, *(one.reference for one in above))
    trace = TraceIdentity(root=path[-1], namespace=tracing.namespace)
    # The item itself may be better known than in the chain.
    lineage = replace(lineage, items=(item, *lineage.items[1:]))
    return _placement(trace, Ancestry(lineage=lineage), tracing, path)


def _placement(
    trace: TraceIdentity,
    ancestry: Ancestry,
    tracing: Tracing,
    path: tuple[str, ...],
    others: Iterable[Change] = (),
) -> Placement:
    others = tuple(others)
    feature, feature_trace_id = ancestry.lineage.feature, None
    if feature is not None and tracing.feature_trace and feature.reference != trace.root:
        of_feature = TraceIdentity(root=feature.reference, namespace=tracing.namespace)
        feature_trace_id = of_feature.trace_id
    return Placement(
        trace=trace,
        trace_id=trace.trace_id,
        parent=path[0] if path else None,
        names=tracing.names,
        boilerplate_steps=tracing.boilerplate_steps,
        keys=ancestor_keys(ancestry),
        links=_links(trace, ancestry.lineage, tracing.namespace, others),
        openings=_find_openings(path, ancestry, others),
        feature_trace_id=feature_trace_id,
    )


def _find_openings(
    path: tuple[str, ...], ancestry: Ancestry, others: Iterable[Change]
) -> tuple[Opening, ...]:
    """Return the openings of a path, but for owners whose creation is not known."""
    created: dict[str, datetime | None] = {
        item.reference: item.created_at for item in ancestry.lineage.items
    }
    for change in (ancestry.change, *others):
        if change is not None:
            created[change.reference] = change.created_at
    above: tuple[str | None, ...] = (*path[1:], None)
    return tuple(
        Opening(reference=reference, created_at=at, parent=parent)
        for reference, parent in zip(path, above, strict=False)
        if (at := created.get(reference)) is not None
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
    trace: TraceIdentity, lineage: Lineage, namespace: str, others: Iterable[Change]
) -> tuple[SpanLink, ...]:
    """Return links to what an entity belongs to besides its ancestors.

    The feature trace does not exist for weeks, and some backends answer a link to it with an error
    page.
    """
    links = [root_link(change.reference, namespace, "change") for change in others]
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
