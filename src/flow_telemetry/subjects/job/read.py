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
from flow_telemetry.subjects.job.handoff import LeftBySteps
from flow_telemetry.subjects.job.types import Inside, JobInside, step_windows
from flow_telemetry.subjects.types import resources_of
from flow_telemetry.telemetry import LogRecord, Measurement, Prepared, Span, SpanLink

# A trace context that the job had before ours: it was kept, so the job links to it.


def outer_context(job: JobInside) -> Inside:
    """Return a link to the span that the job's steps are below, where that is not the job's."""
    note = job.left.note
    outer = (
        parse_traceparent(note.outer) if note is not None and note.job == job.reference else None
    )
    if outer is None or outer.trace_id == job.placement.trace_id:
        return Inside()  # A link inside a trace is drawn as a parent by some backends.
    link = SpanLink(
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        attributes={semconv.FLOW_LINK: "context"},
    )
    return Inside(measured=(Measured(owner=job.reference, links=(link,)),))


# All that is read of the inside of a run's jobs, in one place.
#
# Each kind is read by its own module, which is loaded where the user asks for it.

# ruff: noqa: PLC0415


def read_inside(
    context: ExportContext,
    part: Part,
    placement: Placement,
    *,
    left: LeftBySteps,
    default_branch: str | None = None,
    change: Change | None = None,
) -> Inside:
    """Return what is known of the inside of the jobs that leave with a part of a run.

    What only the runner knows is read of the job that the program stands in, where that leaves;
    ``left`` is what its steps left. ``change`` is the pull request that the run is of, where it is
    not merged.
    """
    own = part.own_job
    if own is None:
        return _inside_of_run(context, part, placement)
    if all(job.id != own.id for job in part.jobs):
        return Inside()
    job = _job_inside(
        context, part, own, placement, left=left, default_branch=default_branch, change=change
    )
    found = [*_of_own_job(job), *_logs(context, part, placement)]
    return _joined(found, job.make, job.intervals) if found else Inside()


def _of_own_job(job: JobInside) -> Iterator[Inside]:
    """What the runner knows, and what of the workspace the user asks for."""
    asked = job.context.settings.inside
    references: Iterable[str] = ()
    yield outer_context(job)
    if job.left.sampled:
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


def _inside_of_run(context: ExportContext, part: Part, placement: Placement) -> Inside:
    """What is known from outside of a run: what it keeps with GitHub."""
    run = part.run
    found = _logs(context, part, placement)
    if context.settings.inside.trace_artifacts:
        from flow_telemetry.subjects.job.tool_traces import artifact_traces

        found.append(artifact_traces(context, run, placement))
    if not found:
        return Inside()
    make = SpanMaker(
        placement=placement,
        resource=resources_of(context.settings).of_run(run),
        common=common_of(run),
    )
    return _joined(found, make, {run.reference: timing.run_interval(run)})


def _logs(context: ExportContext, part: Part, placement: Placement) -> list[Inside]:
    """The logs of the jobs that have ended, where the user wants any."""
    if context.settings.inside.logs is JobLogs.NONE:
        return []
    from flow_telemetry.subjects.job.logs import read_logs

    return [read_logs(context, part, placement)]


def _job_inside(
    context: ExportContext,
    part: Part,
    job: Job,
    placement: Placement,
    *,
    left: LeftBySteps,
    default_branch: str | None,
    change: Change | None,
) -> JobInside:
    run, runner = part.run, context.settings.runner
    resource = resources_of(context.settings).of_run(run)
    return JobInside(
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
        left=left,
        default_branch=default_branch,
        change=change,
        workspace=Path(runner.workspace) if runner.workspace else None,
        temporary=runner.own_folder,
    )


def _joined(found: list[Inside], make: SpanMaker, intervals: Mapping[str, Interval]) -> Inside:
    measured = tuple(each for one in found for each in one.measured)
    return Inside(
        spans=chain(_all_spans(found), measured_spans(make, measured, intervals)),
        facts=_all_facts(found),
        prepared=_all_prepared(found),
        notices=tuple(notice for one in found for notice in one.notices),
        told=_told(found),
    )


def _all_spans(found: list[Inside]) -> Iterator[Span]:
    return (span for one in found for span in one.spans)


def _all_facts(found: list[Inside]) -> Iterator[LogRecord | Measurement]:
    return (fact for one in found for fact in one.facts)


def _all_prepared(found: list[Inside]) -> Iterator[Prepared]:
    return (request for one in found for request in one.prepared)


def _told(found: list[Inside]) -> InsideTold | None:
    return merged_inside(one.told for one in found)
