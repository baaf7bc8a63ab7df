"""Lineage: the work items above a change or a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.issues import Closing, read_closing
from flow_telemetry.model import Change, ItemList, Lineage, Repository, WorkItem
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.rules.item_keys import find_item_keys
from flow_telemetry.rules.parentage import build_lineage
from flow_telemetry.settings import Settings, TrackerChoice
from flow_telemetry.trackers import unread_work_item


def read_lineage(context: ExportContext, change: Change | None, home: Repository) -> Lineage:
    """Return the items above a change, or above a run that has none (None).

    ``home`` is the repository of the run or change. Read errors are in ``unread`` of the lineage.
    """
    tracing, trackers = context.settings.tracing, context.settings.trackers
    feature = _chain(context, tracing.feature_key, home) if tracing.feature_key else None
    found = []
    if tracing.work_item_key is not None:
        chain = _chain(context, tracing.work_item_key, home)
        found.append((chain, "`work-item-key` names it"))
    read_errors: tuple[str, ...] = ()
    if change is not None and trackers.choice is not TrackerChoice.NONE:
        closing = _closing(context, change)
        read_errors = closing.unread
        found += _of_change(context, change, closing, named=bool(found))
    lineage = build_lineage(found, feature_types=trackers.feature_types, feature=feature)
    return _with_unread(lineage, read_errors)


def lineage_of_item(context: ExportContext, key: ItemKey, home: Repository) -> Lineage:
    """Return an item with what stands above it, up to its feature.

    One that stands above the feature that the user named is of no feature but its own.
    """
    found = (_chain(context, key, home), "it was requested")
    types, feature_key = (
        context.settings.trackers.feature_types,
        context.settings.tracing.feature_key,
    )
    alone = build_lineage([found], feature_types=types)
    if feature_key is None:
        return alone
    feature = _chain(context, feature_key, home)
    below = build_lineage([found], feature_types=types, feature=feature)
    return below if below.nearest == alone.nearest else alone


def is_feature(item: WorkItem, lineage: Lineage) -> bool:
    """Whether an item is the feature of its own lineage: by type, by name, or as the topmost."""
    return lineage.feature is not None and lineage.feature.reference == item.reference


def _of_change(
    context: ExportContext, change: Change, closing: Closing, *, named: bool
) -> Iterator[tuple[ItemList, str]]:
    """The chains that a change leads to: keys in its texts first, then what it closes.

    ``named`` is whether its nearest item is known before. Later items become links, whose
    ancestors are not read: a title may hold any number of keys.
    """
    home, trackers = change.repository, context.settings.trackers
    closed = {
        chain.items[0].reference: chain
        for chain in context.with_aliases(closing.chains)
        if chain.items and trackers.uses_github
    }
    for key, place in _keys(context.settings, change, closing):
        item = context.with_aliases(unread_work_item(key, home))
        chain = closed.pop(item.reference, None) or (
            ItemList(items=(item,)) if named else _chain(context, key, home)
        )
        named = True
        yield chain, f"its key is in the {place}"
    for chain in closed.values():
        yield chain, "the pull request closes it"


def _keys(settings: Settings, change: Change, closing: Closing) -> Iterator[tuple[ItemKey, str]]:
    """The keys in a change's texts that are of a tracker in use."""
    trackers = settings.trackers
    keys = find_item_keys(
        branch=change.head_branch,
        title=change.title,
        commit_message=closing.oldest_commit_message,
        jira_projects=trackers.jira_projects if trackers.uses_jira else None,
    )
    for key, place in keys.items():
        if key.tracker != "github" or trackers.uses_github:
            yield key, place


def _closing(context: ExportContext, change: Change) -> Closing:
    try:
        return read_closing(context.github, change)
    except FlowTelemetryError as error:
        return Closing(unread=(str(error),))


def _chain(context: ExportContext, key: ItemKey, home: Repository) -> ItemList:
    try:
        chain = context.trackers.chain(key, home)
    except FlowTelemetryError as error:
        chain = ItemList(items=(unread_work_item(key, home),), unread=(str(error),))
    return context.with_aliases(chain)


def _with_unread(lineage: Lineage, read_errors: tuple[str, ...]) -> Lineage:
    return replace(lineage, unread=(*read_errors, *lineage.unread)) if read_errors else lineage
