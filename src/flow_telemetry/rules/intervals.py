"""Intervals of runs, jobs and steps; union and intersection of intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import RESULT_OF_CONCLUSION, Job, Result, Run, Step, result_of

# GitHub's times have whole seconds and quirks, and each quirk is handled by a function here: the
# `started_at` of a job can be the time of queueing, a skipped job may end before it starts, and
# the `updated_at` of a run changes long after its end.

# Compared as strings, because the steps of large runs are checked many times.
_SKIPPED = frozenset(c for c, result in RESULT_OF_CONCLUSION.items() if result is Result.SKIP)


@dataclass(frozen=True, slots=True)
class Interval:
    """A time interval; the end is never before the start."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: datetime, end: datetime | None) -> Interval:
        """Return the interval; an end that is missing or before its start becomes the start."""
        return cls(start, start if end is None or end < start else end)

    def holds(self, time: datetime | None) -> bool:
        """Whether a time is in the interval, without its end.

        Intervals that follow each other neither lose nor repeat anything.
        """
        return time is not None and self.start <= time < self.end

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return (self.end - self.start) / timedelta(seconds=1)


def carried_over(run: Run, job: Job) -> bool:
    """Whether a job ended before this attempt began, so that an earlier attempt exported it."""
    if run.attempt == 1 or job.completed_at is None or not job.completed:
        return False
    if job.run_attempt < run.attempt:
        return True
    began = job_began(job)
    return job.completed_at < run.started_at and (began is None or began < run.started_at)


def own_jobs(run: Run) -> tuple[Job, ...]:
    """Return the jobs that ran in this attempt, without those carried over."""
    return tuple(job for job in run.jobs if not carried_over(run, job))


def step_ran(step: Step) -> bool:
    """Whether a step was started. A skipped step was not, even if it has times."""
    return step.started_at is not None and step.conclusion not in _SKIPPED


def job_began(job: Job) -> datetime | None:
    """Return when work on a job began: the start of its first step, else its own start.

    None for a job that never got a runner.
    """
    starts = [s.started_at for s in job.steps if s.started_at and s.conclusion not in _SKIPPED]
    if starts:
        return min(starts)
    return None if never_started(job) else job.started_at


def never_started(job: Job) -> bool:
    """Whether a job ended without a runner, or still waits for one."""
    if any(step_ran(step) for step in job.steps):
        return False
    return not job.runner_id or result_of(job.conclusion) is Result.SKIP


def job_interval(run: Run, job: Job) -> Interval:
    """Return the interval of a job with its waiting time; of no length if it never started.

    The interval of a job in progress ends with its last completed step, not with the current time.
    """
    began = job_began(job)
    start = job.created_at or job.started_at or began or run.started_at
    if never_started(job):
        return Interval.of(start, None)
    return Interval.of(start, job.completed_at if job.completed else last_step_end(job) or began)


def last_step_end(job: Job) -> datetime | None:
    """Return the time at which the last step ended; None if no step has ended."""
    return max((s.completed_at for s in job.steps if s.completed and s.completed_at), default=None)


def step_interval(step: Step, previous_end: datetime) -> Interval:
    """Return the interval of a step, of no length if it was skipped.

    ``previous_end`` is the end of the step before it, for a step without times of its own.
    """
    start = step.started_at or step.completed_at or previous_end
    return Interval.of(start, step.completed_at if step_ran(step) else None)


def step_intervals(run: Run, job: Job) -> tuple[tuple[Step, Interval], ...]:
    """Return the completed steps of a job with their intervals, in order."""
    intervals = []
    previous_end = job_began(job) or job_interval(run, job).start
    for step in job.steps:
        if step.completed:
            interval = step_interval(step, previous_end)
            previous_end = max(previous_end, interval.end)
            intervals.append((step, interval))
    return tuple(intervals)


def job_queued(job: Job) -> Interval | None:
    """Return the time that a job waited for a runner, after its last approval if it had any.

    None if it never started or no positive time is known.
    """
    since = job.approvals[-1].decided_at if job.approvals else job.created_at
    return _positive(since, job_began(job))


def run_queued(run: Run) -> Interval | None:
    """Return the time from the attempt's start to the first step of its first job."""
    begins = [began for began in map(job_began, own_jobs(run)) if began is not None]
    return _positive(run.started_at, min(begins, default=None))


def run_interval(run: Run) -> Interval:
    """Return the interval of an attempt: it ends with its last job.

    `updated_at` is used only if no job has ended and the attempt has.
    """
    jobs = own_jobs(run)
    ends = [job_interval(run, j).end for j in jobs if j.completed or last_step_end(j) is not None]
    ends += [job.completed_at for job in jobs if job.completed and job.completed_at]
    fallback = run.updated_at if run.completed else None
    return Interval.of(run.started_at, max(ends) if ends else fallback)


def _positive(start: datetime | None, end: datetime | None) -> Interval | None:
    if start is None or end is None or end <= start:
        return None
    return Interval(start, end)


# Union and intersection


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as intervals that neither overlap nor touch, in order of time.

    Intervals of no length are left out.
    """
    result: list[Interval] = []
    for interval in sorted((i for i in intervals if i.end > i.start), key=lambda i: i.start):
        if result and interval.start <= result[-1].end:
            result[-1] = Interval(result[-1].start, max(result[-1].end, interval.end))
        else:
            result.append(interval)
    return tuple(result)


def intersection(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that is in both."""
    right = tuple(right)
    return union(
        Interval.of(max(one.start, other.start), min(one.end, other.end))
        for one in left
        for other in right
    )


def seconds(intervals: Iterable[Interval]) -> float:
    """Return the total length in seconds; time in several intervals counts once."""
    return sum(interval.seconds for interval in union(intervals))
