"""Measurements of open work: gauges with the time at which a sweep read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from flow_telemetry.mapping import limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import states as table
from flow_telemetry.mapping.metrics import (
    EXECUTING,
    PENDING,
    build_points,
    seconds_between,
)
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Change, Job, Repository, WorkItem
from flow_telemetry.rules import runners
from flow_telemetry.rules.lifecycle import PhaseKind
from flow_telemetry.rules.open_work import (
    IN_PROGRESS,
    MOST_WORKFLOWS,
    ActiveRuns,
    OpenChanges,
    OpenItems,
    frequent,
    group_jobs,
)
from flow_telemetry.telemetry import Measurement, Resource

_IDS = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b|\d{5,}")

# Of everything that is open, a gauge has the number and the age of the oldest. Both are exact from
# one request, and every backend can draw them, compare them and alert on them. The ages of all
# would take a request for each hundred.


def item_load(
    groups: Iterable[OpenItems], resources: ResourceMaker, at: datetime
) -> Iterator[Measurement]:
    """Yield the number and age of open items, read ``at`` that time."""
    for group in groups:
        example = WorkItem(tracker=group.tracker, key="", reference="", repository=group.repository)
        repository, category = group.repository, group.category
        attributes = (
            (names.TRACKER, group.tracker),
            (names.REPOSITORY, repository.full_name if repository else None),
            (names.ITEM_PROJECT, group.project),
            (names.ITEM_TYPE, group.type),
            (names.ITEM_CATEGORY, category.value if category else None),
            (names.LOAD_INCOMPLETE, group.incomplete or None),
        )
        points = build_points(resources.of_item(example), attributes, ())
        yield from _at(at, points.of(table.LOAD, group.count))
        yield from _at(at, points.of(table.LOAD_AGE, seconds_between(group.oldest, at)))


def change_load(
    opened: OpenChanges, resources: ResourceMaker, at: datetime
) -> Iterator[Measurement]:
    """Yield the number and age of open pull requests and drafts, read ``at`` that time.

    Of pull requests that were not listed it is unknown whether they are drafts: they count as open.
    """
    repository = opened.repository
    drafts = [change for change in opened.changes if change.draft]
    ready = [change for change in opened.changes if not change.draft]
    for state, changes, count in (
        ("open", ready, max(opened.total, len(opened.changes)) - len(drafts)),
        ("wip", drafts, len(drafts)),
    ):
        attributes = (
            (names.REPOSITORY, repository.full_name),
            (names.REPOSITORY_URL, repository.url),
            (names.CHANGE_STATE, state),
            (names.LOAD_INCOMPLETE, not opened.complete or None),
        )
        points = build_points(_of_changes(resources, repository), attributes, ())
        oldest = min((c.created_at for c in changes if c.created_at), default=None)
        yield from _at(at, points.of(table.OPEN_CHANGES, count))
        yield from _at(at, points.of(table.OPEN_CHANGE_AGE, seconds_between(oldest, at)))


def phase_load(
    opened: OpenChanges, resources: ResourceMaker, at: datetime
) -> Iterator[Measurement]:
    """Yield the number of open pull requests in each phase, and the longest time in it."""
    repository = opened.repository
    for kind in PhaseKind:
        since = [phase.since for phase in opened.phases if phase.kind is kind]
        attributes = (
            (names.REPOSITORY, repository.full_name),
            (names.PHASE, kind.value),
            (names.LOAD_INCOMPLETE, not opened.phases_complete or None),
        )
        points = build_points(_of_changes(resources, repository), attributes, ())
        longest = seconds_between(min(since, default=None), at)
        yield from _at(at, points.of(table.PHASE_LOAD, len(since)))
        yield from _at(at, points.of(table.PHASE_AGE, longest))


def run_load(
    active: ActiveRuns, repository: Repository, resources: ResourceMaker, at: datetime
) -> Iterator[Measurement]:
    """Yield the number of active runs by workflow, and of their jobs by state and labels."""
    workflows = frequent(Counter(run.workflow for run in active.runs), MOST_WORKFLOWS)
    states = Counter(
        (workflows[run.workflow], EXECUTING if run.status == IN_PROGRESS else PENDING)
        for run in active.runs
    )
    for (workflow, state), count in states.items():
        points = build_points(
            resources.of_workflow(repository, workflow),
            (
                (names.REPOSITORY, repository.full_name),
                (names.WORKFLOW, limits.name(workflow)),
                (names.RUN_STATE, state),
                (names.LOAD_INCOMPLETE, active.incomplete or None),
            ),
            (),
        )
        yield from _at(at, points.of(table.ACTIVE_RUNS, count))
    labels = {job.id: runner_labels(job) for run in active.runs for job in run.jobs}
    for group in group_jobs(active.runs, labels):
        points = build_points(
            resources.of_workflow(repository, group.workflow),
            (
                (names.REPOSITORY, repository.full_name),
                (names.WORKFLOW, limits.name(group.workflow)),
                (names.JOB_STATE, group.state),
                (names.RUNNER_LABELS, group.labels),
                (names.LOAD_INCOMPLETE, active.jobs_incomplete or None),
            ),
            (),
        )
        yield from _at(at, points.of(table.ACTIVE_JOBS, group.count))
        yield from _at(at, points.of(table.ACTIVE_JOB_AGE, seconds_between(group.since, at)))


def runner_labels(job: Job) -> str:
    """Return the labels that a job requested, in order.

    Those that GitHub does not define can contain the id of a run or a commit, which become `*`; a
    version, such as that in `depot-ubuntu-24.04-8`, stays.
    """
    known = runners.known_labels(job).split(",")
    labels = {label.strip().lower() for label in job.labels} - {""}
    return ",".join(sorted(x if x in known else _IDS.sub("*", x) for x in labels))


def _of_changes(resources: ResourceMaker, repository: Repository) -> Resource:
    return resources.of_change(Change(repository=repository, number=0))


def _at(at: datetime, measurements: Iterable[Measurement]) -> Iterator[Measurement]:
    time = limits.nanoseconds(at)
    return (replace(measurement, period=(time, time)) for measurement in measurements)
