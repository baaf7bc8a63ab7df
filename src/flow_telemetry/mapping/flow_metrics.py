"""Measurements of pull requests, work items, features and deployments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from flow_telemetry.identity import format_timestamp
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import instruments as table
from flow_telemetry.mapping import items, limits
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.changes import delivery_reference, task_name
from flow_telemetry.mapping.metrics import (
    Points,
    build_points,
    place_name,
    seconds_between,
)
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import AttributePairs
from flow_telemetry.mapping.time_shares import time_points
from flow_telemetry.model import (
    ActorKind,
    Change,
    Deployment,
    EditedField,
    Event,
    EventKind,
    FlowType,
    Run,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.time_shares import NO_TIMES, TimeShares
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.causes import ERRORS, run_result
from flow_telemetry.rules.deployments import (
    delivery_interval,
    delivery_status,
    find_remediation,
    is_change_failure,
    succeeded_at,
)
from flow_telemetry.rules.flow import (
    Flow,
    LeadTime,
    find_restoration,
    measure_change_flows,
    measure_item_flows,
    measure_lead_times,
)
from flow_telemetry.rules.flow_types import NO_FLOW_TYPES, find_flow_type
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.lifecycle import (
    PhaseKind,
    closing_end,
    count_backward_moves,
    count_review_rounds,
    events_between,
    find_phases,
    find_status_intervals,
    first_approval_time,
    first_review_time,
    time_blocked_by_cause,
    time_in_statuses,
    value_at,
)
from flow_telemetry.rules.parentage import branch_kind
from flow_telemetry.rules.runners import NO_PRICES, runs_cost
from flow_telemetry.telemetry import Instrument, Measurement, Resource

# A pull request to measurements, at each end
#
# Events are counted since the previous end, so that a reopened change counts none twice. Its size,
# and the times from its opening, are the present ones.

_COUNTED_EVENTS: tuple[tuple[Instrument, EventKind], ...] = (
    (table.CHANGE_COMMENTS, EventKind.COMMENTED),
    (table.CHANGE_REVIEWS, EventKind.REVIEWED),
)


def change_measurements(
    change: Change,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    placement: Placement | None = None,
    within: Window | None = None,
    cost: float | None = None,
    times: Mapping[int, TimeShares] = NO_TIMES,
) -> Iterator[Measurement]:
    """Return the measurements of a change that ended; an open change has none.

    They are those of its last open period, or with ``within`` of all that ended in that time. If
    its timeline could be read only in part, values that depend on it are left out. ``extra`` are
    the attributes that the user adds. ``placement`` has the keys of the entities above the change,
    and the span of exemplars. ``cost`` is that of all of its runs in USD, None if they were not
    read. ``times`` say where the time of each open period went, by its number.
    """
    keys = placement.keys if placement else ()
    flows = measure_change_flows(change)
    if change.created_at is None or not flows:
        return
    for number, flow in enumerate(flows, 1):
        last = number == len(flows)
        if not (last if within is None else within.holds(flow.period.interval.end)):
            continue
        # Only the last open period can have ended with the merge.
        merged = last and change.merged_at is not None
        base = value_at(
            flow.period.interval.end, EditedField.BASE_BRANCH, change.base_branch, change.edits
        )
        attributes = (
            *_change_attributes(change, merged=merged),
            (semconv.VCS_REF_BASE_NAME, base),
            *keys,
        )
        points = build_points(resource, attributes, extra).of_span(placement, change.reference)
        yield from points.of(table.CHANGE_COUNT, 1)
        if last:  # The size at the end of an earlier period is unknown.
            yield from _size_points(change, points)
            yield from points.of(table.CHANGE_COST, cost)
        if change.timeline_complete:
            yield from _timeline_points(change, flows[:number], points)
            yield from time_points(times.get(flow.period.number), table.CHANGE_TIME, points)
            if last and semconv.VCS_REF_HEAD_NAME in extra:
                yield from _convention_points(change, flow, points)


def _change_attributes(change: Change, *, merged: bool) -> AttributePairs:
    return (
        (names.REPOSITORY, change.repository.full_name),
        (names.REPOSITORY_URL, change.repository.url),
        (names.BRANCH, branch_kind(change.base_branch, change.default_branch)),
        (names.AUTHOR_KIND, change.author.kind.value if change.author else None),
        (names.CHANGE_STATE, "merged" if merged else "closed"),
        (semconv.VCS_CHANGE_ID, str(change.number)),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
    )


def _size_points(change: Change, points: Points) -> Iterator[Measurement]:
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.CHANGE_TIME_TO_MERGE, to_merge)
    yield from points.of(table.CHANGE_COMMITS, change.commits)
    yield from points.of(table.CHANGE_LINES, change.additions, (names.LINE_CHANGE, "added"))
    yield from points.of(table.CHANGE_LINES, change.deletions, (names.LINE_CHANGE, "removed"))
    yield from points.of(table.CHANGE_FILES, change.changed_files)


def _timeline_points(
    change: Change, flows: Sequence[Flow], points: Points
) -> Iterator[Measurement]:
    flow = flows[-1]
    if flow.period.number > 1:
        yield from points.of(table.CHANGE_REOPENED, 1)
    yield from points.of(table.CHANGE_DURATION, flow.duration)
    yield from points.of(table.CHANGE_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.CHANGE_EFFICIENCY, flow.efficiency)
    for kind, spent in _time_in_phases(change, flow.period.number).items():
        yield from points.of(table.CHANGE_PHASE_DURATION, spent, (names.PHASE, kind.value))
    events = _events_until_end(change, flow)
    previous_end = flows[-2].period.interval.end if len(flows) > 1 else None
    for instrument, first in (
        (table.CHANGE_TIME_TO_FIRST_REVIEW, first_review_time(change, events)),
        (table.CHANGE_TIME_TO_APPROVAL, first_approval_time(change, events)),
    ):
        if first is not None and (previous_end is None or first > previous_end):
            yield from points.of(instrument, seconds_between(change.created_at, first))
    new_events = [e for e in events if previous_end is None or e.time > previous_end]
    for instrument, event_kind in _COUNTED_EVENTS:
        yield from _counts_by_actor(new_events, event_kind, instrument, points)
    yield from points.of(table.CHANGE_REVIEW_ROUNDS, count_review_rounds(change, new_events))


def _events_until_end(change: Change, flow: Flow) -> Sequence[Event]:
    if change.created_at is None:
        return ()
    return events_between(change.timeline, change.created_at, flow.period.interval.end)


def _time_in_phases(change: Change, period_number: int | None = None) -> dict[PhaseKind, float]:
    """Return the seconds in each phase of one open period, or of all."""
    times: dict[PhaseKind, float] = {}
    for phase in find_phases(change):
        if period_number is None or phase.period_number == period_number:
            times[phase.kind] = times.get(phase.kind, 0) + phase.interval.seconds
    return times


def _convention_points(change: Change, flow: Flow, points: Points) -> Iterator[Measurement]:
    """Yield the conventions' gauges, which require the branch; they call a draft `wip`."""
    times = _time_in_phases(change)
    in_draft = times.pop(PhaseKind.DRAFT, 0)
    for state, value in (("wip", in_draft), ("open", sum(times.values()))):
        yield from points.of(table.VCS_CHANGE_DURATION, value, (names.CHANGE_STATE, state))
    approved_at = first_approval_time(change, _events_until_end(change, flow))
    to_approval = seconds_between(change.created_at, approved_at)
    yield from points.of(table.VCS_CHANGE_TIME_TO_APPROVAL, to_approval)
    to_merge = seconds_between(change.created_at, change.merged_at)
    yield from points.of(table.VCS_CHANGE_TIME_TO_MERGE, to_merge)


