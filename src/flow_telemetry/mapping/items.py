"""Work items, features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from flow_telemetry import identity
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.changes import (
    change_spans,
    delivery_reference,
    delivery_span,
    life_reference,
)
from flow_telemetry.mapping.placement import (
    Ancestry,
    Placement,
    Tracing,
    keys_of,
    link,
    place,
    place_item,
    root_link,
)
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import Facts, ResourceMaker, SpanMaker
from flow_telemetry.model import (
    Change,
    Deployment,
    Event,
    EventKind,
    Lineage,
    Run,
    WorkItem,
)
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode
from flow_telemetry.rules.lifecycle import (
    CLOSINGS,
    BlockedInterval,
    OpenPeriod,
    StatusInterval,
    change_periods,
    find_blocked_intervals,
    find_status_intervals,
    item_periods,
)
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.settings import Detail, TraceScope
from flow_telemetry.telemetry import Resource, Span, SpanLink

# A work item to spans: its lives, and the stretches of status in them.

# What puts something on an item, and what takes it off again.
_LABELS = (EventKind.LABELED, EventKind.UNLABELED)
_ASSIGNMENTS = (EventKind.ASSIGNED, EventKind.UNASSIGNED)
# GitHub names the reason with a closing only where it is another one than this.
_USUAL_RESULT = "completed"


def item_spans(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    *,
    blocked_names: Sequence[str] = (),
    until: datetime | None = None,
    facts: Facts = (),
    root: str | None = None,
    unread: Sequence[str] = (),
) -> Iterator[Span]:
    """Return the spans of an item, its own first: lives, and stretches of status in order of time.

    What is still open is left out, or with ``until`` sent as of then. ``facts`` are further ones
    of the item's own span. ``unread`` says why not all items above it are known. ``root`` is its reference in a feature trace of its own, where that is
    not the item's. Nothing comes of an item of which only the key is known.
    """
    known = item_periods(item, until)
    make = SpanMaker(placement=placement, resource=resource, common=_common(item))
    owner = root or item.reference
    incomplete = (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread))
    for life in known:
        of_life = (incomplete, *(facts if life.number == 1 else ()))
        yield _life_span(make, item, life, owner, of_life)
    if known:
        ended = {life.number for life in known}
        for stretch in find_status_intervals(item, until):
            if stretch.life in ended:
                yield _stretch_span(make, item, stretch, owner)
        for blocked in find_blocked_intervals(item, blocked_names, until):
            yield _blocked_span(make, item, blocked, owner)


def item_name(item: WorkItem) -> str:
    """Return the name of an item's span: `epic ACME-42`."""
    return f"{(item.type or 'item').lower()} {item.key}"


def _life_span(make: SpanMaker, item: WorkItem, life: OpenPeriod, owner: str, facts: Facts) -> Span:
    first = life.number == 1
    return make.span(
        Entity.WORK_ITEM if first else Entity.LIFE,
        owner if first else identity.life_reference(item.reference, life.number),
        make.placement.parent if first else owner,
        item_name(item) + ("" if first else f", life {life.number}"),
        life.interval,
        facts=(*life_facts(item, life), *facts),
        links=make.placement.links if first else (),
    )


def _stretch_span(make: SpanMaker, item: WorkItem, stretch: StatusInterval, owner: str) -> Span:
    parent = owner if stretch.life == 1 else life_reference(item.reference, stretch.life)
    return make.span(
        Entity.STATUS,
        identity.status_reference(item.reference, stretch.number),
        parent,
        stretch.status,
        stretch.interval,
        facts=(
            (semconv.ITEM_STATUS, stretch.status),
            (
                semconv.ITEM_STATUS_CATEGORY,
                stretch.category.value if stretch.category else None,
            ),
            (semconv.FLOW_PARTIAL, None if stretch.ended else True),
        ),
    )


def _blocked_span(make: SpanMaker, item: WorkItem, blocked: BlockedInterval, owner: str) -> Span:
    parent = owner if blocked.life == 1 else life_reference(item.reference, blocked.life)
    return make.span(
        Entity.BLOCKED,
        identity.blocked_reference(item.reference, blocked.number),
        parent,
        "blocked",
        blocked.interval,
        facts=(
            (semconv.BLOCKED_BY, blocked.cause or "flag"),
            (semconv.FLOW_PARTIAL, None if blocked.ended else True),
        ),
    )


