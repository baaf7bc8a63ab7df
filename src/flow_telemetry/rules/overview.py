"""What the summary shows of a pull request's runs, and of the work, waits and runs of a feature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from flow_telemetry.model import Change, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.overview import (
    DeploymentRow,
    FeatureOverview,
    RunRow,
    RunsOverview,
    WaitRow,
    WorkRow,
)
from flow_telemetry.model.runs import Run
from flow_telemetry.model.time_shares import WAITING_STATES, TimeShares
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules.causes import run_result
from flow_telemetry.rules.deployments import delivery_status, describe_place, ended_at
from flow_telemetry.rules.lifecycle import find_blocked_intervals, find_phases
from flow_telemetry.rules.runners import NO_PRICES, runs_cost
from flow_telemetry.rules.time_shares import (
    add_times,
    is_waiting,
    measure_change_times,
    measure_feature_time,
)

_NO_TIME = timedelta()
# The longest waits say what delayed a feature; all of them are in its trace.
MOST_WAITS = 5
# Of the longest one; shorter ones delayed nothing beside it.
_SHORTEST_WAIT = 0.05


def runs_overview(
    runs: Iterable[Run],
    later_runs: Iterable[Run] = (),
    *,
    with_jobs: bool = True,
    prices: Mapping[str, float] = NO_PRICES,
) -> RunsOverview:
    """Return the overview of runs, and of ``later_runs`` after the merge.

    ``with_jobs`` is whether their jobs were read. Without them a run ends at its last update.
    """
    groups = [(run, False) for run in runs] + [(run, True) for run in later_runs]
    groups.sort(key=lambda pair: (timing.run_interval(pair[0]).start, pair[0].id, pair[0].attempt))
    intervals = [timing.run_interval(run) for run, _ in groups]
    return RunsOverview(
        rows=tuple(
            RunRow(
                workflow=run.workflow,
                number=run.number or run.id,
                attempt=run.attempt,
                url=run.url,
                event=run.event,
                result=run_result(run),
                start=interval.start,
                seconds=interval.seconds,
                merged=merged,
            )
            for (run, merged), interval in zip(groups, intervals, strict=True)
        ),
        seconds=timing.seconds(intervals),
        cost=runs_cost((run for run, _ in groups), prices) if with_jobs and groups else None,
    )


def feature_overview(
    tree: FeatureTree, blocked_names: Sequence[str], prices: Mapping[str, float] = NO_PRICES
) -> FeatureOverview:
    """Return the overview of a feature that was read, up to its closing or the snapshot."""
    until = tree.snapshot or tree.root.item.closed_at
    changes = [node for _, node in _walk(tree.root, 0) if isinstance(node, ChangeNode)]
    # A commit that merged two pull requests has runs in both.
    runs = {run.reference: run for node in changes for run in node.runs}
    later = {run.reference: run for node in changes for run in node.later_runs}
    waits = [
        *(wait for node in changes for wait in _change_waits(node.change, until)),
        *(
            wait
            for _, node in _walk(tree.root, 0)
            if isinstance(node, ItemNode)
            for wait in _item_waits(node.item, blocked_names, until)
        ),
    ]
    return FeatureOverview(
        work=tuple(
            _change_row(node, depth, until)
            if isinstance(node, ChangeNode)
            else _item_row(tree, node, depth, blocked_names)
            for depth, node in _walk(tree.root, 0)
            if depth
        ),
        waits=_longest(waits),
        deployments=tuple(_deployment_rows(changes)),
        runs=runs_overview(
            runs.values(),
            (run for reference, run in later.items() if reference not in runs),
            with_jobs=TreeDetail.JOB in tree.finest.and_coarser,
            prices=prices,
        ),
    )


def _longest(waits: Iterable[WaitRow]) -> tuple[WaitRow, ...]:
    ordered = sorted(waits, key=lambda wait: wait.seconds, reverse=True)[:MOST_WAITS]
    return tuple(w for w in ordered if w.seconds >= _SHORTEST_WAIT * ordered[0].seconds)


def _walk(node: ItemNode, depth: int) -> Iterator[tuple[int, ItemNode | ChangeNode]]:
    yield depth, node
    yield from ((depth + 1, change) for change in node.changes)
    for child in node.children:
        yield from _walk(child, depth + 1)


def _item_row(
    tree: FeatureTree, node: ItemNode, depth: int, blocked_names: Sequence[str]
) -> WorkRow:
    item = node.item
    # What happened after the end of the feature does not count.
    until = item.closed_at or tree.snapshot or tree.root.item.closed_at
    snapshot = None if item.closed_at else until
    times = measure_feature_time(replace(tree, root=node, snapshot=snapshot), blocked_names)
    return WorkRow(
        depth=depth,
        type=(item.type or "item").lower(),
        name=item.key,
        title=item.title,
        url=item.url,
        state=item.result or item.status or item.state,
        repository=item.repository,
        seconds=_seconds(item.created_at, until),
        waiting=_waiting(times),
    )


def _change_row(node: ChangeNode, depth: int, until: datetime | None) -> WorkRow:
    change = node.change
    runs = (*node.runs, *node.later_runs)
    times = measure_change_times(change, runs=runs, may_be_blocked=False)
    merged = "merged" if change.merged_at else ""
    return WorkRow(
        depth=depth,
        type="pull request",
        name=f"#{change.number}",
        title=change.title,
        url=change.url,
        state=merged or ("closed" if change.ended else change.state or "open"),
        repository=change.repository,
        seconds=_seconds(change.created_at, change.merged_at or change.closed_at or until),
        waiting=_waiting(add_times(times.values())),
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else timing.Interval.of(start, end).seconds


def _waiting(times: TimeShares | None) -> float | None:
    """Return the share of the states in which work waits."""
    if times is None or not times.total:
        return None
    waited = sum((spent for state, spent in times.durations if state in WAITING_STATES), _NO_TIME)
    return waited / times.total


def _change_waits(change: Change, until: datetime | None) -> Iterator[WaitRow]:
    for phase in find_phases(change, until):
        if is_waiting(phase.kind) and phase.interval.seconds > 0:
            yield WaitRow(
                name=f"#{change.number}",
                title=change.title,
                url=change.url,
                repository=change.repository,
                state=phase.kind.label,
                start=phase.interval.start,
                seconds=phase.interval.seconds,
            )


def _item_waits(
    item: WorkItem, blocked_names: Sequence[str], until: datetime | None
) -> Iterator[WaitRow]:
    for block in find_blocked_intervals(item, blocked_names, until):
        if block.interval.seconds > 0:
            yield WaitRow(
                name=item.key,
                title=item.title,
                url=item.url,
                repository=item.repository,
                state="blocked",
                start=block.interval.start,
                seconds=block.interval.seconds,
            )


def _deployment_rows(changes: Iterable[ChangeNode]) -> list[DeploymentRow]:
    """Return each deployment once, though each pull request that it delivered has it."""
    rows: dict[str, DeploymentRow] = {}
    for node in changes:
        for deployment in node.deployments:
            status, end = delivery_status(deployment), ended_at(deployment)
            if status is None or end is None:
                continue
            known = rows.get(deployment.reference)
            numbers = known.changes if known else ()
            rows[deployment.reference] = DeploymentRow(
                environment=describe_place(deployment),
                url=deployment.url,
                repository=deployment.repository,
                status=status,
                end=end,
                changes=tuple(sorted({*numbers, node.change.number})),
            )
    return sorted(rows.values(), key=lambda row: (row.end, row.environment))
