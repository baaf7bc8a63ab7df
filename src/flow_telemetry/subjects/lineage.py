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
from flow_telemetry.settings import TrackerChoice
from flow_telemetry.trackers import unread_work_item


def read_lineage(context: ExportContext, change: Change | None, home: Repository) -> Lineage:
    """Return the items above a change, or above a run without a change (None).

    ``home`` is the repository of the run or change. Read errors are in ``unread`` of the lineage.
    """
    tracing, trackers = context.settings.tracing, context.settings.trackers
    feature = _read_chain(context, tracing.feature_key, home) if tracing.feature_key else None
    candidates = []
    if tracing.work_item_key is not None:
        chain = _read_chain(context, tracing.work_item_key, home)
        candidates.append((chain, "`work-item-key` names it"))
    read_errors: tuple[str, ...] = ()
    if change is not None and trackers.choice is not TrackerChoice.NONE:
        try:
            closing = read_closing(context.github, change)
        except FlowTelemetryError as error:
            closing = Closing(unread=(str(error),))
        read_errors = closing.unread
        candidates += _read_chains(context, change, closing, is_named=bool(candidates))
    lineage = build_lineage(candidates, feature_types=trackers.feature_types, feature=feature)
    return replace(lineage, unread=(*read_errors, *lineage.unread)) if read_errors else lineage


def lineage_of_item(context: ExportContext, key: ItemKey, home: Repository) -> Lineage:
    """Return an item with the items above it, up to its feature.

    An item above the feature of `feature-key` belongs to its own feature only.
    """
    types = context.settings.trackers.feature_types
    feature_key = context.settings.tracing.feature_key
    candidates = [(_read_chain(context, key, home), "it was requested")]
    alone = build_lineage(candidates, feature_types=types)
    if feature_key is None:
        return alone
    feature = _read_chain(context, feature_key, home)
    below = build_lineage(candidates, feature_types=types, feature=feature)
    return below if below.nearest == alone.nearest else alone


def is_feature(item: WorkItem, lineage: Lineage) -> bool:
    """Whether an item is the feature of its own lineage: by type, by name, or as the topmost."""
    return lineage.feature is not None and lineage.feature.reference == item.reference


def _read_chains(
    context: ExportContext, change: Change, closing: Closing, *, is_named: bool
) -> Iterator[tuple[ItemList, str]]:
    """Yield the chains of the keys in a change's texts, then those of the items that it closes.

    ``is_named`` is whether an input names the nearest item. Later items become links, whose
    ancestors are not read: a title may contain any number of keys.
    """
    home, trackers = change.repository, context.settings.trackers
    closed = {
        chain.items[0].reference: chain
        for chain in context.with_aliases(closing.chains)
        if chain.items and trackers.uses_github
    }
    keys = find_item_keys(
        branch=change.head_branch,
        title=change.title,
        commit_message=closing.oldest_commit_message,
        jira_projects=trackers.jira_projects if trackers.uses_jira else None,
    )
    for key, place in keys.items():
        if key.tracker == "github" and not trackers.uses_github:
            continue
        item = context.with_aliases(unread_work_item(key, home))
        chain = closed.pop(item.reference, None) or (
            ItemList(items=(item,)) if is_named else _read_chain(context, key, home)
        )
        is_named = True
        yield chain, f"its key is in the {place}"
    for chain in closed.values():
        yield chain, "the pull request closes it"


def _read_chain(context: ExportContext, key: ItemKey, home: Repository) -> ItemList:
    try:
        chain = context.trackers.chain(key, home)
    except FlowTelemetryError as error:
        chain = ItemList(items=(unread_work_item(key, home),), unread=(str(error),))
    return context.with_aliases(chain)
