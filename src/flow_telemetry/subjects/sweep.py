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
    """What a sweep found. ``unread`` says what could not be read: then its mark must not move."""

    window: Interval
    subjects: list[Subject] = field(default_factory=list)
    already_sent: int = 0
    unwanted_runs: int = 0
    unread: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the user wants not to leave."""
        if not self.unwanted_runs:
            return ()
        return (f"{self.unwanted_runs} runs that `workflows` and `branches` do not choose",)


def find_subjects(
    context: ExportContext, subject: SweepSubject, *, sent: frozenset[str] = frozenset()
) -> Sweep:
    """Return what was closed, deployed or run in the sweep's time and was not sent yet.

    ``sent`` are the marks of subjects that were sent before.

    Raises:
        FlowTelemetryError: the repository, or since when to look, cannot be read.
    """
    home = read_repository(context.github, subject.repository)
    sweep = Sweep(window=_window(context))
    context.log.info(f"sweeping {home.full_name} since {sweep.window.start:%Y-%m-%d %H:%M} UTC")
    known = sent | _sent_by_events(context, home, sweep)
    for each in _find_all(context, home, sweep):
        if format_mark(each) in known:
            sweep.already_sent += 1
        else:
            sweep.subjects.append(each)
    return sweep


def end_reason(context: ExportContext) -> str:
    """Return why reading has ended; empty if it may go on."""
    if context.interruption.name or context.deadline.expired:
        return context.deadline.ended
    return context.github.ended


def describe_early_end(context: ExportContext, sweep: Sweep, left: int) -> tuple[str, ...]:
    """Return why a sweep ended before all was read, and what that leaves to the next one."""
    why = end_reason(context)
    if not why or not (left or sweep.unread):
        return ()
    things = {0: "what was not found", 1: "1 thing"}.get(left, f"{left} things")
    return (f"{why}: {things} {'are' if left > 1 else 'is'} left to the next sweep",)


def within_sweep(context: ExportContext) -> ExportContext:
    """Return the context for the subjects of a sweep.

    A sweep exports each pull request as a subject of its own, so the run of its merge does not
    export it a second time.
    """
    settings = context.settings
    tracing = replace(settings.tracing, ancestors=Ancestors.NONE)
    return replace(context, settings=replace(settings, tracing=tracing))


def _window(context: ExportContext) -> Interval:
    since = context.settings.sweep.since
    now = context.clock.now()
    if isinstance(since, datetime):
        return Interval(since, now)
    if isinstance(since, float):
        return Interval(now - timedelta(seconds=since), now)
    return _since_last(context, now)


def _since_last(context: ExportContext, now: datetime) -> Interval:
    """The time between the starts of two runs of this workflow, so that the sweeps' times meet.

    The next one begins where this one ends: at the start of its run, not when it looked around.
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


def _sent_by_events(context: ExportContext, home: Repository, sweep: Sweep) -> frozenset[str]:
    """What this workflow's own runs, started by events, have sent since, by their names."""
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
        sweep.unread.append(f"what this workflow has sent already: {error}")
        return frozenset()
    named = (_SENT_BY_RUN.fullmatch(run.title.strip()) for run in runs.items)
    return frozenset(
        f"{match[1].removesuffix('_target')} {int(match[2])}" for match in named if match
    )


def _is_own(settings: Settings, home: Repository) -> bool:
    """Whether a repository is that of the workflow that sweeps."""
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
        return f"deployment {subject.id}"
    if isinstance(subject, (ItemSubject, FeatureSubject)):
        return f"issues {subject.key.key}"
    return f"sweep {subject.repository}"


def _find_all(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    for find in (_changes, _issues, _jira_items, _deployments, _runs):
        try:
            yield from find(context, home, sweep)
        except FlowTelemetryError as error:
            sweep.unread.append(str(error))


def _changes(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    found = closed_changes(context.github, home, sweep.window)
    _note(sweep, found.complete, "pull requests")
    for change in found.items:
        yield ChangeSubject(
            repository=home.full_name, number=change.number, closed_within=sweep.window
        )


def _issues(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    if not context.settings.trackers.uses_github:
        return
    found = closed_issues(context.github, home, sweep.window)
    _note(sweep, found.complete, "issues")
    for number in found.items:
        key = ItemKey(tracker="github", key=str(number))
        yield _item_subject(home, key, sweep)


def _item_subject(home: Repository, key: ItemKey, sweep: Sweep) -> ItemSubject:
    return ItemSubject(
        repository=home.full_name, key=key, with_feature=True, closed_within=sweep.window
    )


def _jira_items(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    if context.trackers.jira_is_misconfigured:
        sweep.unread.append("the items of Jira, because its settings cannot be used")
    if context.trackers.jira is None:
        return
    found = context.trackers.jira.changed_since(sweep.window.start)
    sweep.unread.extend(found.unread)
    for item in found.items:
        # The history of each item has the exact time of its closing.
        yield _item_subject(home, ItemKey(tracker="jira", key=item.key), sweep)


def _deployments(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    found = ended_deployments(context.github, home, sweep.window)
    _note(sweep, found.complete, "deployments")
    for deployment in found.items:
        # A deployment leaves with the run that made it, where that is sent at all.
        if deployment.run_id is None:
            yield DeploymentSubject(repository=home.full_name, id=deployment.id)


def _runs(context: ExportContext, home: Repository, sweep: Sweep) -> Iterator[Subject]:
    """The runs that were updated last in the time, which is at their end or after it.

    GitHub lists runs by their creation only, and those that wait for an approval end weeks later.
    """
    if not context.settings.sweep.runs:
        return
    window = sweep.window
    found = list_runs(
        context.github,
        home.full_name,
        created_from=window.start - _LONGEST_RUN,
        created_to=window.end,
    )
    _note(sweep, found.complete, "runs")
    for run in found.items:
        ended = run.completed and window.holds(run.updated_at or run.created_at)
        if not ended or _is_of_sweeper(context.settings, home, run):
            continue
        if reason_not_selected(context.settings, run) is not None:
            sweep.unwanted_runs += 1
            continue
        yield from _attempts(home, run, window)


def _attempts(home: Repository, run: Run, window: Interval) -> Iterator[Subject]:
    """The attempts that may have ended in the time: a list gives the latest only."""
    first = 1 if run.started_at >= window.start else run.attempt
    for attempt in range(first, run.attempt + 1):
        address = RunAddress(repository=home.full_name, run_id=run.id, attempt=attempt)
        yield RunSubject(address=address, ended=True)


def _is_of_sweeper(settings: Settings, home: Repository, run: Run) -> bool:
    """Whether a run is of the workflow that sweeps, which sends none of its own."""
    file = run.path.partition("@")[0].rpartition("/")[2]
    return _is_own(settings, home) and (
        run.id == settings.runner.run_id or file == settings.runner.workflow_file
    )


def _note(sweep: Sweep, complete: bool, what: str) -> None:
    if not complete:
        sweep.unread.append(f"some {what}")
