"""Changes, items, deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.identity import instant
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import items
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import spans as failures
from flow_telemetry.mapping.metrics import (
    Points,
    branch,
    environment_name,
    points_of,
    seconds_between,
)
from flow_telemetry.mapping.spans import Facts
from flow_telemetry.model import (
    Change,
    Deployment,
    Event,
    EventKind,
    Run,
    StatusCategory,
    WorkItem,
    result_of,
)
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.flow import (
    Flow,
    LeadTime,
    find_restoration,
    is_change_failure,
    measure_change_flows,
    measure_item_flows,
    measure_lead_times,
)
from flow_telemetry.rules.lifecycle import (
    PhaseKind,
    closing_end,
    count_review_rounds,
    events_between,
    find_phases,
    find_status_intervals,
    first_approval_time,
    first_review_time,
)
from flow_telemetry.rules.parentage import delivery_interval
from flow_telemetry.telemetry import Instrument, Measurement, Resource

# A pull request to measurements, each time that it ends.
#
# What happened is counted since its last end, so that a reopened change counts nothing twice; its
# size, and the times that count from its opening, are as of now.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """A change at the end of its last life; ``before`` is its end before, None for the first."""

    change: Change
    flow: Flow
    before: datetime | None
    events: Sequence[Event]
    points: Points

    def is_new(self, time: datetime | None) -> bool:
        """Whether something happened since its end before."""
        return time is not None and (self.before is None or time > self.before)

    @property
    def new(self) -> Sequence[Event]:
        """What happened since its end before."""
        return [event for event in self.events if self.is_new(event.time)]


def change_measurements(
    change: Change,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    keys: Facts = (),
    within: timing.Interval | None = None,
) -> Iterator[Measurement]:
    """Return the measurements of a change that ended; none of one that is open.

    They are of its last life, or with ``within`` of all lives that ended in that time. If its
    timeline could not be read completely, only what needs none of it is measured. ``extra`` are
    attributes that the user adds, ``keys`` what those may name of the things above.
    """
    flows = measure_change_flows(change)
    if change.created_at is None or not flows:
        return
    for position, flow in enumerate(flows):
        end = flow.life.interval.end
        last = flow is flows[-1]
        if not (last if within is None else within.holds(end)):
            continue
        # Only the last life can have ended with the merge.
        merged = last and change.merged_at is not None
        facts = (*_change_facts(change, merged=merged), *keys)
        ended = _Ended(
            change=change,
            flow=flow,
            before=flows[position - 1].life.interval.end if position else None,
            events=events_between(change.timeline, change.created_at, end),
            points=points_of(resource, facts, extra),
        )
        yield from _end_and_size(ended, last=last)
        if change.timeline_complete:
            yield from _told(ended)
            if last and semconv.VCS_REF_HEAD_NAME in extra:
                yield from _conventions(ended)


def _change_facts(change: Change, *, merged: bool) -> Facts:
    return (
        (names.REPOSITORY, change.repository.full_name),
        (names.REPOSITORY_URL, change.repository.url),
        (names.BRANCH, branch(change.base_branch, change.default_branch)),
        (names.AUTHOR_KIND, change.author.kind.value if change.author else None),
        (names.CHANGE_STATE, "merged" if merged else "closed"),
        (semconv.VCS_CHANGE_ID, str(change.number)),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
    )


def _end_and_size(ended: _Ended, *, last: bool) -> Iterator[Measurement]:
    change, points = ended.change, ended.points
    yield from points.of(table.CHANGE_COUNT, 1)
    if not last:  # The size at the end of an earlier life is unknown.
        return
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.CHANGE_TIME_TO_MERGE, to_merge)
    yield from points.of(table.CHANGE_COMMITS, change.commits)
    yield from points.of(table.CHANGE_LINES, change.additions, (names.LINE_CHANGE, "added"))
    yield from points.of(table.CHANGE_LINES, change.deletions, (names.LINE_CHANGE, "removed"))
    yield from points.of(table.CHANGE_FILES, change.changed_files)


def _told(ended: _Ended) -> Iterator[Measurement]:
    """What the timeline tells."""
    change, points, flow = ended.change, ended.points, ended.flow
    if flow.life.number > 1:
        yield from points.of(table.CHANGE_REOPENED, 1)
    yield from points.of(table.CHANGE_DURATION, flow.duration)
    yield from points.of(table.CHANGE_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.CHANGE_EFFICIENCY, flow.efficiency)
    for kind, spent in _time_in_phases(change, flow.life.number).items():
        yield from points.of(table.CHANGE_PHASE_DURATION, spent, (names.PHASE, kind.value))
    for instrument, first in (
        (table.CHANGE_TIME_TO_FIRST_REVIEW, first_review_time(change, ended.events)),
        (table.CHANGE_TIME_TO_APPROVAL, first_approval_time(change, ended.events)),
    ):
        if ended.is_new(first):
            yield from points.of(instrument, seconds_between(change.created_at, first))
    for instrument, kind_of_event in _COUNTED:
        yield from points.of(instrument, sum(e.kind is kind_of_event for e in ended.new))
    yield from points.of(table.CHANGE_REVIEW_ROUNDS, count_review_rounds(change, ended.new))


_COUNTED: tuple[tuple[Instrument, EventKind], ...] = (
    (table.CHANGE_COMMENTS, EventKind.COMMENTED),
    (table.CHANGE_REVIEWS, EventKind.REVIEWED),
)


def _time_in_phases(change: Change, life: int | None = None) -> dict[PhaseKind, float]:
    """Return the seconds in each phase that there was, of one life or of all."""
    found: dict[PhaseKind, float] = {}
    for phase in find_phases(change):
        if life is None or phase.life == life:
            found[phase.kind] = found.get(phase.kind, 0) + phase.interval.seconds
    return found


def _conventions(ended: _Ended) -> Iterator[Measurement]:
    """The conventions' gauges, which require the branch; a draft is work in progress."""
    change, points = ended.change, ended.points
    spent = _time_in_phases(change)
    drafted = spent.pop(PhaseKind.DRAFT, 0)
    for state, value in (("wip", drafted), ("open", sum(spent.values()))):
        yield from points.of(table.VCS_CHANGE_DURATION, value, (names.CHANGE_STATE, state))
    approved = first_approval_time(change, ended.events)
    to_approval = seconds_between(change.created_at, approved)
    yield from points.of(table.VCS_CHANGE_TIME_TO_APPROVAL, to_approval)
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.VCS_CHANGE_TIME_TO_MERGE, to_merge)


