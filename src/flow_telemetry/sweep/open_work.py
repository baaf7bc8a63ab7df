"""The state of open work, which a sweep reads after its exports, within its budget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from flow_telemetry.clock import Deadline
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import BudgetExceeded, DeadlineExceeded, FlowTelemetryError
from flow_telemetry.github.open_work import (
    list_active_runs,
    read_open_changes,
    read_open_issues,
    with_phases,
    with_queued_jobs,
)
from flow_telemetry.mapping.open_work import change_load, item_load, phase_load, run_load
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Repository, Run
from flow_telemetry.rules.open_work import ActiveRuns, count_items
from flow_telemetry.subjects.run import reason_not_selected
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    build_resource_maker,
    missing_telemetry,
    wants_metrics,
)
from flow_telemetry.sweep.sources import is_of_sweeper
from flow_telemetry.sweep.things import CHANGES, ISSUES, RUNS, jira_source
from flow_telemetry.telemetry import Measurement

if TYPE_CHECKING:  # Loaded if there is a Jira.
    from flow_telemetry.jira.tracker import Jira

# Of the time that is left after the exports; the phases of many pull requests take the longest.
_SHARE_OF_TIME = 0.5
# A list of runs says which of them are active for so long.
_STILL_TRUE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveList:
    """All runs that had not ended at a time."""

    runs: tuple[Run, ...]
    at: datetime


def collect_open_work(
    context: ExportContext,
    home: Repository,
    unlisted: Collection[str],
    active: ActiveList | None = None,
) -> Iterator[CollectedTelemetry]:
    """Yield the measurements of what is open; the phases, which take the longest, are the last.

    ``unlisted`` are the sources of the sweep that are not read, ``active`` are the runs that it has
    found. Something else that cannot be read is a warning, and does not keep the rest from being
    read.
    """
    if not wants_metrics(context.settings):
        return
    context.log.info(f"counting the open work of {home.full_name}")
    reading = _Reading(
        context=context,
        home=home,
        resources=build_resource_maker(context.settings),
        until=context.reading.share(_SHARE_OF_TIME),
        active=active,
    )
    settings = context.settings
    projects = [p for p in sorted(settings.sweep.jira_projects) if jira_source(p) not in unlisted]
    parts: list[tuple[str, Callable[[], _Load]]] = []
    if settings.sweep.runs and RUNS not in unlisted:
        parts.append(("queued and running jobs", reading.runs))
    if projects and context.trackers.jira is not None:
        parts.append(
            ("open items of Jira", partial(reading.jira_items, context.trackers.jira, projects))
        )
    if settings.trackers.uses_github and ISSUES not in unlisted:
        parts.append(("open issues", reading.issues))
    if CHANGES not in unlisted:
        parts.append(("open pull requests and their phases", reading.changes))
    for what, read in parts:
        yield _collect(what, read)


def _collect(what: str, read: Callable[[], _Load]) -> CollectedTelemetry:
    try:
        load = read()
    except (BudgetExceeded, DeadlineExceeded) as error:
        return CollectedTelemetry(left_out=(f"the number of {what}: {error}",))
    except FlowTelemetryError as error:
        missing = missing_telemetry(f"could not count {what}", error)
        # It is not a gap in a trace, and never fails a sweep.
        return replace(missing, incomplete=(), problems=missing.incomplete)
    return CollectedTelemetry(
        events_and_metrics=load.measurements,
        problems=tuple(f"could not count all {what}: {text}" for text in load.unread),
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """The measurements of a part, and why some of it could not be read."""

    measurements: list[Measurement]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The reading of open work, of which the long parts end at ``until``."""

    context: ExportContext
    home: Repository
    resources: ResourceMaker
    until: Deadline = field(repr=False)
    active: ActiveList | None = None

    def runs(self) -> _Load:
        """Read the runs that have not ended, but for those of the sweeping workflow."""
        github, clock = self.context.github, self.context.clock
        if self.active is not None and clock.now() - self.active.at <= _STILL_TRUE:
            listed = ActiveRuns(runs=self.active.runs)
        else:
            listed = list_active_runs(github, self.home)
        wanted = tuple(filter(self._is_wanted, listed.runs))
        active = with_queued_jobs(github, replace(listed, runs=wanted), self._may_go_on)
        at = clock.now()
        measurements = run_load(active, self.home, self.resources, at)
        return _Load([*measurements], active.unread)

    def jira_items(self, jira: Jira, projects: Sequence[str]) -> _Load:
        """Read the open items of projects."""
        listed = jira.open_items(projects)
        groups = count_items(listed.items, projects, incomplete=not listed.complete)
        return _Load([*item_load(groups, self.resources, self.context.clock.now())])

    def issues(self) -> _Load:
        """Count the open issues."""
        # With a project, the status decides what is in progress, and the counts do not have it.
        by_assignment = not self.context.settings.trackers.status_project
        groups = read_open_issues(self.context.github, self.home, by_assignment=by_assignment)
        return _Load([*item_load(groups, self.resources, self.context.clock.now())])

    def changes(self) -> _Load:
        """Read the open pull requests, and the phases of the oldest."""
        opened = read_open_changes(self.context.github, self.home)
        at = self.context.clock.now()
        counted = [*change_load(opened, self.resources, at)]
        opened = with_phases(self.context.github, opened, at, self._may_go_on)
        return _Load([*counted, *phase_load(opened, self.resources, at)], opened.unread)

    def _may_go_on(self) -> bool:
        return not (self.until.expired or self.context.github.ended)

    def _is_wanted(self, run: Run) -> bool:
        settings = self.context.settings
        return not is_of_sweeper(settings, self.home, run) and not reason_not_selected(
            settings, run
        )
