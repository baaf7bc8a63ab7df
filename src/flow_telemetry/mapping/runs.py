"""Runs, jobs and steps to spans, and failure annotations to log records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from flow_telemetry import identity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.event_types import EventSubject
from flow_telemetry.mapping.job_attributes import STEP_NAME
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.placement import Placement, root_link
from flow_telemetry.mapping.spans import AttributePairs, SpanMaker, event_records
from flow_telemetry.model import (
    Annotation,
    Event,
    EventKind,
    Job,
    ProtectionRule,
    Run,
    Step,
    result_of,
)
from flow_telemetry.rules import causes
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.order import RunOrder
from flow_telemetry.rules.parentage import (
    merge_queue_base,
    merge_queue_target,
    run_branch_kind,
)
from flow_telemetry.rules.selection import RunSlice, boilerplate_steps
from flow_telemetry.rules.timeline import TimelineEntry
from flow_telemetry.settings import Detail
from flow_telemetry.telemetry import LogRecord, Resource, Span, SpanEvent, SpanKind, SpanLink

if TYPE_CHECKING:  # Loaded only if a run is compared.
    from flow_telemetry.rules.comparison import RunComparison

# The level of annotations that report a failure.
_FAILURE = "failure"

# Runs, jobs and steps to spans: names, ids, times, attributes, status and links


def run_spans(
    run_slice: RunSlice,
    placement: Placement,
    resource: Resource,
    detail: Detail,
    *,
    unread: tuple[str, ...] = (),
    origins: tuple[SpanLink, ...] = (),
) -> Iterator[Span]:
    """Return the spans of the exported part of a run, parents first, in order of time.

    ``unread`` is why ancestors could not be read.
    ``origins`` are links to what started the run. The spans are made one by one, so that a run of
    any size can be streamed.
    """
    run = run_slice.run
    order = RunOrder.of(run)
    make = SpanMaker(placement=placement, resource=resource, common=common_run_attributes(run))
    goes_on = run_slice.partial
    intervals = [(order.job(job), job) for job in run_slice.jobs]
    if run_slice.run_span:
        own = timing.own_jobs(run)
        known = {job.id: interval for interval, job in intervals}
        of_jobs = [known.get(job.id) or order.job(job) for job in own]
        links = (
            *placement.links,
            *_attempt_links(run, placement),
            *(o for o in origins if o.trace_id != placement.trace_id),
        )
        interval = order.run_interval(of_jobs)
        yield _run_span(make, run_slice, interval, unread=unread, links=links)
        start_wait = order.start_wait()
        if start_wait is not None:
            reference = identity.start_wait_reference(run.reference)
            yield make.span(
                Entity.START_WAIT,
                reference,
                run.reference,
                "waiting to start",
                start_wait,
                attributes=_run_wait_attributes(run, goes_on=goes_on),
            )
        queued = order.queued()
        if queued is not None:
            reference = identity.queued_reference(run.reference)
            yield make.span(
                Entity.QUEUED,
                reference,
                run.reference,
                "queued",
                queued,
                attributes=_run_wait_attributes(run, goes_on=goes_on),
            )
    if detail is Detail.RUN:
        return
    for interval, job in sorted(intervals, key=lambda pair: (pair[0].start, pair[1].id)):
        yield _job_span(make, run_slice, job, interval)
        yield from _job_waits(make, order, job, goes_on=goes_on and not job.completed)
        if detail is Detail.STEP:
            left_out = frozenset() if placement.boilerplate_steps else boilerplate_steps(job)
            for step, step_interval in order.steps(job):
                if step not in left_out:
                    yield _step_span(make, step, job, run.job_reference(job), step_interval)


def linked_run_span(
    run_slice: RunSlice, placement: Placement, resource: Resource, of_run: SpanLink
) -> Span:
    """Return the one span of a run that is a trace of its own, in the trace of its change.

    ``of_run`` is the link to that trace.
    """
    run = run_slice.run
    order = RunOrder.of(run)
    make = SpanMaker(placement=placement, resource=resource, common=common_run_attributes(run))
    interval = order.run_interval(order.job(job) for job in timing.own_jobs(run))
    links = (*placement.links, of_run)
    span = _run_span(make, run_slice, interval, links=links)
    attributes = {**span.attributes, semconv.FLOW_ENTITY_TYPE: Entity.LINKED_RUN.value}
    return replace(span, attributes=attributes)


def _run_span(
    make: SpanMaker,
    run_slice: RunSlice,
    interval: Interval,
    *,
    unread: tuple[str, ...] = (),
    links: tuple[SpanLink, ...],
) -> Span:
    run = run_slice.run
    error = causes.run_error_type(run)
    return make.span(
        Entity.RUN,
        run.reference,
        make.placement.parent,
        f"RUN {run.workflow}",
        interval,
        attributes=(
            (semconv.FEATURE_TRACE_ID, make.placement.feature_trace_id),
            *_run_attributes(run_slice, error, unread),
        ),
        kind=SpanKind.SERVER,
        links=links,
        error=None if error is None else _run_description(run),
    )


def common_run_attributes(run: Run) -> AttributePairs:
    """Return the attributes of every span and record of a run."""
    return (*run_id_attributes(run), *pipeline_attributes(run))


def run_id_attributes(run: Run) -> AttributePairs:
    """Return the attributes that join the spans of a run."""
    return (
        (semconv.GITHUB_REPOSITORY, run.repository.full_name),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.GITHUB_RUN_ATTEMPT, run.attempt),
    )


def pipeline_attributes(run: Run) -> AttributePairs:
    """Return what queries select the spans of runs by, so that they need no join."""
    return (
        (semconv.CICD_PIPELINE_NAME, run.workflow),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.FLOW_BRANCH, run_branch_kind(run)),
    )


def _run_wait_attributes(run: Run, *, goes_on: bool) -> AttributePairs:
    result = None if goes_on else causes.run_result(run)
    return (
        (semconv.CICD_PIPELINE_RESULT, result.value if result else None),
        (semconv.FLOW_PARTIAL, True if goes_on else None),
    )


def _attempt_links(run: Run, placement: Placement) -> tuple[SpanLink, ...]:
    """Return the link to the attempt before, if each attempt is the root of its own trace.

    Otherwise the attempts have the same ancestors, and so the same trace.
    """
    if run.attempt == 1 or placement.trace.root != run.reference:
        return ()
    return (root_link(_previous_attempt(run), placement.trace.namespace, "attempt"),)


def _previous_attempt(run: Run) -> str:
    return identity.run_reference(run.repository.reference, run.id, run.attempt - 1)


def _run_attributes(
    run_slice: RunSlice, error: str | None, unread: tuple[str, ...]
) -> AttributePairs:
    run = run_slice.run
    result = causes.run_result(run)
    own = timing.own_jobs(run)
    cancelled = run.superseded or (run.conclusion == "cancelled" and causes.superseded(run.jobs))
    starter = run.triggering_actor
    # If there are more than 32 attributes, the last ones are lost.
    return (
        (semconv.CICD_PIPELINE_ACTION_NAME, "RUN"),
        (semconv.CICD_PIPELINE_RESULT, result.value if result else None),
        (semconv.CICD_PIPELINE_RUN_URL_FULL, run.url),
        (semconv.ERROR_TYPE, error),
        (semconv.FLOW_PARTIAL, True if run_slice.partial else None),
        (semconv.FLOW_CANCELLED_REASON, "superseded" if cancelled else None),
        (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
        (semconv.FLOW_JOBS_INCOMPLETE, None if run.jobs_complete else True),
        (semconv.VCS_REF_HEAD_TYPE, _ref_type(run)),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        *_base_attributes(run),
        (semconv.GITHUB_EVENT, run.event),
        (semconv.GITHUB_RUN_NUMBER, run.number or None),
        (semconv.GITHUB_RUN_TITLE, run.title),
        (semconv.GITHUB_RUN_CONCLUSION, run.conclusion),
        (semconv.GITHUB_RUN_JOBS, len(own)),
        (semconv.GITHUB_RUN_JOBS_CARRIED_OVER, (len(run.jobs) - len(own)) or None),
        (semconv.GITHUB_WORKFLOW_PATH, run.path),
        (semconv.GITHUB_WORKFLOW_REFERENCED, tuple(path for path, _ in run.referenced_workflows)),
        (semconv.GITHUB_ACTOR, run.actor.login if run.actor else None),
        (semconv.GITHUB_TRIGGERING_ACTOR, starter.login if starter else None),
        (semconv.FLOW_ACTOR_KIND, starter.kind.value if starter else None),
        (semconv.GITHUB_RUN_PREVIOUS_ATTEMPT, _previous_attempt(run) if run.attempt > 1 else None),
    )


def _ref_type(run: Run) -> str | None:
    if not run.head_branch:
        return None
    return "tag" if run.of_tag else "branch"


def _base_attributes(run: Run) -> AttributePairs:
    """Return the branch and commit that a merge queue put a pull request on.

    The name of the queue's branch has both. For other runs of pull requests GitHub has the present
    branch and its present commit, which are others when the run is exported again.
    """
    if run.event != "merge_group":
        return ()
    return (
        (semconv.VCS_REF_BASE_NAME, merge_queue_target(run)),
        (semconv.VCS_REF_BASE_REVISION, merge_queue_base(run)),
    )


def _job_span(make: SpanMaker, run_slice: RunSlice, job: Job, interval: Interval) -> Span:
    run, goes_on = run_slice.run, run_slice.partial
    error = causes.job_error_type(job)
    result = causes.job_result(job)
    cancelled = job.conclusion == "cancelled" and causes.superseded((job,))
    description = None
    if error is not None:
        description = _job_description(job)
    return make.span(
        Entity.JOB,
        run.job_reference(job),
        run.reference,
        job.name,
        interval,
        attributes=(
            *task_attributes(job),
            (semconv.CICD_PIPELINE_TASK_TYPE, "deploy" if job.deployment else None),
            (semconv.CICD_PIPELINE_TASK_RUN_RESULT, result.value if result else None),
            (semconv.CICD_PIPELINE_TASK_RUN_URL_FULL, job.url),
            (semconv.ERROR_TYPE, error),
            (semconv.FLOW_PARTIAL, True if goes_on and not job.completed else None),
            (semconv.FLOW_INCOMPLETE, None if goes_on or job.completed else job.status),
            (semconv.FLOW_CANCELLED_REASON, "superseded" if cancelled else None),
            (semconv.CICD_WORKER_ID, str(job.runner_id) if job.runner_id else None),
            (semconv.CICD_WORKER_NAME, job.runner_name),
            (semconv.GITHUB_RUNNER_GROUP, job.runner_group),
            (semconv.GITHUB_JOB_LABELS, job.labels),
            _runner_labels(job),
            (semconv.GITHUB_JOB_CONCLUSION, job.conclusion),
        ),
        events=_annotation_events(job.annotations, interval.end),
        error=description,
    )


def job_attributes(job: Job) -> AttributePairs:
    """Return the attributes of every span within a job, in addition to those of its run."""
    return ((semconv.FLOW_JOB_ID, str(job.id)), (semconv.FLOW_JOB_NAME, job.name))


def task_attributes(job: Job) -> AttributePairs:
    """Return the attributes of the job's own span and of records about a job.

    No other span has them, so that a query for them finds jobs only.
    """
    return (
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_PIPELINE_TASK_NAME, job.name),
    )


def _runner_labels(job: Job) -> tuple[str, str]:
    """Return the labels as one text, because stores keep lists as JSON, which no query matches."""
    return semconv.FLOW_RUNNER_LABELS, ",".join(job.labels)


# Names of the spans of waits for protection rules.
_WAITS = {
    ProtectionRule.APPROVAL: "waiting for approval",
    ProtectionRule.TIMER: "waiting for wait timer",
    ProtectionRule.CUSTOM: "waiting for custom rule",
    None: "waiting for protection rule",
}


def _job_waits(make: SpanMaker, order: RunOrder, job: Job, *, goes_on: bool) -> Iterator[Span]:
    reference = order.run.job_reference(job)
    result = None if goes_on else causes.job_result(job)
    attributes: AttributePairs = (
        *job_attributes(job),
        (semconv.FLOW_JOB_RESULT, result.value if result else None),
        (semconv.FLOW_PARTIAL, True if goes_on else None),
    )
    for number, (wait, interval) in enumerate(order.protection_waits(job), start=1):
        yield make.span(
            Entity.APPROVAL,
            identity.approval_reference(reference, number),
            reference,
            _WAITS[wait.rule],
            interval,
            attributes=(
                *attributes,
                (semconv.FLOW_PROTECTION_RULE, wait.rule.value if wait.rule else None),
            ),
        )
    queued = order.job_queued(job)
    if queued is not None:
        yield make.span(
            Entity.QUEUED,
            identity.queued_reference(reference),
            reference,
            "queued",
            queued,
            attributes=(*attributes, _runner_labels(job), (semconv.GITHUB_JOB_LABELS, job.labels)),
        )


def _run_description(run: Run) -> str:
    """Return the first failed job of a run and its message.

    Without a failed job it is how the run ended, in GitHub's word unless the runner said something
    else.
    """
    job = causes.first_failed_job(run)
    if job is not None:
        return f"{job.name}: {_job_description(job)}"
    result = causes.run_result(run)
    differs = result is not None and result is not result_of(run.conclusion)
    return f"the run ended with {result.value if result and differs else run.conclusion}"


def _job_description(job: Job) -> str:
    return causes.job_error_message(job, f"the job ended with {job.conclusion}")


def _step_description(annotations: tuple[Annotation, ...]) -> str:
    return annotations[0].message if annotations else "the step failed"


def _step_span(
    make: SpanMaker, step: Step, job: Job, job_reference: str, interval: Interval
) -> Span:
    error, result = causes.step_error_type(step, job), result_of(step.conclusion)
    # Annotations belong to the job: they are about this step only if no other step failed.
    annotations: tuple[Annotation, ...] = ()
    if error is not None and _only_failed_step(job) == step:
        annotations = tuple(a for a in job.annotations if a.level == _FAILURE)
    return make.span(
        Entity.STEP,
        identity.step_reference(job_reference, step.number, step.occurrence),
        job_reference,
        step.name,
        interval,
        attributes=(
            *job_attributes(job),
            (semconv.ERROR_TYPE, error),
            (semconv.FLOW_STEP_NAME, step.name),
            (semconv.GITHUB_STEP_NUMBER, step.number),
            (semconv.FLOW_STEP_RESULT, result.value if result else None),
            (semconv.GITHUB_STEP_CONCLUSION, step.conclusion),
        ),
        events=_annotation_events(annotations, interval.end),
        error=None if error is None else _step_description(annotations),
    )


def _annotation_events(
    annotations: tuple[Annotation, ...], time: datetime
) -> tuple[SpanEvent, ...]:
    """Return events at the end of a span, because annotations have no time of their own."""
    if not annotations:
        return ()
    return tuple(
        SpanEvent(
            name=semconv.ANNOTATION_EVENT,
            time=nanoseconds(time),
            attributes=limits.attributes(_annotation_attributes(annotation)),
        )
        for annotation in annotations[: limits.MOST_EVENTS]
    )


def _annotation_attributes(annotation: Annotation) -> AttributePairs:
    return (
        (semconv.GITHUB_ANNOTATION_LEVEL, annotation.level),
        (semconv.GITHUB_ANNOTATION_MESSAGE, annotation.message),
        (semconv.GITHUB_ANNOTATION_TITLE, annotation.title),
        (semconv.GITHUB_ANNOTATION_PATH, annotation.path),
        (semconv.GITHUB_ANNOTATION_LINE, annotation.start_line),
    )


# Failure annotations of jobs to log records of events


def run_events(
    run_slice: RunSlice,
    placement: Placement,
    resource: Resource,
    observed: datetime,
    detail: Detail,
) -> Iterator[LogRecord]:
    """Return a record for each failure annotation of the exported jobs of a run.

    It has the span of the failed step, else of the job, else of the run, as far as ``detail`` has
    these spans. An annotation does not name its step, so it is that of the failed step only if no
    other step of the job failed. The time is the end of the job, because an annotation has no time
    of its own. Annotations of jobs in progress are exported with the job itself. Equal annotations
    of a job are one event.
    """
    entries = _annotation_entries(run_slice, detail)
    return _records_of_run(run_slice.run, entries, placement, resource, observed)


def _annotation_entries(
    run_slice: RunSlice, detail: Detail
) -> Iterator[tuple[TimelineEntry, AttributePairs]]:
    run = run_slice.run
    for job in run_slice.jobs:
        end = timing.job_interval(run, job).end
        step = _only_failed_step(job)
        part = "" if detail is Detail.RUN else run.job_reference(job)
        if step is not None and detail is Detail.STEP:
            part = identity.step_reference(part, step.number, step.occurrence)
        own = (*task_attributes(job), (STEP_NAME, step.name if step else None))
        annotations = dict.fromkeys(a for a in job.annotations if a.level == _FAILURE)
        for number, annotation in enumerate(annotations, 1):
            event = Event(kind=EventKind.ANNOTATED, time=end, subject=str(job.id))
            identifier = identity.event_identifier(end, event.subject)
            identifier += f":{number}" if number > 1 else ""
            reference = identity.event_reference(
                run_slice.run.reference, event.kind.value, identifier
            )
            entry = TimelineEntry(event=event, time=end, reference=reference, part=part)
            yield entry, (*own, *_annotation_attributes(annotation))


def slow_run_event(
    run: Run,
    comparison: RunComparison,
    placement: Placement,
    resource: Resource,
    observed: datetime,
) -> Iterator[LogRecord]:
    """Return the record of a run that took much longer than usual, at its end."""
    end = timing.run_interval(run).end
    event = Event(kind=EventKind.SLOW, time=end)
    identifier = identity.event_identifier(end, event.subject)
    entry = TimelineEntry(
        event=event,
        time=end,
        reference=identity.event_reference(run.reference, event.kind.value, identifier),
    )
    attributes: AttributePairs = (
        (event_semconv.RUN_DURATION, comparison.seconds),
        (event_semconv.RUN_USUAL_DURATION, comparison.usual),
        (event_semconv.RUN_COMPARED, comparison.runs),
        (event_semconv.RUN_COMPARED_BRANCH, comparison.branch or None),
        (event_semconv.RUN_SLOW_PARTS, comparison.described_parts),
    )
    return _records_of_run(run, [(entry, attributes)], placement, resource, observed)


def _records_of_run(
    run: Run,
    entries: Iterable[tuple[TimelineEntry, AttributePairs]],
    placement: Placement,
    resource: Resource,
    observed: datetime,
) -> Iterator[LogRecord]:
    return event_records(
        entries,
        placement,
        resource,
        observed,
        subject=EventSubject.RUN,
        reference=run.reference,
        span=run.reference,
        common=common_run_attributes(run),
    )


def _only_failed_step(job: Job) -> Step | None:
    failed = causes.failed_steps(job)
    return failed[0] if len(failed) == 1 else None
