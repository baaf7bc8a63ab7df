"""Deployments: a span in the trace of each change that one delivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    missing_telemetry,
    resources_of,
    tracing_of,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import Span, SpanLink

# The events and measurements of a deployment, and what they need that a delivery does not tell.

# Two requests each: a delivery of more changes has no lead times, and says so.
MOST_MEASURED_CHANGES = 50


def delivery_events_and_metrics(
    context: ExportContext, deployment: Deployment, placement: Placement
) -> EventsAndMetrics:
    """Return the facts of a deployment that ended; its record stands at ``placement``."""
    if not (wants_own_events(context.settings) or wants_metrics(context.settings)):
        return
    delivers = deployment.delivers
    first = delivers[0] if delivers else None
    resource = resources_of(context.settings).of_deployment(deployment)
    known = _with_timelines(context, deployment)
    if wants_own_events(context.settings):
        yield from deployment_events(known, first, placement, resource, context.clock.now())
    if wants_metrics(context.settings):
        yield from delivery_measurements(
            known, resource, context.settings.signals.metric_attributes
        )


def _with_timelines(context: ExportContext, deployment: Deployment) -> Deployment:
    """The deployment whose changes tell their first commits, as far as they can be read."""
    if len(deployment.delivers) > MOST_MEASURED_CHANGES:
        context.log.info(
            f"deployment {deployment.id} delivers {len(deployment.delivers)} pull requests, too "
            "many to read when each began: none has a lead time"
        )
        return deployment
    read = context.github.run_concurrently(lambda each: _read(context, each), deployment.delivers)
    return replace(deployment, delivers=tuple(read))


def _read(context: ExportContext, change: Change) -> Change:
    full_name = change.repository.full_name
    try:
        return context.with_aliases(read_change(context.github, full_name, change.number))
    except FlowTelemetryError as error:
        context.log.info(f"when pull request #{change.number} began is not known: {error}")
        return change


# A deployment as the subject of an export: its part in each change that it delivers.


def collect_deployment(context: ExportContext, subject: DeploymentSubject) -> CollectedTelemetry:
    """Read a deployment and return its span in the trace of every change that it delivers.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    context.log.info(f"reading deployment {subject.id} of {subject.repository}")
    repository = context.with_aliases(read_repository(context.github, subject.repository))
    deployment = read_deployment(context.github, repository, subject.id)
    if delivery_result(deployment) is None:
        told = f"deployment {subject.id} has neither succeeded nor failed yet: nothing is sent"
        return CollectedTelemetry(notices=(told,))
    maker = None if deployment.run_id is None else _link_to_maker(context, deployment)
    return _collected(context, (deployment,), maker)


def collect_deployments_of_run(
    context: ExportContext, run: Run, trace: TraceIdentity
) -> CollectedTelemetry:
    """Return the spans of the deployments that a run made and that have ended, linked to it."""
    try:
        made = deployments_of_run(context.github, run)
    except FlowTelemetryError as error:
        return missing_telemetry("what the run deployed is not known", error)
    return _collected(context, made, link(trace, run.reference, "run"))


def _link_to_maker(context: ExportContext, deployment: Deployment) -> SpanLink | None:
    """The link to the run that made a deployment, the same as when it leaves with that run."""
    try:
        run = _maker(context, deployment)
        if run is None:
            return None
        run = read_deployments(context.github, run, run.jobs).run
        parentage, lineage = read_ancestors(context, run)
    except FlowTelemetryError as error:
        context.log.info(f"the run that made deployment {deployment.id} is not known: {error}")
        return None
    live = place(run.reference, run_ancestry(parentage, lineage), tracing_of(context.settings))
    return link(live.trace, run.reference, "run")


def _maker(context: ExportContext, deployment: Deployment) -> Run | None:
    """The attempt that made a deployment, the latest first."""
    if deployment.run_id is None:
        return None
    address = RunAddress(repository=deployment.repository.full_name, run_id=deployment.run_id)
    run = read_run(context.github, address)
    while not is_made_by(run, deployment) and run.attempt > 1:
        run = read_run(context.github, replace(address, attempt=run.attempt - 1))
    return replace(run, repository=deployment.repository) if is_made_by(run, deployment) else None


def _collected(
    context: ExportContext, made: Iterable[Deployment], to_run: SpanLink | None
) -> CollectedTelemetry:
    spans: list[Span] = []
    facts: list[EventsAndMetrics] = []
    problems: list[str] = []
    incomplete: list[str] = []
    notices: list[str] = []
    for deployment in made:
        if delivery_result(deployment) is None:
            continue
        try:
            delivered = with_deliveries(context.github, deployment)
        except FlowTelemetryError as error:
            what = f"what the deployment to {deployment.environment} delivered is not known"
            lacks = missing_telemetry(what, error)
            problems += lacks.notices
            incomplete += lacks.incomplete
            continue
        if not delivered.delivers_complete:
            problems.append(
                f"more commits were deployed to {deployment.environment} than could be compared: "
                "some pull requests that it delivered lack its span"
            )
        elif not delivered.delivers:
            notices.append(f"the deployment to {deployment.environment} delivers no pull request")
        lineages = [read_lineage(context, c, c.repository) for c in delivered.delivers]
        spans += _spans(context.settings, delivered, lineages, to_run)
        place_of_record = _placement_of_record(context.settings, delivered, lineages)
        facts.append(delivery_events_and_metrics(context, delivered, place_of_record))
    return CollectedTelemetry(
        spans=spans,
        facts=chain.from_iterable(facts),
        incomplete=tuple(incomplete),
        problems=tuple(problems),
        notices=tuple(notices),
    )


def _spans(
    settings: Settings,
    deployment: Deployment,
    lineages: Iterable[Lineage],
    to_run: SpanLink | None,
) -> Iterator[Span]:
    resources = resources_of(settings)
    for change, lineage in zip(deployment.delivers, lineages, strict=True):
        span = delivery_span(
            deployment,
            change,
            _placement(settings, deployment, change, lineage),
            resources.of_change(change),
            run=to_run,
        )
        if span is not None:
            yield span


def _placement_of_record(
    settings: Settings, deployment: Deployment, lineages: Sequence[Lineage]
) -> Placement:
    """Where the one record of a deployment stands: with the first change that it delivers."""
    if deployment.delivers:
        return _placement(settings, deployment, deployment.delivers[0], lineages[0])
    return place(deployment.reference, Ancestry(), tracing_of(settings))


def _placement(
    settings: Settings, deployment: Deployment, change: Change, lineage: Lineage
) -> Placement:
    """Under the work item where the trace reaches it, else under the change."""
    ancestry = Ancestry(change=change, lineage=lineage, beside=True)
    return place(delivery_reference(deployment, change), ancestry, tracing_of(settings))
