"""Telemetry of each kind of subject.

Most exports are of a run, and each module costs time at the start, so modules of other kinds are
loaded only if such a subject is exported.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError, SelectionError
from flow_telemetry.model import Change
from flow_telemetry.rules.parentage import may_deploy
from flow_telemetry.subjects.lineage import is_feature, read_lineage
from flow_telemetry.subjects.run import collect_run, merged_changes
from flow_telemetry.subjects.types import (
    ChangeSubject,
    CollectedTelemetry,
    DeploymentSubject,
    EventSubject,
    ItemSubject,
    PhasesSubject,
    RunSubject,
    Subject,
    has_feature_trace,
    missing_telemetry,
    wants_metrics,
    wants_own_events,
)


def collect(context: ExportContext, subject: Subject) -> Iterator[CollectedTelemetry]:
    """Yield the telemetry of a subject as it is read.

    Raises:
        FlowTelemetryError: something cannot be read. Telemetry that was yielded before is valid.
    """
    if isinstance(subject, RunSubject):
        yield from _collect_run(context, subject)
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
        yield from _collect_item(context, subject)
    else:
        from flow_telemetry.subjects.feature import collect_feature

        yield collect_feature(context, subject)


def _collect_run(context: ExportContext, subject: RunSubject) -> Iterator[CollectedTelemetry]:
    """Yield a run, the changes that its commit merged, and the deployments that it made.

    These are exported once, with the run's own span, and not with each of its jobs.
    """
    collected = collect_run(context, subject)
    yield collected
    exported = collected.exported
    if exported is None or exported.run is None or exported.parentage is None:
        return
    if exported.reference != exported.run.reference:
        return
    if exported.run.event == "push":
        for change in merged_changes(context, subject, exported.run, exported.parentage):
            yield _collect_merged_change(context, change)
    if may_deploy(exported.run):
        from flow_telemetry.subjects.deployment import collect_deployments_of_run

        yield collect_deployments_of_run(context, exported.run, exported.trace, subject.within)


def _collect_merged_change(context: ExportContext, change: Change) -> CollectedTelemetry:
    """Return the telemetry of a change that is exported with the run of its merge."""
    from flow_telemetry.github.changes import read_change
    from flow_telemetry.subjects.change import map_change

    try:
        details = context.with_aliases(
            read_change(context.github, change.repository.full_name, change.number)
        )
        lineage = read_lineage(context, details, details.repository)
    except FlowTelemetryError as error:
        return missing_telemetry(f"the merged pull request #{change.number} is not known", error)
    return map_change(context.settings, details, lineage)


def _collect_item(context: ExportContext, subject: ItemSubject) -> Iterator[CollectedTelemetry]:
    """Yield an item and, if it is a feature and this is enabled, its feature trace."""
    from flow_telemetry.rules.lifecycle import item_periods
    from flow_telemetry.subjects.change import item_events_and_metrics
    from flow_telemetry.subjects.feature import map_feature, measure_feature
    from flow_telemetry.subjects.item import (
        map_item,
        read_item,
        unmapped_statuses,
        unmeasured_values,
    )

    item, lineage = read_item(context, subject)
    within = subject.closed_within
    if within is None and not item.ended:
        raise SelectionError(f"{item.key} is still open. Its span is exported when it is closed")
    closings = tuple(period.interval.end for period in item_periods(item))
    ends = closings if within is None else tuple(filter(within.holds, closings))
    if within is not None and not ends:
        # The list of the tracker has the time of the resolution, which is not that of the closing.
        return
    closes_feature = (
        subject.with_feature
        and context.settings.tracing.feature_trace
        and item.ended
        # It belongs to the last closing, which may have been exported before.
        and closings[-1:] == ends[-1:]
        and is_feature(item, lineage)
    )
    with_feature = closes_feature and has_feature_trace(context.settings)
    # A feature trace contains the span of the item.
    collected = CollectedTelemetry() if with_feature else map_item(context, item, lineage)
    yield replace(
        collected,
        events_and_metrics=item_events_and_metrics(context, item, lineage, within),
        ends=ends if within else (),
        notices=(*item.notices, *unmapped_statuses(item)),
        left_out=(*collected.left_out, *unmeasured_values(item)),
    )
    if with_feature:
        yield map_feature(context, item, lineage, snapshot=False)
    elif closes_feature and (wants_metrics(context.settings) or wants_own_events(context.settings)):
        yield measure_feature(context, item, lineage)
