"""Results of runs, jobs and steps, and the causes of failures.

GitHub's conclusion does not tell a job that took too long, or that lost its runner, from one that
people cancelled. The runner and GitHub say it in annotations of the job, which the API has only as
text. Texts of tests and linters are never a cause.
"""

# The comments quote messages, which look like code.
# ruff: noqa: ERA001

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flow_telemetry.model import Annotation, Job, Result, Run, Step, result_of
from flow_telemetry.rules.intervals import (
    Interval,
    never_started,
    run_began,
    run_interval,
    step_ran,
)

ERRORS = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)

# The result of a run is the last of these that any of its jobs has.
SEVERITY = (
    Result.SKIP,
    Result.SUCCESS,
    Result.CANCELLATION,
    Result.TIMEOUT,
    Result.ERROR,
    Result.FAILURE,
)

# The annotations of the runner and of GitHub itself are on no file.
RUNNERS_PATH = ".github"
_FAILURE = "failure"

# Parts of the CI/CD system: the values of `cicd.system.component`.
GITHUB, SCHEDULER, AGENT = "github", "scheduler", "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a job failed: the value of `error.type`, and the result that the job has therefore.

    ``component`` is the part of the CI/CD system that failed, None if the code or the workflow did.
    """

    type: str
    result: Result | None = None
    component: str | None = None


RUNNER_LOST = Cause(type="runner_lost", result=Result.ERROR, component=AGENT)
RUNNER_UNAVAILABLE = Cause(type="runner_unavailable", result=Result.ERROR, component=SCHEDULER)
BILLING = Cause(type="billing", result=Result.ERROR, component=GITHUB)
INTERNAL_ERROR = Cause(type="internal_error", result=Result.ERROR, component=GITHUB)
TIMEOUT = Cause(type="timeout", result=Result.TIMEOUT)
NO_SPACE = Cause(type="no_space")
OUT_OF_MEMORY = Cause(type="out_of_memory")
_SETUP_FAILED = "setup_failed"

# In order: a lost runner's job also ends with an exit code. A message counts from its beginning, so
# that a test that reports such a text within its own message does not become a cause. The texts:
#
# - "The job has exceeded the maximum execution time while awaiting a runner for 24h0m0s"
# - "The job was not acquired by Runner of type hosted even after multiple attempts"
# - "This request was automatically failed because there were no enabled runners online to process
#   the request for more than 1 days."
# - "The self-hosted runner: rack-3 lost communication with the server. Verify …"
# - "The hosted runner encountered an error while running your job. (Error Type: Disconnect)."
# - "The runner has received a shutdown signal. This can happen when …"
# - "The job was not started because recent account payments have failed or your spending limit
#   needs to be increased." or "… because your account is locked due to a billing issue."
# - "GitHub Actions has encountered an internal error when running your job."
# - "The job running on runner GitHub Actions 12 has exceeded the maximum execution time of 360
#   minutes." or "The job has exceeded the maximum execution time of 45m0s"
# - "The action 'Run pytest' has timed out after 5 minutes."
# - "No space left on device : '/home/runner/…'" or "You are running out of disk space. …"
# - "Process completed with exit code 137." is the kernel's kill, nearly always for memory.
# - "FATAL ERROR: … JavaScript heap out of memory" or "System.OutOfMemoryException: …"
_CAUSES: tuple[tuple[Cause, re.Pattern[str]], ...] = tuple(
    (cause, re.compile(pattern, re.IGNORECASE))
    for cause, pattern in (
        (RUNNER_UNAVAILABLE, r"the job has exceeded .{,80}\bwhile awaiting a runner"),
        (RUNNER_UNAVAILABLE, r"the job was not acquired by runner"),
        (RUNNER_UNAVAILABLE, r"(?:.{,80} )?there were no enabled runners online"),
        (RUNNER_LOST, r"the (?:self-hosted |hosted )?runner\b.{,200}\blost communication with"),
        (RUNNER_LOST, r"the hosted runner encountered an error .{,80}\bdisconnect"),
        (RUNNER_LOST, r"the (?:self-hosted |hosted )?runner has received a shutdown signal"),
        (BILLING, r"the job was not started because .{,120}(?:payment|spending limit|billing)"),
        (INTERNAL_ERROR, r"github actions has encountered an internal error"),
        (INTERNAL_ERROR, r"the hosted runner encountered an error while running your job"),
        (TIMEOUT, r"the job (?:running on .{,200} )?has exceeded the maximum execution time"),
        (TIMEOUT, r"the action '.{,200}' has timed out after"),
        (NO_SPACE, r"(?:system\.io\.ioexception: )?no space left on device"),
        (NO_SPACE, r"you are running out of disk space"),
        (OUT_OF_MEMORY, r"process completed with exit code 137\b"),
        (OUT_OF_MEMORY, r"fatal error: .{,120}\bout of memory"),
        (OUT_OF_MEMORY, r"(?:exception of type ')?(?:\w+\.)*outofmemory(?:error|exception)"),
        (OUT_OF_MEMORY, r"out of memory\W*$"),
    )
)
# The text is "Canceling since a higher priority waiting request for 'ci-main' exists".
_SUPERSEDED = re.compile(r"canceling since a higher priority waiting request", re.IGNORECASE)
# The text is "The run was canceled by @alice."
_CANCELLED_BY_HAND = re.compile(r"the run was cancell?ed by @", re.IGNORECASE)

_FIRST_STEP = "Set up job"
_CONTAINERS = "Initialize containers"
# Steps of the runner before any of the user's: its start hook, and the images of docker actions.
_PREPARATION = re.compile(r"set up runner|(?:pull|build) \S+", re.IGNORECASE)
# "Unable to resolve action `acme/tool@v9`, unable to find version `v9`" and "An action could not be
# found at the URI '…'" are mistakes in the workflow.
_WORKFLOWS_FAULT = re.compile(
    r"action could not be found|unable to resolve action|unable to find version|"
    r"repository not found",
    re.IGNORECASE,
)
# "Failed to download archive 'https://…' after 2 attempts.", "Failed to resolve action download
# info."
_DOWNLOAD = re.compile(r"\bdownload", re.IGNORECASE)


# Jobs


def runner_annotations(job: Job) -> tuple[Annotation, ...]:
    """Return the failures that the runner or GitHub itself reported about a job."""
    return tuple(a for a in job.annotations if a.level == _FAILURE and a.path == RUNNERS_PATH)


def job_cause(job: Job) -> Cause | None:
    """Return why a job failed; None if it did not, or if nothing but its conclusion tells."""
    if result_of(job.conclusion) not in (*ERRORS, Result.CANCELLATION):
        return None
    return next((cause for cause, _ in _known_causes(job)), None)


def job_result(job: Job) -> Result | None:
    """Return the result of a job: what the runner said, else GitHub's conclusion."""
    cause = job_cause(job)
    if cause is not None and cause.result is not None:
        return cause.result
    return result_of(job.conclusion)


