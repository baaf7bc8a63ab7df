"""Pull requests: spans, phases, events and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TypeAlias

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import SelectionError
from flow_telemetry.github.changes import read_change
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.changes import change_spans, phase_spans
from flow_telemetry.mapping.events import (
    change_events,
    feature_events,
    item_events,
    place_item_events,
)
from flow_telemetry.mapping.flow_metrics import (
    change_measurements,
    feature_cost,
    feature_measurements,
    item_measurements,
)
from flow_telemetry.mapping.items import feature_root
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import (
    Ancestry,
    Placement,
    Tracing,
    place,
    place_change,
    root_link,
)
from flow_telemetry.mapping.runs import linked_run_span, run_spans
from flow_telemetry.model import Change, Lineage, WorkItem
from flow_telemetry.model.feature import FeatureTree
from flow_telemetry.model.time_shares import NO_TIMES, TimeShares
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.lifecycle import (
    change_periods,
    find_blocked_intervals,
    find_phases,
)
from flow_telemetry.rules.overview import runs_overview
from flow_telemetry.rules.runners import runs_cost
from flow_telemetry.rules.selection import select_whole_run
from flow_telemetry.rules.time_shares import (
    add_times,
    measure_change_times,
    measure_feature_time,
)
from flow_telemetry.rules.timeline import find_webhook_events
from flow_telemetry.settings import PhaseSending, Settings, TraceScope
from flow_telemetry.subjects.change_runs import ChangeRuns, list_runs_of_change, read_runs_of_change
from flow_telemetry.subjects.item import read_item
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.types import (
    ChangeSubject,
    CollectedTelemetry,
    EventSubject,
    ItemSubject,
    PhasesSubject,
    build_resource_maker,
    build_trace_url,
    build_tracing,
    has_feature_trace,
    wants_events,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import LogRecord, Measurement, Signal, Span

# The events and metrics of changes, items and features: they are exported once, with their subject.
#
# Those of runs are in `subjects/run.py`, so that the export of a run does not load these.

EventsAndMetrics: TypeAlias = Iterator[LogRecord | Measurement]


def change_events_and_metrics(
    context: ExportContext,
    change: Change,
    placement: Placement,
    within: Window | None = None,
    *,
    runs: ChangeRuns | None = None,
    times: Mapping[int, TimeShares] = NO_TIMES,
) -> EventsAndMetrics:
    """Yield the events and metrics of a change that ended, for every closing in ``within``.

    ``runs`` are its runs with their jobs, None if they were not read. ``times`` say where the time
    of each open period went, by its number.
    """
    resource = build_resource_maker(context.settings).of_change(change)
    cost = None
    if runs is not None and not runs.read_errors:  # A part of the runs would be too cheap.
        cost = runs_cost((*runs.runs, *runs.later_runs), context.settings.signals.prices)
    if wants_events(context.settings):
        now = context.clock.now()
        yield from change_events(
            change, placement, resource, now, within=within, times=times, cost=cost
        )
    if wants_metrics(context.settings):
        extra = context.settings.signals.metric_attributes
        yield from change_measurements(
            change,
            resource,
            extra,
            placement=placement,
            within=within,
            cost=cost,
            times=times,
        )


def change_times(
    change: Change, lineage: Lineage, runs: ChangeRuns | None = None
) -> Mapping[int, TimeShares]:
    """Return where the time of each open period of a change went, by what was read of it."""
    complete = runs is not None and not runs.read_errors
    return measure_change_times(
        change,
        runs=(*runs.runs, *runs.later_runs) if runs is not None and complete else None,
        may_be_blocked=bool(lineage.items or lineage.unread),
    )


def item_events_and_metrics(
    context: ExportContext, item: WorkItem, lineage: Lineage, within: Window | None = None
) -> EventsAndMetrics:
    """Yield the events and metrics of a work item, for every closing in ``within``."""
    resource = build_resource_maker(context.settings).of_item(item)
    placement = place_item_events(item, lineage, build_tracing(context.settings))
    if wants_events(context.settings):
        yield from item_events(
            item,
            placement,
            resource,
            context.clock.now(),
            blocked=find_blocked_intervals(item, context.settings.signals.blocked_names),
            flow_types=context.settings.signals.flow_types,
            within=within,
        )
    if wants_metrics(context.settings):
        yield from item_measurements(
            item,
            resource,
            context.settings.signals.blocked_names,
            context.settings.signals.metric_attributes,
            placement=placement,
            within=within,
            flow_types=context.settings.signals.flow_types,
        )


def feature_events_and_metrics(context: ExportContext, tree: FeatureTree) -> EventsAndMetrics:
    """Yield the event and the metrics of a whole feature that was closed; a snapshot has none."""
    settings = context.settings
    if tree.snapshot is not None:
        return
    resource = build_resource_maker(settings).of_item(tree.root.item)
    time = measure_feature_time(tree, settings.signals.blocked_names, last_period=True)
    root = feature_root(tree) if has_feature_trace(settings) else tree.root.item.reference
    trace = TraceIdentity(root=root, namespace=settings.tracing.namespace)
    cost = feature_cost(tree, settings.signals.prices)
    if wants_own_events(settings):
        now = context.clock.now()
        yield from feature_events(tree, resource, now, trace=trace, time=time, cost=cost)
    if wants_metrics(settings):
        yield from feature_measurements(
            tree,
            resource,
            settings.signals.metric_attributes,
            cost=cost,
            time=time,
            span=(trace.trace_id, trace.span_id(root)) if settings.tracing.feature_trace else None,
            flow_types=settings.signals.flow_types,
        )


# Changes: the span and phases, when the change is closed or merged.


def collect_change(context: ExportContext, subject: ChangeSubject) -> CollectedTelemetry:
    """Read a change and return its spans, and under `trace-scope: run` those of its runs.

    A change that was closed and opened again has the spans of its ended open periods.

    Raises:
        FlowTelemetryError: it cannot be read, or is still open.
    """
    context.log.info(f"reading pull request {subject.repository}#{subject.number}")
    change = context.with_aliases(
        read_change(context.github.required, subject.repository, subject.number)
    )
    within = subject.closed_within
    ends: tuple[datetime, ...] = ()
    if within is not None:
        closings = (period.interval.end for period in change_periods(change))
        ends = tuple(filter(within.holds, closings))
        if not ends:
            return CollectedTelemetry()
    elif not change.ended:
        raise SelectionError(
            f"pull request {subject.repository}#{subject.number} is still open. Its spans are "
            "exported when it is closed or merged"
        )
    lineage = read_lineage(context, change, change.repository)
    runs = None
    if subject.with_runs or context.settings.tracing.scope is TraceScope.RUN:
        runs = read_runs_of_change(context, change)
    placement = place_change(change, lineage, own_tracing(context.settings))
    times = change_times(change, lineage, runs)
    mapped = map_change(context.settings, change, lineage, runs)
    if runs is None and mapped.exported is not None and _shows_runs(context, subject):
        listed = list_runs_of_change(context, change)
        for error in listed.read_errors:
            context.log.debug(f"the summary lacks runs of #{change.number}: {error}")
        overview = runs_overview(listed.runs, listed.later_runs, with_jobs=False)
        mapped = replace(mapped, exported=replace(mapped.exported, runs=overview))
    return replace(
        mapped,
        events_and_metrics=change_events_and_metrics(
            context, change, placement, within, runs=runs, times=times
        ),
        ends=ends,
    )


def _shows_runs(context: ExportContext, subject: ChangeSubject) -> bool:
    """Whether the job summary is to show the runs of a change, of which it needs the lists."""
    settings = context.settings
    shown = settings.summary and settings.runner.summary_path is not None
    return shown and subject.closed_within is None


def collect_phases(context: ExportContext, subject: PhasesSubject) -> CollectedTelemetry:
    """Read a change and return its phases that have ended, under `phases: live`.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    change = context.with_aliases(
        read_change(context.github.required, subject.repository, subject.number)
    )
    lineage = read_lineage(context, change, change.repository)
    placement = place_change(change, lineage, own_tracing(context.settings))
    phases = enumerate(find_phases(change, context.clock.now()), start=1)
    ended = [
        (position, phase)
        for position, phase in phases
        if phase.ended and phase.interval.end >= subject.ended_since
    ]
    if not ended:
        return CollectedTelemetry()
    resource = build_resource_maker(context.settings).of_change(change)
    _, last = ended[-1]
    return CollectedTelemetry(
        spans=chain(opening_spans(placement), phase_spans(change, placement, resource, ended)),
        exported=_describe_export(context.settings, change, lineage, placement, last.interval),
    )


