"""Work items and features to spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.changes import (
    delivery_reference,
    delivery_span,
    whole_change_spans,
)
from flow_telemetry.mapping.placement import (
    Ancestry,
    Placement,
    TraceKind,
    Tracing,
    ancestor_keys,
    link,
    place,
    place_item,
    root_link,
)
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.mapping.spans import AttributePairs, ResourceMaker, SpanMaker
from flow_telemetry.mapping.time_shares import time_attributes
from flow_telemetry.model import (
    ActorKind,
    Change,
    Deployment,
    EditedField,
    Event,
    EventKind,
    FlowType,
    Lineage,
    Run,
    WorkItem,
)
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.rules.flow_types import find_flow_type
from flow_telemetry.rules.lifecycle import (
    CLOSINGS,
    BlockedInterval,
    OpenPeriod,
    StatusInterval,
    actor_kind,
    change_periods,
    count_backward_moves,
    find_blocked_intervals,
    find_status_intervals,
    item_periods,
    value_at,
)
from flow_telemetry.rules.order import life_of, moved_blocked, moved_part
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.settings import Detail, SpanNames, TraceScope
from flow_telemetry.telemetry import Resource, Span, SpanLink

# A work item to spans: its lives (open periods), and the statuses in them

# The kinds of event that add a label or assignee to an item, and that remove it.
_LABELS = (EventKind.LABELED, EventKind.UNLABELED)
_ASSIGNMENTS = (EventKind.ASSIGNED, EventKind.UNASSIGNED)
# GitHub reports the reason of a closing only if it is not this one.
_DEFAULT_RESULT = "completed"


def item_spans(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    *,
    blocked_names: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> Iterator[Span]:
    """Return the spans of an item in its live trace: lives, then statuses and blocked times.

    They are below its opening span, whose ``placement`` this is. Lives and statuses in progress are
    left out. ``unread`` says why not all items above it could be read. An item of which only the
    key is known has no spans.
    """
    periods = item_periods(item)
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(item))
    for period in periods:
        attributes = (
            *period_attributes(item, period),
            (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
            (semconv.FEATURE_TRACE_ID, placement.feature_trace_id),
        )
        yield make.span(
            Entity.LIFE,
            identity.life_reference(item.reference, period.number),
            item.reference,
            _life_name(item, period),
            life_of(period.interval),
            attributes=attributes,
            links=placement.links,
        )
    numbers = {period.number for period in periods}
    for status in find_status_intervals(item) if periods else ():
        if status.period_number in numbers:
            yield _status_span(make, item, status, item.reference)
    for blocked in find_blocked_intervals(item, blocked_names) if periods else ():
        yield _blocked_span(make, item, blocked, item.reference)


def whole_item_spans(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    *,
    reference: str,
    blocked_names: Sequence[str] = (),
    until: datetime | None,
    attributes: AttributePairs = (),
) -> Iterator[Span]:
    """Return the spans of an item in a feature trace: its first life, with all others below it.

    Lives and statuses in progress end at ``until``. ``reference`` is that of the first span, which
    has the further ``attributes``.
    """
    periods = item_periods(item, until)
    if not periods:
        return
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(item))
    numbers = {period.number for period in periods}
    parents = {
        n: reference if n == 1 else identity.life_reference(item.reference, n) for n in numbers
    }
    statuses = [s for s in find_status_intervals(item, until) if s.period_number in numbers]
    blocks = find_blocked_intervals(item, blocked_names, until)
    parts = [
        *((s.period_number, moved_part(s.interval, s.number)) for s in statuses),
        *((b.period_number, moved_blocked(b.interval, b.number)) for b in blocks),
    ]
    for period in periods:
        first = period.number == 1
        of_period = (part for number, part in parts if number == period.number)
        yield make.span(
            Entity.WORK_ITEM if first else Entity.LIFE,
            parents[period.number],
            placement.parent if first else reference,
            _item_span_name(item, period, placement) if first else _life_name(item, period),
            life_of(period.interval, of_period),
            attributes=(*period_attributes(item, period), *(attributes if first else ())),
            links=placement.links if first else (),
        )
    for status in statuses:
        yield _status_span(make, item, status, parents[status.period_number])
    for blocked in blocks:
        yield _blocked_span(make, item, blocked, parents[blocked.period_number])


def _common_attributes(item: WorkItem) -> AttributePairs:
    return (
        (semconv.GITHUB_REPOSITORY, item.repository.full_name if item.repository else None),
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
    )


def _life_name(item: WorkItem, period: OpenPeriod) -> str:
    if not period.ended:
        return "open"
    return "open until closed" if item.tracker == "github" else "open until done"


def _item_span_name(item: WorkItem, period: OpenPeriod, placement: Placement) -> str:
    plain = placement.names is SpanNames.PLAIN
    return "work item" if plain else item_name(item_at(item, period))


def item_name(item: WorkItem) -> str:
    """Return the name of an item's span: `epic ACME-42`."""
    return f"{(item.type or 'item').lower()} {item.key}"


