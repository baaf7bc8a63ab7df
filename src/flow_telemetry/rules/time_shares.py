"""Where the time went: each second of a feature or a change belongs to exactly one state.

`docs/guides/work-items.md` defines the states and has an example that is computed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flow_telemetry.model import Change, EventKind, Run, StatusCategory, WorkItem
from flow_telemetry.model.feature import ChangeNode, FeatureTree, ItemNode, TreeDetail
from flow_telemetry.model.time_shares import WAITING_STATES, TimeShares, TimeState
from flow_telemetry.rules.deployments import delivery_interval
from flow_telemetry.rules.intervals import (
    Interval,
    attempt_start,
    difference,
    own_jobs,
    protection_only,
    run_began,
    run_interval,
    run_queued,
    union,
)
from flow_telemetry.rules.lifecycle import (
    OpenPeriod,
    PhaseKind,
    change_periods,
    find_blocked_intervals,
    find_phases,
    find_status_intervals,
    item_periods,
)

# The division of a time into states

_STATES = tuple(TimeState)
_RANKS = {state: rank for rank, state in enumerate(_STATES)}
_NO_TIME = timedelta()


def divide_time(
    divided: Iterable[Interval],
    states: Mapping[TimeState, Iterable[Interval]],
    incomplete: Iterable[TimeState] = (),
) -> TimeShares:
    """Divide a time into states; what no state has is idle.

    ``states`` are the intervals of each state, which may overlap and lie outside the time.
    ``incomplete`` are states whose intervals are not all known. Those that cannot have got any
    more time, because the states before them have all of it, are complete after all.
    """
    # The changes of the number of intervals of each rank that hold; the last rank is the time
    # itself. Sorted once, so that thousands of runs cost no more than their number.
    idle = _RANKS[TimeState.IDLE]
    points: list[tuple[datetime, int, int]] = []
    for rank, intervals in [
        (idle, divided),
        *((_RANKS[state], found) for state, found in states.items()),
    ]:
        for interval in union(intervals):
            points += [(interval.start, rank, 1), (interval.end, rank, -1)]
    points.sort(key=lambda point: point[0])
    lasted, holding = [_NO_TIME] * len(_STATES), [0] * len(_STATES)
    since: datetime | None = None
    for time, rank, change in points:
        if since is not None and holding[idle]:
            lasted[next(r for r, holds in enumerate(holding) if holds)] += time - since
        holding[rank] += change
        since = time
    unknown = frozenset(incomplete)
    return TimeShares(
        durations=tuple(zip(_STATES, lasted, strict=True)),
        incomplete=tuple(
            state
            for rank, state in enumerate(_STATES)
            if state in unknown and any(lasted[rank + 1 :])
        ),
    )


def add_times(times: Iterable[TimeShares]) -> TimeShares | None:
    """Return the sum of the times of several open periods; None without any."""
    parts = tuple(times)
    if not parts:
        return None
    spent = [dict(part.durations) for part in parts]
    return TimeShares(
        durations=tuple(
            (state, sum((part[state] for part in spent), _NO_TIME)) for state in _STATES
        ),
        incomplete=tuple(
            state for state in _STATES if any(state in part.incomplete for part in parts)
        ),
    )


# The intervals of each state, which are those of the spans in the feature trace

# A commit shows that somebody worked before it and goes on: a working day.
WORK_AFTER_COMMIT = timedelta(hours=8)
_STATE_OF_PHASE = {
    PhaseKind.AWAITING_MERGE: TimeState.AWAITING_MERGE,
    PhaseKind.IN_MERGE_QUEUE: TimeState.AWAITING_MERGE,
    PhaseKind.CHANGES_REQUESTED: TimeState.CHANGES_REQUESTED,
    PhaseKind.AWAITING_REVIEW: TimeState.AWAITING_REVIEW,
    PhaseKind.IN_REVIEW: TimeState.IN_REVIEW,
}


def is_waiting(phase: PhaseKind) -> bool:
    """Whether a pull request waits in a phase, for a review, the merge or the merge queue."""
    return _STATE_OF_PHASE.get(phase) in WAITING_STATES


_OF_RUNS = (TimeState.QUEUED, TimeState.BUILDING)
_OF_TIMELINES = (*dict.fromkeys(_STATE_OF_PHASE.values()), TimeState.IN_PROGRESS)
_OF_HISTORIES = (TimeState.BLOCKED, TimeState.IN_PROGRESS)


@dataclass(slots=True)
class _Sources:
    """The intervals of each state that were found so far, and the states that lack some."""

    states: dict[TimeState, list[Interval]] = field(
        default_factory=lambda: {state: [] for state in _STATES}
    )
    incomplete: set[TimeState] = field(default_factory=set)

    def add_item(
        self,
        item: WorkItem,
        blocked_names: Sequence[str],
        until: datetime | None,
        *,
        with_status: bool,
    ) -> None:
        """Add the blocked intervals of an item and, ``with_status``, its times in progress."""
        blocked = find_blocked_intervals(item, blocked_names, until)
        self.states[TimeState.BLOCKED] += (block.interval for block in blocked)
        if not item.history_complete:
            self.incomplete.update(_OF_HISTORIES)
        for status in find_status_intervals(item, until) if with_status else ():
            if status.category is StatusCategory.IN_PROGRESS:
                self.states[TimeState.IN_PROGRESS].append(status.interval)
            elif status.category is None:
                self.incomplete.add(TimeState.IN_PROGRESS)

    def add_change(self, change: Change, until: datetime | None) -> None:
        """Add the phases of a change, and the time after each of its commits."""
        for phase in find_phases(change, until):
            state = _STATE_OF_PHASE.get(phase.kind)
            if state is not None:
                self.states[state].append(phase.interval)
        for event in change.timeline:
            if event.kind is EventKind.COMMITTED and event.has_own_time:
                # The author's date, because a rebase gives old work a new one of the committer.
                made = event.authored_at or event.time
                worked = Interval(made, made + WORK_AFTER_COMMIT)
                self.states[TimeState.IN_PROGRESS].append(worked)
        if not change.timeline_complete:
            self.incomplete.update(_OF_TIMELINES)

    def add_run(self, run: Run) -> None:
        """Add the time that an attempt with its jobs waited for its first runner, and ran."""
        queued, began = run_queued(run), run_began(run)
        if queued is not None:
            self.states[TimeState.QUEUED].append(queued)
        if began is not None:
            ran = Interval.of(began, run_interval(run).end)
            self.states[TimeState.BUILDING] += difference([ran], protection_only(run))
        if not run.jobs_complete:
            self.incomplete.update(_OF_RUNS)
        if attempt_start(run) is None or any(job.waits_unknown for job in own_jobs(run)):
            self.incomplete.add(TimeState.QUEUED)

    def divide(self, periods: Iterable[OpenPeriod]) -> TimeShares:
        """Divide the time of open periods."""
        return divide_time((p.interval for p in periods), self.states, self.incomplete)


def measure_change_times(
    change: Change, *, runs: Iterable[Run] | None = None, may_be_blocked: bool = True
) -> Mapping[int, TimeShares]:
    """Return where the time of a change went, by the number of each open period that has ended.

    ``runs`` are all of its runs with their jobs, None if not all were read. It is blocked while its
    work item is: the history of that is never read with a change, so ``may_be_blocked`` is false
    only for a change without an item. Its deployments are not read either.
    """
    sources = _Sources()
    sources.add_change(change, None)
    sources.incomplete.add(TimeState.DEPLOYING)
    if may_be_blocked:
        sources.incomplete.add(TimeState.BLOCKED)
    for run in runs or ():
        sources.add_run(run)
    if runs is None:
        sources.incomplete.update(_OF_RUNS)
    return {period.number: sources.divide([period]) for period in change_periods(change)}


def measure_feature_time(
    tree: FeatureTree, blocked_names: Sequence[str], *, last_period: bool = False
) -> TimeShares | None:
    """Return where the time of a feature went, up to its closing or the snapshot.

    It is the time of its open periods, or of the last one only. ``blocked_names`` are patterns of
    statuses and labels that mean blocked. If anything could not be read, it may have been in any
    state. None for a feature whose creation is unknown.
    """
    root = tree.root
    until = tree.snapshot or root.item.closed_at
    periods = item_periods(root.item, until)
    if not periods:
        return None
    sources = _Sources()
    # An epic is usually in progress from its first story to its last, whether or not anybody works.
    sources.add_item(root.item, blocked_names, until, with_status=not root.children)
    for node in _nodes_below(root):
        sources.add_item(node.item, blocked_names, until, with_status=True)
    for change in (change for node in (root, *_nodes_below(root)) for change in node.changes):
        _add_node(sources, change, until)
    sources.incomplete.update(_not_read(tree))
    return sources.divide(periods[-1:] if last_period else periods)


def _add_node(sources: _Sources, node: ChangeNode, until: datetime | None) -> None:
    sources.add_change(node.change, until)
    for run in (*node.runs, *node.later_runs):
        sources.add_run(run)
    for deployment in node.deployments:
        interval = delivery_interval(deployment)
        if interval is not None:
            sources.states[TimeState.DEPLOYING].append(interval)


def _nodes_below(node: ItemNode) -> Iterator[ItemNode]:
    for child in node.children:
        yield child
        yield from _nodes_below(child)


def _not_read(tree: FeatureTree) -> Iterator[TimeState]:
    """Yield the states of which the tree may lack something."""
    details = tree.finest.and_coarser
    if tree.unread:
        yield from _STATES[:-1]
    if TreeDetail.CHANGE not in details:
        yield from _OF_TIMELINES
    if TreeDetail.RUN not in details:
        yield TimeState.DEPLOYING
    if TreeDetail.JOB not in details:
        yield from _OF_RUNS
