"""Intervals of runs, jobs and steps and of their waits; sets of intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import (
    RESULT_OF_CONCLUSION,
    Job,
    ProtectionWait,
    Result,
    Run,
    Step,
    result_of,
)

# GitHub's clock says how long something waited or ran. The steps of a job have the times of the
# runner's clock, which only divides the time of the job: it can be hours ahead or behind. Further
# quirks: a skipped job may end before it starts, and the `updated_at` of a run changes long after
# its end.

# GitHub cuts its times to whole seconds, and the steps of a good runner are a second or two off.
_ROUNDING = timedelta(seconds=3)
# From the time at which a runner takes a job to the job's first step; half a minute was seen.
_LONGEST_SETUP = timedelta(minutes=2)
# A run whose first job was created later waited for something else than a runner: for its
# concurrency group, or for people to let it run.
_SHORTEST_START = timedelta(seconds=5)
# Compared as strings, because the steps of large runs are checked many times.
_SKIPPED = frozenset(c for c, result in RESULT_OF_CONCLUSION.items() if result is Result.SKIP)
_PASSED = ("success", "neutral")


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

    def clamp(self, other: Interval) -> Interval:
        """Return another interval, moved into this one as far as it is outside."""
        start = min(max(other.start, self.start), self.end)
        return Interval(start, min(max(other.end, start), self.end))

    def moved(self, by: timedelta) -> Interval:
        """Return the same length of time, later by ``by``."""
        return Interval(self.start + by, self.end + by)


# One closing has several times: that of the resolution is some milliseconds earlier, and the event
# of a merge can have another second.
_SAME_END = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Window:
    """The times at which a thing has to end for a sweep to export it.

    ``exported`` are its ends that were exported before.
    """

    intervals: tuple[Interval, ...]
    exported: tuple[datetime, ...] = ()

    def holds(self, time: datetime | None) -> bool:
        """Whether an end at this time is to be exported."""
        return (
            time is not None
            and any(interval.holds(time) for interval in self.intervals)
            and not self.has_exported(time)
        )

    def has_exported(self, time: datetime) -> bool:
        """Whether an end at this time was exported before."""
        return any(abs(time - other) <= _SAME_END for other in self.exported)

    @property
    def interval(self) -> Interval:
        """The interval from the first start to the last end."""
        starts = [interval.start for interval in self.intervals]
        return Interval(min(starts), max(interval.end for interval in self.intervals))


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


def attempt_end(run: Run) -> datetime | None:
    """Return the end of the last own job of an attempt that has ended; None if no job has.

    It never changes, while the `updated_at` of a run does.
    """
    ends = (job.completed_at for job in own_jobs(run) if job.completed)
    return max((end for end in ends if end is not None), default=None)


# Jobs and their steps


def job_began(job: Job) -> datetime | None:
    """Return when work on a job began, by GitHub's clock; None for a job that never got a runner.

    It is the start of the first step if the steps fit into the job, else the job's own start.
    """
    first = _first_step_start(job)
    began = first
    if first is None and never_started(job):
        return None
    if first is None or not _steps_fit(job, first):
        began = job.started_at or job.created_at or first
    earliest, latest = job.created_at or job.started_at, job.completed_at
    if began is None or earliest is None:
        return began
    began = max(began, earliest)
    return began if latest is None or latest < earliest else min(began, latest)


def time_on_runner(job: Job) -> float | None:
    """Return the seconds of a job on its runner, without waits; None if they are unknown."""
    began, end = job_began(job), job.completed_at if job.completed else last_step_end(job)
    return None if began is None or end is None or end < began else Interval(began, end).seconds


def clock_offset(job: Job) -> timedelta:
    """Return what the times of a job's steps lack to GitHub's; zero if they fit into the job.

    It is zero as well if the steps take longer than the job: the runner's clock was set meanwhile.
    """
    first, began = _first_step_start(job), job_began(job)
    if first is None or began is None or _steps_fit(job, first):
        return timedelta()
    last = _last_step_time(job)
    if last and job.completed_at and last - first > job.completed_at - began + _ROUNDING:
        return timedelta()
    return began - first


def never_started(job: Job) -> bool:
    """Whether a job ended without a runner, or still waits for one."""
    if job.status == "in_progress" or any(step_ran(step) for step in job.steps):
        return False
    if result_of(job.conclusion) is Result.SKIP:
        return True
    # Old servers do not tell the runner of a job, but a job with labels succeeds only on one.
    return not job.runner_id and not (job.labels and job.conclusion in _PASSED)


def waited_in_vain(job: Job) -> bool:
    """Whether a job ended while it waited for a runner.

    A skipped job does not wait. Neither does a check run that an action made and that GitHub
    lists as a job: it has no runner, no step and no label.
    """
    if not job.completed or not never_started(job) or job.conclusion in _SKIPPED:
        return False
    return bool(job.labels or job.steps or job.runner_name or job.protection_waits)


def job_interval(run: Run, job: Job) -> Interval:
    """Return the interval of a job with its waiting time; of no length if it did not wait.

    The interval of a job that has not ended ends with its last completed step, not with the
    current time.
    """
    began = job_began(job)
    start = job.created_at or job.started_at or began or run.started_at
    if never_started(job):
        end = job.completed_at if waited_in_vain(job) else None
    elif job.completed:
        end = job.completed_at or last_step_end(job) or began
    else:
        end = max(filter(None, (last_step_end(job), began)), default=None)
    return Interval.of(start, end)


def last_step_end(job: Job) -> datetime | None:
    """Return the time at which the last step ended, by GitHub's clock; None if no step ended."""
    last = _last_step_time(job)
    return None if last is None else last + clock_offset(job)