def map_change(
    settings: Settings, change: Change, lineage: Lineage, runs: ChangeRuns | None = None
) -> CollectedTelemetry:
    """Return the spans of a change that was read, without events and metrics."""
    tracing = own_tracing(settings)
    placement = place_change(change, lineage, tracing)
    runs_read, runs = runs, runs or ChangeRuns()
    periods = change_periods(change)
    incomplete = (
        f"GitHub did not give all of the timeline of pull request #{change.number}, so its phases "
        "may be wrong"
    )
    return CollectedTelemetry(
        spans=_build_spans(settings, change, lineage, placement, runs=runs, tracing=tracing),
        exported=replace(
            _describe_export(settings, change, lineage, placement, periods[0].interval),
            time=add_times(change_times(change, lineage, runs_read).values()),
            runs=None
            if runs_read is None
            else runs_overview(
                runs_read.runs, runs_read.later_runs, prices=settings.signals.prices
            ),
        )
        if periods
        else None,
        incomplete=() if change.timeline_complete else (incomplete,),
        problems=tuple(
            f"not everything that the pull request belongs to could be read: {error}"
            for error in (*lineage.unread, *runs.read_errors)
        ),
    )


def own_tracing(settings: Settings) -> Tracing:
    """Return the settings of traces for a change itself.

    Under `trace-scope: run` a change and its runs are a trace of their own too.
    """
    tracing = build_tracing(settings)
    if tracing.scope is not TraceScope.RUN:
        return tracing
    return replace(tracing, scope=TraceScope.CHANGE)


