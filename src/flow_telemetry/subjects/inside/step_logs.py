"""The logs of a run's steps: how much of each leaves, and what is told of what does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from flow_telemetry.model import Job, Step
from flow_telemetry.rules import timing
from flow_telemetry.rules.log_choice import shares
from flow_telemetry.signals import failures
from flow_telemetry.signals.job_logs import LoggedStep
from flow_telemetry.sources.reports.log_survey import Stretch, end_of_stretch
from flow_telemetry.sources.reports.values import one_line
from flow_telemetry.subjects.inside.log_files import KeptLog

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """The log of a step: a stretch of a log that GitHub keeps, of which the first lines are cut.

    ``longest`` bounds the bytes of its last line, where that alone is more than what may leave.
    """

    logged: LoggedStep
    kept: KeptLog
    stretch: Stretch
    failed: bool
    cut: int = 0
    longest: int | None = None


def failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the steps whose logs tell why a job failed; where no step did, the last that ran."""
    failed = failures.failed_steps(job)
    if failed or failures.job_error_type(job) is None:
        return failed
    return tuple(step for step in job.steps if timing.step_ran(step))[-1:]


def within(logs: Sequence[StepLog], limit: int) -> list[StepLog]:
    """Return logs cut, so that all together are at most ``limit`` bytes of text."""
    failed = [each for each in logs if each.failed]
    others = [each for each in logs if not each.failed]
    given = shares(
        [each.stretch.size for each in failed], [each.stretch.size for each in others], limit
    )
    share_of = {id(each): share for each, share in zip((*failed, *others), given, strict=True)}
    return [_cut(each, share_of[id(each)]) for each in logs]


def _cut(log: StepLog, share: int) -> StepLog:
    stretch = log.stretch
    if share >= stretch.size:
        return log
    if not share:
        return replace(log, cut=stretch.lines)
    raw = islice(log.kept.read(), stretch.begin, stretch.begin + stretch.lines)
    end = end_of_stretch(raw, stretch, share)
    if end.telling is not None and log.failed:
        return replace(log, cut=end.telling, longest=share)
    return replace(log, cut=end.before)


def told_of_cut(logs: Iterable[StepLog], limit: int) -> Iterator[str]:
    """Return what is told of lines that do not leave, and of such that leave in part."""
    logs = list(logs)
    cut = [each for each in logs if each.cut]
    if cut:
        lines = _number(sum(each.cut for each in cut), "line")
        yield (
            f"left out: {lines} of {_number(len(cut), 'step')}, of each the first, since all "
            f"together is more text than the {limit:,} bytes that input log-limit allows"
        )
    shortened = sum(each.longest is not None for each in logs)
    if shortened:
        yield (
            f"of the last line of {_number(shortened, 'step')} only the beginning leaves, since "
            f"that alone is more text than its share of the {limit:,} bytes that input log-limit "
            "allows"
        )


def told_of_missing(kept: Iterable[KeptLog], found: Iterable[StepLog]) -> Iterator[str]:
    """Return what is told of steps that tell of a failure, but have no line in their job's log."""
    there = {(each.logged.job.id, each.logged.step.number) for each in found}
    jobs = {log.job.id: log.job for log in kept}.values()
    missing = [
        (job, step)
        for job in jobs
        for step in failed_steps(job)
        if (job.id, step.number) not in there
    ]
    if missing:
        job, step = (one_line(each.name, _LONGEST_NAME) for each in missing[0])
        more = f"; the same of {len(missing) - 1:,} more" if len(missing) > 1 else ""
        yield f"no line of step {step} was found in the log of job {job}, which failed{more}"


def _number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
