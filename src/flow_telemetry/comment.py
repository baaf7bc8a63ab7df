"""The comment on the pull request of an export: whether one is written, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError
from flow_telemetry.github.changes import read_change
from flow_telemetry.github.comments import write_comment
from flow_telemetry.github.runs import list_runs
from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Run
from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.privacy.audience import Audience, redact_outcome
from flow_telemetry.privacy.records import redact_record
from flow_telemetry.report.comment import CommentFacts, change_comment

CHECKED_OUT = (
    "no comment is written, because the job has files in its workspace: their code could write "
    "with the same token. Set `comment` in a job without a checkout, for example on `workflow_run`"
)


def comment_on_change(context: ExportContext, outcome: Outcome, audience: Audience) -> Outcome:
    """Write the comment on the pull request that was exported, or of the run that was exported.

    Nothing is written on pull requests of other repositories than the workflow's. A failure is only
    a warning of the outcome that is returned.
    """
    found = _find_change(context, redact_outcome(audience, outcome))
    if found is None:
        context.log.info("no comment: nothing that was exported belongs to a pull request here")
        return outcome
    if _has_files(context.settings.runner.workspace):
        return replace(outcome, problems=(*outcome.problems, CHECKED_OUT))
    exported, change = found
    name = f"pull request {change.repository.full_name}#{change.number}"
    try:
        # Without an endpoint nothing was sent, although all spans were exported.
        has_trace = bool(context.settings.otlp.targets) and outcome.spans > 0
        facts = _read_facts(context, exported, change, has_trace=has_trace)
        write_comment(
            context.github, change.repository.full_name, change.number, change_comment(facts)
        )
    except FlowTelemetryError as error:
        problem = f"the comment on {name} was not written: {error}"
        if isinstance(error, AccessDeniedError):
            problem += ". `comment` needs the permission `pull-requests: write`"
        return replace(outcome, problems=(*outcome.problems, problem))
    context.log.info(f"the comment on {name} is up to date")
    return outcome


def _find_change(context: ExportContext, outcome: Outcome) -> tuple[ExportedSubject, Change] | None:
    """Return the first exported run or pull request, with the pull request of this repository."""
    own = fold(context.settings.runner.repository or "")
    for exported in (outcome.exported, *outcome.further):
        if exported is None:
            continue
        parent = exported.parentage.change if exported.parentage is not None else None
        change = exported.change or parent
        if change is not None and fold(change.repository.full_name) == own:
            return exported, change
    return None


def _has_files(workspace: str | None) -> bool:
    """Return whether a job has files in its workspace; one that cannot be listed may have some."""
    try:
        return workspace is not None and any(Path(workspace).iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_of_own_workflow(context: ExportContext, run: Run) -> bool:
    """Whether a run is of the workflow that exports: readers wait for the others."""
    runner = context.settings.runner
    file = run.path.partition("@")[0].rpartition("/")[2]
    return run.id == runner.run_id or (bool(file) and file == runner.workflow_file)


def _read_facts(
    context: ExportContext, exported: ExportedSubject, change: Change, *, has_trace: bool
) -> CommentFacts:
    """Read the phases of the pull request and the runs of its last commit.

    Both are left out if they cannot be read: the run that was exported tells the most.
    """
    github, now = context.github, context.clock.now()
    repository = change.repository.full_name
    if exported.change is None:
        try:
            change = read_change(github, repository, change.number)
        except FlowTelemetryError as error:
            context.log.debug(f"the comment lacks the phases of the pull request: {error}")
    runs: tuple[Run, ...] = ()
    if change.created_at is not None and change.head_sha:
        try:
            listed = list_runs(
                github,
                repository,
                created_from=change.created_at,
                created_to=now,
                head_sha=change.head_sha,
            )
            runs = tuple(run for run in listed.items if not _is_of_own_workflow(context, run))
        except FlowTelemetryError as error:
            context.log.debug(f"the comment lacks the other runs of the commit: {error}")
    runs = tuple(redact_record(run, context.redact) for run in runs)
    return CommentFacts(exported=exported, change=change, runs=runs, now=now, has_trace=has_trace)
