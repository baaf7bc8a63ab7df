"""Intervals: union, overlap, tiling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import RESULT_OF_CONCLUSION, Job, Result, Run, Step, result_of

# When things began, waited and ended, read from GitHub's times as they are.
#
# GitHub's times have whole seconds and quirks, and each quirk is a function here: the `started_at`
# of a job can be the time of queueing, a skipped job may end before it starts, and the
# `updated_at` of a run moves long after its end.

# By their words, because the steps of large runs are asked for this many times.
_SKIPPED = frozenset(c for c, result in RESULT_OF_CONCLUSION.items() if result is Result.SKIP)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time; the end is never before the start."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, start: datetime, end: datetime | None) -> Interval:
        """Return the interval; an end that is missing or before its start becomes the start."""
        return cls(start, start if end is None or end < start else end)

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return (self.end - self.start) / timedelta(seconds=1)


def carried_over(run: Run, job: Job) -> bool:
    """Whether a job had ended before this attempt began, so that an earlier attempt sent it."""
    if run.attempt == 1 or job.completed_at is None or not job.completed:
        return False
    if job.run_attempt < run.attempt:
        return True
    began = job_began(job)
    return job.completed_at < run.started_at and (began is None or began < run.started_at)


def own_jobs(run: Run) -> tuple[Job, ...]:
    """Return the jobs that ran in this attempt, carried-over ones left out."""
    return tuple(job for job in run.jobs if not carried_over(run, job))


def step_ran(step: Step) -> bool:
    """Whether a step was started at all: a skipped one was not, whatever times it has."""
    return step.started_at is not None and step.conclusion not in _SKIPPED


def job_began(job: Job) -> datetime | None:
    """Return when work on a job began: the start of its first step, else its own start.

    None for a job that was never given a runner.
    """
    starts = [s.started_at for s in job.steps if s.started_at and s.conclusion not in _SKIPPED]
    if starts:
        return min(starts)
    return None if never_started(job) else job.started_at


def never_started(job: Job) -> bool:
    """Whether a job ended, or still waits, without a runner."""
    if any(step_ran(step) for step in job.steps):
        return False
    return not job.runner_id or result_of(job.conclusion) is Result.SKIP


def job_interval(run: Run, job: Job) -> Interval:
    """Return the time of a job, its waiting included; of no length if it never started.

    A job that still goes on reaches to the end of its last ended step, never to the clock.
    """
    began = job_began(job)
    start = job.created_at or job.started_at or began or run.started_at
    if never_started(job):
        return Interval.of(start, None)
    return Interval.of(start, job.completed_at if job.completed else last_step_end(job) or began)


def last_step_end(job: Job) -> datetime | None:
    """Return the end of the step that ended last."""
    return max((s.completed_at for s in job.steps if s.completed and s.completed_at), default=None)


def step_interval(step: Step, previous_end: datetime) -> Interval:
    """Return the time of a step, of no length if it was skipped.

    ``previous_end`` is when the step before it ended, for a step without times of its own.
    """
    start = step.started_at or step.completed_at or previous_end
    return Interval.of(start, step.completed_at if step_ran(step) else None)


def step_intervals(run: Run, job: Job) -> tuple[tuple[Step, Interval], ...]:
    """Return the steps of a job that have ended, each with its time, in their order."""
    found = []
    previous_end = job_began(job) or job_interval(run, job).start
    for step in job.steps:
        if step.completed:
            interval = step_interval(step, previous_end)
            previous_end = max(previous_end, interval.end)
            found.append((step, interval))
    return tuple(found)


def job_queued(job: Job) -> Interval | None:
    """Return the time that a job waited for a runner, after its last approval if it had any.

    None where it never started or no positive time is known.
    """
    since = job.approvals[-1].decided_at if job.approvals else job.created_at
    return _positive(since, job_began(job))


def run_queued(run: Run) -> Interval | None:
    """Return the time from the attempt's start to the first step of its first job."""
    begins = [began for began in map(job_began, own_jobs(run)) if began is not None]
    return _positive(run.started_at, min(begins, default=None))


def run_interval(run: Run) -> Interval:
    """Return the time of an attempt: it ends with its last job.

    `updated_at` serves only where no job has ended, and only for an attempt that has.
    """
    ends = [job_interval(run, job).end for job in own_jobs(run) if _has_end(job)]
    ends += [job.completed_at for job in own_jobs(run) if job.completed and job.completed_at]
    fallback = run.updated_at if run.completed else None
    return Interval.of(run.started_at, max(ends) if ends else fallback)


def _has_end(job: Job) -> bool:
    return job.completed or last_step_end(job) is not None


def _positive(start: datetime | None, end: datetime | None) -> Interval | None:
    if start is None or end is None or end <= start:
        return None
    return Interval(start, end)


# Sums and overlaps of stretches of time.


def merged(spells: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as stretches that neither overlap nor touch, in order of time.

    Those of no length are left out.
    """
    found: list[Interval] = []
    for each in sorted((s for s in spells if s.end > s.start), key=lambda s: s.start):
        if found and each.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def common(these: Iterable[Interval], those: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that both have."""
    others = tuple(those)
    return merged(
        Interval.of(max(one.start, other.start), min(one.end, other.end))
        for one in these
        for other in others
    )


def seconds(spells: Iterable[Interval]) -> float:
    """Return how long they are together, in seconds; what overlaps counts once."""
    return sum(each.seconds for each in merged(spells))
