"""From plans to facts: every job and step gets its place in time, its number and its state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from tests.fakes.plans import (
    HOSTED,
    NULL_RUNNER,
    Derived,
    Instant,
    JobPlan,
    Moment,
    RunPlan,
    StepPlan,
)
from tests.fakes.records import Job, Step

DEFAULT_JOB_SECONDS = 10.0
# The worst conclusion of its jobs is the run's.
SEVERITY = ("failure", "timed_out", "cancelled", "action_required", "success", "neutral", "skipped")


def moment(value: Moment) -> datetime:
    """Return the instant of a text such as 2026-11-24T03:43:00Z (ValueError for others)."""
    return value if isinstance(value, datetime) else _parsed(value)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def later(start: datetime, seconds: float) -> datetime:
    """`start` and so many seconds."""
    return start + timedelta(seconds=seconds)


def settle_job(
    plan: JobPlan, *, attempt_started: datetime, attempt: int, new_id: Callable[[], int]
) -> Job:
    """Return the job of `plan` in an attempt that started then."""
    status = plan.status or ("in_progress" if plan.conclusion is None else "completed")
    done = status == "completed"
    created_at = _given(plan.created_at, later(attempt_started, plan.after))
    waited = plan.queued if _had_runner(plan, status) else 0
    started_at = _given(plan.started_at, later(_instant(created_at, attempt_started), waited))
    begin = _instant(started_at, attempt_started)
    steps, end = _settle_steps(plan.steps, begin)
    if plan.seconds is not None:
        end = later(begin, plan.seconds)
    elif not steps and _had_runner(plan, status):
        end = later(begin, DEFAULT_JOB_SECONDS)
    return Job(
        plan=plan,
        id=plan.id or new_id(),
        run_attempt=plan.run_attempt or attempt,
        status=status,
        conclusion=plan.conclusion if done else None,
        created_at=created_at,
        started_at=started_at,
        completed_at=_given(plan.completed_at, end if done else None),
        runner=plan.runner or (HOSTED if _had_runner(plan, status) else NULL_RUNNER),
        steps=steps,
    )


def run_state(plan: RunPlan, jobs: Sequence[Job]) -> tuple[str, str | None]:
    """Status and conclusion of a run: as planned, else as its jobs say."""
    if plan.status:
        status = plan.status
    elif not isinstance(plan.conclusion, Derived) or all(j.status == "completed" for j in jobs):
        status = "completed"
    else:
        status = "in_progress"
    if not isinstance(plan.conclusion, Derived):
        return status, plan.conclusion
    if status != "completed":
        return status, None
    found = {job.conclusion for job in jobs}
    return status, next((worst for worst in SEVERITY if worst in found), "success")


def last_change(start: datetime, jobs: Sequence[Job]) -> datetime:
    """When a run was last touched: at its start, or when the last job ended."""
    ends = [job.completed_at for job in jobs if isinstance(job.completed_at, datetime)]
    return max([start, *ends])


def _settle_steps(plans: Sequence[StepPlan], start: datetime) -> tuple[tuple[Step, ...], datetime]:
    steps: list[Step] = []
    clock, number = start, 0
    for plan in plans:
        number = plan.number if plan.number is not None else number + 1
        status = plan.status or ("in_progress" if plan.conclusion is None else "completed")
        begun = _given(plan.started_at, None if status == "queued" else later(clock, plan.after))
        begin = _instant(begun, clock)
        end = later(begin, 0 if plan.conclusion == "skipped" else plan.seconds)
        completed_at = _given(plan.completed_at, end if status == "completed" else None)
        steps.append(
            Step(
                plan=plan,
                number=number,
                status=status,
                conclusion=plan.conclusion if status == "completed" else None,
                started_at=begun,
                completed_at=completed_at,
            )
        )
        if isinstance(plan.completed_at, Derived) and status == "completed":
            clock = max(clock, end)
    return tuple(steps), clock


def _had_runner(plan: JobPlan, status: str) -> bool:
    return status in ("completed", "in_progress") and plan.conclusion != "skipped"


def _given(said: Instant, derived: datetime | None) -> Moment | None:
    return derived if isinstance(said, Derived) else said


def _instant(value: Moment | None, fallback: datetime) -> datetime:
    """Return what later times count from; zero times and texts give the fallback."""
    try:
        instant = fallback if value is None else moment(value)
    except ValueError:
        return fallback
    return fallback if instant.year == 1 else instant
