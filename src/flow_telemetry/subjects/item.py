"""Work items: the span of a closed item."""

from __future__ import annotations

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import NotFoundError, SettingsError
from flow_telemetry.github.runs import read_repository
from flow_telemetry.mapping.items import item_name, item_spans
from flow_telemetry.mapping.placement import Placement, place_item
from flow_telemetry.model import Lineage, Repository, WorkItem
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules.lifecycle import find_status_intervals, has_statuses, item_periods
from flow_telemetry.settings import Settings, TraceScope
from flow_telemetry.subjects.lineage import lineage_of_item
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    FeatureSubject,
    ItemSubject,
    resources_of,
    tracing_of,
)

# Where a key of a tracker without repositories is.
_NOWHERE = Repository(host="github.com", owner="", name="", url="")


def map_item(context: ExportContext, item: WorkItem, lineage: Lineage) -> CollectedTelemetry:
    """Return what leaves of an item that was read."""
    scope = context.settings.tracing.scope
    if scope not in (TraceScope.ITEM, TraceScope.FEATURE):
        return CollectedTelemetry(
            left_out=(
                f"the span of {item.key}: `trace-scope` is {scope.value}, "
                "whose traces have no spans of work items",
            )
        )
    placement = place_item(item, lineage, tracing_of(context.settings))
    return CollectedTelemetry(
        spans=item_spans(
            item,
            placement,
            resources_of(context.settings).of_item(item),
            blocked_names=context.settings.signals.blocked_names,
            unread=lineage.unread,
        ),
        exported=_exported(context.settings, item, lineage, placement),
        problems=tuple(f"what {item.key} belongs to is not all known: {e}" for e in lineage.unread),
    )


def read_item(
    context: ExportContext, subject: ItemSubject | FeatureSubject
) -> tuple[WorkItem, Lineage]:
    """Return an item that was asked for with its history, and with it what stands above it.

    Raises:
        SettingsError: its number is of no repository.
        SourceError: its tracker is not configured, or it cannot be read.
    """
    key = subject.key
    home = _home(context, subject)
    shown = key.display(home.full_name)
    tracker = context.trackers.of(key.tracker, home)
    if tracker is None:
        raise NotFoundError(
            f"{shown} cannot be read: its tracker is not configured, or its settings cannot be "
            "used (`tracker` and `jira-url`)"
        )
    context.log.info(f"reading {shown}")
    lineage = lineage_of_item(context, key, home)
    nearest = lineage.nearest
    if nearest is None or not nearest.read:
        raise NotFoundError("; ".join(lineage.unread) or f"{shown} is not known")
    return context.with_aliases(tracker.details(nearest)), lineage


def _home(context: ExportContext, subject: ItemSubject | FeatureSubject) -> Repository:
    """The repository in which a bare number is meant; GitHub is asked only where one may be."""
    feature = context.settings.tracing.feature_key
    if subject.key.tracker != "github" and (feature is None or feature.tracker != "github"):
        return _NOWHERE
    named = subject.repository or subject.key.repository
    if named is None:
        raise SettingsError(
            "`repository` is missing: name it as OWNER/NAME, or the issue as OWNER/NAME#17"
        )
    return context.with_aliases(read_repository(context.github, named))


def unmapped_statuses(item: WorkItem) -> tuple[str, ...]:
    """Return a notice for each status of an item that has no category."""
    statuses = dict.fromkeys(s.status for s in find_status_intervals(item) if s.category is None)
    return tuple(
        f"the status {status!r} of {item.tracker} has no category. Times in progress that depend "
        "on it are left out. Set its category with `status-categories`"
        for status in statuses
    )


def left_out_of_item(item: WorkItem) -> tuple[str, ...]:
    """Return what cannot be measured of an item of its tracker."""
    if has_statuses(item):
        return ()
    return ("flow efficiency of GitHub issues: without `status-project` they have no status",)


def _exported(
    settings: Settings, item: WorkItem, lineage: Lineage, placement: Placement
) -> ExportedSubject | None:
    lives = item_periods(item)
    if not lives:
        return None
    interval, template = lives[0].interval, settings.tracing.trace_url
    url = template and trace_url(template, placement.trace, item.reference, interval)
    return ExportedSubject(
        title=item_name(item),
        item=item,
        lineage=lineage,
        trace=placement.trace,
        reference=item.reference,
        interval=interval,
        trace_url=url or None,
    )
