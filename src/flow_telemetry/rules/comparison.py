"""Comparison of a run with earlier successful runs of its workflow: how much slower, and where.

The first number is the median of a list of runs, which has no jobs. The
jobs and steps of the run's critical path, against the medians of a few earlier runs, show where the
additional time went.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from statistics import median

from flow_telemetry.model import Job, Result, Run, result_of
from flow_telemetry.model.runs import matrix_name
from flow_telemetry.rules import intervals as timing
from flow_telemetry.text import counted, duration

# Of a longer list the newest runs count.
MOST_RUNS = 20
# The fewest runs whose median is called usual.
FEWEST_RUNS = 5
# Earlier runs whose jobs are compared.
MOST_RUNS_WITH_JOBS = 5
# A run is much slower if it took longer than the median by both, and longer than nearly all runs.
_MUCH_SLOWER, _MUCH_SLOWER_SECONDS = 0.25, 30.0
_NEARLY_ALL = 0.9
# Parts that explain little are left out: by their share of the run's additional time, and seconds.
_SMALLEST_SHARE, _SMALLEST_PART = 0.05, 5.0
_MOST_PARTS = 3


class PartKind(Enum):
    """Kinds of parts of a run; the values of waits are their names for people."""

    STEP = "step"
    JOB = "job"
    RUNNER = "waiting for runners"
    APPROVAL = "waiting for approvals"
    START = "waiting to start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPart:
    """A part that took ``seconds`` longer than usual.

    ``new`` is whether no earlier run had the job or step. A job is a part of its own if it is new,
    or for its time outside of steps. ``others`` is the number of other jobs of its matrix in which
    the same step was slow.
    """

    kind: PartKind
    seconds: float
    job: str = ""
    step: str = ""
    new: bool = False
    others: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """A run beside earlier ones.

    ``seconds`` is what it took, ``usual`` the median of ``runs`` earlier successful ones on
    ``branch`` or, if that is empty, of the event ``event``. ``slow`` is whether it was much slower;
    then ``parts`` are where, the slowest first, if jobs could be compared. ``last_success`` is the
    newest of the earlier runs, with its number, address and time.
    """

    seconds: float
    usual: float
    runs: int
    branch: str = ""
    event: str = ""
    slow: bool = False
    parts: tuple[SlowPart, ...] = ()
    last_success: tuple[int, str, datetime] | None = None

    @property
    def extra(self) -> float:
        """The seconds by which it took longer than usual; negative if it was faster."""
        return self.seconds - self.usual

    @property
    def described_parts(self) -> tuple[str, ...]:
        """The descriptions of the parts, without any format."""
        return tuple(map(describe_part, self.parts))


def is_comparable(run: Run) -> bool:
    """Whether the time of a run says something: it is whole, and some job of it ran.

    A later attempt that has jobs of an earlier one ran a part of the workflow only.
    """
    return timing.run_began(run) is not None and len(timing.own_jobs(run)) == len(run.jobs)


def choose_earlier(run: Run, listed: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs of a list, which have no jobs, to compare with, the newest first.

    Those are successful first attempts, since a later one may have run some of the jobs only.
    """
    earlier = [
        other
        for other in listed
        if other.id != run.id
        and other.attempt == 1
        and other.created_at < run.created_at
        and result_of(other.conclusion) is Result.SUCCESS
        and timing.run_interval(other).seconds > 0
    ]
    earlier.sort(key=lambda other: (other.created_at, other.id), reverse=True)
    return tuple(earlier[:MOST_RUNS])


def compare_run(run: Run, earlier: Sequence[Run], *, branch: str = "") -> RunComparison | None:
    """Compare a run with the times of earlier ones from `choose_earlier`; None if they are few.

    ``branch`` is theirs, empty if they are of all branches.
    """
    if len(earlier) < FEWEST_RUNS:
        return None
    times = sorted(timing.run_interval(other).seconds for other in earlier)
    seconds, usual = timing.run_interval(run).seconds, median(times)
    limit = times[math.ceil(_NEARLY_ALL * len(times)) - 1]
    extra = seconds - usual
    last = earlier[0]
    return RunComparison(
        seconds=seconds,
        usual=usual,
        runs=len(times),
        branch=branch,
        event="" if branch else run.event,
        slow=extra >= max(_MUCH_SLOWER_SECONDS, _MUCH_SLOWER * usual) and seconds > limit,
        last_success=(last.number, last.url, timing.run_interval(last).end),
    )