def step_interval(step: Step, previous_end: datetime) -> Interval:
    """Return the interval of a step by the runner's clock, of no length if it was skipped.

    ``previous_end`` is the end of the step before it, for a step without times of its own.
    """
    start = step.started_at or step.completed_at or previous_end
    return Interval.of(start, step.completed_at if step_ran(step) else None)


def step_intervals(run: Run, job: Job) -> tuple[tuple[Step, Interval], ...]:
    """Return the completed steps of a job with their intervals within the job, in order."""
    bounds, offset = job_interval(run, job), clock_offset(job)
    intervals = []
    previous_end = (job_began(job) or bounds.start) - offset
    for step in job.steps:
        if step.completed:
            interval = step_interval(step, previous_end)
            previous_end = max(previous_end, interval.end)
            intervals.append((step, bounds.clamp(interval.moved(offset))))
    return tuple(intervals)


def _first_step_start(job: Job) -> datetime | None:
    starts = [s.started_at for s in job.steps if s.started_at and s.conclusion not in _SKIPPED]
    return min(starts, default=None)


def _last_step_time(job: Job) -> datetime | None:
    return max((s.completed_at for s in job.steps if s.completed and s.completed_at), default=None)


def _steps_fit(job: Job, first: datetime) -> bool:
    """Whether the clock of the steps, of which the first began at ``first``, agrees with GitHub's.

    GitHub knows when a runner took the job and when the job ended.
    """
    taken, last = job.started_at or job.created_at, _last_step_time(job)
    if taken is not None and first < taken - _ROUNDING:
        return False
    # At the creation of a job, `started_at` is the same time; it need not change on old servers.
    is_pickup = job.created_at and job.started_at and job.started_at > job.created_at + _ROUNDING
    if is_pickup and taken is not None and first > taken + _LONGEST_SETUP:
        return False
    return last is None or job.completed_at is None or last <= job.completed_at + _ROUNDING


# Waits of jobs


def protection_waits(run: Run, job: Job) -> tuple[tuple[ProtectionWait, Interval], ...]:
    """Return the waits of a job for the protection rules of its environment, within the job."""
    bounds = job_interval(run, job)
    waits = []
    for wait in job.protection_waits:
        interval = bounds.clamp(Interval.of(wait.start, wait.end or bounds.end))
        if interval.seconds > 0:
            waits.append((wait, interval))
    return tuple(waits)


def job_queue(job: Job) -> Interval | None:
    """Return the time that a job waited for a runner, after its last wait for a protection rule.

    It can be of no length. A job that never got a runner waited until its end. None if the job
    did not wait, or if it is unknown for how long.
    """
    until = job.completed_at if waited_in_vain(job) else job_began(job)
    if job.waits_unknown or job.created_at is None or until is None:
        return None
    if job.completed_at is not None:
        until = min(until, job.completed_at)
    since = job.created_at
    for wait in job.protection_waits:
        since = max(since, wait.end or until)
    return Interval(since, until) if since <= until else None


def job_queued(job: Job) -> Interval | None:
    """Return the time that a job waited for a runner; None if it is unknown or of no length."""
    queue = job_queue(job)
    return queue if queue is not None and queue.end > queue.start else None


# Runs


