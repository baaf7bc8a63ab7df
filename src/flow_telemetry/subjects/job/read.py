"""What is read inside a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from flow_telemetry.context import ExportContext
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.jobs import Measured, measured_spans
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.runs import common_of, job_facts
from flow_telemetry.mapping.spans import SpanMaker
from flow_telemetry.model import Change, Job
from flow_telemetry.outcome import InsideTold, merged_inside
from flow_telemetry.process.context import parse_traceparent
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import Part
from flow_telemetry.settings import JobLogs
from flow_telemetry.subjects.job.handoff import Handoff
from flow_telemetry.subjects.job.types import JobTelemetry, OwnJob, step_windows
from flow_telemetry.subjects.types import resources_of
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Span, SpanLink

# A trace context that the job had before ours: it was kept, so the job links to it.


def link_parent_context(job: OwnJob) -> JobTelemetry:
    """Return a link to the span that the job's steps are below, where that is not the job's."""
    note = job.handoff.note
    outer = (
        parse_traceparent(note.outer) if note is not None and note.job == job.reference else None
    )
    if outer is None or outer.trace_id == job.placement.trace_id:
        return JobTelemetry()  # A link inside a trace is drawn as a parent by some backends.
    link = SpanLink(
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        attributes={semconv.FLOW_LINK: "context"},
    )
    return JobTelemetry(measured=(Measured(owner=job.reference, links=(link,)),))


# All that is read of the inside of a run's jobs, in one place.
#
# Each kind is read by its own module, which is loaded where the user asks for it.

# ruff: noqa: PLC0415


def read_job_telemetry(
    context: ExportContext,
    run_slice: Part,
    placement: Placement,
    *,
    handoff: Handoff,
    default_branch: str | None = None,
    change: Change | None = None,
) -> JobTelemetry:
    """Return what is known of the inside of the jobs that leave with a part of a run.

    What only the runner knows is read of the job that the program stands in, where that leaves;
    ``left`` is what its steps left. ``change`` is the pull request that the run is of, where it is
    not merged.
    """
    own = run_slice.own_job
    if own is None:
        return _inside_of_run(context, run_slice, placement)
    if all(job.id != own.id for job in run_slice.jobs):
        return JobTelemetry()
    job = _job_inside(
        context,
        run_slice,
        own,
        placement,
        handoff=handoff,
        default_branch=default_branch,
        change=change,
    )
    found = [*_of_own_job(job), *_logs(context, run_slice, placement)]
    return _joined(found, job.make, job.intervals) if found else JobTelemetry()


def _of_own_job(job: OwnJob) -> Iterator[JobTelemetry]:
    """What the runner knows, and what of the workspace the user asks for."""
    asked = job.context.settings.inside
    references: Iterable[str] = ()
    yield link_parent_context(job)
    if job.handoff.sampled:
        from flow_telemetry.subjects.job.machine import read_machine

        yield read_machine(job)
    if asked.test_reports:
        from flow_telemetry.subjects.job.tests import read_tests

        tests = read_tests(job)
        references = tests.references
        yield tests
    if asked.coverage_reports:
        from flow_telemetry.subjects.job.coverage import read_job_coverage

        yield read_job_coverage(job)
    if asked.trace_files:
        from flow_telemetry.subjects.job.tool_traces import file_traces

        yield file_traces(job, references)


def _inside_of_run(context: ExportContext, run_slice: Part, placement: Placement) -> JobTelemetry:
    """What is known from outside of a run: what it keeps with GitHub."""
    run = run_slice.run
    found = _logs(context, run_slice, placement)
    if context.settings.inside.trace_artifacts:
        from flow_telemetry.subjects.job.tool_traces import artifact_traces

        found.append(artifact_traces(context, run, placement))
    if not found:
        return JobTelemetry()
    make = SpanMaker(
        placement=placement,
        resource=resources_of(context.settings).of_run(run),
        common=common_of(run),
    )
    return _joined(found, make, {run.reference: timing.run_interval(run)})


def _logs(context: ExportContext, run_slice: Part, placement: Placement) -> list[JobTelemetry]:
    """The logs of the jobs that have ended, where the user wants any."""
    if context.settings.inside.logs is JobLogs.NONE:
        return []
    from flow_telemetry.subjects.job.logs import read_logs

    return [read_logs(context, run_slice, placement)]


def _job_inside(
    context: ExportContext,
    run_slice: Part,
    job: Job,
    placement: Placement,
    *,
    handoff: Handoff,
    default_branch: str | None,
    change: Change | None,
) -> OwnJob:
    run, runner = run_slice.run, context.settings.runner
    resource = resources_of(context.settings).of_run(run)
    return OwnJob(
        context=context,
        run=run,
        job=job,
        reference=run.job_reference(job),
        interval=timing.job_interval(run, job),
        placement=placement,
        resource=resource,
        make=SpanMaker(
            placement=placement, resource=resource, common=(*common_of(run), *job_facts(job))
        ),
        windows=step_windows(run, job),
        handoff=handoff,
        default_branch=default_branch,
        change=change,
        workspace=Path(runner.workspace) if runner.workspace else None,
        temporary=runner.own_folder,
    )


def _joined(
    found: list[JobTelemetry], make: SpanMaker, intervals: Mapping[str, Interval]
) -> JobTelemetry:
    measured = tuple(each for one in found for each in one.measured)
    return JobTelemetry(
        spans=chain(_all_spans(found), measured_spans(make, measured, intervals)),
        facts=_all_facts(found),
        prepared=_all_prepared(found),
        notices=tuple(notice for one in found for notice in one.notices),
        told=_told(found),
    )


def _all_spans(found: list[JobTelemetry]) -> Iterator[Span]:
    return (span for one in found for span in one.spans)


def _all_facts(found: list[JobTelemetry]) -> Iterator[LogRecord | Measurement]:
    return (fact for one in found for fact in one.facts)


def _all_prepared(found: list[JobTelemetry]) -> Iterator[Prepared]:
    return (request for one in found for request in one.prepared)


def _told(found: list[JobTelemetry]) -> InsideTold | None:
    return merged_inside(one.told for one in found)
