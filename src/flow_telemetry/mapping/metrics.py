"""Measurements of runs and jobs; series with few different names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import AttributePairs
from flow_telemetry.model import Job, ProtectionRule, Run
from flow_telemetry.rules import causes, runners
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.parentage import run_branch_kind
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.settings import Detail
from flow_telemetry.telemetry import Attributes, Instrument, Measurement, Resource

# Measurements: only known values, with only the attributes that the table of metrics lists

Pair: TypeAlias = tuple[str, limits.OptionalValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The shared data of all measurements of one entity; made by `build_points`.

    A measurement has those of the ``attributes`` that its instrument or ``extra`` lists. ``span``
    are the trace id and span id of the entity.
    """

    resource: Resource
    attributes: Attributes
    extra: tuple[str, ...]
    span: tuple[str, str] | None = None

    def with_attributes(self, *attributes: Pair) -> Points:
        """Return the points with further attributes."""
        return replace(self, attributes={**self.attributes, **limits.attributes(attributes)})

    def of_span(self, placement: Placement | None, reference: str) -> Points:
        """Return the points of the span of a reference; without a placement they have no span."""
        if placement is None:
            return self
        return replace(self, span=(placement.trace_id, placement.span_id(reference)))

    def of(
        self,
        instrument: Instrument,
        value: float | None,
        *attributes: tuple[str, limits.OptionalValue],
    ) -> Iterator[Measurement]:
        """Yield the measurement, unless the value is unknown or negative."""
        if value is not None and value >= 0:
            yield from self.signed(instrument, value, *attributes)

    def signed(
        self,
        instrument: Instrument,
        value: float | None,
        *attributes: tuple[str, limits.OptionalValue],
    ) -> Iterator[Measurement]:
        """Yield the measurement of a value that can be negative, unless it is unknown."""
        if value is None or not math.isfinite(value):
            return
        values = self.attributes
        if attributes:
            values = {**values, **limits.attributes(attributes)}
        names = (*instrument.attributes, *self.extra)
        yield Measurement(
            instrument=instrument,
            value=value,
            resource=self.resource,
            attributes={name: values[name] for name in names if name in values},
            span=self.span,
        )


def build_points(resource: Resource, attributes: AttributePairs, extra: tuple[str, ...]) -> Points:
    """Return the points of an entity; names in ``extra`` that a user cannot add are ignored."""
    allowed = tuple(name for name in extra if name in EXTRA_ATTRIBUTES)
    return Points(resource=resource, attributes=limits.attributes(attributes), extra=allowed)


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the time between two times; None if one is unknown or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return Interval(start, end).seconds


# Names with fewer values: jobs without their matrix, environments without numbers

# `us-east-1` is a region, `preview-123` one of many. A hash has a digit, unlike the word `facade`.
_NUMBERS = re.compile(r"\d{2,}")
_HASHES = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b")


def job_name(name: str) -> str:
    """Return the name of a job without its matrix values: `test` for `test (3.12)`.

    The values are in brackets at the end of the name or of one segment: `call (eu) / test`.
    """
    return " / ".join(_split_matrix(segment)[0] for segment in name.split(" / "))


def job_matrix(name: str) -> str:
    """Return the matrix values in the name of a job; empty if it has none."""
    return "; ".join(values for _, values in map(_split_matrix, name.split(" / ")) if values)


def place_name(environment: str, *, transient: bool) -> str:
    """Return the name of an environment, the same for all that are to disappear again."""
    return "(transient)" if transient else environment_name(environment)


def environment_name(name: str) -> str:
    """Return the name with `*` in place of hashes and numbers of 2 or more digits: `preview-*`."""
    return _NUMBERS.sub("*", _HASHES.sub("*", name))


def _split_matrix(segment: str) -> tuple[str, str]:
    """Return a segment of a name and the text in its last brackets, which can contain brackets."""
    text = segment.rstrip()
    if not text.endswith(")"):
        return segment, ""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            base = text[:at].rstrip()
            return (base, text[at + 1 : -1]) if base else (segment, "")
    return segment, ""


# Runs and jobs to measurements: durations, waits, errors, retries, billable minutes and costs

# Values of the convention's `cicd.pipeline.run.state`.
PENDING, EXECUTING = "pending", "executing"


def run_measurements(
    run_slice: RunSlice,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    base_branch: str | None = None,
    placement: Placement | None = None,
    detail: Detail = Detail.STEP,
    prices: Mapping[str, float] = runners.NO_PRICES,
) -> Iterator[Measurement]:
    """Return the measurements of the exported part of a run.

    ``extra`` are the attributes that the user adds, ``prices`` those of `job_cost`. ``base_branch``
    is that of the pull request that the run checks, None for other runs. ``placement``
    has the keys of the entities above the run, and the spans of exemplars, of which ``detail``
    leaves out some. A job that an earlier attempt ran was measured with that attempt. A run or job
    that was skipped or never started is counted and has no duration.
    """
    run = run_slice.run
    keys = (
        (semconv.VCS_REF_BASE_NAME, base_branch),
        *(placement.keys if placement else ()),
    )
    points = build_points(resource, (*_run_attributes(run), *keys), extra)
    points = points.of_span(placement, run.reference)
    if run_slice.run_span:
        yield from _run_points(run, points)
    for job in run_slice.jobs:
        if not timing.carried_over(run, job):
            incomplete = not (job.completed or run_slice.partial)
            own = points
            if detail is not Detail.RUN:
                own = points.of_span(placement, run.job_reference(job))
            yield from _job_points(run, job, own, incomplete=incomplete, prices=prices)


