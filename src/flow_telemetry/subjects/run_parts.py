"""The part of a run that leaves, once GitHub shows what is to be in it."""

from __future__ import annotations

from flow_telemetry.errors import SelectionError
from flow_telemetry.model import Run
from flow_telemetry.parts import Parts
from flow_telemetry.rules import selection
from flow_telemetry.rules.selection import Part
from flow_telemetry.settings import Export, Settings
from flow_telemetry.sources.github.deployments import read_deployments
from flow_telemetry.sources.github.runs import read_annotations, read_jobs_again, read_run
from flow_telemetry.subject import RunSubject
from flow_telemetry.waiting import wait_until


def better_known(part: Part, parts: Parts) -> tuple[Part, tuple[str, ...]]:
    """The part with what is asked for only where it matters: failures and deployments."""
    annotated = read_annotations(parts.github, part.run, part.jobs)
    part = part.with_run(annotated.run)
    deployed = read_deployments(parts.github, part.run, part.jobs)
    return part.with_run(deployed.run), (*annotated.notices, *deployed.notices)


def own_part(settings: Settings, run: Run, parts: Parts) -> tuple[Part, tuple[str, ...]]:
    """The part of the run that the program stands in, once the steps before ours have ended."""
    runner = settings.runner

    def steps_have_ended(seen: Run) -> bool:
        try:
            own = selection.find_own_job(
                seen, check_run_id=runner.check_run_id, runner_name=runner.runner_name
            )
        except SelectionError:  # GitHub may list our own job late, too.
            return False
        return selection.steps_before_have_ended(own, runner.step_started_at)

    waited = wait_until(
        steps_have_ended,
        run,
        again=lambda seen: read_jobs_again(parts.github, seen),
        deadline=parts.deadline,
        log=parts.log,
        what="the steps before this one as ended",
    )
    own = selection.find_own_job(
        waited.run, check_run_id=runner.check_run_id, runner_name=runner.runner_name
    )
    part = selection.ongoing(waited.run, own, export=settings.export, job_status=runner.job_status)
    late = (
        "GitHub did not show in time that all steps before this one have ended; those are left out"
    )
    return part, () if waited.shown else (late,)


def whole_part(
    settings: Settings, run: Run, subject: RunSubject, parts: Parts
) -> tuple[Part, tuple[str, ...]]:
    """The run once it has ended.

    Raises:
        SelectionError: it still goes on, or only a job of it was asked for.
    """
    if settings.export is Export.JOB:
        raise SelectionError("input export is job, which works only inside the run that is sent")
    if subject.ended or run.completed:
        run = wait_until(
            selection.has_ended,
            run,
            again=lambda _: parts.known(read_run(parts.github, subject.address)),
            deadline=parts.deadline,
            log=parts.log,
            what=f"{subject.address} as ended",
        ).run
    if not run.completed:
        raise SelectionError(
            f"run {run.id} of {run.repository.full_name} is still {run.status or 'unknown'}: "
            "export it when it has ended"
        )
    return selection.whole(run), ()
