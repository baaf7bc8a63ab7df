"""The failure annotations of a run's jobs, as records of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.model import Annotation, Event, EventKind, Job
from flow_telemetry.rules import timing
from flow_telemetry.rules.histories import Happening
from flow_telemetry.rules.selection import Part
from flow_telemetry.signals import semconv
from flow_telemetry.signals.event_table import EventSubject
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.records import RecordMaker
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import LogRecord, Resource

_FAILURE = "failure"


def run_events(
    part: Part, placement: Placement, resource: Resource, observed: datetime
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


def _happening(run: str, job: Job, end: datetime, number: int) -> Happening:
    event = Event(kind=EventKind.ANNOTATED, time=end, subject=str(job.id))
    named = identity.moment(end, event.subject) + (f":{number}" if number > 1 else "")
    reference = identity.event_reference(run, event.kind.value, named)
    return Happening(event=event, time=end, reference=reference)


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
