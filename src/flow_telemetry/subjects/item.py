"""Work items: the span of a closed item."""

from __future__ import annotations

from itertools import chain

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import NotFoundError, SettingsError, SourceError, UnavailableError
from flow_telemetry.github.runs import read_repository
from flow_telemetry.mapping.items import item_name, item_spans
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import place_item
from flow_telemetry.model import Lineage, Repository, WorkItem
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.rules.lifecycle import find_status_intervals, has_statuses, item_periods
from flow_telemetry.settings import TraceScope
from flow_telemetry.subjects.lineage import lineage_of_item
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    FeatureSubject,
    ItemSubject,
    build_resource_maker,
    build_trace_url,
    build_tracing,
)

# For keys of a tracker without repositories.
_NO_REPOSITORY = Repository(host="github.com", owner="", name="", url="")


def map_item(context: ExportContext, item: WorkItem, lineage: Lineage) -> CollectedTelemetry:
    """Return the span of an item that was read, if `trace-scope` has spans of items."""
    settings = context.settings
    scope = settings.tracing.scope
    if scope not in (TraceScope.ITEM, TraceScope.FEATURE):
        return CollectedTelemetry(
            left_out=(
                f"the span of {item.key}: `trace-scope` is {scope.value}, "
                "whose traces have no spans of work items",
            )
        )
    placement = place_item(item, lineage, build_tracing(settings))
    exported = None
    periods = item_periods(item)
    if periods:
        interval = periods[0].interval
        exported = ExportedSubject(
            title=item_name(item),
            item=item,
            lineage=lineage,
            trace=placement.trace,
            reference=item.reference,
            interval=interval,
            trace_url=build_trace_url(settings, placement.trace, item.reference, interval),
        )
    return CollectedTelemetry(
        spans=chain(
            opening_spans(placement),
            item_spans(
                item,
                placement,
                build_resource_maker(settings).of_item(item),
                blocked_names=settings.signals.blocked_names,
                unread=lineage.unread,
            ),
        ),
        exported=exported,
        problems=tuple(
            f"not everything that {item.key} belongs to could be read: {error}"
            for error in lineage.unread
        ),
    )


def read_item(
    context: ExportContext, subject: ItemSubject | FeatureSubject
) -> tuple[WorkItem, Lineage]:
    """Return an item with its history, and the items above it.

    Raises:
        SettingsError: the repository of its number is unknown.
        SourceError: its tracker is not configured, or it cannot be read.
    """
    key = subject.key
    home = _read_home(context, subject)
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
        text = "; ".join(lineage.unread) or f"{shown} is not known"
        if nearest is not None:
            try:
                # Its error is of the right kind: whether another try can help depends on it.
                tracker.details(nearest)
            except SourceError as error:
                raise type(error)(text) from error
            raise UnavailableError(text)
        raise NotFoundError(text)
    return context.with_aliases(tracker.details(nearest)), lineage


def _read_home(context: ExportContext, subject: ItemSubject | FeatureSubject) -> Repository:
    """Return the repository of a bare number; read it only if there may be one."""
    feature = context.settings.tracing.feature_key
    if subject.key.tracker != "github" and (feature is None or feature.tracker != "github"):
        return _NO_REPOSITORY
    named = subject.repository or subject.key.repository
    if named is None:
        raise SettingsError(
            "`repository` is missing: name it as OWNER/NAME, or the issue as OWNER/NAME#17"
        )
    return context.with_aliases(read_repository(context.github.required, named))


def unmapped_statuses(item: WorkItem) -> tuple[str, ...]:
    """Return a notice for each status of an item that has no category."""
    statuses = dict.fromkeys(s.status for s in find_status_intervals(item) if s.category is None)
    return tuple(
        f"the status {status!r} of {item.tracker} has no category. Times in progress that depend "
        "on it are left out. Set its category with `status-categories`"
        for status in statuses
    )


def unmeasured_values(item: WorkItem) -> tuple[str, ...]:
    """Return the values that cannot be measured of any item of its tracker."""
    if has_statuses(item):
        return ()
    return ("flow efficiency of GitHub issues: without `status-project` they have no status",)
