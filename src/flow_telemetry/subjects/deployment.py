"""Deployments: a span in the trace of each change that one delivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.changes import read_change
from flow_telemetry.github.deployments import (
    deployments_of_run,
    is_made_by,
    read_deployment,
    read_deployments,
    with_deliveries,
)
from flow_telemetry.github.runs import RunAddress, read_repository, read_run
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.changes import delivery_reference, delivery_span
from flow_telemetry.mapping.events import deployment_events
from flow_telemetry.mapping.flow_metrics import delivery_measurements
from flow_telemetry.mapping.placement import Ancestry, Placement, link, place, run_ancestry
from flow_telemetry.model import Change, Deployment, Lineage, Run
from flow_telemetry.rules.parentage import delivery_result
from flow_telemetry.settings import Settings
from flow_telemetry.subjects.change import EventsAndMetrics
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import read_ancestors
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    DeploymentSubject,
    build_resource_maker,
    build_tracing,
    missing_telemetry,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import Span, SpanLink

# The events and metrics of a deployment.

# Two requests each: a delivery of more changes has no lead times.
MOST_MEASURED_CHANGES = 50


def delivery_events_and_metrics(
    context: ExportContext, deployment: Deployment, placement: Placement
) -> EventsAndMetrics:
    """Yield the events and metrics of a deployment that ended; ``placement`` is for its event."""
    if not (wants_own_events(context.settings) or wants_metrics(context.settings)):
        return
    delivers = deployment.delivers
    first = delivers[0] if delivers else None
    resource = build_resource_maker(context.settings).of_deployment(deployment)
    deployment = _read_timelines(context, deployment)
    if wants_own_events(context.settings):
        yield from deployment_events(deployment, first, placement, resource, context.clock.now())
    if wants_metrics(context.settings):
        yield from delivery_measurements(
            deployment, resource, context.settings.signals.metric_attributes
        )


def _read_timelines(context: ExportContext, deployment: Deployment) -> Deployment:
    """Return a deployment whose changes have their timelines, for their first commits."""
    if len(deployment.delivers) > MOST_MEASURED_CHANGES:
        context.log.info(
            f"deployment {deployment.id} delivers {len(deployment.delivers)} pull requests, too "
            "many to read when each began: none has a lead time"
        )
        return deployment

    def read_timeline(change: Change) -> Change:
        full_name = change.repository.full_name
        try:
            return context.with_aliases(read_change(context.github, full_name, change.number))
        except FlowTelemetryError as error:
            context.log.info(f"when pull request #{change.number} began is not known: {error}")
            return change

    changes = context.github.run_concurrently(read_timeline, deployment.delivers)
    return replace(deployment, delivers=tuple(changes))


# Deployments: a span in the trace of each change that one delivers.


def collect_deployment(context: ExportContext, subject: DeploymentSubject) -> CollectedTelemetry:
    """Read a deployment and return its span in the trace of every change that it delivers.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    context.log.info(f"reading deployment {subject.id} of {subject.repository}")
    repository = context.with_aliases(read_repository(context.github, subject.repository))
    deployment = read_deployment(context.github, repository, subject.id)
    if delivery_result(deployment) is None:
        notice = f"deployment {subject.id} has neither succeeded nor failed yet: nothing is sent"
        return CollectedTelemetry(notices=(notice,))
    return _collect(context, (deployment,), _link_to_maker(context, deployment))


def collect_deployments_of_run(
    context: ExportContext, run: Run, trace: TraceIdentity
) -> CollectedTelemetry:
    """Return the spans of the deployments that a run made and that have ended, linked to it."""
    try:
        deployments = deployments_of_run(context.github, run)
    except FlowTelemetryError as error:
        return missing_telemetry("what the run deployed is not known", error)
    return _collect(context, deployments, link(trace, run.reference, "run"))


def _link_to_maker(context: ExportContext, deployment: Deployment) -> SpanLink | None:
    """Return the link to the run that made a deployment, the same as in the run's export."""
    if deployment.run_id is None:
        return None
    try:
        run = _read_run(context, deployment, deployment.run_id)
        if run is None:
            return None
        run = read_deployments(context.github, run, run.jobs).run
        parentage, lineage = read_ancestors(context, run)
    except FlowTelemetryError as error:
        context.log.info(f"the run that made deployment {deployment.id} is not known: {error}")
        return None
    ancestry = run_ancestry(parentage, lineage)
    placement = place(run.reference, ancestry, build_tracing(context.settings))
    return link(placement.trace, run.reference, "run")


def _read_run(context: ExportContext, deployment: Deployment, run_id: int) -> Run | None:
    """Return the latest attempt that made a deployment."""
    address = RunAddress(repository=deployment.repository.full_name, run_id=run_id)
    run = read_run(context.github, address)
    while not is_made_by(run, deployment) and run.attempt > 1:
        run = read_run(context.github, replace(address, attempt=run.attempt - 1))
    return replace(run, repository=deployment.repository) if is_made_by(run, deployment) else None


def _collect(
    context: ExportContext, deployments: Iterable[Deployment], run_link: SpanLink | None
) -> CollectedTelemetry:
    spans: list[Span] = []
    events_and_metrics: list[EventsAndMetrics] = []
    problems: list[str] = []
    incomplete: list[str] = []
    notices: list[str] = []
    for deployment in deployments:
        if delivery_result(deployment) is None:
            continue
        try:
            delivered = with_deliveries(context.github, deployment)
        except FlowTelemetryError as error:
            what = f"what the deployment to {deployment.environment} delivered is not known"
            missing = missing_telemetry(what, error)
            problems += missing.notices
            incomplete += missing.incomplete
            continue
        if not delivered.delivers_complete:
            problems.append(
                f"more commits were deployed to {deployment.environment} than could be compared: "
                "some pull requests that it delivered lack its span"
            )
        elif not delivered.delivers:
            notices.append(f"the deployment to {deployment.environment} delivers no pull request")
        lineages = [read_lineage(context, c, c.repository) for c in delivered.delivers]
        spans += _build_spans(context.settings, delivered, lineages, run_link)
        # The one event of a deployment belongs to the first change that it delivers.
        if delivered.delivers:
            change, lineage = delivered.delivers[0], lineages[0]
            placement = _place_delivery(context.settings, delivered, change, lineage)
        else:
            placement = place(delivered.reference, Ancestry(), build_tracing(context.settings))
        events_and_metrics.append(delivery_events_and_metrics(context, delivered, placement))
    return CollectedTelemetry(
        spans=spans,
        events_and_metrics=chain.from_iterable(events_and_metrics),
        incomplete=tuple(incomplete),
        problems=tuple(problems),
        notices=tuple(notices),
    )


def _build_spans(
    settings: Settings,
    deployment: Deployment,
    lineages: Iterable[Lineage],
    run_link: SpanLink | None,
) -> Iterator[Span]:
    resources = build_resource_maker(settings)
    for change, lineage in zip(deployment.delivers, lineages, strict=True):
        span = delivery_span(
            deployment,
            change,
            _place_delivery(settings, deployment, change, lineage),
            resources.of_change(change),
            run=run_link,
        )
        if span is not None:
            yield span


def _place_delivery(
    settings: Settings, deployment: Deployment, change: Change, lineage: Lineage
) -> Placement:
    """Place a delivery under the work item if that is in the trace, else under the change."""
    ancestry = Ancestry(change=change, lineage=lineage, beside=True)
    return place(delivery_reference(deployment, change), ancestry, build_tracing(settings))
