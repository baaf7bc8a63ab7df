"""Sweeps: search for subjects that were closed or deployed in a window, without events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.runs import (
    RunAddress,
    last_successful_run,
    list_runs,
    read_attempt,
    read_repository,
    successful_runs_of_workflow,
)
from flow_telemetry.github.sweep import closed_changes, closed_issues, ended_deployments
from flow_telemetry.identity import fold
from flow_telemetry.model import Repository, Run
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.rules.deployments import final_statuses, is_selected
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.settings import Ancestors, Settings
from flow_telemetry.subjects.run import reason_not_selected
from flow_telemetry.subjects.types import (
    ChangeSubject,
    DeploymentSubject,
    FeatureSubject,
    ItemSubject,
    RunSubject,
    Subject,
    SweepSubject,
)

_FIRST_SWEEP = timedelta(hours=24)
# GitHub ends a run after 35 days: https://docs.github.com/en/actions/reference/limits
_LONGEST_RUN = timedelta(days=35)
# The ready workflow names its runs so: event, action, number.
_SENT_BY_RUN = re.compile(
    r"(pull_request_target|pull_request|issues|workflow_run) (?:closed|completed) ([0-9]{1,18})"
)


@dataclass(slots=True)
class Sweep:
    """The subjects of a sweep.

    ``already_sent`` counts subjects that events have sent, ``unwanted_runs`` those that `workflows`
    or `branches` exclude. If there are ``read_errors``, the next sweep must not start later.
    """

    window: Interval
    subjects: list[Subject] = field(default_factory=list)
    already_sent: int = 0
    unwanted_runs: int = 0
    read_errors: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Messages about runs that the user excludes."""
        if not self.unwanted_runs:
            return ()
        return (f"{self.unwanted_runs} runs that `workflows` and `branches` do not choose",)


def find_subjects(
    context: ExportContext, subject: SweepSubject, *, sent: frozenset[str] = frozenset()
) -> Sweep:
    """Return the subjects that were closed, deployed or run in the window and are not sent yet.

    ``sent`` are the marks of subjects that were sent before.

    Raises:
        FlowTelemetryError: the repository, or the start of the window, cannot be read.
    """
    home = read_repository(context.github, subject.repository)
    since, now = context.settings.sweep.since, context.clock.now()
    if isinstance(since, float):
        since = now - timedelta(seconds=since)
    sweep = Sweep(
        window=Interval(since, now)
        if isinstance(since, datetime)
        else _find_window_since_last(context, now)
    )
    context.log.info(f"sweeping {home.full_name} since {sweep.window.start:%Y-%m-%d %H:%M} UTC")
    sent |= _list_sent_by_events(context, home, sweep)
    for find in (_find_changes, _find_issues, _find_jira_items, _find_deployments, _find_runs):
        try:
            for swept in find(context, home, sweep):
                if format_mark(swept) in sent:
                    sweep.already_sent += 1
                else:
                    sweep.subjects.append(swept)
        except FlowTelemetryError as error:
            sweep.read_errors.append(str(error))
    return sweep


def end_reason(context: ExportContext) -> str:
    """Return why reading has ended; empty if it may go on."""
    if context.interruption.name or context.deadline.expired:
        return context.deadline.ended
    return context.github.ended


def describe_early_end(context: ExportContext, sweep: Sweep, left: int) -> tuple[str, ...]:
    """Return why a sweep ended early, and how much is left to the next one; empty if it did not."""
    reason = end_reason(context)
    if not reason or not (left or sweep.read_errors):
        return ()
    things = {0: "unknown subjects", 1: "1 subject"}.get(left, f"{left} subjects")
    return (f"{reason}: {things} {'is' if left == 1 else 'are'} left to the next sweep",)


def within_sweep(context: ExportContext) -> ExportContext:
    """Return the context for the subjects of a sweep.

    A sweep exports each pull request as a subject of its own, so the run of its merge does not
    export it a second time.
    """
    settings = context.settings
    tracing = replace(settings.tracing, ancestors=Ancestors.NONE)
    return replace(context, settings=replace(settings, tracing=tracing))


def _find_window_since_last(context: ExportContext, now: datetime) -> Interval:
    """Return the window between the starts of two runs of this workflow.

    The next window begins at the end of this one: at the start of this run, and not at the search.
    """
    runner = context.settings.runner
    if runner.workflow_file is None or runner.repository is None or runner.run_id is None:
        return Interval(now - _FIRST_SWEEP, now)
    own = RunAddress(
        repository=runner.repository, run_id=runner.run_id, attempt=runner.run_attempt or 1
    )
    until = read_attempt(context.github, own).started_at
    last = last_successful_run(
        context.github, runner.repository, runner.workflow_file, before=now, event="schedule"
    )
    return Interval(last.started_at if last else until - _FIRST_SWEEP, until)