def job_error_type(job: Job) -> str | None:
    """Return the `error.type` of a job; None if it did not fail."""
    result = job_result(job)
    if result is None or result not in ERRORS:
        return None
    cause = job_cause(job)
    return cause.type if cause is not None else _by_result(job.conclusion, result)


def job_error_message(job: Job, otherwise: str) -> str:
    """Return the message that tells why a job failed: the cause, else its first failure."""
    for _, annotation in _known_causes(job):
        if annotation is not None:
            return annotation.message
    return next((a.message for a in job.annotations if a.level == _FAILURE), otherwise)


def _known_causes(job: Job) -> Iterator[tuple[Cause, Annotation | None]]:
    """Yield the causes of a job's failure, the surest first, with the annotation that shows it.

    If a preparation failed before any step of the user's ran, that counts more than later texts.
    """
    annotations = runner_annotations(job)
    found = [
        (cause, annotation)
        for cause, pattern in _CAUSES
        for annotation in annotations
        if pattern.match(annotation.message)
    ]
    # A preparation that the runner's loss or a time limit ended did not fail itself.
    yield from (pair for pair in found if pair[0].result is not None)
    setup = _setup_cause(job, annotations)
    if setup is not None:
        yield setup, None
    # A job cancelled by hand may have run out of memory too: the conclusion counts then.
    if result_of(job.conclusion) in ERRORS:
        yield from (pair for pair in found if pair[0].result is None)


def _setup_cause(job: Job, annotations: tuple[Annotation, ...]) -> Cause | None:
    """Return the cause of a failure before any step of the user's ran; None if one ran."""
    failed = failed_steps(job)
    if not failed:
        return None
    first = failed[0]
    between = (step for step in job.steps if 1 < step.number < first.number)
    if any(step_ran(step) and not _PREPARATION.fullmatch(step.name) for step in between):
        return None
    if first.name == _CONTAINERS:
        return Cause(type=_SETUP_FAILED, result=Result.ERROR, component=AGENT)
    if first.number != 1 or first.name != _FIRST_STEP:
        return None
    messages = [annotation.message for annotation in annotations]
    if not any(map(_WORKFLOWS_FAULT.search, messages)) and any(map(_DOWNLOAD.search, messages)):
        return Cause(type=_SETUP_FAILED, result=Result.ERROR, component=GITHUB)
    return Cause(type=_SETUP_FAILED)


# Steps


def failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the failed steps of a job."""
    return tuple(step for step in job.steps if result_of(step.conclusion) in ERRORS)


def step_error_type(step: Step, job: Job) -> str | None:
    """Return the `error.type` of a step: the job's cause if only this step failed."""
    result = result_of(step.conclusion)
    if result not in ERRORS or result is None:
        return None
    cause = job_cause(job) if failed_steps(job) == (step,) else None
    return cause.type if cause is not None else _by_result(step.conclusion, result)