def item_at(item: WorkItem, period: OpenPeriod) -> WorkItem:
    """Return the item with the title and type that it had at the end of an open period."""
    end = period.interval.end
    title = value_at(end, EditedField.TITLE, item.title, item.edits)
    type_name = value_at(end, EditedField.TYPE, item.type, item.edits)
    return replace(item, title=title or "", type=type_name or "")


def _status_span(make: SpanMaker, item: WorkItem, status: StatusInterval, parent: str) -> Span:
    return make.span(
        Entity.STATUS,
        identity.status_reference(item.reference, status.number),
        parent,
        status.status,
        moved_part(status.interval, status.number),
        attributes=(
            (work_semconv.ITEM_STATUS, status.status),
            (work_semconv.ITEM_STATUS_ID, status.status_id),
            (
                work_semconv.ITEM_STATUS_CATEGORY,
                status.category.value if status.category else None,
            ),
            (semconv.FLOW_PARTIAL, None if status.ended else True),
        ),
    )


def _blocked_span(make: SpanMaker, item: WorkItem, blocked: BlockedInterval, parent: str) -> Span:
    return make.span(
        Entity.BLOCKED,
        identity.blocked_reference(item.reference, blocked.number),
        parent,
        "blocked",
        moved_blocked(blocked.interval, blocked.number),
        attributes=(
            (event_semconv.BLOCKED_BY, blocked.reason or "flag"),
            (work_semconv.BLOCKED_CAUSE, blocked.cause.value),
            (semconv.FLOW_PARTIAL, None if blocked.ended else True),
        ),
    )


def period_attributes(item: WorkItem, period: OpenPeriod) -> AttributePairs:
    """Return the attributes at the end of an open period, so that a repeated span is equal."""
    item, end = item_at(item, period), period.interval.end
    later = [event for event in item.history if event.time > end]
    comments = sum(
        e.kind is EventKind.COMMENTED and actor_kind(e) is ActorKind.HUMAN
        for e in item.history
        if e.time <= end
    )
    return (
        (work_semconv.ITEM_TYPE, item.type),
        (work_semconv.ITEM_TITLE, item.title),
        (work_semconv.ITEM_TRACKER, item.tracker),
        (work_semconv.ITEM_URL, item.url),
        (semconv.FLOW_PARTIAL, None if period.ended else True),
        (work_semconv.ITEM_RESULT, period_result(item, period)),
        (work_semconv.ITEM_LABELS, _before(item.labels, later, _LABELS)),
        (work_semconv.ITEM_ASSIGNEES, _before(item.assignees, later, _ASSIGNMENTS)),
        (work_semconv.ITEM_COMMENTS, comments),
        (work_semconv.ITEM_BACKWARD_MOVES, _backward_moves_in(item, period)),
        (work_semconv.TIMELINE_INCOMPLETE, None if item.history_complete else True),
    )


def flow_type_at(
    item: WorkItem, period: OpenPeriod, flow_types: Mapping[str, FlowType]
) -> str | None:
    """Return the flow type of an item at the end of an open period, by its type and labels then."""
    later = [event for event in item.history if event.time > period.interval.end]
    labels = _before(item.labels, later, _LABELS)
    flow_type = find_flow_type(item_at(item, period).type, labels, flow_types)
    return flow_type.value if flow_type else None


def _backward_moves_in(item: WorkItem, period: OpenPeriod) -> int | None:
    if not (period.ended and item.history_complete):
        return None
    return count_backward_moves(item, item_periods(item)[: period.number])


def _before(
    now: Iterable[str], later: Iterable[Event], kinds: tuple[EventKind, EventKind]
) -> tuple[str, ...]:
    """Return the labels or assignees before the ``later`` events; the first ones have no event."""
    added, removed = kinds
    subjects = set(now)
    for event in reversed(list(later)):
        if event.kind is added:
            subjects.discard(event.subject)
        elif event.kind is removed:
            subjects.add(event.subject)
    return tuple(sorted(subjects))


def period_result(item: WorkItem, period: OpenPeriod) -> str | None:
    """Return how an open period ended; the item itself has this only of its last closing."""
    if not period.ended:
        return None
    end = period.interval.end
    results = (e.result for e in item.history if e.kind in CLOSINGS and e.time == end and e.result)
    last = item.closed_at is not None and item.closed_at <= end
    default = _DEFAULT_RESULT if item.tracker == "github" else None
    return next(results, item.result if last else default)


# A whole feature to one trace: epic → stories → pull requests → phases and runs → jobs → steps