# Work items, at each closing, and whole features to measurements
#
# Events are counted since the previous closing, so that a reopened item counts none twice.


def item_measurements(
    item: WorkItem,
    resource: Resource,
    blocked_names: Sequence[str] = (),
    extra: tuple[str, ...] = (),
    *,
    placement: Placement | None = None,
    within: Window | None = None,
    flow_types: Mapping[str, FlowType] = NO_FLOW_TYPES,
) -> Iterator[Measurement]:
    """Return the measurements of an item that was closed; an open item has none.

    They are those of its last open period, or with ``within`` of all that ended in that time.
    ``blocked_names`` are patterns of statuses and labels that mean blocked. If its timeline could
    be read only in part, values that depend on it are left out. ``extra`` are the attributes that
    the user adds. ``placement`` has the keys of the entities above the item, and the span of
    exemplars. ``flow_types`` are those of the user.
    """
    keys = placement.keys if placement else ()
    flows = measure_item_flows(item, blocked_names)
    for number, flow in enumerate(flows, 1):
        last, end = number == len(flows), flow.period.interval.end
        if not (last if within is None else within.holds(end)):
            continue
        result = items.period_result(item, flow.period)
        attributes = (
            *_item_attributes(item),
            (names.FLOW_TYPE, items.flow_type_at(item, flow.period, flow_types)),
            (names.ITEM_RESULT, result),
            *keys,
        )
        points = build_points(resource, attributes, extra).of_span(placement, item.reference)
        yield from points.of(table.ITEM_COUNT, 1)
        yield from points.of(table.ITEM_LEAD_TIME, seconds_between(item.created_at, end))
        if item.history_complete and item.created_at is not None:
            yield from _history_points(item, flows[:number], points)
            yield from _blocked_points(item, flow, blocked_names, points)


