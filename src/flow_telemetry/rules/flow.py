"""Flow time, efficiency, DORA."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import (
    Change,
    Deployment,
    Event,
    EventKind,
    Result,
    StatusCategory,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval, common, seconds
from flow_telemetry.rules.lifecycle import (
    Life,
    Phase,
    PhaseKind,
    Stretch,
    blockings,
    lives,
    phases,
    stretches,
)
from flow_telemetry.rules.parentage import (
    delivery_interval,
    delivery_result,
    place_of,
    previous_successful,
    succeeded_at,
)

# Where the life of a work item or change went: active, blocked, or waiting.
#
# The words are those of the Flow Framework (flowframework.org): its flow time is our cycle time,
# and flow efficiency is the active part of it.

# Somebody works on it: the reviewers, or the author on what they asked for.
_ACTIVE_PHASES = frozenset({PhaseKind.IN_REVIEW, PhaseKind.CHANGES_REQUESTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One life, all times in seconds; active, blocked and waiting time add up to its length.

    ``began`` is when work on it began in this life, None where it never did. ``blocked`` are the
    stretches in which it was blocked. For a change nothing is blocked.
    """

    life: Life
    began: datetime | None
    active_time: float
    blocked: tuple[Interval, ...] = ()

    @property
    def duration(self) -> float:
        """The length of the life."""
        return self.life.interval.seconds

    @property
    def blocked_time(self) -> float:
        """How long it was blocked in all."""
        return seconds(self.blocked)

    @property
    def waiting_time(self) -> float:
        """How long it was neither active nor blocked."""
        return self.duration - self.active_time - self.blocked_time

    @property
    def cycle_time(self) -> float | None:
        """From the beginning of the work to the end of the life: the flow time."""
        if self.began is None:
            return None
        return Interval.of(self.began, self.life.interval.end).seconds

    @property
    def efficiency(self) -> float | None:
        """The active part of the flow time, from 0 to 1; None where that is none."""
        return self.active_time / self.cycle_time if self.cycle_time else None


def item_flows(
    item: WorkItem,
    categories: Mapping[str, StatusCategory],
    blocked_names: frozenset[str],
    until: datetime | None = None,
) -> tuple[Flow, ...]:
    """Return where each life of an item went, in order of time.

    It is active while its status is of the category in progress and nothing blocks it; work began
    with the first such status. Lives that are open are left out, or with ``until`` cut there.
    """
    known = stretches(item, categories, until)
    born = lives(item.created_at, item.closed_at, item.history, until)
    return tuple(_item_flow(item, life, known, blocked_names) for life in born)


def _item_flow(
    item: WorkItem, life: Life, known: Iterable[Stretch], blocked_names: frozenset[str]
) -> Flow:
    own = [each for each in known if each.life == life.number]
    blocked = blockings(item, life, own, blocked_names)
    in_progress = [s.interval for s in own if s.category is StatusCategory.IN_PROGRESS]
    return Flow(
        life=life,
        began=min((each.start for each in in_progress), default=None),
        active_time=seconds(in_progress) - seconds(common(in_progress, blocked)),
        blocked=blocked,
    )


def change_flows(change: Change, until: datetime | None = None) -> tuple[Flow, ...]:
    """Return where each life of a change went, in order of time.

    It is active in review and with changes requested, and its flow time is all of its life. Lives
    that are open are left out, or with ``until`` cut there.
    """
    born = lives(change.created_at, change.closed_at or change.merged_at, change.timeline, until)
    known = phases(change, until)
    return tuple(_change_flow(life, known) for life in born)


def _change_flow(life: Life, known: Iterable[Phase]) -> Flow:
    active = [p.interval for p in known if p.life == life.number and p.kind in _ACTIVE_PHASES]
    return Flow(life=life, began=life.interval.start, active_time=seconds(active))


# The four keys of DORA (dora.dev), each with what it was made of.
#
# Deployment frequency and change failure rate are counts of deployments by how they ended. Lead
# time for changes runs from a pull request's first commit to the deployment that delivers it, and
# time to restore from a failed deployment to the next success in the same environment.


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """The way of one change from its first commit to its delivery."""

    change: Change
    commit: Event
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """The time from the end of a failed deployment to the success that made it good."""

    failed: Deployment
    interval: Interval


def change_failed(deployment: Deployment) -> bool | None:
    """Whether a deployment counts as a change failure; None while it goes on."""
    result = delivery_result(deployment)
    return None if result is None else result is not Result.SUCCESS


def lead_times(deployment: Deployment) -> tuple[LeadTime, ...]:
    """Return the lead time of every change that a successful deployment delivers.

    The timelines of the changes have to be read; one without commits in it has no lead time. The
    clock starts at the first commit in every environment: a promotion does not restart it.
    """
    end = succeeded_at(deployment)
    return () if end is None else tuple(_lead_times(deployment.delivers, end))


def _lead_times(changes: Iterable[Change], end: datetime) -> Iterator[LeadTime]:
    for change in changes:
        commits = (e for e in change.timeline if e.kind is EventKind.COMMITTED and e.time_told)
        first = min(commits, key=lambda event: event.time, default=None)
        if first is not None and first.time <= end:
            yield LeadTime(change=change, commit=first, interval=Interval(first.time, end))


def restoration(deployment: Deployment, others: Iterable[Deployment]) -> Restoration | None:
    """Return what a deployment restored: the first failure since the success before it.

    ``others`` are deployments of its environment, with statuses; those of other environments are
    passed by. None where it did not succeed, or nothing had failed.
    """
    end = succeeded_at(deployment)
    if end is None:
        return None
    known = tuple(others)
    before = previous_successful(deployment, known)
    since = succeeded_at(before) if before is not None else None
    failures = [
        (interval.end, each.id, each)
        for each in known
        if place_of(each) == place_of(deployment)
        and change_failed(each)
        and (interval := delivery_interval(each)) is not None
        and interval.end <= end
        and (since is None or interval.end > since)
    ]
    if not failures:
        return None
    failed_at, _, failed = min(failures, key=lambda found: found[:2])
    return Restoration(failed=failed, interval=Interval(failed_at, end))