def explain_slowness(comparison: RunComparison, run: Run, earlier: Iterable[Run]) -> RunComparison:
    """Return the comparison with the parts of the run that took longer than in ``earlier`` runs.

    ``earlier`` are some of the compared runs, with their jobs. Only the jobs of the run's critical
    path count: another one could have been faster without making the run any faster.
    """
    before = [_RunTimes.of(other) for other in earlier if other.jobs]
    if not before:
        return comparison
    now = _RunTimes.of(run)
    parts = [
        *_slow_waits(now, before),
        *(part for name in now.path for part in _slow_steps(now, name, before)),
    ]
    smallest = max(_SMALLEST_PART, _SMALLEST_SHARE * comparison.extra)
    largest = sorted(
        (part for part in parts if part.seconds >= smallest),
        key=lambda part: part.seconds,
        reverse=True,
    )
    return replace(comparison, parts=tuple(largest[:_MOST_PARTS]))


def describe_part(part: SlowPart, name: Callable[[str], str] = str) -> str:
    """Return the description of a part: `+2m 40s in test (3.12) › Install dependencies`.

    ``name`` formats the names of jobs and steps.
    """
    words = f"+{duration(part.seconds)} "
    if not part.job:
        return words + part.kind.value
    words += "in " + " › ".join(name(text) for text in (part.job, part.step) if text)
    if part.new:
        words += " (new)"
    if part.others:
        words += f" (and in {counted(part.others, 'other job')} like it)"
    return words


def describe_comparison(
    comparison: RunComparison, workflow: str, *, ended: bool, name: Callable[[str], str] = str
) -> tuple[str, str]:
    """Return what a run took beside what is usual, and in a second text the runs and the parts.

    ``workflow`` is its name as it is shown, ``ended`` whether the run has ended; ``name`` formats
    the names of branches, events, jobs and steps.
    """
    verb = "took" if ended else "has taken"
    head = f"{workflow} {verb} {duration(comparison.seconds)}, usually {duration(comparison.usual)}"
    place = f"on {name(comparison.branch)}" if comparison.branch else f"by {name(comparison.event)}"
    rest = f"(median of the last {counted(comparison.runs, 'successful run')} {place})"
    if comparison.slow and comparison.parts:
        rest += f": {', '.join(describe_part(part, name) for part in comparison.parts)}"
    return head, f"{rest}."


# The times of jobs and steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobTimes:
    """Seconds of a job: waits for a runner and for protection rules, work, and its steps' names."""

    queued: float
    protected: float
    worked: float
    steps: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunTimes:
    """The jobs of a run that began, by their names, and those of its critical path in order.

    ``start`` are the seconds that the run waited to start. Of jobs with one name the longest
    counts.
    """

    start: float
    jobs: Mapping[str, _JobTimes]
    path: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> _RunTimes:
        wait = timing.run_start_wait(run)
        began = [job for job in timing.own_jobs(run) if timing.job_began(job) is not None]
        # The longest first, so that it is on the path if several ended at once.
        began.sort(key=lambda job: timing.job_interval(run, job).seconds, reverse=True)
        intervals = [timing.job_interval(run, job) for job in began]
        path = timing.find_chain(
            [(i.start.timestamp(), i.end.timestamp()) for i in intervals],
            timing.SUCCESSION.total_seconds(),
        )
        return cls(
            start=wait.seconds if wait else 0.0,
            jobs={job.name: _job_times(run, job) for job in reversed(began)},
            path=tuple(dict.fromkeys(began[index].name for index in path)),
        )

    def like(self, name: str) -> list[_JobTimes]:
        """Return the job of a name or, if it has none, the other jobs of the name's matrix."""
        if name in self.jobs:
            return [self.jobs[name]]
        if name == (shared := matrix_name(name)):
            return []
        return [times for other, times in self.jobs.items() if matrix_name(other) == shared]


