"""Runs, jobs, steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.event_types import EventSubject
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import Facts, RecordMaker, SpanMaker
from flow_telemetry.model import Annotation, Change, Event, EventKind, Job, Run, Step, result_of
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.rules.timeline import TimelineEntry
from flow_telemetry.settings import Detail
from flow_telemetry.telemetry import LogRecord, Resource, Span, SpanEvent, SpanKind, SpanLink

# Runs, jobs and steps to spans: names, ids, times, attributes, status and links.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """What all spans of one run share."""

    part: RunSlice
    placement: Placement
    make: SpanMaker
    change: Change | None
    unread: tuple[str, ...]
    causes: tuple[SpanLink, ...]


def run_spans(
    part: RunSlice,
    placement: Placement,
    resource: Resource,
    detail: Detail,
    *,
    change: Change | None = None,
    unread: tuple[str, ...] = (),
    causes: tuple[SpanLink, ...] = (),
) -> Iterator[Span]:
    """Return the spans of a part of a run, the parents first, in order of time.

    ``change`` is the pull request above it, ``unread`` what of its chain could not be read,
    ``causes`` are links to what started it. They are made one by one, so that a run of any size
    can be sent in a stream.
    """
    builder = _Builder(
        part=part,
        placement=placement,
        make=SpanMaker(placement=placement, resource=resource, common=common_of(part.run)),
        change=change,
        unread=unread,
        causes=tuple(each for each in causes if each.trace_id != placement.trace_id),
    )
    if part.run_span:
        yield _run_span(builder)
        yield from _run_waits(builder)
    if detail is Detail.RUN:
        return
    intervals = [(timing.job_interval(part.run, job), job) for job in part.jobs]
    for interval, job in sorted(intervals, key=lambda pair: (pair[0].start, pair[1].id)):
        yield from _job_spans(builder, job, interval, detail)


def common_of(run: Run) -> Facts:
    """Return what stands on every span of a run."""
    return (
        (semconv.GITHUB_REPOSITORY, run.repository.full_name),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.GITHUB_RUN_ATTEMPT, run.attempt),
    )


def _run_span(builder: _Builder) -> Span:
    run = builder.part.run
    error = failures.run_error_type(run)
    return builder.make.span(
        Entity.RUN,
        run.reference,
        builder.placement.parent,
        f"RUN {run.workflow}",
        timing.run_interval(run),
        facts=_run_facts(builder, error),
        kind=SpanKind.SERVER,
        links=(*builder.placement.links, *builder.causes),
        error=None if error is None else f"the run ended with {run.conclusion}",
    )


def _run_facts(builder: _Builder, error: str | None) -> Facts:
    run, change = builder.part.run, builder.change
    result = result_of(run.conclusion)
    own = timing.own_jobs(run)
    cancelled = run.conclusion == "cancelled" and failures.superseded(run.jobs)
    return (
        (semconv.CICD_PIPELINE_NAME, run.workflow),
        (semconv.CICD_PIPELINE_ACTION_NAME, "RUN"),
        (semconv.CICD_PIPELINE_RESULT, result.value if result else None),
        (semconv.CICD_PIPELINE_RUN_URL_FULL, run.url),
        (semconv.ERROR_TYPE, error),
        (semconv.FLOW_PARTIAL, True if builder.part.partial else None),
        (semconv.FLOW_CANCELLED_REASON, "superseded" if cancelled else None),
        (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(builder.unread)),
        (semconv.FLOW_JOBS_INCOMPLETE, None if run.jobs_complete else True),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        (semconv.VCS_CHANGE_TITLE, change.title if change else None),
        (semconv.GITHUB_EVENT, run.event),
        (semconv.GITHUB_RUN_NUMBER, run.number or None),
        (semconv.GITHUB_RUN_TITLE, run.title),
        (semconv.GITHUB_RUN_CONCLUSION, run.conclusion),
        (semconv.GITHUB_RUN_JOBS, len(own)),
        (semconv.GITHUB_RUN_JOBS_CARRIED_OVER, (len(run.jobs) - len(own)) or None),
        (semconv.GITHUB_RUN_PREVIOUS_ATTEMPT, _previous_attempt(run)),
        (semconv.GITHUB_WORKFLOW_PATH, run.path),
        (semconv.GITHUB_WORKFLOW_REFERENCED, tuple(w.path for w in run.referenced_workflows)),
        (semconv.GITHUB_ACTOR, run.actor.login if run.actor else None),
        (semconv.GITHUB_TRIGGERING_ACTOR, _login(run)),
        (
            semconv.FLOW_ACTOR_KIND,
            run.triggering_actor.kind.value if run.triggering_actor else None,
        ),
    )


def _login(run: Run) -> str | None:
    return run.triggering_actor.login if run.triggering_actor else None


def _previous_attempt(run: Run) -> str | None:
    if run.attempt < 2:
        return None
    return identity.run_reference(run.repository.reference, run.id, run.attempt - 1)


def _run_waits(builder: _Builder) -> Iterator[Span]:
    run = builder.part.run
    queued = timing.run_queued(run)
    if queued is not None:
        reference = identity.queued_reference(run.reference)
        yield builder.make.span(Entity.QUEUED, reference, run.reference, "queued", queued)


def _job_spans(builder: _Builder, job: Job, interval: Interval, detail: Detail) -> Iterator[Span]:
    reference = builder.part.run.job_reference(job)
    yield _job_span(builder, job, reference, interval)
    yield from _job_waits(builder, job, reference)
    if detail is Detail.STEP:
        yield from _step_spans(builder, job, reference)


def _job_span(builder: _Builder, job: Job, reference: str, interval: Interval) -> Span:
    error = failures.job_error_type(job)
    result = result_of(job.conclusion)
    cancelled = job.conclusion == "cancelled" and failures.superseded((job,))
    facts: Facts = (
        *job_facts(job),
        (semconv.CICD_PIPELINE_TASK_RUN_RESULT, result.value if result else None),
        (semconv.CICD_PIPELINE_TASK_RUN_URL_FULL, job.url),
        (semconv.ERROR_TYPE, error),
        (semconv.FLOW_PARTIAL, None if job.completed else True),
        (semconv.FLOW_CANCELLED_REASON, "superseded" if cancelled else None),
        (semconv.CICD_WORKER_ID, str(job.runner_id) if job.runner_id else None),
        (semconv.CICD_WORKER_NAME, job.runner_name),
        (semconv.GITHUB_RUNNER_GROUP, job.runner_group),
        (semconv.GITHUB_JOB_LABELS, job.labels),
        (semconv.GITHUB_JOB_CONCLUSION, job.conclusion),
    )
    return builder.make.span(
        Entity.JOB,
        reference,
        builder.part.run.reference,
        job.name,
        interval,
        facts=facts,
        events=_annotation_events(job.annotations, interval.end),
        error=_job_error(job, error),
    )


def _job_error(job: Job, error: str | None) -> str | None:
    if error is None:
        return None
    return failures.description(job.annotations, f"the job ended with {job.conclusion}")


def job_facts(job: Job) -> Facts:
    """Return what stands on every span of a job, besides what stands on all of its run."""
    return (
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_PIPELINE_TASK_NAME, job.name),
    )


def _job_waits(builder: _Builder, job: Job, reference: str) -> Iterator[Span]:
    for number, approval in enumerate(job.approvals, start=1):
        yield builder.make.span(
            Entity.APPROVAL,
            identity.approval_reference(reference, number),
            reference,
            "waiting for approval",
            Interval.of(approval.requested_at, approval.decided_at),
            facts=job_facts(job),
        )
    queued = timing.job_queued(job)
    if queued is not None:
        own = identity.queued_reference(reference)
        yield builder.make.span(
            Entity.QUEUED, own, reference, "queued", queued, facts=job_facts(job)
        )


def _step_spans(builder: _Builder, job: Job, job_reference: str) -> Iterator[Span]:
    for step, interval in timing.step_intervals(builder.part.run, job):
        yield _step_span(builder, step, job, job_reference, interval)


def _step_span(
    builder: _Builder, step: Step, job: Job, job_reference: str, interval: Interval
) -> Span:
    error = failures.step_error_type(step, job)
    alone = error is not None and failures.failed_steps(job) == (step,)
    told = tuple(a for a in job.annotations if a.level == "failure") if alone else ()
    return builder.make.span(
        Entity.STEP,
        identity.step_reference(job_reference, step.number, step.occurrence),
        job_reference,
        step.name,
        interval,
        facts=(
            *job_facts(job),
            (semconv.ERROR_TYPE, error),
            (semconv.GITHUB_STEP_NUMBER, step.number),
            (semconv.GITHUB_STEP_CONCLUSION, step.conclusion),
        ),
        events=_annotation_events(told, interval.end),
        error=None if error is None else failures.description(told, "the step failed"),
    )


def _annotation_events(
    annotations: tuple[Annotation, ...], time: datetime
) -> tuple[SpanEvent, ...]:
    """Annotations have no time of their own: they stand at the end of what they are about."""
    if not annotations:
        return ()
    return tuple(
        SpanEvent(
            name=semconv.ANNOTATION_EVENT,
            time=nanoseconds(time),
            attributes=limits.attributes(
                (
                    (semconv.GITHUB_ANNOTATION_LEVEL, annotation.level),
                    (semconv.GITHUB_ANNOTATION_MESSAGE, annotation.message),
                    (semconv.GITHUB_ANNOTATION_TITLE, annotation.title),
                    (semconv.GITHUB_ANNOTATION_PATH, annotation.path),
                    (semconv.GITHUB_ANNOTATION_LINE, annotation.start_line),
                )
            ),
        )
        for annotation in annotations[: limits.MOST_EVENTS]
    )


# The failure annotations of a run's jobs, as records of events.

_FAILURE = "failure"


def run_events(
    part: RunSlice, placement: Placement, resource: Resource, observed: datetime
) -> Iterator[LogRecord]:
    """Return a record for each failure annotation of the jobs that leave with a part of a run.

    An annotation has no time of its own, so it has that of its job's end. Those of jobs that still
    go on wait for the job's own export; equal ones of one job are one.
    """
    run = part.run
    make = RecordMaker(
        subject=EventSubject.RUN,
        reference=run.reference,
        span=run.reference,
        placement=placement,
        resource=resource,
        observed=observed,
        common=(
            (semconv.GITHUB_REPOSITORY, run.repository.full_name),
            (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
            (semconv.GITHUB_RUN_ATTEMPT, run.attempt),
            (semconv.CICD_PIPELINE_NAME, run.workflow),
        ),
    )
    for job in part.jobs:
        end = timing.job_interval(run, job).end
        failures = dict.fromkeys(each for each in job.annotations if each.level == _FAILURE)
        for number, annotation in enumerate(failures, 1):
            happening = _happening(run.reference, job, end, number)
            yield from make.of(happening, _facts(job, annotation))


def _happening(run: str, job: Job, end: datetime, number: int) -> TimelineEntry:
    event = Event(kind=EventKind.ANNOTATED, time=end, subject=str(job.id))
    named = identity.moment(end, event.subject) + (f":{number}" if number > 1 else "")
    reference = identity.event_reference(run, event.kind.value, named)
    return TimelineEntry(event=event, time=end, reference=reference)


def _facts(job: Job, annotation: Annotation) -> Facts:
    return (
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_PIPELINE_TASK_NAME, job.name),
        (semconv.GITHUB_ANNOTATION_LEVEL, annotation.level),
        (semconv.GITHUB_ANNOTATION_MESSAGE, annotation.message),
        (semconv.GITHUB_ANNOTATION_TITLE, annotation.title),
        (semconv.GITHUB_ANNOTATION_PATH, annotation.path),
        (semconv.GITHUB_ANNOTATION_LINE, annotation.start_line),
    )