# A work item, each time that it is closed, and a whole feature to measurements.
#
# What happened is counted since its last closing, so that a reopened item counts nothing twice.


def item_measurements(
    item: WorkItem,
    resource: Resource,
    blocked_names: Sequence[str] = (),
    extra: tuple[str, ...] = (),
    *,
    keys: Facts = (),
    within: timing.Interval | None = None,
) -> Iterator[Measurement]:
    """Return the measurements of an item that was closed; none of one that is open.

    They are of its last life, or with ``within`` of all lives that ended in that time.
    ``blocked_names`` are patterns of statuses and labels that mean blocked. If its history could
    not be read completely, only what needs none of it is measured.
    ``extra`` are attributes that the user adds, ``keys`` what those may name of the things above.
    """
    flows = measure_item_flows(item, blocked_names)
    for position, flow in enumerate(flows):
        last = flow is flows[-1]
        if not (last if within is None else within.holds(flow.life.interval.end)):
            continue
        result = items.life_result(item, flow.life)
        facts = (*_item_facts(item), (names.ITEM_RESULT, result), *keys)
        points = points_of(resource, facts, extra)
        yield from points.of(table.ITEM_COUNT, 1)
        yield from points.of(
            table.ITEM_LEAD_TIME, seconds_between(item.created_at, flow.life.interval.end)
        )
        if item.history_complete:
            yield from _of_flow(flow, points)
            yield from _of_events(item, flows[: position + 1], points)


def _item_facts(item: WorkItem) -> Facts:
    return (
        (names.TRACKER, item.tracker),
        (names.REPOSITORY, item.repository.full_name if item.repository else None),
        (names.ITEM_TYPE, item.type),
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
    )


def _of_flow(flow: Flow, points: Points) -> Iterator[Measurement]:
    if flow.life.number > 1:
        yield from points.of(table.ITEM_REOPENED, 1)
    yield from points.of(table.ITEM_CYCLE_TIME, flow.cycle_time)
    yield from points.of(table.ITEM_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.ITEM_EFFICIENCY, flow.efficiency)
    yield from points.of(table.ITEM_TIMES_BLOCKED, len(flow.blocked))
    yield from points.of(table.ITEM_BLOCKED_TIME, flow.blocked_time)


def _of_events(item: WorkItem, flows: tuple[Flow, ...], points: Points) -> Iterator[Measurement]:
    if item.created_at is None:
        return
    history = sorted(item.history, key=lambda event: event.time)
    ends = [closing_end(flow.life.interval.end, history) for flow in flows[-2:]]
    before = ends[0] if len(ends) > 1 else None
    events = events_between(history, item.created_at, ends[-1])
    counted = Counter(e.kind for e in events if before is None or e.time > before)
    yield from points.of(table.ITEM_COMMENTS, counted[EventKind.COMMENTED])
    yield from points.of(table.ITEM_STATUS_CHANGES, counted[EventKind.STATUS_CHANGED])