def attempt_start(run: Run) -> datetime | None:
    """Return the start of an attempt; None if the server does not tell that of a later attempt.

    That of the first attempt is its creation: GitHub moves `run_started_at` when people let it run.
    """
    if run.attempt == 1:
        return run.created_at
    return run.started_at if run.start_known else None


def run_start_wait(run: Run) -> Interval | None:
    """Return the time that an attempt waited to start: for its concurrency group, or for people.

    It ends with the creation of the attempt's first job or, if a newer run replaced it before, with
    the attempt. None for less than 5 seconds, which GitHub takes to create jobs. A job that
    waits for a concurrency group of its own is no different from one that waits for a runner.
    """
    start, jobs = attempt_start(run), own_jobs(run)
    until = min((job.created_at for job in jobs if job.created_at), default=None)
    if run.superseded and not jobs:
        until = run.updated_at
    if start is None or until is None or until - start < _SHORTEST_START:
        return None
    return Interval(start, until)


def run_began(run: Run) -> datetime | None:
    """Return when the first job of an attempt began; None if none got a runner."""
    return min(filter(None, map(job_began, own_jobs(run))), default=None)


def run_queued(run: Run) -> Interval | None:
    """Return the time that an attempt waited for the runner of its first job.

    It begins with the attempt or, if that waited for something else first, with the creation of
    its first job or the end of the last wait for a protection rule. If no job got a runner, it ends
    with the last job that waited for one.
    """
    start, jobs = attempt_start(run), own_jobs(run)
    until = run_began(run) or max(
        (job.completed_at for job in jobs if waited_in_vain(job) and job.completed_at), default=None
    )
    if start is None or until is None or any(job.waits_unknown for job in jobs):
        return None
    start_wait = run_start_wait(run)
    since = start_wait.end if start_wait else start
    waited = difference([Interval.of(since, until)], protection_only(run))
    return waited[-1] if waited else None


def protection_only(run: Run) -> tuple[Interval, ...]:
    """Return the time in which an attempt waited for protection rules only.

    Meanwhile none of its jobs ran or waited for a runner.
    """
    jobs = own_jobs(run)
    waits = [interval for job in jobs for _, interval in protection_waits(run, job)]
    if not waits:
        return ()
    queues = [queue for queue in map(job_queued, jobs) if queue is not None]
    began = [(job_began(job), job_interval(run, job).end) for job in jobs]
    worked = [Interval.of(start, end) for start, end in began if start is not None]
    return difference(waits, [*queues, *worked])


def run_interval(run: Run) -> Interval:
    """Return the interval of an attempt: it ends with its last job.

    `updated_at` is used only if no job has ended and the attempt has. It starts with its first job
    if its own start is unknown or later.
    """
    jobs = own_jobs(run)
    intervals = [job_interval(run, job) for job in jobs]
    start = attempt_start(run) or run.started_at
    starts = [interval.start for interval in intervals]
    if starts:
        start = min(start, *starts) if run.start_known else min(starts)
    ends = [
        interval.end
        for job, interval in zip(jobs, intervals, strict=True)
        if run.completed or job.completed or last_step_end(job) is not None
    ]
    ends += [job.completed_at for job in jobs if job.completed and job.completed_at]
    fallback = run.updated_at if run.completed else None
    return Interval.of(start, max(ends) if ends else fallback)


# Critical paths

# GitHub creates the jobs that need another one some seconds after its end.
SUCCESSION = timedelta(seconds=5)


def find_chain(intervals: Sequence[tuple[float, float]], succession: float) -> list[int]:
    """Return the indexes of the jobs that decided when their run ended, in order of time.

    ``intervals`` are starts, with waits, and ends of all jobs, in any unit of time, and
    ``succession`` is `SUCCESSION` in it. The last job is one of them, and before each job the last
    one that had ended when it was created. Intervals of no length do not count.
    """
    chain: list[int] = []
    rest = [index for index, (start, end) in enumerate(intervals) if end > start]
    while rest:
        last = max(rest, key=lambda index: intervals[index][1])
        chain.append(last)
        created = intervals[last][0]
        rest = [
            index
            for index in rest
            if intervals[index][1] <= created + succession and intervals[index][0] < created
        ]
    return chain[::-1]


# Union, difference and intersection


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


def difference(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that is in ``left`` and not in ``right``."""
    rest = union(left)
    for taken in union(right):
        pieces: list[Interval] = []
        for interval in rest:
            pieces.append(Interval.of(interval.start, min(interval.end, taken.start)))
            pieces.append(Interval.of(max(interval.start, taken.end), interval.end))
        rest = union(pieces)
    return rest


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
