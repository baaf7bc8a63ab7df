"""Log records of the events of changes, work items and deployments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import changes, items
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.changes import delivery_reference, task_name
from flow_telemetry.mapping.event_types import NAMED_BY_EVENT, EventSubject, find_event_type
from flow_telemetry.mapping.flow_metrics import lead_time_attributes, restoration_attributes
from flow_telemetry.mapping.limits import OptionalValue
from flow_telemetry.mapping.placement import (
    Ancestry,
    Placement,
    Tracing,
    ancestor_keys,
    place_item,
)
from flow_telemetry.mapping.spans import AttributePairs, event_records
from flow_telemetry.mapping.time_shares import time_attributes
from flow_telemetry.model import (
    Change,
    Deployment,
    EditedField,
    Event,
    EventKind,
    FlowType,
    Lineage,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.feature import FeatureTree
from flow_telemetry.model.time_shares import NO_TIMES, TimeShares
from flow_telemetry.rules import timeline as timelines
from flow_telemetry.rules.deployments import delivery_status, first_final_status, succeeded_at
from flow_telemetry.rules.flow import measure_lead_times
from flow_telemetry.rules.flow_types import NO_FLOW_TYPES
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.lifecycle import (
    BlockedInterval,
    OpenPeriod,
    change_periods,
    find_phases,
    find_status_intervals,
    item_periods,
    value_at,
)
from flow_telemetry.rules.timeline import (
    TimelineEntry,
    find_closing,
)
from flow_telemetry.settings import TraceScope
from flow_telemetry.telemetry import LogRecord, Resource

# The record of a closing has the attributes of the span and the time in each phase, because many
# backends refuse a span that began days ago, and accept a log record of its end.

_CATEGORY_DURATIONS = {
    StatusCategory.TO_DO: event_semconv.ITEM_TO_DO,
    StatusCategory.IN_PROGRESS: event_semconv.ITEM_IN_PROGRESS,
}


def change_closing_attributes(
    change: Change,
    timeline: Sequence[TimelineEntry],
    times: Mapping[int, TimeShares] = NO_TIMES,
    cost: float | None = None,
) -> Mapping[str, AttributePairs]:
    """Return the attributes of the closings of a change, by the references of their events.

    ``times`` say where the time of each open period went, by its number. ``cost`` is that of all of
    its runs in USD, which the last closing has, None if they were not read.
    """
    all_phases, periods = find_phases(change), change_periods(change)
    attributes = {}
    for period, closing in _closings(timeline, periods):
        phases = [phase for phase in all_phases if phase.period_number == period.number]
        attributes[closing.reference] = (
            *changes.period_attributes(change, period),
            (event_semconv.CHANGE_DURATION, period.interval.seconds),
            (event_semconv.CHANGE_COST, cost if period == periods[-1] else None),
            *(
                (name, _seconds(phase.interval for phase in phases if phase.kind is kind))
                for kind, name in event_semconv.PHASE_DURATIONS.items()
            ),
            *_closing_attributes(timeline, period),
            *time_attributes(times.get(period.number), shares=True),
        )
    return attributes


def item_closing_attributes(
    item: WorkItem,
    timeline: Sequence[TimelineEntry],
    blocked: Sequence[BlockedInterval],
    flow_types: Mapping[str, FlowType] = NO_FLOW_TYPES,
) -> Mapping[str, AttributePairs]:
    """Return the attributes of the closings of a work item, by the references of their events."""
    all_statuses = find_status_intervals(item)
    attributes = {}
    for period, closing in _closings(timeline, item_periods(item)):
        statuses = [s for s in all_statuses if s.period_number == period.number]
        attributes[closing.reference] = (
            *items.period_attributes(item, period),
            (event_semconv.ITEM_FLOW_TYPE, items.flow_type_at(item, period, flow_types)),
            (event_semconv.ITEM_DURATION, period.interval.seconds),
            *(
                (name, _seconds(s.interval for s in statuses if s.category is category))
                for category, name in _CATEGORY_DURATIONS.items()
            ),
            (
                event_semconv.ITEM_BLOCKED,
                _seconds(b.interval for b in blocked if b.period_number == period.number),
            ),
            *_closing_attributes(timeline, period),
        )
    return attributes


def _closings(
    timeline: Sequence[TimelineEntry], periods: Iterable[OpenPeriod]
) -> Iterator[tuple[OpenPeriod, TimelineEntry]]:
    for period in periods:
        closing = find_closing(timeline, period)
        if closing is not None:
            yield period, closing


def _closing_attributes(timeline: Iterable[TimelineEntry], period: OpenPeriod) -> AttributePairs:
    # Commits are usually older than their pull request, so they do not count as moved.
    moved = sum(
        entry.moved and entry.event.kind is not EventKind.COMMITTED
        for entry in timeline
        if entry.time <= period.interval.end
    )
    return (
        (event_semconv.LIFE, period.number if period.number > 1 else None),
        (event_semconv.MOVED_EVENTS, moved or None),
    )


def _seconds(intervals: Iterable[Interval]) -> float | None:
    """Return the total length, None instead of zero."""
    return sum(interval.seconds for interval in intervals) or None


# Titles are exported; the bodies of comments, reviews, commits and issues never are.

_DEPLOYMENT_STATUS = {"success": "succeeded", "failure": "failed", "error": "failed"}


def change_events(
    change: Change,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    only: Collection[Event] | None = None,
    within: Window | None = None,
    times: Mapping[int, TimeShares] = NO_TIMES,
    cost: float | None = None,
) -> Iterator[LogRecord]:
    """Return the records of the events of a change in its last open period that has ended.

    With ``within`` the events are those of every open period that ended in that time. Events after
    the last closing are left out, so that a repeat is equal. With ``only`` these events are
    exported, at any time, with the same content. ``times`` and ``cost`` are those of
    `change_closing_attributes`.
    """
    timeline = timelines.build_change_timeline(change)
    closings = change_closing_attributes(change, timeline, times, cost)
    entries = timelines.select_entries(timeline, change_periods(change), only, within)
    return event_records(
        (
            (
                entry,
                (
                    (
                        work_semconv.VCS_CHANGE_TITLE,
                        _title_at_creation(change, entry.event),
                    ),
                    *_event_attributes(EventSubject.CHANGE, entry.event),
                    *closings.get(entry.reference, ()),
                ),
            )
            for entry in entries
        ),
        placement,
        resource,
        observed,
        subject=EventSubject.CHANGE,
        reference=change.reference,
        span=change.reference,
        common=(
            (semconv.GITHUB_REPOSITORY, change.repository.full_name),
            (semconv.VCS_CHANGE_ID, str(change.number)),
        ),
    )


def _title_at_creation(change: Change, event: Event) -> str | None:
    """Return the title of then, so that the record is the same if it is sent again later."""
    if event.kind is not EventKind.CREATED:
        return None
    return value_at(event.time, EditedField.TITLE, change.title, change.edits)


def item_events(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    blocked: Sequence[BlockedInterval],
    flow_types: Mapping[str, FlowType] = NO_FLOW_TYPES,
    only: Collection[Event] | None = None,
    within: Window | None = None,
) -> Iterator[LogRecord]:
    """Return the records of the events of a work item in its last open period that has ended.

    ``blocked`` are the times in which it was blocked, in order and without overlap. ``flow_types``
    are those of the user. ``only`` and ``within`` are those of `change_events`.
    """
    timeline = timelines.build_item_timeline(item, blocked)
    closings = item_closing_attributes(item, timeline, blocked, flow_types)
    entries = timelines.select_entries(timeline, item_periods(item), only, within)
    return event_records(
        (
            (
                entry,
                (*_item_attributes(item, entry), *closings.get(entry.reference, ())),
            )
            for entry in entries
        ),
        placement,
        resource,
        observed,
        subject=EventSubject.WORK_ITEM,
        reference=item.reference,
        span=item.reference,
        common=(
            (semconv.GITHUB_REPOSITORY, item.repository.full_name if item.repository else None),
            (semconv.FLOW_WORK_ITEM_KEY, item.key),
        ),
    )


def _item_attributes(item: WorkItem, entry: TimelineEntry) -> Iterator[tuple[str, OptionalValue]]:
    event = entry.event
    if event.kind is EventKind.CREATED:
        yield work_semconv.ITEM_TYPE, item.type
        yield work_semconv.ITEM_TITLE, item.title
    yield from _event_attributes(EventSubject.WORK_ITEM, event)
    if event.kind is EventKind.STATUS_CHANGED:
        yield work_semconv.ITEM_STATUS, event.subject
        yield work_semconv.ITEM_STATUS_ID, event.status_id
        yield work_semconv.ITEM_STATUS_CATEGORY, event.category.value if event.category else None
        yield event_semconv.STATUS_BEFORE, event.before


def place_item_events(item: WorkItem, lineage: Lineage, tracing: Tracing) -> Placement:
    """Return the placement of an item's records: its live trace, else the feature trace.

    ``lineage`` begins with the item itself.
    """
    live = place_item(item, lineage, tracing)
    if tracing.scope in (TraceScope.ITEM, TraceScope.FEATURE):
        return live
    top = lineage.feature or item
    trace = TraceIdentity(root=top.reference, namespace=tracing.namespace)
    return replace(live, trace=trace, trace_id=trace.trace_id, parent=None, links=(), openings=())


def feature_events(
    tree: FeatureTree,
    resource: Resource,
    observed: datetime,
    *,
    trace: TraceIdentity,
    time: TimeShares | None,
    cost: float | None = None,
) -> Iterator[LogRecord]:
    """Return the record of the end of a feature, beside that of its item's closing.

    ``trace`` is the one with the feature as its root. ``time`` says where the time of the last
    open period went, ``cost`` is that of all runs in USD. The record is one of its own because the
    whole feature is read after its item was exported, and not by every export of the item.
    """
    item, periods = tree.root.item, item_periods(tree.root.item)
    if not periods:
        return
    period = periods[-1]
    keys = ancestor_keys(Ancestry(lineage=Lineage(items=(item,))))
    placement = Placement(trace=trace, trace_id=trace.trace_id, parent=None, keys=keys)
    ended = Event(kind=EventKind.ENDED, time=period.interval.end)
    (entry,) = timelines.build_feature_timeline(item, ended)
    yield from event_records(
        [
            (
                entry,
                (
                    *items.period_attributes(item, period),
                    (event_semconv.FEATURE_DURATION, period.interval.seconds),
                    (event_semconv.FEATURE_COST, cost),
                    (event_semconv.LIFE, period.number if period.number > 1 else None),
                    (work_semconv.FEATURE_INCOMPLETE, "; ".join(tree.unread)),
                    *time_attributes(time, shares=True),
                ),
            )
        ],
        placement,
        resource,
        observed,
        subject=EventSubject.FEATURE,
        reference=item.reference,
        span=trace.root,
        common=(
            (semconv.GITHUB_REPOSITORY, item.repository.full_name if item.repository else None),
            (semconv.FLOW_WORK_ITEM_KEY, item.key),
        ),
    )


def deployment_events(
    deployment: Deployment,
    change: Change | None,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    later: Collection[int] | None = None,
) -> Iterator[LogRecord]:
    """Return the records of a deployment's creation and statuses, up to its end.

    They are exported once, regardless of the number of changes that it delivers. ``change`` is the
    one whose trace has the span of the records, None if it delivers no change. With ``later`` they
    are those of the statuses with these numbers instead.
    """
    timeline = timelines.build_deployment_timeline(deployment)
    reference = deployment.reference
    return event_records(
        (
            (entry, _deployment_attributes(deployment, entry.event))
            for entry in timelines.select_deployment_entries(timeline, deployment, later)
        ),
        placement,
        resource,
        observed,
        subject=EventSubject.DEPLOYMENT,
        reference=reference,
        span=delivery_reference(deployment, change) if change else reference,
        common=(
            *_common_deployment_attributes(deployment),
            (
                event_semconv.DEPLOYMENT_CHANGES,
                tuple(str(delivered.number) for delivered in deployment.delivers),
            ),
        ),
    )


def delivery_events(
    deployment: Deployment,
    placements: Iterable[Placement],
    resource: Resource,
    observed: datetime,
    *,
    from_author: bool = True,
) -> Iterator[LogRecord]:
    """Return a record for each change that a successful deployment delivers.

    ``placements`` are those of the deployment's spans, in the order of the changes. The changes
    need their timelines, and one without commits in it has no lead time. ``from_author`` is that of
    `measure_lead_times`.
    """
    end = succeeded_at(deployment)
    if end is None:
        return
    lead_times = {
        lead_time.change.reference: lead_time_attributes(lead_time)
        for lead_time in measure_lead_times(deployment, from_author=from_author)
    }
    for change, placement in zip(deployment.delivers, placements, strict=True):
        event = Event(kind=EventKind.DELIVERED, time=end, id=str(deployment.id))
        reference = identity.event_reference(change.reference, event.kind.value, event.id)
        author = change.author
        title = value_at(end, EditedField.TITLE, change.title, change.edits)
        attributes: AttributePairs = (
            (work_semconv.VCS_CHANGE_TITLE, title),
            (work_semconv.CHANGE_URL, change.url),
            (work_semconv.CHANGE_AUTHOR, author.login if author else None),
            (work_semconv.CHANGE_AUTHOR_KIND, author.kind.value if author else None),
            *lead_times.get(change.reference, ()),
        )
        yield from event_records(
            ((TimelineEntry(event=event, time=end, reference=reference), attributes),),
            placement,
            resource,
            observed,
            subject=EventSubject.CHANGE,
            reference=change.reference,
            span=delivery_reference(deployment, change),
            common=(
                *_common_deployment_attributes(deployment),
                (semconv.VCS_CHANGE_ID, str(change.number)),
            ),
        )


def _common_deployment_attributes(deployment: Deployment) -> AttributePairs:
    return (
        (semconv.GITHUB_REPOSITORY, deployment.repository.full_name),
        (work_semconv.DEPLOYMENT_ID, str(deployment.id)),
        (work_semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (work_semconv.DEPLOYMENT_TASK, task_name(deployment)),
        (work_semconv.DEPLOYMENT_KIND, deployment.kind.value if deployment.kind else None),
    )


def _deployment_attributes(deployment: Deployment, event: Event) -> AttributePairs:
    state = identity.fold(event.subject)
    status = _DEPLOYMENT_STATUS.get(state)
    first = first_final_status(deployment)
    ends = first is not None and (str(first.id or ""), first.time) == (event.id, event.time)
    if ends:
        # GitHub leaves `failure` on the deployment of a cancelled job.
        status = delivery_status(deployment)
    succeeded = ends and status == "succeeded"
    return (
        (event_semconv.EVENT_ID, event.id),
        (work_semconv.DEPLOYMENT_STATE, event.subject),
        (work_semconv.DEPLOYMENT_STATUS, status),
        *(restoration_attributes(deployment) if succeeded else ()),
    )


def _event_attributes(subject: EventSubject, event: Event) -> AttributePairs:
    """Return the attributes of the event that its row in the table lists."""
    event_type = find_event_type(subject, event.kind)
    listed = event_type.attributes if event_type else ()
    review = event.review if event_semconv.REVIEW_STATE in listed else None
    return (
        (event_semconv.EVENT_ID, event.id if event_semconv.EVENT_ID in listed else None),
        *((name, event.subject) for name in NAMED_BY_EVENT if name in listed),
        (event_semconv.REVIEW_STATE, review.value if review else None),
    )
