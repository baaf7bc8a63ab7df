"""Metrics of runs and jobs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.mapping.spans import Facts
from flow_telemetry.model import Job, Run, result_of
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import runners
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.selection import RunSlice
from flow_telemetry.telemetry import Attributes, Instrument, Measurement, Resource

# One measurement from a fact: only a value that there is, only attributes that the table has.


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What all measurements of one thing share; made by `points_of`.

    ``known`` is all that is known of it. Of this a measurement has the attributes of its
    instrument, and those in ``extra``.
    """

    resource: Resource
    known: Attributes
    extra: tuple[str, ...]

    def knowing(self, *facts: tuple[str, limits.Maybe]) -> Points:
        """Return the same with further facts."""
        return replace(self, known={**self.known, **limits.attributes(facts)})

    def of(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement; none where there is no value, or a negative one."""
        if value is not None and value >= 0:
            yield from self.signed(instrument, value, *facts)

    def signed(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement of what can be negative; none where there is no value."""
        if value is None or not math.isfinite(value):
            return
        known = {**self.known, **limits.attributes(facts)} if facts else self.known
        names = (*instrument.attributes, *self.extra)
        yield Measurement(
            instrument=instrument,
            value=value,
            resource=self.resource,
            attributes={name: known[name] for name in names if name in known},
        )


def points_of(resource: Resource, facts: Facts, extra: tuple[str, ...]) -> Points:
    """Return what the measurements of a thing share: facts of it, and what the user adds of them.

    Of ``extra`` only those names count that a user may add.
    """
    allowed = tuple(name for name in extra if name in EXTRA_ATTRIBUTES)
    return Points(resource=resource, known=limits.attributes(facts), extra=allowed)


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the time between; None where one is not known or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return Interval(start, end).seconds


def branch(name: str | None, default: str | None) -> str | None:
    """Return `default` or `other`; None where one of them is not known."""
    if not name or not default:
        return None
    return "default" if name == default else "other"


# Names that make few series of many: of jobs without their matrix, of environments by pattern.

# `us-east-1` is a place, `preview-123` one of many; a hash has a digit, which `facade` has not.
_NUMBERS = re.compile(r"\d{2,}")
_HASHES = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b")


def job_name(name: str) -> str:
    """Return the name of a job without its matrix values: `test` for `test (3.12)`.

    The values stand in brackets at the end of the name, or of a part of it: `call (eu) / test`.
    """
    return " / ".join(_split(part)[0] for part in name.split(" / "))


def job_matrix(name: str) -> str:
    """Return the matrix values of a job's name as they stand there; empty where it has none."""
    return "; ".join(values for _, values in map(_split, name.split(" / ")) if values)


def environment_name(name: str) -> str:
    """Return the name of an environment with what counts on in it as `*`: `preview-*`."""
    return _NUMBERS.sub("*", _HASHES.sub("*", name))


def _split(part: str) -> tuple[str, str]:
    """The part of a name, and what is in its last brackets; these may hold brackets."""
    text = part.rstrip()
    if not text.endswith(")"):
        return part, ""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            base = text[:at].rstrip()
            return (base, text[at + 1 : -1]) if base else (part, "")
    return part, ""


# Runs and jobs to measurements: durations, waits, errors, retries, and what GitHub bills.

# Values of the convention's `cicd.pipeline.run.state`.
PENDING, EXECUTING = "pending", "executing"
_OF_CHANGES = ("pull_request", "pull_request_target", "merge_group")


def run_measurements(
    part: RunSlice,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: Facts = (),
) -> Iterator[Measurement]:
    """Return the measurements of the part of a run that leaves.

    ``extra`` are attributes that the user adds, ``keys`` what those may name of the things above
    the run. A job that an earlier attempt ran was measured with that one. What was skipped or never
    started counts, and has no duration.
    """
    run = part.run
    points = points_of(resource, (*_facts(run, default_branch), *keys), extra)
    if part.run_span:
        yield from _of_run(run, points)
    for job in part.jobs:
        if not timing.carried_over(run, job):
            yield from _of_job(job, points)


def points_of_job(
    run: Run,
    job: Job,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    default_branch: str | None = None,
    keys: Facts = (),
) -> Points:
    """Return what all measurements of a job share, for what is measured inside of it.

    ``extra`` and ``keys`` are as for `run_measurements`.
    """
    points = points_of(resource, (*_facts(run, default_branch), *keys), extra)
    return points.knowing(*_job_facts(job))


def _facts(run: Run, default_branch: str | None) -> Facts:
    # The branch of a fork may be called as the default one is.
    of_change = run.event in _OF_CHANGES
    return (
        (names.REPOSITORY, run.repository.full_name),
        (names.WORKFLOW, limits.name(run.workflow)),
        (names.BRANCH, "other" if of_change else branch(run.head_branch, default_branch)),
        (semconv.CICD_PIPELINE_RUN_ID, str(run.id)),
        (semconv.VCS_REF_HEAD_NAME, run.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, run.head_sha),
        (semconv.GITHUB_EVENT, run.event),
    )


def _of_run(run: Run, points: Points) -> Iterator[Measurement]:
    result, error = result_of(run.conclusion), failures.run_error_type(run)
    own = timing.own_jobs(run)
    began = min(filter(None, map(timing.job_began, own)), default=None)
    # The conventions have the result with the state in which it came about.
    yield from points.of(
        table.RUN_DURATION,
        seconds_between(run.started_at, began),
        (names.RUN_STATE, PENDING),
    )
    ended = points.knowing(
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


def _of_job(job: Job, points: Points) -> Iterator[Measurement]:
    points = points.knowing(*_job_facts(job))
    began = timing.job_began(job)
    end = job.completed_at if job.completed else timing.last_step_end(job)
    ran = seconds_between(began, end)
    yield from points.of(table.JOB_COUNT, 1)
    yield from points.of(table.JOB_DURATION, ran)
    if began is not None:
        since = job.approvals[-1].decided_at if job.approvals else job.created_at
        yield from points.of(table.JOB_QUEUE_TIME, seconds_between(since, began))
    for each in job.approvals:
        waited = seconds_between(each.requested_at, each.decided_at)
        yield from points.of(table.JOB_APPROVAL_TIME, waited)
    if ran is not None:
        yield from points.of(table.JOB_BILLABLE_TIME, runners.billable_minutes(job, ran))
    if failures.job_error_type(job) is not None:
        yield from points.of(table.RUN_ERRORS, 1)


def _job_facts(job: Job) -> Facts:
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
