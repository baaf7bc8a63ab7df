"""A work item, each time that it is closed, and a whole feature to measurements.

What happened is counted since its last closing, so that a reopened item counts nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from flow_telemetry.model import (
    EventKind,
    Run,
    StatusCategory,
    WorkItem,
    result_of,
)
from flow_telemetry.model.tree import (
    ChangeNode,
    FeatureTree,
    ItemNode,
)
from flow_telemetry.rules import timing
from flow_telemetry.rules.flow import Flow, item_flows
from flow_telemetry.rules.lives import happened
from flow_telemetry.rules.stretches import GITHUB_CATEGORIES, stretches
from flow_telemetry.signals import failures, semconv
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.metrics.points import Points, points_of, seconds_between
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Measurement, Resource

Categories = Mapping[str, StatusCategory]


def item_measurements(
    item: WorkItem,
    resource: Resource,
    categories: Categories = GITHUB_CATEGORIES,
    blocked_names: frozenset[str] = frozenset(),
    extra: tuple[str, ...] = (),
    *,
    keys: Facts = (),
) -> Iterator[Measurement]:
    """Return the measurements of an item that was closed; none of one that is open.

    ``categories`` say what statuses mean, ``blocked_names`` are statuses and labels that mean
    blocked. Where not all of its history could be read, only what needs none of it is measured.
    ``extra`` are attributes that the user adds, ``keys`` what those may name of the things above.
    """
    flows = item_flows(item, categories, blocked_names)
    if not flows:
        return
    flow = flows[-1]
    facts = (*_facts(item), (names.ITEM_RESULT, item.result), *keys)
    points = points_of(resource, facts, extra)
    yield from points.of(table.ITEM_COUNT, 1)
    yield from points.of(
        table.ITEM_LEAD_TIME, seconds_between(item.created_at, flow.life.interval.end)
    )
    if item.history_complete:
        yield from _of_flow(flow, points)
        yield from _of_events(item, flows, points)


def _facts(item: WorkItem) -> Facts:
    return (
        (names.TRACKER, item.tracker),
        (names.REPOSITORY, item.repository.full_name if item.repository else None),
        (names.ITEM_TYPE, item.type),
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
    )


def _of_flow(flow: Flow, points: Points) -> Iterator[Measurement]:
    if flow.life.number > 1:
        yield from points.of(table.ITEM_REOPENED, 1)
    yield from points.of(table.ITEM_CYCLE_TIME, flow.cycle_time)
    yield from points.of(table.ITEM_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.ITEM_EFFICIENCY, flow.efficiency)
    yield from points.of(table.ITEM_TIMES_BLOCKED, len(flow.blocked))
    yield from points.of(table.ITEM_BLOCKED_TIME, flow.blocked_time)


def _of_events(item: WorkItem, flows: tuple[Flow, ...], points: Points) -> Iterator[Measurement]:
    if item.created_at is None:
        return
    before = flows[-2].life.interval.end if len(flows) > 1 else None
    events = happened(item.history, item.created_at, flows[-1].life.interval.end)
    counted = Counter(e.kind for e in events if before is None or e.time > before)
    yield from points.of(table.ITEM_COMMENTS, counted[EventKind.COMMENTED])
    yield from points.of(table.ITEM_STATUS_CHANGES, counted[EventKind.STATUS_CHANGED])


def feature_measurements(
    tree: FeatureTree,
    resource: Resource,
    categories: Categories = GITHUB_CATEGORIES,
    extra: tuple[str, ...] = (),
) -> Iterator[Measurement]:
    """Return the measurements of a whole feature; those of its items are sent with each of them.

    ``categories`` and ``extra`` as in `item_measurements`. Where a part of it could not be read,
    the points say so: their numbers are too low.
    """
    root = tree.root.item
    known = ((semconv.FLOW_FEATURE_KEY, root.key), (names.FEATURE_COMPLETE, not tree.unread))
    points = points_of(resource, (*_facts(root), *known), extra)
    yield from _of_items(tree, categories, points)
    changes = {node.change.reference: node for node in _changes(tree.root)}.values()
    runs = {run.reference: run for node in changes for run in (*node.runs, *node.later_runs)}
    deployments = {made.reference for node in changes for made in node.deployments}
    yield from points.of(table.FEATURE_CHANGES, len(changes))
    yield from points.of(table.FEATURE_RUNS, len(runs))
    yield from points.of(table.FEATURE_FAILED_RUNS, sum(map(_failed, runs.values())))
    if tree.with_jobs:  # Without them it is not known when a run ended.
        build_time = sum(timing.run_interval(run).seconds for run in runs.values())
        yield from points.of(table.FEATURE_BUILD_TIME, build_time)
    yield from points.of(table.FEATURE_DEPLOYMENTS, len(deployments))


def _of_items(tree: FeatureTree, categories: Categories, points: Points) -> Iterator[Measurement]:
    counted = Counter((item.type, _category(item, categories, tree)) for item in _below(tree.root))
    for (kind, category), number in counted.items():
        yield from points.of(
            table.FEATURE_ITEMS,
            number,
            (names.ITEM_TYPE, kind),
            (names.ITEM_CATEGORY, category.value if category else None),
        )


def _category(item: WorkItem, categories: Categories, tree: FeatureTree) -> StatusCategory | None:
    until = tree.snapshot or tree.root.item.closed_at
    if item.closed_at is not None and (until is None or item.closed_at <= until):
        return StatusCategory.DONE
    known = stretches(item, categories, until)
    return known[-1].category if known else None


def _below(node: ItemNode) -> Iterator[WorkItem]:
    for child in node.children:
        yield child.item
        yield from _below(child)


def _changes(node: ItemNode) -> Iterator[ChangeNode]:
    yield from node.changes
    for child in node.children:
        yield from _changes(child)


def _failed(run: Run) -> bool:
    return result_of(run.conclusion) in failures.ERRORS