def _blocked_points(
    item: WorkItem, flow: Flow, blocked_names: Sequence[str], points: Points
) -> Iterator[Measurement]:
    yield from points.of(table.ITEM_TIMES_BLOCKED, len(flow.blocked))
    yield from points.of(table.ITEM_BLOCKED_TIME, flow.blocked_time)
    for cause, spent in time_blocked_by_cause(item, blocked_names, flow.period).items():
        attribute = (names.BLOCKED_CAUSE, cause.value)
        yield from points.of(table.ITEM_BLOCKED_DURATION, spent, attribute)


def _history_points(item: WorkItem, flows: Sequence[Flow], points: Points) -> Iterator[Measurement]:
    flow = flows[-1]
    if flow.period.number > 1:
        yield from points.of(table.ITEM_REOPENED, 1)
    yield from points.of(table.ITEM_CYCLE_TIME, flow.cycle_time)
    yield from points.of(table.ITEM_ACTIVE_TIME, flow.active_time)
    yield from points.of(table.ITEM_EFFICIENCY, flow.efficiency)
    for (status, category, status_id), spent in time_in_statuses(item, flow.period).items():
        yield from points.of(
            table.ITEM_STATUS_DURATION,
            spent,
            (names.ITEM_STATUS, limits.name(status)),
            (names.ITEM_CATEGORY, category.value if category else None),
            (work_semconv.ITEM_STATUS_ID, status_id),
        )
    moves = count_backward_moves(item, [flow.period for flow in flows])
    yield from points.of(table.ITEM_BACKWARD_MOVES, moves)
    history = sorted(item.history, key=lambda event: event.time)
    ends = [closing_end(flow.period.interval.end, history) for flow in flows[-2:]]
    previous_end = ends[0] if len(ends) > 1 else None
    events = [
        event
        for event in events_between(history, flows[0].period.interval.start, ends[-1])
        if previous_end is None or event.time > previous_end
    ]
    yield from _counts_by_actor(events, EventKind.COMMENTED, table.ITEM_COMMENTS, points)
    status_changes = sum(event.kind is EventKind.STATUS_CHANGED for event in events)
    yield from points.of(table.ITEM_STATUS_CHANGES, status_changes)


def _counts_by_actor(
    events: Sequence[Event], kind: EventKind, instrument: Instrument, points: Points
) -> Iterator[Measurement]:
    """Yield the number of events by people, 0 included, and those of bots and agents."""
    kinds = Counter(
        event.actor.kind if event.actor else ActorKind.HUMAN
        for event in events
        if event.kind is kind
    )
    for counted in ActorKind:
        if kinds[counted] or counted is ActorKind.HUMAN:
            attribute = (names.ACTOR_KIND, counted.value)
            yield from points.of(instrument, kinds[counted], attribute)