def _common(item: WorkItem) -> Facts:
    return (
        (semconv.GITHUB_REPOSITORY, item.repository.full_name if item.repository else None),
        # The nearest item of an item is itself.
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
    )


def life_facts(item: WorkItem, life: OpenPeriod) -> Facts:
    """Return what the span of a life says: as of its end, so that a repeat is equal."""
    end = life.interval.end
    later = [event for event in item.history if event.time > end]
    comments = sum(e.kind is EventKind.COMMENTED for e in item.history if e.time <= end)
    return (
        (semconv.ITEM_TYPE, item.type),
        (semconv.ITEM_TITLE, item.title),
        (semconv.ITEM_TRACKER, item.tracker),
        (semconv.ITEM_URL, item.url),
        (semconv.FLOW_PARTIAL, None if life.ended else True),
        (semconv.ITEM_RESULT, life_result(item, life)),
        (semconv.ITEM_LABELS, _before(item.labels, later, _LABELS)),
        (semconv.ITEM_ASSIGNEES, _before(item.assignees, later, _ASSIGNMENTS)),
        (semconv.ITEM_COMMENTS, comments),
        (semconv.TIMELINE_INCOMPLETE, None if item.history_complete else True),
    )


def _before(
    now: Iterable[str], later: Iterable[Event], kinds: tuple[EventKind, EventKind]
) -> tuple[str, ...]:
    """Return what was on an item before ``later`` happened: what was there first has no event."""
    put_on, taken_off = kinds
    known = set(now)
    for event in reversed(list(later)):
        if event.kind is put_on:
            known.discard(event.subject)
        elif event.kind is taken_off:
            known.add(event.subject)
    return tuple(sorted(known))


def life_result(item: WorkItem, life: OpenPeriod) -> str | None:
    """How a life ended, which the item itself tells of its last one only."""
    if not life.ended:
        return None
    end = life.interval.end
    told = (e.result for e in item.history if e.kind in CLOSINGS and e.time == end and e.result)
    last = item.closed_at is not None and item.closed_at <= end
    usual = _USUAL_RESULT if item.tracker == "github" else None
    return next(told, item.result if last else usual)


# A whole feature to one trace: epic → stories → pull requests → phases and runs → jobs → steps.


class TreeDetail(Enum):
    """The finest spans of a feature trace, from the finest on."""

    STEP = "step"
    JOB = "job"
    RUN = "run"
    CHANGE = "change"


