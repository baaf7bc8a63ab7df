"""The four keys of DORA (dora.dev), each with what it was made of.

Deployment frequency and change failure rate are counts of deployments by how they ended. Lead time
for changes runs from a pull request's first commit to the deployment that delivers it, and time to
restore from a failed deployment to the next success in the same environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model import Change, Deployment, Event, EventKind, Result
from flow_telemetry.rules.deliveries import (
    delivery_interval,
    delivery_result,
    place_of,
    previous_successful,
    succeeded_at,
)
from flow_telemetry.rules.timing import Interval


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