def _build_spans(
    settings: Settings,
    change: Change,
    lineage: Lineage,
    placement: Placement,
    *,
    runs: ChangeRuns,
    tracing: Tracing,
) -> Iterator[Span]:
    resources = build_resource_maker(settings)
    yield from opening_spans(placement)
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
            run_slice, resource = select_whole_run(run), resources.of_run(run)
            in_change = place(run.reference, above, tracing)
            if settings.tracing.scope is TraceScope.RUN:
                of_run = root_link(run.reference, tracing.namespace, "run")
                yield linked_run_span(run_slice, in_change, resource, of_run)
            else:
                detail = settings.tracing.detail
                yield from run_spans(run_slice, in_change, resource, detail)


def _describe_export(
    settings: Settings,
    change: Change,
    lineage: Lineage,
    placement: Placement,
    interval: Interval,
) -> ExportedSubject:
    return ExportedSubject(
        title=f"pull request #{change.number}",
        change=change,
        lineage=lineage,
        trace=placement.trace,
        reference=change.reference,
        interval=interval,
        trace_url=build_trace_url(settings, placement.trace, change.reference, interval),
    )


# The event that started the workflow, under `events: live`.


def collect_event(context: ExportContext, subject: EventSubject) -> CollectedTelemetry:
    """Read the timeline of a change or item and return the records of a webhook event.

    Most webhook events have no id and time of the timeline entry that they are about. If no records
    are sent, nothing is read.

    Raises:
        FlowTelemetryError: the change or item cannot be read.
    """
    if Signal.LOGS not in context.settings.signals.enabled:
        reason = context.settings.otlp.off[Signal.LOGS]
        return CollectedTelemetry(left_out=(f"what happened to #{subject.number}: {reason}",))
    build = _build_change_events if subject.of_change else _build_item_events
    placement, events = build(context, subject)
    records = list(events)
    if records:
        # The records are at an opening span, which this may be the first export to send.
        return CollectedTelemetry(spans=opening_spans(placement), events_and_metrics=records)
    notice = f"the history of #{subject.number} does not show this event yet, so it was not sent"
    return CollectedTelemetry(notices=(notice,))


def _build_change_events(
    context: ExportContext, subject: EventSubject
) -> tuple[Placement, EventsAndMetrics]:
    change = context.with_aliases(
        read_change(context.github.required, subject.repository, subject.number)
    )
    lineage = read_lineage(context, change, change.repository)
    placement = place_change(change, lineage, own_tracing(context.settings))
    return placement, change_events(
        change,
        placement,
        build_resource_maker(context.settings).of_change(change),
        context.clock.now(),
        only=find_webhook_events(subject.webhook_event, change.timeline),
        times=change_times(change, lineage),
    )


def _build_item_events(
    context: ExportContext, subject: EventSubject
) -> tuple[Placement, EventsAndMetrics]:
    item_subject = ItemSubject(repository=subject.repository, key=subject.key)
    item, lineage = read_item(context, item_subject)
    placement = place_item_events(item, lineage, build_tracing(context.settings))
    return placement, item_events(
        item,
        placement,
        build_resource_maker(context.settings).of_item(item),
        context.clock.now(),
        blocked=find_blocked_intervals(item, context.settings.signals.blocked_names),
        flow_types=context.settings.signals.flow_types,
        only=find_webhook_events(subject.webhook_event, item.history),
    )