def _item_attributes(item: WorkItem) -> AttributePairs:
    return (
        (names.TRACKER, item.tracker),
        (names.REPOSITORY, item.repository.full_name if item.repository else None),
        (names.ITEM_TYPE, item.type),
        (semconv.FLOW_WORK_ITEM_KEY, item.key),
        (names.ITEM_PROJECT, item.project),
        (names.ITEM_TEAM, limits.name(item.team)),
        (names.ITEM_COMPONENT, limits.name(",".join(sorted(item.components)))),
        (names.ITEM_PRIORITY, item.priority),
    )


def feature_measurements(
    tree: FeatureTree,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    cost: float | None = None,
    time: TimeShares | None = None,
    span: tuple[str, str] | None = None,
    flow_types: Mapping[str, FlowType] = NO_FLOW_TYPES,
) -> Iterator[Measurement]:
    """Return the measurements of a whole feature; its items are measured when they are closed.

    ``extra`` is that of `item_measurements`, ``cost`` that of `feature_cost`, ``time`` says where
    the time of its last open period went, ``span`` is the trace and span id of the feature for
    exemplars. If a part of the feature could not be read, the numbers are too low, and an attribute
    of the points shows this.
    """
    root = tree.root.item
    attributes = (
        *_item_attributes(root),
        (semconv.FLOW_FEATURE_KEY, root.key),
        (names.FEATURE_COMPLETE, not tree.unread),
    )
    points = replace(build_points(resource, attributes, extra), span=span)
    yield from time_points(time, table.FEATURE_TIME, points)
    items_below = Counter(
        (item.type, find_flow_type(item.type, item.labels, flow_types), _category(item, tree))
        for item in _below(tree.root)
    )
    for (kind, flow_type, category), number in items_below.items():
        yield from points.of(
            table.FEATURE_ITEMS,
            number,
            (names.ITEM_TYPE, kind),
            (names.FLOW_TYPE, flow_type.value if flow_type else None),
            (names.ITEM_CATEGORY, category.value if category else None),
        )
    changes = {node.change.reference: node for node in _changes(tree.root)}.values()
    runs = _runs(tree)
    deployments = {d.reference for node in changes for d in node.deployments}
    failed = sum(run_result(run) in ERRORS for run in runs.values())
    # A detail that the request budget did not allow is not 0 but unknown.
    if TreeDetail.CHANGE in tree.finest.and_coarser:
        yield from points.of(table.FEATURE_CHANGES, len(changes))
    if TreeDetail.RUN in tree.finest.and_coarser:
        yield from points.of(table.FEATURE_RUNS, len(runs))
        yield from points.of(table.FEATURE_FAILED_RUNS, failed)
        yield from points.of(table.FEATURE_DEPLOYMENTS, len(deployments))
    if TreeDetail.JOB in tree.finest.and_coarser:  # The jobs have the ends of the runs.
        build_time = sum(timing.run_interval(run).seconds for run in runs.values())
        yield from points.of(table.FEATURE_BUILD_TIME, build_time)
        yield from points.of(table.FEATURE_COST, cost)


def feature_cost(tree: FeatureTree, prices: Mapping[str, float] = NO_PRICES) -> float | None:
    """Return the cost of the jobs of all runs of a feature in USD; None if it is not known."""
    if TreeDetail.JOB not in tree.finest.and_coarser:
        return None
    return runs_cost(_runs(tree).values(), prices)


def _runs(tree: FeatureTree) -> Mapping[str, Run]:
    """Return the runs by reference: one of a commit that merged two changes counts once."""
    nodes = _changes(tree.root)
    return {run.reference: run for node in nodes for run in (*node.runs, *node.later_runs)}


def _category(item: WorkItem, tree: FeatureTree) -> StatusCategory | None:
    until = tree.snapshot or tree.root.item.closed_at
    if item.closed_at is not None and (until is None or item.closed_at <= until):
        return StatusCategory.DONE
    statuses = find_status_intervals(item, until)
    return statuses[-1].category if statuses else None


def _below(node: ItemNode) -> Iterator[WorkItem]:
    for child in node.children:
        yield child.item
        yield from _below(child)