def _job_times(run: Run, job: Job) -> _JobTimes:
    queued = timing.job_queued(job)
    steps: dict[str, float] = {}
    for step, interval in timing.step_intervals(run, job):
        if timing.step_ran(step):
            steps[step.name] = steps.get(step.name, 0.0) + interval.seconds
    waited = queued.seconds if queued else 0.0
    protected = sum(interval.seconds for _, interval in timing.protection_waits(run, job))
    return _JobTimes(
        queued=waited,
        protected=protected,
        worked=max(0.0, timing.job_interval(run, job).seconds - waited - protected),
        steps=steps,
    )


def _slow_waits(now: _RunTimes, before: Sequence[_RunTimes]) -> Iterator[SlowPart]:
    """Yield how much longer the run and the jobs of its critical path waited than usual."""
    start = now.start - median(times.start for times in before)
    yield SlowPart(kind=PartKind.START, seconds=start)
    waited = {PartKind.RUNNER: 0.0, PartKind.APPROVAL: 0.0}
    for name in now.path:
        job, known = now.jobs[name], _find_like(name, before)
        # The deployments of earlier runs are not read, so all of their waits look alike.
        kind = PartKind.APPROVAL if job.protected else PartKind.RUNNER
        usual = median(times.queued + times.protected for times in known) if known else 0.0
        waited[kind] += job.queued + job.protected - usual
    yield from (SlowPart(kind=kind, seconds=seconds) for kind, seconds in waited.items())


def _slow_steps(now: _RunTimes, name: str, before: Sequence[_RunTimes]) -> Iterator[SlowPart]:
    """Yield how much longer each step of a job took, or the job itself if it is new."""
    job, known = now.jobs[name], _find_like(name, before)
    if not known:
        yield SlowPart(kind=PartKind.JOB, seconds=job.worked, job=name, new=True)
        return
    for step, seconds in job.steps.items() if all(times.steps for times in known) else ():
        extra = seconds - _usual_step(step, known)
        yield SlowPart(
            kind=PartKind.STEP,
            seconds=extra,
            job=name,
            step=step,
            new=not any(step in times.steps for times in known),
            others=sum(
                _is_as_slow(now, other, step, extra, before) for other in _others(now, name)
            ),
        )
    # The time between steps. GitHub may list no steps at all, and then it is all of the job.
    has_steps = bool(job.steps) and all(times.steps for times in known)
    rest = [t.worked - (sum(t.steps.values()) if has_steps else 0.0) for t in (job, *known)]
    yield SlowPart(kind=PartKind.JOB, seconds=rest[0] - median(rest[1:]), job=name)


def _others(now: _RunTimes, name: str) -> Iterator[str]:
    shared = matrix_name(name)
    return (other for other in now.jobs if other != name and matrix_name(other) == shared)


def _is_as_slow(
    now: _RunTimes, name: str, step: str, extra: float, before: Sequence[_RunTimes]
) -> bool:
    """Whether a step of another job of the matrix has at least half of the additional time."""
    seconds, known = now.jobs[name].steps.get(step), _find_like(name, before)
    if seconds is None or not known:
        return False
    return seconds - _usual_step(step, known) >= max(extra / 2, _SMALLEST_PART)


def _find_like(name: str, before: Iterable[_RunTimes]) -> list[_JobTimes]:
    """Return the jobs of a name in earlier runs; of its matrix, if none has it."""
    exact = [times.jobs[name] for times in before if name in times.jobs]
    return exact or [job for times in before for job in times.like(name)]


def _usual_step(step: str, known: Iterable[_JobTimes]) -> float:
    """Return the median time of a step; a run that skipped it took no time for it."""
    return median(times.steps.get(step, 0.0) for times in known)
