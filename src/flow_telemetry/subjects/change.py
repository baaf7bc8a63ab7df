"""A change as the subject of an export: its span and phases, once it is closed or merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flow_telemetry.errors import SelectionError
from flow_telemetry.model import Change, Lineage
from flow_telemetry.outcome import Exported
from flow_telemetry.parts import Parts
from flow_telemetry.rules.phases import phases
from flow_telemetry.rules.selection import whole
from flow_telemetry.rules.timing import Interval
from flow_telemetry.settings import PhaseSending, Settings, TraceScope
from flow_telemetry.signals.changes import change_lives, change_spans, phase_spans
from flow_telemetry.signals.placement import Ancestry, Placement, Tracing, place
from flow_telemetry.signals.runs import run_spans
from flow_telemetry.sources.github.change_details import read_change
from flow_telemetry.subject import ChangeSubject, PhasesSubject
from flow_telemetry.subjects.collected import Collected
from flow_telemetry.subjects.facts import change_facts
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.mapping import resources_of, tracing_of
from flow_telemetry.subjects.runs_of_change import ChangeRuns, read_runs_of_change
from flow_telemetry.telemetry import Span
from flow_telemetry.views.links import trace_url


def collect_change(settings: Settings, subject: ChangeSubject, parts: Parts) -> Collected:
    """Read a change and return its spans, under `trace-scope: run` those of its runs too.

    Raises:
        FlowTelemetryError: it cannot be read, or it is still open.
    """
    parts.log.info(f"reading pull request {subject.repository}#{subject.number}")
    change = parts.known(read_change(parts.github, subject.repository, subject.number))
    if not change.ended:
        raise SelectionError(
            f"pull request {subject.repository}#{subject.number} is still open: its spans leave "
            "when it is closed or merged"
        )
    lineage = read_lineage(settings, parts, change, change.repository)
    runs = ChangeRuns()
    if subject.with_runs or settings.tracing.scope is TraceScope.RUN:
        runs = read_runs_of_change(parts, change)
    placement = place(change.reference, Ancestry(lineage=lineage), own_tracing(settings))
    return replace(
        change_collected(settings, change, lineage, runs),
        facts=change_facts(settings, change, placement, parts),
    )


def collect_phases(settings: Settings, subject: PhasesSubject, parts: Parts) -> Collected:
    """Read a change and return those of its phases that ended since, under `phases: live`.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    change = parts.known(read_change(parts.github, subject.repository, subject.number))
    lineage = read_lineage(settings, parts, change, change.repository)
    placement = place(change.reference, Ancestry(lineage=lineage), own_tracing(settings))
    ended = [
        phase
        for phase in phases(change, parts.clock.now())
        if phase.ended and phase.interval.end >= subject.ended_since
    ]
    return Collected(
        spans=phase_spans(change, ended, placement, resources_of(settings).of_change(change)),
        exported=_placed(settings, change, lineage, placement, ended[-1].interval)
        if ended
        else None,
    )


def change_collected(
    settings: Settings, change: Change, lineage: Lineage, runs: ChangeRuns | None = None
) -> Collected:
    """Return the spans of a change that was read; its facts leave with its own export only."""
    tracing = own_tracing(settings)
    placement = place(change.reference, Ancestry(lineage=lineage), tracing)
    runs = runs or ChangeRuns()
    return Collected(
        spans=_spans(settings, change, lineage, placement, runs=runs, tracing=tracing),
        exported=_exported(settings, change, lineage, placement),
        incomplete=() if change.timeline_complete else (_timeline_cut(change),),
        problems=tuple(
            f"what the pull request belongs to is not all known: {each}"
            for each in (*lineage.unread, *runs.unread)
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
                whole(run),
                place(run.reference, above, tracing),
                resources.of_run(run),
                settings.tracing.detail,
                change=change,
            )


def _exported(
    settings: Settings, change: Change, lineage: Lineage, placement: Placement
) -> Exported | None:
    lives = change_lives(change)
    if not lives:
        return None
    return _placed(settings, change, lineage, placement, lives[0].interval)


def _placed(
    settings: Settings,
    change: Change,
    lineage: Lineage,
    placement: Placement,
    interval: Interval,
) -> Exported:
    template = settings.tracing.trace_url
    url = template and trace_url(template, placement.trace, change.reference, interval)
    return Exported(
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
