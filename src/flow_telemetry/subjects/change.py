"""Pull requests: spans, phases, events and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SelectionError
from flow_telemetry.github.changes import read_change
from flow_telemetry.mapping.changes import change_spans, phase_spans
from flow_telemetry.mapping.events import change_events, item_events, place_item_events
from flow_telemetry.mapping.flow_metrics import (
    change_measurements,
    feature_measurements,
    item_measurements,
)
from flow_telemetry.mapping.placement import Ancestry, Placement, Tracing, place
from flow_telemetry.mapping.runs import run_spans
from flow_telemetry.model import Change, Lineage, StatusCategory, WorkItem
from flow_telemetry.model.feature import FeatureTree
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.lifecycle import (
    change_periods,
    find_blocked_intervals,
    find_phases,
    find_status_intervals,
    item_periods,
)
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.rules.timeline import find_webhook_events
from flow_telemetry.settings import PhaseSending, Settings, TraceScope
from flow_telemetry.subjects.item import categories, read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import ChangeRuns, read_runs_of_change
from flow_telemetry.subjects.types import (
    ChangeSubject,
    CollectedTelemetry,
    EventSubject,
    ItemSubject,
    PhasesSubject,
    resources_of,
    tracing_of,
    wants_events,
    wants_metrics,
)
from flow_telemetry.telemetry import LogRecord, Measurement, Signal, Span

# The events and measurements of changes, items and features: they leave once, with their subject.
#
# Those of runs are in `subjects/run.py`, so that the export of a run loads nothing of these.

EventsAndMetrics: TypeAlias = Iterator[LogRecord | Measurement]
Categories: TypeAlias = Mapping[str, StatusCategory]


def change_events_and_metrics(
    context: ExportContext, change: Change, placement: Placement
) -> EventsAndMetrics:
    """Return the facts of a change that ended."""
    resource = resources_of(context.settings).of_change(change)
    if wants_events(context.settings):
        yield from change_events(change, placement, resource, context.clock.now())
    if wants_metrics(context.settings):
        extra = context.settings.signals.metric_attributes
        yield from change_measurements(change, resource, extra, keys=placement.keys)


def item_events_and_metrics(
    context: ExportContext, item: WorkItem, lineage: Lineage, categories: Categories
) -> EventsAndMetrics:
    """Return the facts of a work item that was closed."""
    resource = resources_of(context.settings).of_item(item)
    placement = place_item_events(item, lineage, tracing_of(context.settings))
    if wants_events(context.settings):
        yield from item_events(
            item,
            placement,
            resource,
            context.clock.now(),
            blocked=blocked_times(item, categories, context.settings.signals.blocked_names),
            categories=categories,
        )
    if wants_metrics(context.settings):
        yield from item_measurements(
            item,
            resource,
            categories,
            context.settings.signals.blocked_names,
            context.settings.signals.metric_attributes,
            keys=placement.keys,
        )


def feature_metrics(
    settings: Settings, tree: FeatureTree, categories: Categories
) -> EventsAndMetrics:
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
    known = find_status_intervals(item, categories)
    return tuple(
        blocked
        for life in item_periods(item)
        for blocked in find_blocked_intervals(item, life, known, blocked_names)
    )


# A change as the subject of an export: its span and phases, once it is closed or merged.


def collect_change(context: ExportContext, subject: ChangeSubject) -> CollectedTelemetry:
    """Read a change and return its spans, under `trace-scope: run` those of its runs too.

    Raises:
        FlowTelemetryError: it cannot be read, or it is still open.
    """
    context.log.info(f"reading pull request {subject.repository}#{subject.number}")
    change = context.with_aliases(read_change(context.github, subject.repository, subject.number))
    if not change.ended:
        raise SelectionError(
            f"pull request {subject.repository}#{subject.number} is still open: its spans leave "
            "when it is closed or merged"
        )
    lineage = read_lineage(context, change, change.repository)
    runs = ChangeRuns()
    if subject.with_runs or context.settings.tracing.scope is TraceScope.RUN:
        runs = read_runs_of_change(context, change)
    placement = place(change.reference, Ancestry(lineage=lineage), own_tracing(context.settings))
    return replace(
        map_change(context.settings, change, lineage, runs),
        facts=change_events_and_metrics(context, change, placement),
    )


def collect_phases(context: ExportContext, subject: PhasesSubject) -> CollectedTelemetry:
    """Read a change and return those of its phases that ended since, under `phases: live`.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    change = context.with_aliases(read_change(context.github, subject.repository, subject.number))
    lineage = read_lineage(context, change, change.repository)
    placement = place(change.reference, Ancestry(lineage=lineage), own_tracing(context.settings))
    ended = [
        phase
        for phase in find_phases(change, context.clock.now())
        if phase.ended and phase.interval.end >= subject.ended_since
    ]
    return CollectedTelemetry(
        spans=phase_spans(
            change, ended, placement, resources_of(context.settings).of_change(change)
        ),
        exported=_placed(context.settings, change, lineage, placement, ended[-1].interval)
        if ended
        else None,
    )


