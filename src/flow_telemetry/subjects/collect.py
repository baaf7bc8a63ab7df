"""Telemetry of each kind of subject.

Most exports are of a run, and each module costs time at the start, so modules of other kinds are
loaded only if such a subject is exported.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    FlowTelemetryError,
    SelectionError,
)
from flow_telemetry.model import Change
from flow_telemetry.rules.parentage import may_deploy
from flow_telemetry.settings import Settings, TraceScope
from flow_telemetry.subjects.lineage import is_feature, read_lineage
from flow_telemetry.subjects.run import collect_run, merged_changes
from flow_telemetry.subjects.types import (
    ChangeSubject,
    CollectedTelemetry,
    DeploymentSubject,
    EventSubject,
    FeatureSubject,
    ItemSubject,
    PhasesSubject,
    RunSubject,
    Subject,
    SweepSubject,
    missing_telemetry,
)

MOST_FAILURES_SHOWN = 10


def collect(context: ExportContext, subject: Subject) -> Iterator[CollectedTelemetry]:
    """Yield the telemetry of a subject, piece by piece as it is read.

    Raises:
        FlowTelemetryError: something cannot be read; what was yielded before stays.
    """
    if isinstance(subject, RunSubject):
        yield from _run(context, subject)
    elif isinstance(subject, ChangeSubject):
        from flow_telemetry.subjects.change import collect_change

        yield collect_change(context, subject)
    elif isinstance(subject, PhasesSubject):
        from flow_telemetry.subjects.change import collect_phases

        yield collect_phases(context, subject)
    elif isinstance(subject, DeploymentSubject):
        from flow_telemetry.subjects.deployment import collect_deployment

        yield collect_deployment(context, subject)
    elif isinstance(subject, EventSubject):
        from flow_telemetry.subjects.change import collect_event

        yield collect_event(context, subject)
    elif isinstance(subject, ItemSubject):
        yield from _item(context, subject)
    elif isinstance(subject, FeatureSubject):
        from flow_telemetry.subjects.feature import collect_feature

        yield collect_feature(context, subject)
    else:
        yield from _sweep(context, subject)


def _run(context: ExportContext, subject: RunSubject) -> Iterator[CollectedTelemetry]:
    """A run, with the changes that its commit merged and the deployments that it made.

    They go along once, with the run's own span, and not with each of its jobs.
    """
    collected = collect_run(context, subject)
    yield collected
    exported = collected.exported
    if exported is None or exported.run is None or exported.parentage is None:
        return
    if exported.reference != exported.run.reference:
        return
    if exported.run.event == "push":
        merged = merged_changes(context, subject, exported.run, exported.parentage)
        for change in merged:
            yield _ancestor(context, change)
    if may_deploy(exported.run):
        from flow_telemetry.subjects.deployment import collect_deployments_of_run

        yield collect_deployments_of_run(context, exported.run, exported.trace)


def _ancestor(context: ExportContext, change: Change) -> CollectedTelemetry:
    """Return the telemetry of a change that is exported with the run of its merge."""
    from flow_telemetry.github.changes import read_change
    from flow_telemetry.subjects.change import map_change

    try:
        known = context.with_aliases(
            read_change(context.github, change.repository.full_name, change.number)
        )
        lineage = read_lineage(context, known, known.repository)
    except FlowTelemetryError as error:
        return missing_telemetry(f"the merged pull request #{change.number} is not known", error)
    return map_change(context.settings, known, lineage)


def _item(context: ExportContext, subject: ItemSubject) -> Iterator[CollectedTelemetry]:
    """An item, and where it is a feature, and was asked for so, its trace."""
    from flow_telemetry.rules.lifecycle import item_periods
    from flow_telemetry.subjects.change import item_events_and_metrics
    from flow_telemetry.subjects.feature import map_feature
    from flow_telemetry.subjects.item import (
        left_out_of_item,
        map_item,
        read_item,
        unmapped_statuses,
    )

    item, lineage = read_item(context, subject)
    within = subject.closed_within
    if within is None and not item.ended:
        raise SelectionError(f"{item.key} is still open: its span is sent when it is closed")
    if within is not None and not any(within.holds(p.interval.end) for p in item_periods(item)):
        # Jira's list has the time of the resolution, which is not that of the closing.
        yield CollectedTelemetry()
        return
    scope = context.settings.tracing.scope
    whole = (
        subject.with_feature
        and context.settings.tracing.feature_trace
        and scope is not TraceScope.FEATURE
        and item.ended
        and is_feature(item, lineage)
    )
    # A feature trace holds the span; but one that closed again is a trace beside the live one.
    facts = item_events_and_metrics(context, item, lineage, within)
    collected = CollectedTelemetry()
    if not whole or (scope is TraceScope.ITEM and len(item_periods(item)) > 1):
        collected = map_item(context, item, lineage)
    yield replace(
        collected,
        facts=facts,
        notices=(*item.notices, *unmapped_statuses(item)),
        left_out=(*collected.left_out, *left_out_of_item(item)),
    )
    if whole:
        yield map_feature(context, item, lineage, snapshot=False)


def _sweep(context: ExportContext, subject: SweepSubject) -> Iterator[CollectedTelemetry]:
    """Yield the telemetry of everything a sweep found, in order; errors do not stop the others."""
    from flow_telemetry.subjects.run import read_concurrently
    from flow_telemetry.subjects.sweep import (
        describe_early_end,
        end_reason,
        find_subjects,
        within_sweep,
    )

    sweep = find_subjects(context, subject)
    within = within_sweep(context)
    failures = list(sweep.unread)
    left, read, spanless = len(sweep.subjects), 0, 0
    for each in read_concurrently(
        lambda found: collect(within, found),
        sweep.subjects,
        stop=lambda: bool(end_reason(context)),
    ):
        left -= 1
        done, total = len(sweep.subjects) - left, len(sweep.subjects)
        context.log.progress(f"{context.github.requests} requests, {done} of {total} things")
        for collected in each.results:
            # Reported once for all items, not for each.
            nothing = isinstance(each.item, ItemSubject) and collected.exported is None
            spanless += nothing
            yield replace(collected, left_out=()) if nothing else collected
        if each.error is None:
            read += 1
        elif isinstance(each.error, (BudgetExceeded, DeadlineExceeded)):
            left += 1  # Reported once, with everything that was not started.
        else:
            failures.append(str(each.error))
    failures += describe_early_end(context, sweep, left)
    notice = (
        f"sweep of {subject.repository} since {sweep.window.start:%Y-%m-%dT%H:%M:%SZ}: {read} of "
        f"{len(sweep.subjects)} found were read, {sweep.already_sent} had been sent before"
    )
    yield CollectedTelemetry(
        notices=(notice,),
        incomplete=tuple(
            f"the sweep could not read all: {each}" for each in _limit_failures(failures)
        ),
        left_out=(*_without_spans(context.settings, spanless), *sweep.left_out),
    )


def _without_spans(settings: Settings, items: int) -> tuple[str, ...]:
    if not items:
        return ()
    scope = settings.tracing.scope.value
    return (f"the spans of {items} work items: under trace-scope {scope} they have none",)


def _limit_failures(failures: list[str]) -> list[str]:
    """The first failures, and how many more there are: a server that is down fails each time."""
    once = list(dict.fromkeys(failures))
    more = len(once) - MOST_FAILURES_SHOWN
    return [*once[:MOST_FAILURES_SHOWN], *([f"{more} further ones"] if more > 0 else [])]