def _list_sent_by_events(context: ExportContext, home: Repository, sweep: Sweep) -> frozenset[str]:
    """Return the marks of subjects that this workflow's runs by events sent in the window."""
    file = context.settings.runner.workflow_file
    if file is None or not _is_own(context.settings, home):
        return frozenset()
    try:
        runs = successful_runs_of_workflow(
            context.github,
            home.full_name,
            file,
            since=sweep.window.start,
            until=context.clock.now(),
        )
    except FlowTelemetryError as error:
        sweep.read_errors.append(f"what this workflow has sent already: {error}")
        return frozenset()
    named = (_SENT_BY_RUN.fullmatch(run.title.strip()) for run in runs.items)
    return frozenset(
        f"{match[1].removesuffix('_target')} {int(match[2])}" for match in named if match
    )


def _is_own(settings: Settings, home: Repository) -> bool:
    """Whether a repository is that of the sweeping workflow."""
    return fold(settings.runner.repository or "") == fold(home.full_name)


def format_mark(subject: Subject) -> str:
    """Return the mark of a subject in the list of sent ones: `pull_request 123`.

    A later attempt of a run has a mark of its own.
    """
    if isinstance(subject, ChangeSubject):
        return f"pull_request {subject.number}"
    if isinstance(subject, RunSubject):
        attempt = subject.address.attempt or 1
        later = "" if attempt == 1 else f" attempt {attempt}"
        return f"workflow_run {subject.address.run_id}{later}"
    if isinstance(subject, DeploymentSubject):
        late = f" status {subject.late_statuses[-1]}" if subject.only_late else ""
        return f"deployment {subject.id}{late}"
    if isinstance(subject, (ItemSubject, FeatureSubject)):
        return f"issues {subject.key.key}"
    return f"sweep {subject.repository}"


def _find_changes(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    changes = closed_changes(context.github, home, sweep.window)
    _note_incomplete(sweep, changes.complete, "pull requests")
    for change in changes.items:
        yield ChangeSubject(
            repository=home.full_name, number=change.number, closed_within=sweep.window
        )


def _find_issues(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    if not context.settings.trackers.uses_github:
        return
    issues = closed_issues(context.github, home, sweep.window)
    _note_incomplete(sweep, issues.complete, "issues")
    for number in issues.items:
        key = ItemKey(tracker="github", key=str(number))
        yield _item_subject(home, key, sweep)


def _item_subject(home: Repository, key: ItemKey, sweep: Sweep) -> ItemSubject:
    return ItemSubject(
        repository=home.full_name, key=key, with_feature=True, closed_within=sweep.window
    )


def _find_jira_items(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    projects = context.settings.sweep.jira_projects
    if not projects:
        return
    if context.trackers.jira_is_misconfigured:
        sweep.read_errors.append("the items of Jira, because its settings cannot be used")
    if context.trackers.jira is None:
        return
    items = context.trackers.jira.changed_since(sweep.window.start, projects)
    sweep.read_errors.extend(items.unread)
    for item in items.items:
        # The history of each item has the exact time of its closing.
        yield _item_subject(home, ItemKey(tracker="jira", key=item.key), sweep)


def _find_deployments(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    deployments = ended_deployments(context.github, home, sweep.window)
    _note_incomplete(sweep, deployments.complete, "deployments")
    patterns = context.settings.deployments.environments
    for deployment in deployments.items:
        if not is_selected(deployment.environment, patterns):
            continue
        first, *later = final_statuses(deployment)
        # A deployment by a run is exported with that run, if runs are.
        only_late = deployment.made_by_run or not sweep.window.holds(first.time)
        late = tuple(status.id for status in later if sweep.window.holds(status.time))
        if late or not only_late:
            yield DeploymentSubject(
                repository=home.full_name,
                id=deployment.id,
                late_statuses=late,
                only_late=only_late,
            )


def _find_runs(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    """Yield the runs with their last update in the window, which is at their end or later.

    GitHub lists runs by their creation only, and those that wait for an approval end weeks later.
    """
    if not context.settings.sweep.runs:
        return
    window = sweep.window
    runs = list_runs(
        context.github,
        home.full_name,
        created_from=window.start - _LONGEST_RUN,
        created_to=window.end,
    )
    _note_incomplete(sweep, runs.complete, "runs")
    for run in runs.items:
        ended = run.completed and window.holds(run.updated_at or run.created_at)
        if not ended or _is_of_sweeper(context.settings, home, run):
            continue
        if reason_not_selected(context.settings, run) is not None:
            sweep.unwanted_runs += 1
            continue
        # The list has only the latest attempt; earlier ones may have ended in the window too.
        first = 1 if run.started_at >= window.start else run.attempt
        for attempt in range(first, run.attempt + 1):
            address = RunAddress(repository=home.full_name, run_id=run.id, attempt=attempt)
            yield RunSubject(address=address, ended=True, siblings=runs.items)


def _is_of_sweeper(settings: Settings, home: Repository, run: Run) -> bool:
    """Whether a run is of the sweeping workflow, which does not export its own runs."""
    file = run.path.partition("@")[0].rpartition("/")[2]
    return _is_own(settings, home) and (
        run.id == settings.runner.run_id or file == settings.runner.workflow_file
    )


def _note_incomplete(sweep: Sweep, complete: bool, what: str) -> None:
    if not complete:
        sweep.read_errors.append(f"some {what}")