_RUN_DETAIL = {
    TreeDetail.STEP: Detail.STEP,
    TreeDetail.JOB: Detail.JOB,
    TreeDetail.RUN: Detail.RUN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMapping:
    """Settings of feature traces; ``tracing`` is that of the live traces.

    ``time`` is where the time of the feature went, for its root.
    """

    tracing: Tracing
    resources: ResourceMaker
    blocked_names: Sequence[str]
    time: TimeShares | None = None
    lead_time_from_author: bool = True


def feature_root(tree: FeatureTree) -> str:
    """Return the reference of the root of the feature trace.

    It is the feature's own reference. A snapshot and each closing after the first have a separate
    root with a time, so that traces that were sent before do not change.
    """
    item = tree.root.item
    if tree.snapshot is not None:
        return identity.as_of(item.reference, tree.snapshot)
    periods = item_periods(item)
    if len(periods) > 1:
        return identity.as_of(item.reference, periods[-1].interval.end)
    return item.reference


def feature_spans(tree: FeatureTree, detail: TreeDetail, mapping: FeatureMapping) -> Iterator[Span]:
    """Return the spans of a feature trace, parents first, made one by one.

    Open entities end at the time of the snapshot or of the feature's closing. The feature must have
    a known creation, and a snapshot time or a closing.
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
    yield from walk.map_item(tree.root, None, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """The mapping of one tree, from the root down."""

    tree: FeatureTree
    detail: TreeDetail
    mapping: FeatureMapping
    trace: TraceIdentity
    trace_id: str
    root: str
    until: datetime | None

    def map_item(
        self, node: ItemNode, parent: str | None, above: tuple[WorkItem, ...]
    ) -> Iterator[Span]:
        """Return the spans of an item and of all entities below it.

        ``parent`` is the reference of the entity above, ``above`` the items above, nearest first.
        """
        item, items = node.item, (node.item, *above)
        shown = parent is None or bool(item_periods(item, self.until))
        reference = self.root if parent is None else item.reference
        root_attributes = (
            (work_semconv.FEATURE_DETAIL, self.detail.value),
            (work_semconv.FEATURE_INCOMPLETE, "; ".join(self.tree.unread)),
            *time_attributes(self.mapping.time),
        )
        if shown:
            yield from whole_item_spans(
                item,
                self._place(
                    parent, Ancestry(lineage=Lineage(items=items)), self._item_links(items)
                ),
                self.mapping.resources.of_item(item),
                reference=reference,
                blocked_names=self.mapping.blocked_names,
                until=self.until,
                attributes=root_attributes if parent is None else (),
            )
        # The children of an item without a span are below the entity above it.
        below = reference if shown or parent is None else parent
        for child in node.children:
            yield from self.map_item(child, below, items)
        for change in node.changes if self.detail is not TreeDetail.ITEM else ():
            yield from self._map_change(change, below, items)

    def _map_change(
        self, node: ChangeNode, parent: str, items: tuple[WorkItem, ...]
    ) -> Iterator[Span]:
        change = node.change
        ancestry = Ancestry(change=change, lineage=Lineage(items=items))
        shown = bool(change_periods(change, self.until))
        if shown:
            yield from whole_change_spans(
                change,
                self._place(parent, ancestry, self._live_link(change.reference, ancestry)),
                self.mapping.resources.of_change(change),
                until=self.until,
            )
        for run in node.runs:
            below = change.reference if shown else parent
            yield from self._map_run(run, below, ancestry)
        beside = Ancestry(change=change, lineage=Lineage(items=items), beside=True)
        for run in node.later_runs:
            yield from self._map_run(run, parent, beside)
        for deployment in node.deployments:
            yield from self._map_deployment(deployment, change, parent, beside)

    def _map_run(self, run: Run, parent: str, ancestry: Ancestry) -> Iterator[Span]:
        detail = _RUN_DETAIL.get(self.detail)
        if detail is None:
            return
        yield from run_spans(
            select_whole_run(run),
            self._place(parent, ancestry, self._live_link(run.reference, ancestry)),
            self.mapping.resources.of_run(run),
            detail,
        )

    def _map_deployment(
        self, deployment: Deployment, change: Change, parent: str, ancestry: Ancestry
    ) -> Iterator[Span]:
        reference = delivery_reference(deployment, change)
        span = delivery_span(
            deployment,
            change,
            self._place(parent, ancestry, self._live_link(reference, ancestry)),
            self.mapping.resources.of_change(change),
            from_author=self.mapping.lead_time_from_author,
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
            kind=TraceKind.FEATURE if self.tree.snapshot is None else TraceKind.SNAPSHOT,
            names=self.mapping.tracing.names,
            boilerplate_steps=self.mapping.tracing.boilerplate_steps,
            keys=ancestor_keys(ancestry),
            links=links,
        )

    def _live_link(self, reference: str, ancestry: Ancestry) -> tuple[SpanLink, ...]:
        """Return the link to the same entity in its live trace, if that is another trace."""
        live = place(reference, ancestry, self.mapping.tracing).trace
        back = link(live, reference, "live")
        return () if back.trace_id == self.trace_id else (back,)

    def _item_links(self, items: tuple[WorkItem, ...]) -> tuple[SpanLink, ...]:
        """Return links to the live trace of the first item, and to the items above the feature.

        Items have a live trace only with scope item; with scope feature that is the feature's.
        """
        item, tracing = items[0], self.mapping.tracing
        above = self.tree.above if item is self.tree.root.item else ()
        links = [root_link(other.reference, tracing.namespace, "work_item") for other in above]
        if tracing.scope is TraceScope.ITEM:
            live = place_item(item, Lineage(items=items), tracing).trace
            links.append(link(live, item.reference, "live"))
        return tuple(one for one in links if one.trace_id != self.trace_id)
