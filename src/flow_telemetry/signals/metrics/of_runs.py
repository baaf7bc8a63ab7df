"""Runs and jobs to measurements: durations, waits, errors, retries, and what GitHub bills."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.model import Job, Run, result_of
from flow_telemetry.rules import runners, timing
from flow_telemetry.rules.selection import Part
from flow_telemetry.signals import failures, limits, semconv
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals.metrics.names import job_matrix, job_name
from flow_telemetry.signals.metrics.points import Points, branch, points_of, seconds_between
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Measurement, Resource

# Values of the convention's `cicd.pipeline.run.state`.
PENDING, EXECUTING = "pending", "executing"
_OF_CHANGES = ("pull_request", "pull_request_target", "merge_group")


def run_measurements(
    part: Part,
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