# Runs


def run_cause(run: Run) -> Cause | None:
    """Return why a run failed: the first cause of the jobs that decided it; None if unknown."""
    result = run_result(run)
    if result is None or result not in ERRORS:
        return None
    if run.conclusion == "failure" and _nothing_ran(run):
        return RUNNER_UNAVAILABLE
    failed = (job for job in run.jobs if job_result(job) is result)
    return next((cause for job in failed if (cause := job_cause(job)) is not None), None)


def run_result(run: Run) -> Result | None:
    """Return the result of a run: its conclusion, unless the runner's words on its jobs differ.

    Carried-over jobs count.
    """
    result = result_of(run.conclusion)
    if result is Result.CANCELLATION:
        return _result_of_cancelled(run)
    if run.conclusion == "failure" and run.jobs_complete:
        if _nothing_ran(run):
            return Result.ERROR
        results = {job_result(job) for job in run.jobs} & {*ERRORS}
        return worst(results) or result
    return result


def first_failed_job(run: Run) -> Job | None:
    """Return the job that failed first, of those with the run's result; None if none failed."""
    result = run_result(run)
    failed = [job for job in run.jobs if job_error_type(job) is not None]
    decisive = [job for job in failed if job_result(job) is result] or failed

    def end(job: Job) -> tuple[bool, datetime, int]:
        return job.completed_at is None, job.completed_at or run.started_at, job.id

    return min(decisive, key=end, default=None)


def run_error_type(run: Run) -> str | None:
    """Return the `error.type` of a run: the first cause of its failed jobs, else its result."""
    result = run_result(run)
    if result is None or result not in ERRORS:
        return None
    cause = run_cause(run)
    return cause.type if cause is not None else _by_result(run.conclusion, result)


def superseded(jobs: Iterable[Job]) -> bool:
    """Whether jobs were cancelled because of a newer run of their concurrency group."""
    return _any_says(jobs, _SUPERSEDED)


# GitHub starts the newer run before it cancels the one that waits.
_REPLACED_WITHIN = timedelta(seconds=60)


def time_of_replacement(run: Run) -> Interval | None:
    """Return when the run that replaced this one must have been created.

    None if the run was not cancelled, or if one of its jobs began.
    """
    if not run.completed or run.conclusion != "cancelled" or run_began(run) is not None:
        return None
    end = run_interval(run).end
    return Interval(max(end - _REPLACED_WITHIN, run.created_at), end)


def is_replaced(run: Run, time: Interval, others: Iterable[Run]) -> bool:
    """Whether a newer run of the same workflow and branch replaced a run before it began.

    ``time`` is that of `time_of_replacement`. GitHub does not name the concurrency group of a run,
    and a run that waits for its group has no job whose annotation could say why it was cancelled.
    """
    return any(
        (other.workflow_id, other.path.partition("@")[0], other.head_branch, other.head_repository)
        == (run.workflow_id, run.path.partition("@")[0], run.head_branch, run.head_repository)
        and run.id < other.id
        and time.start <= other.created_at <= time.end
        for other in others
    )


def worst(results: Iterable[Result | None]) -> Result | None:
    """Return the worst of the results; None if there is none."""
    known = [result for result in results if result is not None]
    return max(known, key=SEVERITY.index, default=None)


def _result_of_cancelled(run: Run) -> Result:
    """Return the result of a cancelled run: that of a job that was stopped, if that stopped it.

    GitHub calls a run cancelled if one of its jobs took too long or lost its runner. If people or
    a newer run cancelled it, or if another job was cancelled before, it was cancelled.
    """
    stopped = [job for job in run.jobs if job.conclusion == "cancelled"]
    failed = [job for job in stopped if job_result(job) in ERRORS]
    others = [job for job in stopped if job_result(job) not in ERRORS]
    if not failed or _any_says(stopped, _SUPERSEDED) or _any_says(stopped, _CANCELLED_BY_HAND):
        return Result.CANCELLATION
    first, first_other = _first_end(failed), _first_end(others)
    if first is not None and first_other is not None and first_other < first:
        return Result.CANCELLATION
    return worst(map(job_result, failed)) or Result.CANCELLATION


def _nothing_ran(run: Run) -> bool:
    """Whether all jobs of a run were cancelled before they got a runner."""
    return bool(run.jobs) and all(
        job.conclusion == "cancelled" and never_started(job) for job in run.jobs
    )


def _first_end(jobs: Iterable[Job]) -> datetime | None:
    return min((job.completed_at for job in jobs if job.completed_at), default=None)


def _any_says(jobs: Iterable[Job], pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(a.message) for job in jobs for a in runner_annotations(job))


def _by_result(conclusion: str | None, result: Result) -> str:
    return "startup_failure" if conclusion == "startup_failure" else result.value
