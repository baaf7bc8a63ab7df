"""How long the jobs of a run waited against how long they ran, in a sentence for all views."""

from __future__ import annotations

from collections.abc import Sequence

from flow_telemetry.model import Job, Run
from flow_telemetry.rules import timing
from flow_telemetry.rules.timing import Interval
from flow_telemetry.views.durations import duration


def jobs_of(run: Run, reference: str) -> tuple[Job, ...]:
    """Return the jobs of the attempt; where one job was exported alone, only that one."""
    alone = tuple(job for job in run.jobs if run.job_reference(job) == reference)
    return alone or timing.own_jobs(run)


def waits_of(job: Job) -> list[tuple[str, Interval]]:
    """Return what a job waited for, in a word, and how long; for approvals first."""
    approvals = [Interval.of(each.requested_at, each.decided_at) for each in job.approvals]
    queued = timing.job_queued(job)
    return [
        *(("approval", wait) for wait in approvals if wait.seconds > 0),
        *([("queued", queued)] if queued is not None else []),
    ]


def running(run: Run, job: Job) -> Interval:
    """Return the time of a job from the start of its work."""
    whole, began = timing.job_interval(run, job), timing.job_began(job)
    return Interval.of(whole.start if began is None else began, whole.end)


def queue_against_run(run: Run, jobs: Sequence[Job]) -> str:
    """Return the sentence; empty where no job took any time.

    The times of all jobs are added, though they may have run side by side.
    """
    waits = [wait for job in jobs for wait in waits_of(job)]
    queued = sum(wait.seconds for word, wait in waits if word == "queued")
    approved = sum(wait.seconds for word, wait in waits if word == "approval")
    worked = sum(running(run, job).seconds for job in jobs if timing.job_interval(run, job).seconds)
    whole = queued + approved + worked
    if not whole:
        return ""
    approval = f" and {duration(approved)} for approvals" if approved else ""
    share = round(100 * (queued + approved) / whole)
    of_jobs = "The job" if len(jobs) == 1 else f"The {len(jobs):,} jobs together"
    return (
        f"{of_jobs} waited {duration(queued)} for runners{approval} and ran {duration(worked)}: "
        f"{share} % waiting."
    )