def map_change(
    settings: Settings, change: Change, lineage: Lineage, runs: ChangeRuns | None = None
) -> CollectedTelemetry:
    """Return the spans of a change that was read; its facts leave with its own export only."""
    tracing = own_tracing(settings)
    placement = place(change.reference, Ancestry(lineage=lineage), tracing)
    runs = runs or ChangeRuns()
    return CollectedTelemetry(
        spans=_spans(settings, change, lineage, placement, runs=runs, tracing=tracing),
        exported=_exported(settings, change, lineage, placement),
        incomplete=() if change.timeline_complete else (_timeline_cut(change),),
        problems=tuple(
            f"what the pull request belongs to is not all known: {each}"
            for each in (*lineage.unread, *runs.read_errors)
        ),
    )


def own_tracing(settings: Settings) -> Tracing:
    """Return what the user decided about traces, for a change itself.

    Under `trace-scope: run` a change and its runs are a trace of their own all the same.
    """
    tracing = tracing_of(settings)
    if tracing.scope is not TraceScope.RUN:
        return tracing
    return Tracing(
        scope=TraceScope.CHANGE,
        namespace=tracing.namespace,
        feature_trace=tracing.feature_trace,
    )


def _spans(
    settings: Settings,
    change: Change,
    lineage: Lineage,
    placement: Placement,
    *,
    runs: ChangeRuns,
    tracing: Tracing,
) -> Iterator[Span]:
    resources = resources_of(settings)
    yield from change_spans(
        change,
        placement,
        resources.of_change(change),
        unread=lineage.unread,
        with_phases=settings.tracing.phases is PhaseSending.COMPLETED,
    )
    for beside, group in ((False, runs.runs), (True, runs.later_runs)):
        above = Ancestry(change=change, lineage=lineage, beside=beside)
        for run in group:
            yield from run_spans(
                select_whole_run(run),
                place(run.reference, above, tracing),
                resources.of_run(run),
                settings.tracing.detail,
                change=change,
            )


def _exported(
    settings: Settings, change: Change, lineage: Lineage, placement: Placement
) -> ExportedSubject | None:
    lives = change_periods(change)
    if not lives:
        return None
    return _placed(settings, change, lineage, placement, lives[0].interval)


def _placed(
    settings: Settings,
    change: Change,
    lineage: Lineage,
    placement: Placement,
    interval: Interval,
) -> ExportedSubject:
    template = settings.tracing.trace_url
    url = template and trace_url(template, placement.trace, change.reference, interval)
    return ExportedSubject(
        title=f"pull request #{change.number}",
        change=change,
        lineage=lineage,
        trace=placement.trace,
        reference=change.reference,
        interval=interval,
        trace_url=url or None,
    )


def _timeline_cut(change: Change) -> str:
    return (
        f"GitHub did not give all of the timeline of pull request #{change.number}, so its phases "
        "may be wrong"
    )


# The event that started the workflow as the subject of an export, under `events: live`.


def collect_event(context: ExportContext, subject: EventSubject) -> CollectedTelemetry:
    """Read the history of a thing and return the record of what the event told of.

    Events carry no id and time for most of what happens: the history has them. Where records go
    nowhere nothing is read.

    Raises:
        FlowTelemetryError: the thing cannot be read.
    """
    if Signal.LOGS not in context.settings.signals.enabled:
        reason = context.settings.otlp.off[Signal.LOGS]
        return CollectedTelemetry(left_out=(f"what happened to #{subject.number}: {reason}",))
    facts = _of_change(context, subject) if subject.of_change else _of_item(context, subject)
    records = list(facts)
    if records:
        return CollectedTelemetry(facts=records)
    told = f"the history of #{subject.number} does not show yet what this event tells of"
    return CollectedTelemetry(notices=(told,))


def _of_change(context: ExportContext, subject: EventSubject) -> EventsAndMetrics:
    change = context.with_aliases(read_change(context.github, subject.repository, subject.number))
    lineage = read_lineage(context, change, change.repository)
    yield from change_events(
        change,
        place(change.reference, Ancestry(lineage=lineage), own_tracing(context.settings)),
        resources_of(context.settings).of_change(change),
        context.clock.now(),
        told=find_webhook_events(subject.telling, change.timeline),
    )


def _of_item(context: ExportContext, subject: EventSubject) -> EventsAndMetrics:
    asked = ItemSubject(repository=subject.repository, key=subject.key)
    item, lineage = read_item(context, asked)
    known = categories(context, item.tracker)
    yield from item_events(
        item,
        place_item_events(item, lineage, tracing_of(context.settings)),
        resources_of(context.settings).of_item(item),
        context.clock.now(),
        blocked=blocked_times(item, known, context.settings.signals.blocked_names),
        categories=known,
        told=find_webhook_events(subject.telling, item.history),
    )
