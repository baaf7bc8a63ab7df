"""Selection of the jobs, names and log bytes of a run that are exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from flow_telemetry.errors import SelectionError
from flow_telemetry.model import Job, Run, Step, result_of
from flow_telemetry.rules.causes import ERRORS, SEVERITY
from flow_telemetry.rules.intervals import own_jobs
from flow_telemetry.settings import Export
from flow_telemetry.text import counted

# A run that has ended is exported as a whole; of a running one, only data that can no longer change
#
# GitHub lists a job only when its `needs` have ended, and two jobs that end at the same time see
# each other as unfinished. So a step within a run is either the only one that exports the run
# (`export: run`, `rest`), or it exports only its own job (`export: job`).

# The clocks of the runner and the API differ, and the API cuts times to whole seconds.
_CLOCK_DIFFERENCE = timedelta(seconds=3)
_CONCLUSION_OF_JOB_STATUS = ("success", "failure", "cancelled")
# GitHub may leave jobs unfinished for ever, and shows the ends of others seconds late.
_UNFINISHED_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSlice:
    """The exported part of a run. ``run`` has its present state.

    ``jobs`` are to be exported; ``own_job`` is the job that runs the export, with its result so
    far, None outside the run. ``refusal`` is set if nothing can be exported: why, and what to do.
    """

    run: Run
    run_span: bool = True
    jobs: tuple[Job, ...] = ()
    own_job: Job | None = None
    refusal: str | None = None

    def with_run(self, run: Run) -> RunSlice:
        """Return the same part with a run whose jobs have more data."""
        jobs = {job.id: job for job in run.jobs}
        return replace(self, run=run, jobs=tuple(jobs.get(job.id, job) for job in self.jobs))

    @property
    def partial(self) -> bool:
        """Whether the run is still in progress, so that some spans are incomplete."""
        return self.own_job is not None


def select_whole_run(run: Run) -> RunSlice:
    """Return the exported part of a run that has ended: everything of this attempt.

    Jobs that GitHub left unfinished are a part of it.
    """
    return RunSlice(run=run, jobs=own_jobs(run))


# The steps of every job that the runner adds; it names those after an action `Post` and its step.
OF_EVERY_JOB = frozenset({"Set up job", "Complete job"})
_POST = "Post "
_SLOW = timedelta(seconds=10)


def boilerplate_steps(job: Job) -> frozenset[Step]:
    """Return the steps of a job that the runner added and that neither failed nor were slow.

    A user's own step can have a name such as `Post results`: one after an action has the name of a
    step of the same job.
    """
    names = {step.name for step in job.steps}
    return frozenset(
        step
        for step in job.steps
        if step.name in OF_EVERY_JOB
        or (step.name.startswith(_POST) and step.name.removeprefix(_POST) in names)
        if step.conclusion in ("success", "skipped") and not _is_slow(step)
    )


def _is_slow(step: Step) -> bool:
    if step.started_at is None or step.completed_at is None:
        return False
    return step.completed_at - step.started_at >= _SLOW


def will_stay_unfinished(run: Run, now: datetime) -> bool:
    """Whether a run ended so long ago that GitHub will not show further ends of its jobs."""
    return run.completed and run.updated_at is not None and now - run.updated_at >= _UNFINISHED_FOR


def has_ended(run: Run) -> bool:
    """Whether GitHub shows the attempt and all of its jobs as ended."""
    return run.completed and all(job.completed for job in run.jobs)


def find_own_job(run: Run, *, check_run_id: int | None, runner_name: str | None) -> Job:
    """Return the job that the program runs in.

    ``check_run_id`` is the job's id in the API, if the runner knows it; else it is the only job in
    progress on the runner of this name.

    Raises:
        SelectionError: no job matches, or several do.
    """
    if check_run_id is not None:
        matching = [job for job in run.jobs if job.id == check_run_id]
    else:
        matching = [j for j in run.jobs if not j.completed and j.runner_name == runner_name]
        if not matching or runner_name is None:
            unfinished = [job for job in run.jobs if not job.completed]
            matching = unfinished if len(unfinished) == 1 else []
    if len(matching) == 1:
        return matching[0]
    raise SelectionError(
        f"could not determine the job of this step: {len(matching)} of "
        f"{counted(len(run.jobs), 'job')} of the run match runner "
        f"{runner_name or '(unnamed)'}. Export "
        "from a workflow on `workflow_run`, or give every runner a name of its own"
    )


def select_running_run(run: Run, own: Job, *, export: Export, job_status: str | None) -> RunSlice:
    """Return the part that a step within the run exports.

    ``job_status`` is the runner's `job.status`, the result so far of the own job.
    """
    own_so_far = replace(own, conclusion=_conclusion_so_far(own, job_status))
    if export is Export.JOB:
        alone = replace(run, jobs=_replaced(run, own_so_far))
        return RunSlice(run=alone, run_span=False, jobs=(own_so_far,), own_job=own_so_far)
    jobs = _replaced(run, own_so_far)
    so_far = replace(run, jobs=jobs)
    so_far = replace(so_far, conclusion=worst_conclusion(job.conclusion for job in jobs))
    if export is Export.REST:
        return RunSlice(run=so_far, jobs=(own_so_far,), own_job=own_so_far)
    unfinished = [job for job in jobs if not job.completed and job.id != own.id]
    if unfinished:
        more = f" and {len(unfinished) - 1:,} more" if len(unfinished) > 1 else ""
        refusal = (
            "nothing is sent: other jobs of this run are not finished "
            f"({unfinished[0].name}{more}). Put the step in a last "
            "job that `needs` all others, or set `export: job` in every job and `export: rest` in "
            "a last one, or export from a workflow on `workflow_run`"
        )
        return RunSlice(run=so_far, run_span=False, own_job=own_so_far, refusal=refusal)
    exported = tuple(j for j in own_jobs(so_far) if j.completed or j.id == own.id)
    return RunSlice(run=so_far, jobs=exported, own_job=own_so_far)


def other_failures(run_slice: RunSlice) -> tuple[Job, ...]:
    """Return the failed jobs other than the own one; none if that has failed too.

    Whether they fail the run depends on `continue-on-error` of the jobs.
    """
    own = run_slice.own_job
    if own is None or not run_slice.run_span or result_of(own.conclusion) in ERRORS:
        return ()
    return tuple(job for job in run_slice.run.jobs if result_of(job.conclusion) in ERRORS)


def with_needed_results(run_slice: RunSlice, results: Mapping[str, str]) -> RunSlice:
    """Return the run with the result that the own job and the jobs that it needs give it.

    GitHub reports a needed job that may fail as `success`.
    """
    own = run_slice.own_job.conclusion if run_slice.own_job else None
    conclusion = worst_conclusion((own, *results.values()))
    return replace(run_slice, run=replace(run_slice.run, conclusion=conclusion))


def without_result(run_slice: RunSlice) -> RunSlice:
    """Return the run without a result, if failures may be allowed."""
    return replace(run_slice, run=replace(run_slice.run, conclusion=None))


def _replaced(run: Run, own: Job) -> tuple[Job, ...]:
    return tuple(own if job.id == own.id else job for job in run.jobs)


def worst_conclusion(conclusions: Iterable[str | None]) -> str | None:
    """Return the worst of the conclusions; None if there is none."""
    known = [(result, each) for each in conclusions if (result := result_of(each)) is not None]
    return max(known, key=lambda pair: SEVERITY.index(pair[0]), default=(None, None))[1]


def _conclusion_so_far(job: Job, job_status: str | None) -> str | None:
    """Return the conclusion so far: GitHub's, else the worst of the runner's and of the steps.

    The runner's `job.status` is stale within a composite action. A failed step that may fail has
    the conclusion `success`.
    """
    if job.conclusion:
        return job.conclusion
    of_runner = job_status if job_status in _CONCLUSION_OF_JOB_STATUS else "success"
    ended = (step.conclusion for step in job.steps if step.conclusion in _CONCLUSION_OF_JOB_STATUS)
    return worst_conclusion((of_runner, *ended))


def steps_before_have_ended(job: Job, step_started_at: datetime | None) -> bool:
    """Whether GitHub shows all steps before the running one as ended.

    GitHub's API is seconds behind the runner. The only step in progress must be the one that the
    program runs in. That step started at ``step_started_at``, when the action's first line ran; a
    step in progress that started well before is an earlier one whose end the API does not show yet.
    """
    running = [step for step in job.steps if step.status == "in_progress"]
    if len(running) != 1:
        return False
    started_at = running[0].started_at
    if step_started_at is None or started_at is None:
        return True
    return started_at >= step_started_at - _CLOCK_DIFFERENCE


# Patterns for names; a leading `!` excludes, as in the filters of workflows


def matches_patterns(name: str, patterns: Sequence[str]) -> bool:
    """Whether patterns select a name: the last matching pattern decides.

    Without patterns every name is selected; if all patterns exclude, so are the names that none
    matches.
    """
    selected = all(pattern.startswith("!") for pattern in patterns)
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if fnmatchcase(name, pattern[1:] if excludes else pattern):
            selected = not excludes
    return selected


# Allocation of a limit of bytes to logs


def allocate_bytes(failed: Sequence[int], others: Sequence[int], limit: int) -> tuple[int, ...]:
    """Return how many bytes of each log are exported, those of failed steps before the others.

    If the failed steps do not fit together, the small ones are whole and the large ones have the
    same number of bytes. The others follow in order until the limit is reached.
    """
    allocated = [0] * len(failed)
    bytes_left = limit
    by_size = sorted(range(len(failed)), key=failed.__getitem__)
    for count, position in zip(range(len(failed), 0, -1), by_size, strict=True):
        allocated[position] = min(failed[position], bytes_left // count)
        bytes_left -= allocated[position]
    for size in others:
        allocated.append(min(size, bytes_left))
        bytes_left -= allocated[-1]
    return tuple(allocated)