def build_job_points(
    run: Run,
    job: Job,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    base_branch: str | None = None,
    placement: Placement | None = None,
    detail: Detail = Detail.STEP,
) -> Points:
    """Return the points for measurements that are made within a job.

    The arguments are those of `run_measurements`.
    """
    keys = (
        (semconv.VCS_REF_BASE_NAME, base_branch),
        *(placement.keys if placement else ()),
    )
    points = build_points(resource, (*_run_attributes(run), *keys), extra)
    reference = run.reference if detail is Detail.RUN else run.job_reference(job)
    return points.with_attributes(*_job_attributes(job)).of_span(placement, reference)


def _run_attributes(run: Run) -> AttributePairs:
    return (
        (names.REPOSITORY, run.repository.full_name),
        (names.WORKFLOW, limits.name(run.workflow)),
        (names.BRANCH, run_branch_kind(run)),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        (semconv.GITHUB_EVENT, run.event),
    )


def _run_points(run: Run, points: Points) -> Iterator[Measurement]:
    result, error = causes.run_result(run), causes.run_error_type(run)
    own = timing.own_jobs(run)
    ended = points.with_attributes(
        (names.RUN_RESULT, result.value if result else None), (names.ERROR_TYPE, error)
    )
    for state, interval in _run_states(run):
        # In the conventions, only the state in which the run ended has a result.
        last = state == EXECUTING or timing.run_began(run) is None
        protected = timing.intersection((interval,), timing.protection_only(run))
        yield from (ended if last else points).of(
            table.RUN_DURATION,
            interval.seconds - timing.seconds(protected),
            (names.RUN_STATE, state),
        )
    # From inside, a run whose failed jobs may be allowed has no result yet.
    if result is not None:
        yield from ended.of(table.RUN_COUNT, 1)
    if run.attempt > 1:
        yield from ended.of(table.RUN_RETRIES, 1)
    if error is not None and not any(map(causes.job_error_type, own)):
        # What failed in carried-over jobs was counted with their own attempt.
        yield from _error_points(points, error, causes.run_cause(replace(run, jobs=own)))


def _run_states(run: Run) -> Iterator[tuple[str, Interval]]:
    """Yield the states of a run with their intervals; none of an unknown time."""
    began, ended = timing.run_began(run), timing.run_interval(run).end
    start, queued = timing.attempt_start(run), timing.run_queued(run)
    waited = queued or timing.run_start_wait(run)
    until = began or (waited.end if waited else None)
    unknown = any(job.waits_unknown for job in timing.own_jobs(run))
    if not unknown and start is not None and until is not None and start <= until:
        yield PENDING, Interval(start, until)
    if began is not None and began <= ended:
        yield EXECUTING, Interval(began, ended)


def _error_points(points: Points, error: str, cause: causes.Cause | None) -> Iterator[Measurement]:
    yield from points.of(table.RUN_ERRORS, 1, (names.ERROR_TYPE, error))
    if cause is not None and cause.component is not None:
        component = (names.SYSTEM_COMPONENT, cause.component)
        yield from points.of(table.SYSTEM_ERRORS, 1, (names.ERROR_TYPE, error), component)


def _job_points(
    run: Run, job: Job, points: Points, *, incomplete: bool, prices: Mapping[str, float]
) -> Iterator[Measurement]:
    """Yield the points of a job; one that GitHub left unfinished has no count and duration."""
    points = points.with_attributes(*_job_attributes(job))
    queue = timing.job_queue(job)
    if queue is not None:
        yield from points.of(table.JOB_QUEUE_TIME, queue.seconds)
    for wait, interval in timing.protection_waits(run, job):
        if wait.rule is ProtectionRule.APPROVAL:
            yield from points.of(table.JOB_APPROVAL_TIME, interval.seconds)
        else:
            rule = (names.PROTECTION_RULE, wait.rule.value if wait.rule else None)
            yield from points.of(table.JOB_PROTECTION_TIME, interval.seconds, rule)
    if incomplete:
        return
    ran = timing.time_on_runner(job)
    yield from points.of(table.JOB_COUNT, 1)
    yield from points.of(table.JOB_DURATION, ran)
    if ran is not None:
        yield from points.of(table.JOB_BILLABLE_TIME, runners.billable_minutes(job, ran))
        yield from points.of(table.JOB_COST, runners.job_cost(run, job, ran, prices))
    error = causes.job_error_type(job)
    if error is not None:
        yield from _error_points(points, error, causes.job_cause(job))


def _job_attributes(job: Job) -> AttributePairs:
    result, kind = causes.job_result(job), runners.runner_kind(job)
    return (
        (names.JOB, limits.name(job_name(job.name))),
        (names.JOB_MATRIX, job_matrix(job.name)),
        (names.JOB_RESULT, result.value if result else None),
        (names.ERROR_TYPE, causes.job_error_type(job)),
        (names.RUNNER_KIND, kind.value if kind else None),
        (names.RUNNER_LABELS, runners.known_labels(job)),
        (names.OS_TYPE, runners.operating_system(job)),
        (semconv.GITHUB_JOB_LABELS, job.labels),
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_WORKER_NAME, job.runner_name),
    )
