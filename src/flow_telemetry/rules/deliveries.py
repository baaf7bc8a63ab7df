"""When a deployment reached its environment, and which one was there before it.

GitHub marks a deployment as `inactive` when a later one takes its place. That says nothing of
whether it had succeeded, so it is read nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flow_telemetry.identity import fold
from flow_telemetry.model import Deployment, Result
from flow_telemetry.rules.timing import Interval

# Of REST, which writes them in lower case, and of GraphQL in upper case.
_UNSUCCESSFUL = {"failure": Result.FAILURE, "error": Result.ERROR}


def succeeded_at(deployment: Deployment) -> datetime | None:
    """Return when it first succeeded; None where it did not, or not yet."""
    return min((time for state, time in _states(deployment) if state == "success"), default=None)


def delivery_result(deployment: Deployment) -> Result | None:
    """Return how it ended: a success counts, whatever came before or after it.

    None while it goes on, and for one that another replaced before it came to anything.
    """
    if succeeded_at(deployment) is not None:
        return Result.SUCCESS
    failed = _first_failure(deployment)
    return _UNSUCCESSFUL[failed[0]] if failed else None


def delivery_interval(deployment: Deployment) -> Interval | None:
    """Return its time from the creation to the success, else to the failure, else None."""
    failed = _first_failure(deployment)
    end = succeeded_at(deployment) or (failed[1] if failed else None)
    return None if end is None else Interval.of(deployment.created_at, end)


def previous_successful(deployment: Deployment, others: Iterable[Deployment]) -> Deployment | None:
    """Return what was in the environment when a deployment succeeded; None if nothing was.

    It is the one of the same environment that succeeded last before it: what one replaces depends
    on the ends, not on the order in which they were created. For a deployment without success its
    creation counts.
    """
    this = (succeeded_at(deployment) or deployment.created_at, deployment.id)
    before = [
        (time, each.id, each)
        for each in others
        if each.id != deployment.id
        and place_of(each) == place_of(deployment)
        and (time := succeeded_at(each)) is not None
        and (time, each.id) < this
    ]
    return max(before, key=lambda found: found[:2])[2] if before else None


def _states(deployment: Deployment) -> list[tuple[str, datetime]]:
    return [(fold(status.state), status.time) for status in deployment.statuses]


def _first_failure(deployment: Deployment) -> tuple[str, datetime] | None:
    failures = [found for found in _states(deployment) if found[0] in _UNSUCCESSFUL]
    return min(failures, key=lambda found: found[1], default=None)


def place_of(deployment: Deployment) -> tuple[str, str]:
    """Return the environment: GitHub does not tell their names apart by case."""
    return deployment.repository.reference, fold(deployment.environment)
