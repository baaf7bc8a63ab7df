"""Measurements of runs and jobs; series with few different names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.mapping.spans import AttributePairs
from flow_telemetry.model import Job, Run, result_of
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import runners
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.telemetry import Attributes, Instrument, Measurement, Resource

# Measurements: only known values, with only the attributes that the table of metrics lists

Pair: TypeAlias = tuple[str, limits.OptionalValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The shared data of all measurements of one entity; made by `build_points`.

    A measurement has those of the ``attributes`` that its instrument or ``extra`` lists.
    """

    resource: Resource
    attributes: Attributes
    extra: tuple[str, ...]

    def with_attributes(self, *attributes: Pair) -> Points:
        """Return the points with further attributes."""
        return replace(self, attributes={**self.attributes, **limits.attributes(attributes)})

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


def branch(name: str | None, default: str | None) -> str | None:
    """Return `default` or `other`; None if one of the names is unknown."""
    if not name or not default:
        return None
    return "default" if name == default else "other"


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


# Runs and jobs to measurements: durations, waits, errors, retries and billable minutes

# Values of the convention's `cicd.pipeline.run.state`.
PENDING, EXECUTING = "pending", "executing"
_CHANGE_EVENTS = ("pull_request", "pull_request_target", "merge_group")


def run_measurements(
    run_slice: RunSlice,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: AttributePairs = (),
) -> Iterator[Measurement]:
    """Return the measurements of the exported part of a run.

    ``extra`` are the attributes that the user adds, ``keys`` those of the entities above the run. A
    job that an earlier attempt ran was measured with that attempt. A run or job that was skipped or
    never started is counted and has no duration.
    """
    run = run_slice.run
    points = build_points(resource, (*_run_attributes(run, default_branch), *keys), extra)
    if run_slice.run_span:
        yield from _run_points(run, points)
    for job in run_slice.jobs:
        if not timing.carried_over(run, job):
            yield from _job_points(job, points)


def build_job_points(
    run: Run,
    job: Job,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: AttributePairs = (),
) -> Points:
    """Return the points for measurements that are made within a job.

    ``extra`` and ``keys`` are those of `run_measurements`.
    """
    points = build_points(resource, (*_run_attributes(run, default_branch), *keys), extra)
    return points.with_attributes(*_job_attributes(job))


def _run_attributes(run: Run, default_branch: str | None) -> AttributePairs:
    # The branch of a pull request from a fork can have the name of the default branch.
    is_other = run.event in _CHANGE_EVENTS
    kind = "other" if is_other else branch(run.head_branch, default_branch)
    return (
        (names.REPOSITORY, run.repository.full_name),
        (names.WORKFLOW, limits.name(run.workflow)),
        (names.BRANCH, "tag" if run.of_tag else kind),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        (semconv.GITHUB_EVENT, run.event),
    )


def _run_points(run: Run, points: Points) -> Iterator[Measurement]:
    result, error = result_of(run.conclusion), failures.run_error_type(run)
    own = timing.own_jobs(run)
    began = min(filter(None, map(timing.job_began, own)), default=None)
    # In the conventions, only the state in which the run ended has a result.
    yield from points.of(
        table.RUN_DURATION,
        seconds_between(run.started_at, began),
        (names.RUN_STATE, PENDING),
    )
    ended = points.with_attributes(
        (names.RUN_RESULT, result.value if result else None), (names.ERROR_TYPE, error)
    )
    yield from ended.of(
        table.RUN_DURATION,
        seconds_between(began, timing.run_interval(run).end),
        (names.RUN_STATE, EXECUTING),
    )
    yield from ended.of(table.RUN_COUNT, 1)
    if run.attempt > 1:
        yield from ended.of(table.RUN_RETRIES, 1)
    if error is not None and not any(map(failures.job_error_type, own)):
        yield from ended.of(table.RUN_ERRORS, 1)


def _job_points(job: Job, points: Points) -> Iterator[Measurement]:
    points = points.with_attributes(*_job_attributes(job))
    began = timing.job_began(job)
    end = job.completed_at if job.completed else timing.last_step_end(job)
    ran = seconds_between(began, end)
    yield from points.of(table.JOB_COUNT, 1)
    yield from points.of(table.JOB_DURATION, ran)
    if began is not None:
        since = job.approvals[-1].decided_at if job.approvals else job.created_at
        yield from points.of(table.JOB_QUEUE_TIME, seconds_between(since, began))
    for approval in job.approvals:
        waited = seconds_between(approval.requested_at, approval.decided_at)
        yield from points.of(table.JOB_APPROVAL_TIME, waited)
    if ran is not None:
        yield from points.of(table.JOB_BILLABLE_TIME, runners.billable_minutes(job, ran))
    if failures.job_error_type(job) is not None:
        yield from points.of(table.RUN_ERRORS, 1)


def _job_attributes(job: Job) -> AttributePairs:
    result, kind = result_of(job.conclusion), runners.runner_kind(job)
    return (
        (names.JOB, limits.name(job_name(job.name))),
        (names.JOB_MATRIX, job_matrix(job.name)),
        (names.JOB_RESULT, result.value if result else None),
        (names.ERROR_TYPE, failures.job_error_type(job)),
        (names.RUNNER_KIND, kind.value if kind else None),
        (names.RUNNER_LABELS, runners.known_labels(job)),
        (names.OS_TYPE, runners.operating_system(job)),
        (semconv.GITHUB_JOB_LABELS, job.labels),
        (semconv.CICD_PIPELINE_TASK_RUN_ID, str(job.id)),
        (semconv.CICD_WORKER_NAME, job.runner_name),
    )
