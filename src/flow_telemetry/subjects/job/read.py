"""Telemetry of jobs: reports, logs, machine samples and traces of tools, of each enabled kind."""

# Each kind has a module of its own, which is loaded only if the user enabled it.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

from flow_telemetry.context import ExportContext
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.jobs import Measured, measured_spans
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.runs import (
    job_attributes,
    pipeline_attributes,
    run_id_attributes,
)
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Change, Run
from flow_telemetry.outcome import merge_job_reports
from flow_telemetry.process.context import parse_traceparent
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.order import RunOrder
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.settings import JobLogs
from flow_telemetry.subjects.job.handoff import Handoff
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob, sort_reports, step_windows
from flow_telemetry.subjects.types import build_resource_maker
from flow_telemetry.telemetry import SpanLink


def read_job_telemetry(
    context: ExportContext,
    run_slice: RunSlice,
    placement: Placement,
    *,
    handoff: Handoff,
    change: Change | None = None,
    ancestors: tuple[str, ...] = (),
) -> JobTelemetry:
    """Return the telemetry of the exported jobs of a run.

    Inside a run, reports and samples are read of the own job, if that is exported. ``change`` is
    the pull request of the run, unless it is merged. ``ancestors`` are the references of all
    changes and work items that the run belongs to.
    """
    own, run, runner = run_slice.own_job, run_slice.run, context.settings.runner
    resource = build_resource_maker(context.settings).of_run(run)
    if own is None:
        collected = [*_read_logs(context, run_slice, placement)]
        if context.settings.job.trace_artifacts:
            from flow_telemetry.subjects.job.tool_traces import artifact_traces

            collected.append(artifact_traces(context, run, placement, ancestors))
        measuring = SpanMaker(placement=placement, resource=resource, common=run_id_attributes(run))
        intervals = {run.reference: timing.run_interval(run)}
        moves = {run.reference: RunOrder.of(run).shift}
        return _merge(collected, measuring, run, intervals, moves)
    if all(exported.id != own.id for exported in run_slice.jobs):
        return JobTelemetry()
    common = (*run_id_attributes(run), *job_attributes(own))
    offset = timing.clock_offset(own)
    measuring = SpanMaker(placement=placement, resource=resource, common=common, offset=offset)
    job = OwnJob(
        context=context,
        run=run,
        job=own,
        reference=run.job_reference(own),
        interval=timing.job_interval(run, own).moved(-offset),
        placement=placement,
        resource=resource,
        make=replace(measuring, common=(*common, *pipeline_attributes(run))),
        windows=step_windows(run, own),
        handoff=handoff,
        change=change,
        ancestors=ancestors,
        workspace=Path(runner.workspace) if runner.workspace else None,
        temporary=runner.own_folder,
    )
    collected = [*_read_own_job(job), *_read_logs(context, run_slice, placement)]
    return _merge(collected, measuring, run, job.intervals, job.moves)


def _read_logs(
    context: ExportContext, run_slice: RunSlice, placement: Placement
) -> Iterator[JobTelemetry]:
    if context.settings.job.logs is not JobLogs.NONE:
        from flow_telemetry.subjects.job.logs import read_logs

        yield read_logs(context, run_slice, placement)


def _read_own_job(job: OwnJob) -> Iterator[JobTelemetry]:
    """Read the handoff and the enabled reports in the workspace."""
    enabled = job.context.settings.job
    references: Iterable[str] = ()
    yield link_parent_context(job)
    if job.handoff.sampled:
        from flow_telemetry.subjects.job.machine import read_machine

        yield read_machine(job)
    files = sort_reports(job)
    yield JobTelemetry(notices=files.notices)
    if enabled.test_reports or files.tests:
        from flow_telemetry.subjects.job.tests import read_tests

        tests = read_tests(job, files.tests)
        references = tests.references
        yield tests
    if enabled.coverage_reports or files.coverage:
        from flow_telemetry.subjects.job.coverage import read_job_coverage

        yield read_job_coverage(job, files.coverage)
    if enabled.trace_files:
        from flow_telemetry.subjects.job.tool_traces import file_traces

        yield file_traces(job, references)


def link_parent_context(job: OwnJob) -> JobTelemetry:
    """Return a link to the parent context that the job had before, if that is another trace."""
    note = job.handoff.note
    if note is None or note.job != job.reference:
        return JobTelemetry()
    parent = parse_traceparent(note.outer)
    # Some backends draw a link within a trace as a parent.
    if parent is None or parent.trace_id == job.placement.trace_id:
        return JobTelemetry()
    link = SpanLink(
        trace_id=parent.trace_id,
        span_id=parent.span_id,
        attributes={semconv.FLOW_LINK: "context"},
    )
    return JobTelemetry(measured=(Measured(owner=job.reference, links=(link,)),))


def _merge(
    collected: list[JobTelemetry],
    make: SpanMaker,
    run: Run,
    intervals: Mapping[str, Interval],
    moves: Mapping[str, timedelta],
) -> JobTelemetry:
    """Join telemetry, lazily where it is lazy, and add spans for what was measured."""
    measured = tuple(chain.from_iterable(telemetry.measured for telemetry in collected))
    spans = chain.from_iterable(telemetry.spans for telemetry in collected)
    return JobTelemetry(
        spans=chain(spans, measured_spans(make, run, measured, intervals, moves)),
        events_and_metrics=chain.from_iterable(t.events_and_metrics for t in collected),
        encoded_requests=chain.from_iterable(t.encoded_requests for t in collected),
        notices=tuple(chain.from_iterable(telemetry.notices for telemetry in collected)),
        report=merge_job_reports(telemetry.report for telemetry in collected),
    )
