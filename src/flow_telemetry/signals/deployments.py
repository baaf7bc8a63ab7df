"""A deployment to spans: one for each change that it delivers, in that change's own trace."""

from __future__ import annotations

from flow_telemetry import identity
from flow_telemetry.model import Change, Deployment, Result
from flow_telemetry.rules.deliveries import delivery_interval, delivery_result
from flow_telemetry.signals import flow_semconv, semconv
from flow_telemetry.signals.placement import Placement
from flow_telemetry.signals.semconv import Entity
from flow_telemetry.signals.spans import Facts, SpanMaker
from flow_telemetry.telemetry import Resource, Span, SpanLink


def delivery_reference(deployment: Deployment, change: Change) -> str:
    """Return the reference of a deployment's part in a change."""
    return identity.delivery_reference(deployment.reference, change.reference)


def delivery_span(
    deployment: Deployment,
    change: Change,
    placement: Placement,
    resource: Resource,
    *,
    run: SpanLink | None = None,
) -> Span | None:
    """Return the span of a deployment's part in a change: from its creation to its success.

    A deployment that failed ends with that, as an error; None for one that has done neither yet.
    ``run`` is a link to the run that made it, in a trace of its own.
    """
    interval = delivery_interval(deployment)
    if interval is None:
        return None
    failed = delivery_result(deployment) is not Result.SUCCESS
    links = (*placement.links, *((run,) if run and run.trace_id != placement.trace_id else ()))
    return SpanMaker(placement=placement, resource=resource).span(
        Entity.DEPLOYMENT,
        delivery_reference(deployment, change),
        placement.parent,
        f"deploy {deployment.environment}",
        interval,
        facts=_facts(deployment, failed=failed),
        links=links,
        error="the deployment failed" if failed else None,
    )


def _facts(deployment: Deployment, *, failed: bool) -> Facts:
    last = deployment.statuses[-1].state if deployment.statuses else None
    return (
        (semconv.GITHUB_REPOSITORY, deployment.repository.full_name),
        (flow_semconv.DEPLOYMENT_ID, str(deployment.id)),
        (flow_semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (flow_semconv.DEPLOYMENT_STATUS, "failed" if failed else "succeeded"),
        (flow_semconv.DEPLOYMENT_STATE, last if failed else "success"),
        (semconv.ERROR_TYPE, "failure" if failed else None),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (flow_semconv.DEPLOYMENT_CREATOR, deployment.creator.login if deployment.creator else None),
        (flow_semconv.DEPLOYMENT_INCOMPLETE, None if deployment.delivers_complete else True),
    )
