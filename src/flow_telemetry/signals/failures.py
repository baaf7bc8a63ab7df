"""Why a job failed, told by the annotations that the runner left on it.

GitHub names these causes in words only; each pattern stands beside the message that it is of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flow_telemetry.model import Annotation, Job, Result, Run, Step, result_of

ERRORS = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)

_CAUSES = (
    # The runner says that it "has received a shutdown signal", or GitHub that the runner "lost
    # communication with the server".
    ("runner_lost", re.compile(r"lost communication with the server|received a shutdown signal")),
    # The runner warns of "running out of disk space", tools fail with "No space left on device".
    ("no_space", re.compile(r"no space left on device|running out of disk space", re.IGNORECASE)),
    # "Process completed with exit code 137." is the kernel's kill, nearly always for memory.
    ("out_of_memory", re.compile(r"out of memory|outofmemory|\bexit code 137\b", re.IGNORECASE)),
)
# "Canceling since a higher priority waiting request for 'ci-main' exists"
_SUPERSEDED = re.compile(r"canceling since a higher priority waiting request", re.IGNORECASE)


def job_error_type(job: Job) -> str | None:
    """Return the `error.type` of a job; None where it did not fail."""
    result = result_of(job.conclusion)
    if result not in ERRORS or result is None:
        return None
    return _cause(job.annotations) or _by_result(job.conclusion, result)


def step_error_type(step: Step, job: Job) -> str | None:
    """Return the `error.type` of a step; the job's cause where no other step failed."""
    result = result_of(step.conclusion)
    if result not in ERRORS or result is None:
        return None
    own = failed_steps(job) == (step,)
    return (_cause(job.annotations) if own else None) or _by_result(step.conclusion, result)


def run_error_type(run: Run) -> str | None:
    """Return the `error.type` of a run: the first cause that a failed job of it tells."""
    result = result_of(run.conclusion)
    if result not in ERRORS or result is None:
        return None
    causes = (_cause(job.annotations) for job in run.jobs if result_of(job.conclusion) in ERRORS)
    return next((c for c in causes if c), None) or _by_result(run.conclusion, result)


def failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the steps of a job that failed."""
    return tuple(step for step in job.steps if result_of(step.conclusion) in ERRORS)


def superseded(jobs: Iterable[Job]) -> bool:
    """Whether jobs were cancelled because a newer run of their group came."""
    return any(_SUPERSEDED.search(a.message) for job in jobs for a in job.annotations)


def description(annotations: Iterable[Annotation], otherwise: str) -> str:
    """Return what to say of a failure: its first failure annotation, or ``otherwise``."""
    return next((a.message for a in annotations if a.level == "failure"), otherwise)


def _cause(annotations: Iterable[Annotation]) -> str | None:
    for annotation in annotations:
        for name, pattern in _CAUSES:
            if pattern.search(annotation.message):
                return name
    return None


def _by_result(conclusion: str | None, result: Result) -> str:
    return "startup_failure" if conclusion == "startup_failure" else result.value
