"""The events and measurements of changes, items and features: they leave once, with their subject.

Those of runs are in `run_facts`, so that the export of a run loads nothing of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from flow_telemetry.model import (
    Change,
    Lineage,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.tree import (
    FeatureTree,
)
from flow_telemetry.parts import Parts
from flow_telemetry.rules.blocking import blockings
from flow_telemetry.rules.stretches import stretches
from flow_telemetry.rules.timing import Interval
from flow_telemetry.settings import Settings
from flow_telemetry.signals.events import change_events, item_events, place_item_events
from flow_telemetry.signals.items import item_lives
from flow_telemetry.signals.metrics.of_changes import change_measurements
from flow_telemetry.signals.metrics.of_items import feature_measurements, item_measurements
from flow_telemetry.signals.placement import Placement
from flow_telemetry.subjects.mapping import resources_of, tracing_of
from flow_telemetry.subjects.wanted import wants_events, wants_metrics
from flow_telemetry.telemetry import LogRecord, Measurement

Facts: TypeAlias = Iterator[LogRecord | Measurement]
Categories: TypeAlias = Mapping[str, StatusCategory]


def change_facts(settings: Settings, change: Change, placement: Placement, parts: Parts) -> Facts:
    """Return the facts of a change that ended."""
    resource = resources_of(settings).of_change(change)
    if wants_events(settings):
        yield from change_events(change, placement, resource, parts.clock.now())
    if wants_metrics(settings):
        extra = settings.signals.metric_attributes
        yield from change_measurements(change, resource, extra, keys=placement.keys)


def item_facts(
    settings: Settings, item: WorkItem, lineage: Lineage, categories: Categories, parts: Parts
) -> Facts:
    """Return the facts of a work item that was closed."""
    resource = resources_of(settings).of_item(item)
    placement = place_item_events(item, lineage, tracing_of(settings))
    if wants_events(settings):
        yield from item_events(
            item,
            placement,
            resource,
            parts.clock.now(),
            blocked=blocked_times(item, categories, settings.signals.blocked_names),
            categories=categories,
        )
    if wants_metrics(settings):
        yield from item_measurements(
            item,
            resource,
            categories,
            settings.signals.blocked_names,
            settings.signals.metric_attributes,
            keys=placement.keys,
        )


def feature_facts(settings: Settings, tree: FeatureTree, categories: Categories) -> Facts:
    """Return the facts of a whole feature that was closed; a snapshot has none."""
    if not wants_metrics(settings) or tree.snapshot is not None:
        return
    resource = resources_of(settings).of_item(tree.root.item)
    extra = settings.signals.metric_attributes
    yield from feature_measurements(tree, resource, categories, extra)


def blocked_times(
    item: WorkItem, categories: Categories, blocked_names: frozenset[str]
) -> tuple[Interval, ...]:
    """Return when an item was blocked in all of its lives, in order and without overlap."""
    known = stretches(item, categories)
    return tuple(
        blocked
        for life in item_lives(item)
        for blocked in blockings(item, life, known, blocked_names)
    )