def _changes(node: ItemNode) -> Iterator[ChangeNode]:
    yield from node.changes
    for child in node.children:
        yield from _changes(child)


# Deployments to measurements: the four DORA metrics, and the values that they are made of


def delivery_measurements(
    deployment: Deployment,
    resource: Resource,
    extra: tuple[str, ...] = (),
    *,
    from_author: bool = True,
    placement: Placement | None = None,
) -> Iterator[Measurement]:
    """Return the measurements of a deployment that ended; one in progress has none.

    The changes that it delivers need their timelines. ``extra`` are the attributes that the user
    adds, ``from_author`` is that of `measure_lead_times`. ``placement`` is that of the span of
    exemplars, in the trace of the first change.
    """
    interval = delivery_interval(deployment)
    if interval is None:
        return
    points = build_points(resource, _delivery_attributes(deployment), extra)
    if deployment.delivers:  # Without a change, the deployment has no span.
        reference = delivery_reference(deployment, deployment.delivers[0])
        points = points.of_span(placement, reference)
    yield from points.of(table.DEPLOYMENT_COUNT, 1)
    yield from points.of(table.DEPLOYMENT_DURATION, interval.seconds)
    if is_change_failure(deployment):
        yield from points.of(table.DEPLOYMENT_FAILURES, 1)
    if succeeded_at(deployment) is None:
        return
    if deployment.delivers_complete:
        yield from points.of(table.DEPLOYMENT_CHANGES, len(deployment.delivers))
    for lead_time in measure_lead_times(deployment, from_author=from_author):
        change = lead_time.change
        yield from points.of(
            table.DEPLOYMENT_LEAD_TIME,
            lead_time.interval.seconds,
            (names.AUTHOR_KIND, change.author.kind.value if change.author else None),
            (semconv.VCS_CHANGE_ID, str(change.number)),
        )
    restoration = find_restoration(deployment, deployment.before)
    if restoration is not None:
        yield from points.of(table.DEPLOYMENT_RESTORE_TIME, restoration[1].seconds)
    remediation = find_remediation(deployment)
    if remediation is not None:
        kind = (names.DEPLOYMENT_KIND, remediation)
        yield from points.of(table.DEPLOYMENT_REMEDIATIONS, 1, kind)
    if deployment.takes_back:
        yield from points.of(table.DEPLOYMENT_FAILED_CHANGES, len(deployment.takes_back))


def _delivery_attributes(deployment: Deployment) -> AttributePairs:
    environment = place_name(deployment.environment, transient=deployment.transient)
    return (
        (names.REPOSITORY, deployment.repository.full_name),
        (names.ENVIRONMENT, environment),
        (names.DEPLOYMENT_TASK, task_name(deployment)),
        (names.PRODUCTION, deployment.production),
        (names.DEPLOYMENT_STATUS, delivery_status(deployment)),
        (names.DEPLOYMENT_KIND, deployment.kind.value if deployment.kind else None),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
    )


def restoration_attributes(deployment: Deployment) -> AttributePairs:
    """Return the restoration of a deployment, for the record of its success."""
    failed, interval_to_success = find_restoration(deployment, deployment.before) or (None, None)
    return (
        (names.DEPLOYMENT_RESTORED, failed.reference if failed else None),
        (
            names.DEPLOYMENT_RESTORE_TIME,
            interval_to_success.seconds if interval_to_success else None,
        ),
        *_failed_changes(deployment),
    )


def lead_time_attributes(lead_time: LeadTime) -> AttributePairs:
    """Return the lead time of a change and what it counts from, for the record of its delivery."""
    return (
        (names.LEAD_TIME, lead_time.interval.seconds),
        (names.FIRST_COMMIT, lead_time.commit.id),
        (names.FIRST_COMMIT_TIME, format_timestamp(lead_time.interval.start)),
    )


def _failed_changes(deployment: Deployment) -> AttributePairs:
    if not deployment.takes_back:
        return ()
    numbers = tuple(str(change.number) for change in deployment.takes_back)
    return ((event_semconv.DEPLOYMENT_FAILED_CHANGES, numbers),)
