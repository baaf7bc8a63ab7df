"""Selection of the jobs, names and log bytes of a run that are exported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from flow_telemetry.errors import SelectionError
from flow_telemetry.model import Job, Result, Run, Step, result_of
from flow_telemetry.rules.intervals import own_jobs
from flow_telemetry.settings import Export

# An ended run is exported as a whole, a running one as far as it can no longer change.
#
# GitHub lists a job only when its `needs` are done, and two jobs that end together each see the
# other unfinished. So a step inside a run either is the only one that exports it (`export: run`,
# `rest`), or sends its own job and nothing else (`export: job`).

# The runner's clock and the API's are not the same, and the API cuts to whole seconds.
_CLOCK_DIFFERENCE = timedelta(seconds=3)
# From the mildest to the worst, as a run is judged by its jobs.
_SEVERITY = (
    Result.SKIP,
    Result.SUCCESS,
    Result.CANCELLATION,
    Result.TIMEOUT,
    Result.ERROR,
    Result.FAILURE,
)
_CONCLUSION_OF_JOB_STATUS = ("success", "failure", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSlice:
    """The exported part of a run. ``run`` has the state so far, its own job the result so far.

    ``jobs`` are to be exported; ``own_job`` is the job that runs the export, None outside of the
    run. ``refusal`` is set if nothing can be exported: it says why, and what to do.
    """

    run: Run
    run_span: bool = True
    jobs: tuple[Job, ...] = ()
    own_job: Job | None = None
    refusal: str | None = None

    def with_run(self, run: Run) -> RunSlice:
        """Return the same part of a run whose jobs are better known."""
        known = {job.id: job for job in run.jobs}
        return replace(self, run=run, jobs=tuple(known.get(job.id, job) for job in self.jobs))

    @property
    def partial(self) -> bool:
        """Whether the run still goes on, so that some spans say what is known so far."""
        return self.own_job is not None


def select_whole_run(run: Run) -> RunSlice:
    """Return the part that an export of an ended run sends: everything of this attempt."""
    return RunSlice(run=run, jobs=tuple(job for job in own_jobs(run) if job.completed))


def has_ended(run: Run) -> bool:
    """Whether GitHub shows the attempt and all of its jobs as ended."""
    return run.completed and all(job.completed for job in run.jobs)


def find_own_job(run: Run, *, check_run_id: int | None, runner_name: str | None) -> Job:
    """Return the job that the program runs in.

    ``check_run_id`` is the job's id in the API, where the runner knows it; else it is the one job
    in progress on the runner of this name.

    Raises:
        SelectionError: no job matches, or several do.
    """
    if check_run_id is not None:
        fitting = [job for job in run.jobs if job.id == check_run_id]
    else:
        fitting = [j for j in run.jobs if not j.completed and j.runner_name == runner_name]
        if not fitting or runner_name is None:
            unfinished = [job for job in run.jobs if not job.completed]
            fitting = unfinished if len(unfinished) == 1 else []
    if len(fitting) == 1:
        return fitting[0]
    raise SelectionError(
        f"could not determine the job of this step: {len(fitting)} of the "
        f"{len(run.jobs)} jobs that GitHub lists match runner {runner_name or '(unnamed)'}. Export "
        "from a workflow on `workflow_run`, or give every runner a name of its own"
    )


def select_running_run(run: Run, own: Job, *, export: Export, job_status: str | None) -> RunSlice:
    """Return the part that a step inside the run sends.

    ``job_status`` is the runner's `job.status`, the result so far of the own job.
    """
    own_so_far = replace(own, conclusion=_so_far(own, job_status))
    if export is Export.JOB:
        alone = replace(run, jobs=_replaced(run, own_so_far))
        return RunSlice(run=alone, run_span=False, jobs=(own_so_far,), own_job=own_so_far)
    jobs = _replaced(run, own_so_far)
    so_far = replace(run, jobs=jobs)
    so_far = replace(so_far, conclusion=worst_conclusion(own_jobs(so_far)))
    if export is Export.REST:
        return RunSlice(run=so_far, jobs=(own_so_far,), own_job=own_so_far)
    unfinished = [job for job in jobs if not job.completed and job.id != own.id]
    if unfinished:
        refusal = (
            f"nothing is sent: {len(unfinished)} other jobs of this run are not finished "
            f"({unfinished[0].name}{', …' if len(unfinished) > 1 else ''}). Put the step in a last "
            "job that `needs` all others, or set `export: job` in every job and `export: rest` in "
            "a last one, or export from a workflow on `workflow_run`"
        )
        return RunSlice(run=so_far, run_span=False, own_job=own_so_far, refusal=refusal)
    leaving = tuple(j for j in own_jobs(so_far) if j.completed or j.id == own.id)
    return RunSlice(run=so_far, jobs=leaving, own_job=own_so_far)


def _replaced(run: Run, own: Job) -> tuple[Job, ...]:
    return tuple(own if job.id == own.id else job for job in run.jobs)


def worst_conclusion(jobs: Iterable[Job]) -> str | None:
    """Return the worst conclusion of the jobs; None if no job has one."""
    concluded = [(r, j.conclusion) for j in jobs if (r := result_of(j.conclusion)) is not None]
    if not concluded:
        return None
    return max(concluded, key=lambda pair: _SEVERITY.index(pair[0]))[1]


def _so_far(job: Job, job_status: str | None) -> str | None:
    """The own job's conclusion so far: the runner's word, else that of its worst step."""
    if job.conclusion:
        return job.conclusion
    if job_status in _CONCLUSION_OF_JOB_STATUS:
        return job_status
    failed = any(step.conclusion == "failure" for step in job.steps)
    return "failure" if failed else "success"


def steps_before_have_ended(job: Job, step_started_at: datetime | None) -> bool:
    """Whether GitHub shows all steps before the running one as ended.

    GitHub's API lags seconds behind the runner. The step that the program runs in is the one in
    progress, and it began no earlier than ``step_started_at``, when the action's first line ran;
    a step in progress that began well before is one that the API shows late.
    """
    running = [step for step in job.steps if step.status == "in_progress"]
    if len(running) != 1:
        return False
    return not _began_before(running[0], step_started_at)


def _began_before(step: Step, time: datetime | None) -> bool:
    if time is None or step.started_at is None:
        return False
    return step.started_at < time - _CLOCK_DIFFERENCE


# Choosing names by patterns, in which a leading `!` excludes, as workflows' own filters do.


def matches_patterns(name: str, patterns: Sequence[str]) -> bool:
    """Whether patterns choose a name: the last one that fits decides.

    No pattern chooses every name; if all exclude, what none of them fits is chosen.
    """
    kept = all(pattern.startswith("!") for pattern in patterns)
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if fnmatchcase(name, pattern[1:] if excludes else pattern):
            kept = not excludes
    return kept


# Allocation of a limit of bytes to logs


def allocate_bytes(failed: Sequence[int], others: Sequence[int], limit: int) -> tuple[int, ...]:
    """Return how many bytes of each log are exported, those of failed steps before the others.

    Failed steps come first: whole where they fit together, else the small ones whole and of the
    large ones equally much. The others follow in order until the limit is used up.
    """
    given = _allocate_equally(failed, limit)
    left = limit - sum(given)
    for size in others:
        given.append(min(size, left))
        left -= given[-1]
    return tuple(given)


def _allocate_equally(sizes: Sequence[int], limit: int) -> list[int]:
    given = [0] * len(sizes)
    left = limit
    in_order = sorted(range(len(sizes)), key=sizes.__getitem__)
    for count, position in zip(range(len(sizes), 0, -1), in_order, strict=True):
        given[position] = min(sizes[position], left // count)
        left -= given[position]
    return given
