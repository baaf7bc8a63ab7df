"""A feature as the subject of an export: its whole tree as one trace, when it has closed."""

from __future__ import annotations

from flow_telemetry.errors import SelectionError
from flow_telemetry.export.sizes import resource_size, span_size
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.model import (
    Lineage,
    WorkItem,
)
from flow_telemetry.model.tree import (
    FeatureTree,
)
from flow_telemetry.outcome import Exported
from flow_telemetry.parts import Parts
from flow_telemetry.rules.timing import Interval
from flow_telemetry.settings import Settings, TraceScope
from flow_telemetry.signals.feature import FeatureMapping, TreeDetail, feature_root, feature_spans
from flow_telemetry.signals.items import item_name
from flow_telemetry.subject import FeatureSubject
from flow_telemetry.subjects.collected import Collected
from flow_telemetry.subjects.facts import feature_facts
from flow_telemetry.subjects.feature_tree import read_tree
from flow_telemetry.subjects.item import categories, item_collected, read_item
from flow_telemetry.subjects.mapping import resources_of, tracing_of
from flow_telemetry.views.links import trace_url

# Tempo drops what is beyond 5,000,000 bytes of a trace; ours are sums of upper bounds.
MOST_BYTES = 4_500_000


def collect_feature(settings: Settings, subject: FeatureSubject, parts: Parts) -> Collected:
    """Read a feature with all below it and return its trace.

    Raises:
        FlowTelemetryError: it cannot be read, or is open and no snapshot was asked for.
    """
    item, lineage = read_item(settings, subject, parts)
    # Under `trace-scope: feature` the whole of a closed one leaves as a snapshot only.
    of_feature = settings.tracing.scope is TraceScope.FEATURE
    if not item.ended and not subject.snapshot:
        raise SelectionError(
            f"{item.key} is still open: its trace leaves when it is closed. To send it as of now, "
            "under ids of its own, ask for a snapshot (--snapshot, input snapshot)"
        )
    snapshot = not item.ended or (subject.snapshot and of_feature)
    return feature_collected(settings, item, lineage, parts, snapshot=snapshot)


def feature_collected(
    settings: Settings, item: WorkItem, lineage: Lineage, parts: Parts, *, snapshot: bool
) -> Collected:
    """Return what leaves of a feature that was read, at its closing or as a snapshot.

    Under `trace-scope: feature` there is one trace: what was sent live is in it already, and only
    its own span is left to send at the closing.
    """
    if settings.tracing.scope is TraceScope.FEATURE and not snapshot:
        return item_collected(settings, item, lineage, parts)
    now = parts.clock.now().replace(microsecond=0)
    tree = read_tree(settings, parts, item, lineage, snapshot=now if snapshot else None)
    mapping = FeatureMapping(
        tracing=tracing_of(settings),
        resources=resources_of(settings),
        categories=categories(settings, parts, item.tracker),
    )
    unread = tuple(f"{item.key} is not all in its trace: {each}" for each in tree.unread)
    detail = finest_that_fits(tree, mapping, settings.tracing.max_spans)
    return Collected(
        spans=feature_spans(tree, detail, mapping),
        facts=feature_facts(settings, tree, mapping.categories),
        exported=_exported(settings, tree, lineage),
        incomplete=unread if parts.github.budget_exceeded else (),
        problems=() if parts.github.budget_exceeded else unread,
        left_out=_left_out(tree, detail, settings.tracing.max_spans),
    )


def finest_that_fits(tree: FeatureTree, mapping: FeatureMapping, most: int) -> TreeDetail:
    """Return the finest detail at which a feature's trace keeps within spans and bytes."""
    for detail in TreeDetail if tree.with_jobs else (TreeDetail.RUN, TreeDetail.CHANGE):
        if _fits(tree, detail, mapping, most):
            return detail
    return TreeDetail.CHANGE


def _fits(tree: FeatureTree, detail: TreeDetail, mapping: FeatureMapping, most: int) -> bool:
    size, seen = 0, set()
    for count, span in enumerate(feature_spans(tree, detail, mapping), start=1):
        size += span_size(span)
        if id(span.resource) not in seen:
            seen.add(id(span.resource))
            size += resource_size(span.resource)
        if count > most or size > MOST_BYTES:
            return False
    return True


def _left_out(tree: FeatureTree, detail: TreeDetail, most: int) -> tuple[str, ...]:
    if detail is TreeDetail.STEP:
        return ()
    if detail is TreeDetail.RUN and not tree.with_jobs:
        return ("jobs and steps: they would take more requests than input max-requests allows",)
    return (
        f"spans finer than {detail.value}: the trace would have more than {most} spans (input "
        f"max-spans) or {MOST_BYTES / 1e6} MB",
    )


def _exported(settings: Settings, tree: FeatureTree, lineage: Lineage) -> Exported:
    item, root = tree.root.item, feature_root(tree)
    start = item.created_at or item.closed_at or tree.snapshot
    if start is None:
        raise SelectionError(f"when {item.key} was opened is not known, so it has no span")
    trace = TraceIdentity(root=root, namespace=settings.tracing.namespace)
    interval = Interval.of(start, tree.snapshot or item.closed_at)
    template = settings.tracing.trace_url
    url = template and trace_url(template, trace, root, interval)
    return Exported(
        title=item_name(item),
        item=item,
        lineage=lineage,
        trace=trace,
        reference=root,
        interval=interval,
        partial=tree.snapshot is not None,
        trace_url=url or None,
    )
