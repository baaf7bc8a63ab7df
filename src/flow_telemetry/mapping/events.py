"""Log records of events: changes, work items, deployments and annotations of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import changes, items
from flow_telemetry.mapping.changes import delivery_reference
from flow_telemetry.mapping.event_types import NAMED_BY_EVENT, EventSubject, find_event_type
from flow_telemetry.mapping.flow_metrics import dora_facts
from flow_telemetry.mapping.placement import Placement, Tracing, place_item
from flow_telemetry.mapping.spans import Facts, RecordMaker
from flow_telemetry.model import (
    Change,
    Deployment,
    Event,
    EventKind,
    Lineage,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules import timeline as histories
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.lifecycle import (
    BlockedInterval,
    OpenPeriod,
    change_periods,
    find_phases,
    find_status_intervals,
    item_periods,
)
from flow_telemetry.rules.timeline import (
    TimelineEntry,
    find_closing,
)
from flow_telemetry.settings import TraceScope
from flow_telemetry.telemetry import LogRecord, Resource

# The record of a closing has the attributes of the span and the time in each phase, because many
# backends refuse a span that began days ago, and none refuses a log record of its end.

_CATEGORY_DURATIONS = {
    StatusCategory.TO_DO: semconv.ITEM_TO_DO,
    StatusCategory.IN_PROGRESS: semconv.ITEM_IN_PROGRESS,
}


def change_closings(change: Change, history: Sequence[TimelineEntry]) -> Mapping[str, Facts]:
    """Return what the closings of a change say, by the references of their events."""
    pieces = find_phases(change)
    found = {}
    for life, closing in _closings(history, change_periods(change)):
        own = [piece for piece in pieces if piece.life == life.number]
        found[closing.reference] = (
            *changes.life_facts(change, life),
            (semconv.CHANGE_DURATION, life.interval.seconds),
            *(
                (name, _seconds(each.interval for each in own if each.kind is kind))
                for kind, name in semconv.PHASE_DURATIONS.items()
            ),
            *_life_attributes(history, life),
        )
    return found


def item_closings(
    item: WorkItem,
    history: Sequence[TimelineEntry],
    blocked: Sequence[BlockedInterval],
) -> Mapping[str, Facts]:
    """Return what the closings of a work item say, by the references of their events."""
    pieces = find_status_intervals(item)
    found = {}
    for life, closing in _closings(history, item_periods(item)):
        own = [piece for piece in pieces if piece.life == life.number]
        found[closing.reference] = (
            *items.life_facts(item, life),
            (semconv.ITEM_DURATION, life.interval.seconds),
            *(
                (name, _seconds(each.interval for each in own if each.category is category))
                for category, name in _CATEGORY_DURATIONS.items()
            ),
            (
                semconv.ITEM_BLOCKED,
                _seconds(block.interval for block in blocked if block.life == life.number),
            ),
            *_life_attributes(history, life),
        )
    return found


def _closings(
    history: Sequence[TimelineEntry], ended: Iterable[OpenPeriod]
) -> Iterator[tuple[OpenPeriod, TimelineEntry]]:
    for life in ended:
        closing = find_closing(history, life)
        if closing is not None:
            yield life, closing


def _life_attributes(history: Iterable[TimelineEntry], life: OpenPeriod) -> Facts:
    moved = _moved(history, life.interval.end)
    return (
        (semconv.LIFE, life.number if life.number > 1 else None),
        (semconv.MOVED_EVENTS, moved or None),
    )


def _moved(history: Iterable[TimelineEntry], end: datetime) -> int:
    """Events at an odd time. That commits are older than their pull request is not odd."""
    known = (each for each in history if each.time <= end)
    return sum(each.moved and each.event.kind is not EventKind.COMMITTED for each in known)


def _seconds(intervals: Iterable[Interval]) -> float | None:
    """The length of all, None where that is nothing."""
    return sum(each.seconds for each in intervals) or None


# Titles are exported; the bodies of comments, reviews, commits and issues never are.

_DEPLOYMENT_STATUS = {"success": "succeeded", "failure": "failed", "error": "failed"}


def change_events(
    change: Change,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    told: Collection[Event] | None = None,
    within: Interval | None = None,
) -> Iterator[LogRecord]:
    """Return the records of what happened to a change in its last life that ended.

    With ``within`` it is every life that ended in that time. What came after the last closing is
    left out, so that a repeat is equal. With ``told`` only those events leave, whenever they were,
    with the same content.
    """
    history = histories.build_change_timeline(change)
    ended = change_periods(change)
    make = RecordMaker(
        subject=EventSubject.CHANGE,
        reference=change.reference,
        span=change.reference,
        placement=placement,
        resource=resource,
        observed=observed,
        common=(
            (semconv.GITHUB_REPOSITORY, change.repository.full_name),
            (semconv.VCS_CHANGE_ID, str(change.number)),
        ),
    )
    closings = change_closings(change, history)
    for each in histories.select_entries(history, ended, told, within=within):
        opening = each.event.kind is EventKind.CREATED
        facts = (
            (semconv.VCS_CHANGE_TITLE, change.title if opening else None),
            *_event_attributes(EventSubject.CHANGE, each.event),
            *closings.get(each.reference, ()),
        )
        yield from make.of(each, facts)


def item_events(
    item: WorkItem,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    blocked: Sequence[BlockedInterval],
    told: Collection[Event] | None = None,
    within: Interval | None = None,
) -> Iterator[LogRecord]:
    """Return the records of what happened to a work item in its last life that ended.

    ``blocked`` are the times in which it was blocked, in order and without overlap. Else as
    `change_events`.
    """
    history = histories.build_item_timeline(item, blocked)
    repository = item.repository
    make = RecordMaker(
        subject=EventSubject.WORK_ITEM,
        reference=item.reference,
        span=item.reference,
        placement=placement,
        resource=resource,
        observed=observed,
        common=(
            (semconv.GITHUB_REPOSITORY, repository.full_name if repository else None),
            # The nearest item of an item is itself.
            (semconv.FLOW_WORK_ITEM_KEY, item.key),
        ),
    )
    closings = item_closings(item, history, blocked)
    for each in histories.select_entries(history, item_periods(item), told, within=within):
        creation = each.event.kind is EventKind.CREATED
        facts = (
            (semconv.ITEM_TYPE, item.type if creation else None),
            (semconv.ITEM_TITLE, item.title if creation else None),
            *_event_attributes(EventSubject.WORK_ITEM, each.event),
            *_status_facts(each.event),
            *closings.get(each.reference, ()),
        )
        yield from make.of(each, facts)


def place_item_events(item: WorkItem, lineage: Lineage, tracing: Tracing) -> Placement:
    """Return where the records of an item belong: in the feature trace where no live one has it.

    ``lineage`` begins with the item itself.
    """
    live = place_item(item, lineage, tracing)
    if tracing.scope in (TraceScope.ITEM, TraceScope.FEATURE):
        return live
    top = lineage.feature or item
    trace = TraceIdentity(root=top.reference, namespace=tracing.namespace)
    return replace(live, trace=trace, trace_id=trace.trace_id, parent=None, links=())


def deployment_events(
    deployment: Deployment,
    change: Change | None,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    told: Collection[Event] | None = None,
) -> Iterator[LogRecord]:
    """Return the records of a deployment's creation and statuses, up to its success or failure.

    They leave once, however many changes it delivers: ``change`` is the one whose trace holds the
    span that they belong to, None where it delivers none. ``told`` is as for `change_events`.
    """
    history = histories.build_deployment_timeline(deployment)
    reference = deployment.reference
    make = RecordMaker(
        subject=EventSubject.DEPLOYMENT,
        reference=reference,
        span=delivery_reference(deployment, change) if change else reference,
        placement=placement,
        resource=resource,
        observed=observed,
        common=_deployment_attributes(deployment),
    )
    for each in histories.select_deployment_entries(history, deployment, told):
        state = each.event.subject
        facts = (
            (semconv.EVENT_ID, each.event.id),
            (semconv.DEPLOYMENT_STATE, state),
            (semconv.DEPLOYMENT_STATUS, _DEPLOYMENT_STATUS.get(identity.fold(state))),
            *(dora_facts(deployment) if identity.fold(state) == "success" else ()),
        )
        yield from make.of(each, facts)


def _deployment_attributes(deployment: Deployment) -> Facts:
    return (
        (semconv.GITHUB_REPOSITORY, deployment.repository.full_name),
        (semconv.DEPLOYMENT_ID, str(deployment.id)),
        (semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (semconv.DEPLOYMENT_CHANGES, tuple(str(each.number) for each in deployment.delivers)),
    )


def _event_attributes(subject: EventSubject, event: Event) -> Facts:
    """Return the attributes of the event itself that its row in the table lists."""
    event_type = find_event_type(subject, event.kind)
    listed = event_type.attributes if event_type else ()
    review = event.review if semconv.REVIEW_STATE in listed else None
    return (
        (semconv.EVENT_ID, event.id if semconv.EVENT_ID in listed else None),
        *((name, event.subject) for name in NAMED_BY_EVENT if name in listed),
        (semconv.REVIEW_STATE, review.value if review else None),
    )


def _status_facts(event: Event) -> Facts:
    if event.kind is not EventKind.STATUS_CHANGED:
        return ()
    return (
        (semconv.ITEM_STATUS, event.subject),
        (semconv.ITEM_STATUS_CATEGORY, event.category.value if event.category else None),
        (semconv.STATUS_BEFORE, event.before),
    )