def feature_measurements(
    tree: FeatureTree,
    resource: Resource,
    extra: tuple[str, ...] = (),
) -> Iterator[Measurement]:
    """Return the measurements of a whole feature; those of its items are sent with each of them.

    ``extra`` as in `item_measurements`. Where a part of it could not be read,
    the points say so: their numbers are too low.
    """
    root = tree.root.item
    known = ((semconv.FLOW_FEATURE_KEY, root.key), (names.FEATURE_COMPLETE, not tree.unread))
    points = points_of(resource, (*_item_facts(root), *known), extra)
    yield from _of_items(tree, points)
    changes = {node.change.reference: node for node in _changes(tree.root)}.values()
    runs = {run.reference: run for node in changes for run in (*node.runs, *node.later_runs)}
    deployments = {made.reference for node in changes for made in node.deployments}
    yield from points.of(table.FEATURE_CHANGES, len(changes))
    yield from points.of(table.FEATURE_RUNS, len(runs))
    yield from points.of(table.FEATURE_FAILED_RUNS, sum(map(_failed, runs.values())))
    if tree.with_jobs:  # Without them it is not known when a run ended.
        build_time = sum(timing.run_interval(run).seconds for run in runs.values())
        yield from points.of(table.FEATURE_BUILD_TIME, build_time)
    yield from points.of(table.FEATURE_DEPLOYMENTS, len(deployments))


def _of_items(tree: FeatureTree, points: Points) -> Iterator[Measurement]:
    counted = Counter((item.type, _category(item, tree)) for item in _below(tree.root))
    for (kind, category), number in counted.items():
        yield from points.of(
            table.FEATURE_ITEMS,
            number,
            (names.ITEM_TYPE, kind),
            (names.ITEM_CATEGORY, category.value if category else None),
        )


def _category(item: WorkItem, tree: FeatureTree) -> StatusCategory | None:
    until = tree.snapshot or tree.root.item.closed_at
    if item.closed_at is not None and (until is None or item.closed_at <= until):
        return StatusCategory.DONE
    known = find_status_intervals(item, until)
    return known[-1].category if known else None


def _below(node: ItemNode) -> Iterator[WorkItem]:
    for child in node.children:
        yield child.item
        yield from _below(child)


def _changes(node: ItemNode) -> Iterator[ChangeNode]:
    yield from node.changes
    for child in node.children:
        yield from _changes(child)


def _failed(run: Run) -> bool:
    return result_of(run.conclusion) in failures.ERRORS


# A deployment to measurements: the four keys of DORA, and the facts that each rests on.


def delivery_measurements(
    deployment: Deployment, resource: Resource, extra: tuple[str, ...] = ()
) -> Iterator[Measurement]:
    """Return the measurements of a deployment that ended; none of one that goes on.

    The timelines of the changes that it delivers have to be read for their lead times. ``extra``
    are attributes that the user adds.
    """
    failed, interval = is_change_failure(deployment), delivery_interval(deployment)
    if failed is None or interval is None:
        return
    points = points_of(resource, _delivery_facts(deployment, failed=failed), extra)
    yield from points.of(table.DEPLOYMENT_COUNT, 1)
    yield from points.of(table.DEPLOYMENT_DURATION, interval.seconds)
    if failed:
        yield from points.of(table.DEPLOYMENT_FAILURES, 1)
        return
    if deployment.delivers_complete:
        yield from points.of(table.DEPLOYMENT_CHANGES, len(deployment.delivers))
    for each in measure_lead_times(deployment):
        yield from points.of(table.DEPLOYMENT_LEAD_TIME, each.interval.seconds, *_of_change(each))
    restored = find_restoration(deployment, deployment.before)
    if restored is not None:
        yield from points.of(table.DEPLOYMENT_RESTORE_TIME, restored.interval.seconds)


def _delivery_facts(deployment: Deployment, *, failed: bool) -> Facts:
    return (
        (names.REPOSITORY, deployment.repository.full_name),
        (names.ENVIRONMENT, environment_name(deployment.environment)),
        (names.PRODUCTION, deployment.production),
        (names.DEPLOYMENT_STATUS, "failed" if failed else "succeeded"),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
    )


def _of_change(each: LeadTime) -> Facts:
    change = each.change
    return (
        (names.AUTHOR_KIND, change.author.kind.value if change.author else None),
        (semconv.VCS_CHANGE_ID, str(change.number)),
    )


def dora_facts(deployment: Deployment) -> Facts:
    """Return what the numbers of a deployment were made of, for the record of its success."""
    restored = find_restoration(deployment, deployment.before)
    return (
        (names.DEPLOYMENT_LEAD_TIMES, tuple(map(_made_of, measure_lead_times(deployment)))),
        (names.DEPLOYMENT_RESTORED, restored.failed.reference if restored else None),
        (names.DEPLOYMENT_RESTORE_TIME, restored.interval.seconds if restored else None),
    )


def _made_of(each: LeadTime) -> str:
    """Which change took how long from which commit: `acme/shop#123: 86400 s from 0a1b2c of …`."""
    commit = f"{each.commit.id} of " if each.commit.id else ""
    began = instant(each.interval.start)
    return f"{_key(each.change)}: {each.interval.seconds:.0f} s from {commit}{began}"


def _key(change: Change) -> str:
    return f"{change.repository.full_name}#{change.number}"
