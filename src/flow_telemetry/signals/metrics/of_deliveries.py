"""A deployment to measurements: the four keys of DORA, and the facts that each rests on."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.identity import instant
from flow_telemetry.model import Change, Deployment
from flow_telemetry.rules.deliveries import delivery_interval
from flow_telemetry.rules.dora import LeadTime, change_failed, lead_times, restoration
from flow_telemetry.signals import instruments as table
from flow_telemetry.signals import metric_semconv as names
from flow_telemetry.signals import semconv
from flow_telemetry.signals.metrics.names import environment_name
from flow_telemetry.signals.metrics.points import points_of
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Measurement, Resource


def delivery_measurements(
    deployment: Deployment, resource: Resource, extra: tuple[str, ...] = ()
) -> Iterator[Measurement]:
    """Return the measurements of a deployment that ended; none of one that goes on.

    The timelines of the changes that it delivers have to be read for their lead times. ``extra``
    are attributes that the user adds.
    """
    failed, interval = change_failed(deployment), delivery_interval(deployment)
    if failed is None or interval is None:
        return
    points = points_of(resource, _facts(deployment, failed=failed), extra)
    yield from points.of(table.DEPLOYMENT_COUNT, 1)
    yield from points.of(table.DEPLOYMENT_DURATION, interval.seconds)
    if failed:
        yield from points.of(table.DEPLOYMENT_FAILURES, 1)
        return
    if deployment.delivers_complete:
        yield from points.of(table.DEPLOYMENT_CHANGES, len(deployment.delivers))
    for each in lead_times(deployment):
        yield from points.of(table.DEPLOYMENT_LEAD_TIME, each.interval.seconds, *_of_change(each))
    restored = restoration(deployment, deployment.before)
    if restored is not None:
        yield from points.of(table.DEPLOYMENT_RESTORE_TIME, restored.interval.seconds)


def _facts(deployment: Deployment, *, failed: bool) -> Facts:
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
    restored = restoration(deployment, deployment.before)
    return (
        (names.DEPLOYMENT_LEAD_TIMES, tuple(map(_made_of, lead_times(deployment)))),
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