_OF_RUNS = {
    TreeDetail.STEP: Detail.STEP,
    TreeDetail.JOB: Detail.JOB,
    TreeDetail.RUN: Detail.RUN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMapping:
    """What the user decides about a feature trace; ``tracing`` is that of the live traces."""

    tracing: Tracing
    resources: ResourceMaker
    blocked_names: Sequence[str]


def feature_root(tree: FeatureTree) -> str:
    """Return the reference that the feature trace has as its root.

    It is the feature's own; as of an instant for a snapshot, or for a feature that closed again,
    so that nothing that was sent before is changed.
    """
    item = tree.root.item
    if tree.snapshot is not None:
        return identity.as_of(item.reference, tree.snapshot)
    known = item_periods(item)
    if len(known) > 1:
        return identity.as_of(item.reference, known[-1].interval.end)
    return item.reference


def feature_spans(tree: FeatureTree, detail: TreeDetail, mapping: FeatureMapping) -> Iterator[Span]:
    """Return the spans of a feature trace, parents first, made one by one.

    What is still open in it is sent as of the snapshot or of the feature's closing. The feature's
    opening, and its closing or the snapshot's instant, have to be known.
    """
    root = feature_root(tree)
    trace = TraceIdentity(root=root, namespace=mapping.tracing.namespace)
    walk = _Walk(
        tree=tree,
        detail=detail,
        mapping=mapping,
        trace=trace,
        trace_id=trace.trace_id,
        root=root,
        until=tree.snapshot or tree.root.item.closed_at,
    )
    yield from walk.of_item(tree.root, None, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The way down a tree. ``above`` are always the items above an entity, nearest first."""

    tree: FeatureTree
    detail: TreeDetail
    mapping: FeatureMapping
    trace: TraceIdentity
    trace_id: str
    root: str
    until: datetime | None

    def of_item(
        self, node: ItemNode, parent: str | None, above: tuple[WorkItem, ...]
    ) -> Iterator[Span]:
        """Return the spans of an item and of all below; ``parent`` is the reference above it."""
        item, items = node.item, (node.item, *above)
        shown = parent is None or bool(item_periods(item, self.until))
        reference = self.root if parent is None else item.reference
        if shown:
            yield from item_spans(
                item,
                self._place(
                    parent, Ancestry(lineage=Lineage(items=items)), self._item_links(items)
                ),
                self.mapping.resources.of_item(item),
                blocked_names=self.mapping.blocked_names,
                until=self.until,
                facts=self._root_facts() if parent is None else (),
                root=reference,
            )
        # What has no span of its own leaves its children to the one above.
        below = reference if shown or parent is None else parent
        for child in node.children:
            yield from self.of_item(child, below, items)
        for change in node.changes:
            yield from self._of_change(change, below, items)

    def _of_change(
        self, node: ChangeNode, parent: str, items: tuple[WorkItem, ...]
    ) -> Iterator[Span]:
        change = node.change
        ancestry = Ancestry(change=change, lineage=Lineage(items=items))
        shown = bool(change_periods(change, self.until))
        if shown:
            yield from change_spans(
                change,
                self._place(parent, ancestry, self._live_link(change.reference, ancestry)),
                self.mapping.resources.of_change(change),
                until=self.until,
            )
        for run in node.runs:
            below = change.reference if shown else parent
            yield from self._of_run(run, below, ancestry)
        beside = Ancestry(change=change, lineage=Lineage(items=items), beside=True)
        for run in node.later_runs:
            yield from self._of_run(run, parent, beside)
        for deployment in node.deployments:
            yield from self._of_deployment(deployment, change, parent, beside)

    def _of_run(self, run: Run, parent: str, ancestry: Ancestry) -> Iterator[Span]:
        detail = _OF_RUNS.get(self.detail)
        if detail is None:
            return
        yield from run_spans(
            select_whole_run(run),
            self._place(parent, ancestry, self._live_link(run.reference, ancestry)),
            self.mapping.resources.of_run(run),
            detail,
            change=ancestry.change,
        )

    def _of_deployment(
        self, deployment: Deployment, change: Change, parent: str, ancestry: Ancestry
    ) -> Iterator[Span]:
        reference = delivery_reference(deployment, change)
        span = delivery_span(
            deployment,
            change,
            self._place(parent, ancestry, self._live_link(reference, ancestry)),
            self.mapping.resources.of_change(change),
        )
        if span is not None:
            yield span

    def _place(
        self, parent: str | None, ancestry: Ancestry, links: tuple[SpanLink, ...]
    ) -> Placement:
        return Placement(
            trace=self.trace,
            trace_id=self.trace_id,
            parent=parent,
            keys=keys_of(ancestry),
            links=links,
        )

    def _live_link(self, reference: str, ancestry: Ancestry) -> tuple[SpanLink, ...]:
        """The link back to the same entity in its live trace, where that is another trace."""
        live = place(reference, ancestry, self.mapping.tracing).trace
        back = link(live, reference, "live")
        return () if back.trace_id == self.trace_id else (back,)

    def _item_links(self, items: tuple[WorkItem, ...]) -> tuple[SpanLink, ...]:
        """The link back to where the first item is a root, and those to what is above the feature.

        In the traces of other scopes an item has no span, or all have one trace.
        """
        item, tracing = items[0], self.mapping.tracing
        above = self.tree.above if item is self.tree.root.item else ()
        links = [root_link(each.reference, tracing.namespace, "work_item") for each in above]
        if tracing.scope is TraceScope.ITEM:
            live = place_item(item, Lineage(items=items), tracing).trace
            links.append(link(live, item.reference, "live"))
        return tuple(each for each in links if each.trace_id != self.trace_id)

    def _root_facts(self) -> tuple[tuple[str, str], ...]:
        return (
            (semconv.FEATURE_DETAIL, self.detail.value),
            (semconv.FEATURE_INCOMPLETE, "; ".join(self.tree.unread)),
        )
