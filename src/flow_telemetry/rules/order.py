"""Order of spans: microseconds by which siblings of one second are moved apart.

GitHub cuts its times to whole seconds, so siblings start together, and each ends in the instant in
which the next one begins. Jaeger then draws the rows in another order at each load, and leaves
every second step out of its critical path, which contains only what ended *before* the next began.
So each span is moved as a whole, by microseconds that follow from its number: durations stay
GitHub's. Metrics use GitHub's whole seconds, from `rules/intervals.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flow_telemetry.model import Deployment, Job, ProtectionWait, Run, Step
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.intervals import Interval

MICROSECOND = timedelta(microseconds=1)
# Two microseconds, so that siblings of 1 µs neither overlap nor touch.
_GAP = 2 * MICROSECOND
# Below an opening span, which is 1 µs long, hangs what is longer: Jaeger wants a child that is not
# longer than its parent within it, and warns of it (or moves it) elsewhere.
_SHORTEST_PART = 2 * MICROSECOND
# The ids of runs and deployments rise by more than 1, and are as good as random here.
_MOST_IDS = 1_000
# A job may have more than a hundred steps, of 4 µs each.
_JOB = 500 * MICROSECOND
_FIRST_BLOCKED = 500 * MICROSECOND


def moved(interval: Interval, by: timedelta, shortest: timedelta = MICROSECOND) -> Interval:
    """Return an interval later by ``by``, and at least 1 µs long, or ``shortest``.

    Jaeger changes a span of no length, and then does not recognize its copies.
    """
    start = interval.start + by
    return Interval(start, max(interval.end + by, start + shortest))


def fitted(interval: Interval, within: Interval) -> Interval:
    """Return an interval moved into another one, at least 1 µs long if that is."""
    clamped = within.clamp(interval)
    if clamped.end - clamped.start >= MICROSECOND or within.end - within.start < MICROSECOND:
        return clamped
    start = min(clamped.start, within.end - MICROSECOND)
    return Interval(start, start + MICROSECOND)


def extended(interval: Interval, parts: Iterable[Interval]) -> Interval:
    """Return an interval that ends with its last part if that is later."""
    return Interval(interval.start, max((interval.end, *(part.end for part in parts))))


# Lives and openings are not moved; the parts of their owners, which are never without length, are,
# by their positions from 1.


def life_of(interval: Interval, parts: Iterable[Interval] = ()) -> Interval:
    """Return the interval of a life, which ends with its last part if the parts are below it."""
    return moved(extended(interval, parts), timedelta(0), _SHORTEST_PART)


def moved_part(interval: Interval, position: int) -> Interval:
    """Return the interval of a phase or status, by its position among all of its owner."""
    return moved(interval, position * _GAP)


def moved_blocked(interval: Interval, number: int) -> Interval:
    """Return a blocked interval of an item, by its number."""
    return moved(interval, _FIRST_BLOCKED + number * _GAP)


def moved_delivery(interval: Interval, deployment: Deployment) -> Interval:
    """Return the interval of a delivery, by the id of the deployment."""
    return moved(interval, deployment.id % _MOST_IDS * _GAP, _SHORTEST_PART)


@dataclass(frozen=True, slots=True)
class RunOrder:
    """The intervals of the spans of one run attempt.

    ``shifts`` are those of its jobs, by id: the number of jobs with a smaller id counts, also of
    those carried over from an earlier attempt.
    """

    run: Run
    shift: timedelta
    shifts: Mapping[int, timedelta]

    @classmethod
    def of(cls, run: Run) -> RunOrder:
        """Return the order of a run with the jobs that GitHub lists for the attempt."""
        shift = run.id % _MOST_IDS * _GAP
        ids = sorted(job.id for job in run.jobs)
        shifts = {job: shift + 2 * _GAP + n * _JOB for n, job in enumerate(ids)}
        return cls(run, shift, shifts)

    def job_shift(self, job: Job) -> timedelta:
        """Return by how much a job is moved."""
        return self.shifts.get(job.id, self.shift)

    def step_shift(self, job: Job, step: Step) -> timedelta:
        """Return by how much a step is moved."""
        return self.job_shift(job) + (1 + 2 * step.number + step.occurrence) * _GAP

    def start_wait(self) -> Interval | None:
        """Return the time that the attempt waited to start, if any."""
        wait = timing.run_start_wait(self.run)
        return None if wait is None else moved(wait, self.shift)

    def queued(self) -> Interval | None:
        """Return the time that the attempt waited for its first runner, if any."""
        queued = timing.run_queued(self.run)
        return None if queued is None else moved(queued, self.shift + _GAP)

    def steps(self, job: Job) -> tuple[tuple[Step, Interval], ...]:
        """Return the completed steps of a job with their intervals."""
        return tuple(
            (step, moved(interval, self.step_shift(job, step)))
            for step, interval in timing.step_intervals(self.run, job)
        )

    def protection_waits(self, job: Job) -> tuple[tuple[ProtectionWait, Interval], ...]:
        """Return the waits of a job for the protection rules of its environment."""
        return tuple(
            (wait, moved(interval, self.job_shift(job) + number * MICROSECOND))
            for number, (wait, interval) in enumerate(timing.protection_waits(self.run, job))
        )

    def job_queued(self, job: Job) -> Interval | None:
        """Return the time that a job waited for a runner, after all other waits, if any."""
        queued = timing.job_queued(job)
        if queued is None:
            return None
        waits = len(timing.protection_waits(self.run, job)) * MICROSECOND
        within = timing.job_interval(self.run, job).clamp(queued)
        return moved(within, self.job_shift(job) + max(_GAP, waits))

    def job(self, job: Job) -> Interval:
        """Return the interval of a job, which ends with its last step or wait."""
        interval = moved(timing.job_interval(self.run, job), self.job_shift(job))
        # A step that ends a second before its job ends before it in any case.
        parts = [step for _, step in self.steps(job)]
        parts += [wait for _, wait in self.protection_waits(job)]
        queued = self.job_queued(job)
        return extended(interval, parts if queued is None else [*parts, queued])

    def run_interval(self, jobs: Iterable[Interval]) -> Interval:
        """Return the interval of the attempt, which ends with the last of its own ``jobs``."""
        parts = [*jobs]
        parts += [wait for wait in (self.start_wait(), self.queued()) if wait is not None]
        return extended(moved(timing.run_interval(self.run), self.shift, _SHORTEST_PART), parts)
