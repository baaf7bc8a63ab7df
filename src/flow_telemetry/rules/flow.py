"""Flow time and efficiency of work items and changes, and the four DORA metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import (
    Change,
    Deployment,
    Event,
    EventKind,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.deployments import ended_at, failures_since_success, succeeded_at
from flow_telemetry.rules.intervals import Interval, intersection, seconds
from flow_telemetry.rules.lifecycle import (
    OpenPeriod,
    PhaseKind,
    change_periods,
    find_blocked_intervals,
    find_phases,
    find_status_intervals,
    has_statuses,
    item_periods,
)

# Flow of an open period: active, blocked or waiting
#
# The terms are those of the Flow Framework (flowframework.org): its flow time is our cycle time,
# and flow efficiency is the active part of it.

# The reviewers are at work, or the author on the changes that they requested.
_ACTIVE_PHASES = frozenset({PhaseKind.IN_REVIEW, PhaseKind.CHANGES_REQUESTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One open period, all times in seconds; active, blocked and waiting time add up to its length.

    ``began`` is when work began in this period, None if it never did. ``blocked`` are the intervals
    in which the item was blocked. Changes are never blocked. ``active_time`` is None if no status
    is known to be in progress and one of unknown category may have been. ``has_efficiency`` is
    False if it would be a number by construction: without any status, or with such a category.
    """

    period: OpenPeriod
    began: datetime | None
    active_time: float | None
    blocked: tuple[Interval, ...] = ()
    has_efficiency: bool = True

    @property
    def duration(self) -> float:
        """The length of the open period."""
        return self.period.interval.seconds

    @property
    def blocked_time(self) -> float:
        """The total length of the blocked intervals."""
        return seconds(self.blocked)

    @property
    def waiting_time(self) -> float | None:
        """The time that was neither active nor blocked."""
        if self.active_time is None:
            return None
        return self.duration - self.active_time - self.blocked_time

    @property
    def cycle_time(self) -> float | None:
        """The flow time: from the start of work to the end of the open period."""
        if self.began is None:
            return None
        return Interval.of(self.began, self.period.interval.end).seconds

    @property
    def efficiency(self) -> float | None:
        """The active part of the flow time, from 0 to 1; None without flow time."""
        if not self.cycle_time or self.active_time is None or not self.has_efficiency:
            return None
        return self.active_time / self.cycle_time


def measure_item_flows(
    item: WorkItem, blocked_names: Sequence[str], until: datetime | None = None
) -> tuple[Flow, ...]:
    """Return the flow of each open period of an item, in order of time.

    The item is active while the category of its status is in progress and nothing blocks it; work
    began with the first such status. Periods that are still open are left out, or with ``until``
    cut there.
    """
    statuses = find_status_intervals(item, until)
    blocked = find_blocked_intervals(item, blocked_names, until)
    flows = []
    for period in item_periods(item, until):
        own = [status for status in statuses if status.period_number == period.number]
        times_blocked = tuple(b.interval for b in blocked if b.period_number == period.number)
        in_progress = [s.interval for s in own if s.category is StatusCategory.IN_PROGRESS]
        unmapped = any(status.category is None for status in own)
        active = seconds(in_progress) - seconds(intersection(in_progress, times_blocked))
        flows.append(
            Flow(
                period=period,
                began=min((interval.start for interval in in_progress), default=None),
                active_time=None if unmapped and not in_progress else active,
                blocked=times_blocked,
                has_efficiency=has_statuses(item) and not unmapped,
            )
        )
    return tuple(flows)


def measure_change_flows(change: Change, until: datetime | None = None) -> tuple[Flow, ...]:
    """Return the flow of each open period of a change, in order of time.

    A change is active in review and with changes requested, and its flow time is the whole period.
    Periods that are still open are left out, or with ``until`` cut there.
    """
    active = [phase for phase in find_phases(change, until) if phase.kind in _ACTIVE_PHASES]
    periods = change_periods(change, until)
    return tuple(
        Flow(
            period=period,
            began=period.interval.start,
            active_time=seconds(p.interval for p in active if p.period_number == period.number),
        )
        for period in periods
    )


# The four keys of DORA (dora.dev)
#
# Deployment frequency and change failure rate are counts of deployments by their result. Lead
# time for changes runs from a pull request's first commit to the deployment that delivers it, and
# time to restore from a failed deployment to the next success in the same environment.


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """The lead time of one change, from its first commit to its delivery."""

    change: Change
    commit: Event
    interval: Interval


def measure_lead_times(deployment: Deployment, *, from_author: bool = True) -> tuple[LeadTime, ...]:
    """Return the lead time of every change that a successful deployment delivers.

    The timelines of the changes have to be read; a change without commits in its timeline has no
    lead time. The clock starts at the first commit in every environment: a promotion does not
    restart it. ``from_author`` is whether the author's dates count, which a rebase keeps; otherwise
    the committer's dates count.
    """
    end = succeeded_at(deployment)
    if end is None:
        return ()

    def begun(commit: Event) -> datetime:
        return (commit.authored_at if from_author else None) or commit.time

    times = []
    for change in deployment.delivers:
        commits = (e for e in change.timeline if e.kind is EventKind.COMMITTED and e.has_own_time)
        first = min(commits, key=begun, default=None)
        if first is not None and begun(first) <= end:
            interval = Interval(begun(first), end)
            times.append(LeadTime(change=change, commit=first, interval=interval))
    return tuple(times)


def find_restoration(
    deployment: Deployment, others: Iterable[Deployment]
) -> tuple[Deployment, Interval] | None:
    """Return the first failed deployment since the previous success, and the time since its end.

    ``others`` are deployments with their statuses; those in other places are ignored. None if the
    deployment did not succeed, or if no deployment had failed.
    """
    end = succeeded_at(deployment)
    failures = failures_since_success(deployment, others)
    if end is None or not failures:
        return None
    failed_at = ended_at(failures[0])
    return None if failed_at is None else (failures[0], Interval.of(failed_at, end))
