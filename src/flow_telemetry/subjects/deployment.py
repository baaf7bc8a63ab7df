"""Deployments: a span in the trace of each change that one delivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from flow_telemetry.context import ExportContext
from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.github.changes import read_change
from flow_telemetry.github.deliveries import with_deliveries
from flow_telemetry.github.deployments import (
    deployments_of_run,
    is_made_by,
    read_deployment,
    read_deployments,
    read_outcome,
    with_outcome,
)
from flow_telemetry.github.runs import (
    RunAddress,
    read_jobs,
    read_lone_job,
    read_repository,
    read_run,
    wait_until,
)
from flow_telemetry.github.workflow_files import exported_by_other_job
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.changes import delivery_reference, delivery_span
from flow_telemetry.mapping.events import delivery_events, deployment_events
from flow_telemetry.mapping.flow_metrics import delivery_measurements
from flow_telemetry.mapping.openings import opening_spans
from flow_telemetry.mapping.placement import Ancestry, Placement, link, place, run_ancestry
from flow_telemetry.model import Change, Deployment, Lineage, Run
from flow_telemetry.rules.deployments import (
    delivery_result,
    describe_place,
    final_statuses,
    first_final_status,
    is_production,
    is_selected,
    is_target,
    succeeded_at,
)
from flow_telemetry.rules.intervals import Window
from flow_telemetry.rules.ledger import format_attempt
from flow_telemetry.settings import LeadTimeFrom, Settings
from flow_telemetry.subjects.change import EventsAndMetrics
from flow_telemetry.subjects.lineage import read_lineage
from flow_telemetry.subjects.run import read_ancestors, reason_not_selected
from flow_telemetry.subjects.types import (
    CollectedTelemetry,
    DeploymentSubject,
    build_resource_maker,
    build_tracing,
    missing_telemetry,
    wants_metrics,
    wants_own_events,
)
from flow_telemetry.telemetry import LogRecord, Measurement, Span, SpanLink

# The events and metrics of a deployment.

# Two requests each: a delivery of more changes has no lead times.
MOST_MEASURED_CHANGES = 50


def delivery_events_and_metrics(
    context: ExportContext,
    subject: DeploymentSubject,
    deployment: Deployment,
    placement: Placement,
    placements: Sequence[Placement],
) -> EventsAndMetrics:
    """Yield the events and metrics of a deployment that ended.

    ``placement`` is that of its own events, ``placements`` are those of its spans, one for each
    change that it delivers. The changes need their timelines, unless only late statuses are
    exported.
    """
    settings = context.settings
    with_events = wants_own_events(settings)
    if not (with_events or (wants_metrics(settings) and not subject.only_late)):
        return
    from_author = settings.deployments.lead_time_from is LeadTimeFrom.AUTHOR
    delivers = deployment.delivers
    first = delivers[0] if delivers else None
    resource = build_resource_maker(settings).of_deployment(deployment)
    now = context.clock.now()
    if with_events and not subject.only_late:
        yield from deployment_events(deployment, first, placement, resource, now)
        yield from delivery_events(deployment, placements, resource, now, from_author=from_author)
    if with_events and subject.late_statuses:
        late = subject.late_statuses
        yield from deployment_events(deployment, first, placement, resource, now, later=late)
    if wants_metrics(settings) and not subject.only_late:
        attributes = settings.signals.metric_attributes
        yield from delivery_measurements(
            deployment, resource, attributes, from_author=from_author, placement=placement
        )


def _read_timelines(context: ExportContext, deployment: Deployment) -> Deployment:
    """Return a deployment whose changes have their timelines, for their first commits.

    A deployment that did not succeed has no lead times, and stays as it is.
    """
    if succeeded_at(deployment) is None:
        return deployment
    if len(deployment.delivers) > MOST_MEASURED_CHANGES:
        context.log.info(
            f"deployment {deployment.id} delivers {len(deployment.delivers)} pull requests, too "
            "many to read when each began: none has a lead time"
        )
        return deployment

    def read_timeline(change: Change) -> Change:
        full_name = change.repository.full_name
        try:
            known = context.with_aliases(read_change(context.github, full_name, change.number))
            # The ids of its spans are made from the repository.
            return replace(known, repository=change.repository)
        except FlowTelemetryError as error:
            context.log.info(f"when pull request #{change.number} began is not known: {error}")
            return change

    changes = context.github.run_concurrently(read_timeline, deployment.delivers)
    return replace(deployment, delivers=tuple(changes))


# Deployments: a span in the trace of each change that one delivers.


def collect_deployment(context: ExportContext, subject: DeploymentSubject) -> CollectedTelemetry:
    """Read a deployment and return its span in the trace of every change that it delivers.

    Of a status after the first final one only the event is returned. A sweep leaves a deployment to
    the export of the run that made it, if there is one.

    Raises:
        FlowTelemetryError: it cannot be read.
    """
    context.log.info(f"reading deployment {subject.id} of {subject.repository}")
    deployment = subject.listed
    if deployment is None:
        repository = context.with_aliases(
            read_repository(context.github.required, subject.repository)
        )
        deployment = read_deployment(context.github.required, repository, subject.id)
    ends: tuple[datetime, ...] = ()
    if subject.within is not None:
        subject, ends = _choose_statuses(subject, subject.within, deployment)
        if not ends:
            return CollectedTelemetry()
    deployment, run = read_maker(context, deployment)
    if (
        subject.within is not None
        and run is not None
        and _is_exported_with(context, subject, deployment, run)
    ):
        subject = replace(subject, only_late=True)
        if not subject.late_statuses:
            return CollectedTelemetry(ends=ends)
    if delivery_result(deployment) is None:
        notice = f"deployment {subject.id} has neither succeeded nor failed yet: nothing is sent"
        return CollectedTelemetry(notices=(notice,))
    reason = reason_not_counted(context.settings, deployment, run.event if run else None)
    if reason is not None:
        return CollectedTelemetry(notices=(reason,), ends=ends)
    first = first_final_status(deployment)
    if subject.status_id is not None and first is not None and first.id != subject.status_id:
        subject = replace(subject, late_statuses=(subject.status_id,), only_late=True)
    run_link = _link_to_run(context, run) if run and not subject.only_late else None
    return replace(_collect(context, subject, deployment, run_link), ends=ends)


def _choose_statuses(
    subject: DeploymentSubject, within: Window, deployment: Deployment
) -> tuple[DeploymentSubject, tuple[datetime, ...]]:
    """Return the subject with the final statuses that belong to a sweep, and their times."""
    statuses = final_statuses(deployment)
    chosen = [status for status in statuses if within.holds(status.time)]
    late = tuple(status.id for status in chosen if status is not statuses[0])
    only_late = statuses[:1] != tuple(chosen[:1])
    ends = tuple(status.time for status in chosen)
    return replace(subject, late_statuses=late, only_late=only_late), ends


def _is_exported_with(
    context: ExportContext, subject: DeploymentSubject, deployment: Deployment, run: Run
) -> bool:
    """Whether a deployment is exported with its run, which a sweep must not do again.

    That is by a run of an event, by a sweep of runs, or by a later job of the run itself: a step
    inside the deploying job cannot know how that ends.
    """
    settings = context.settings
    if format_attempt(run.id, run.attempt) in subject.runs_of_events:
        return True
    if settings.sweep.runs and reason_not_selected(settings, run) is None:
        return True
    name = next((job.name for job in run.jobs if job.id == deployment.job_id), None)
    # If a condition decides, the job that has it is the one to export.
    return name is not None and exported_by_other_job(context.github, run, name) is not False


def collect_deployments_of_run(
    context: ExportContext, run: Run, trace: TraceIdentity, within: Window | None = None
) -> CollectedTelemetry:
    """Return the spans of the deployments that a run made and that have ended, linked to it.

    ``within`` is that of the run, in a sweep.

    Raises:
        FlowTelemetryError: a sweep could not read them, and the next one can.
    """
    try:
        deployments = deployments_of_run(context.github, run)
    except FlowTelemetryError as error:
        if within is not None and not isinstance(error, (AccessDeniedError, NotFoundError)):
            raise
        return missing_telemetry("what the run deployed is not known", error)
    collected: list[CollectedTelemetry] = []
    notices: dict[str, None] = {}
    run_link = link(trace, run.reference, "run")
    for deployment in deployments:
        notice = reason_not_counted(context.settings, deployment, run.event)
        if notice is not None:
            notices[notice] = None
        elif delivery_result(deployment) is not None:
            subject = DeploymentSubject(
                repository=run.repository.full_name, id=deployment.id, within=within
            )
            collected.append(_collect(context, subject, deployment, run_link, deployments))
    return CollectedTelemetry(
        spans=chain.from_iterable(each.spans for each in collected),
        events_and_metrics=chain.from_iterable(each.events_and_metrics for each in collected),
        incomplete=tuple(text for each in collected for text in each.incomplete),
        problems=tuple(text for each in collected for text in each.problems),
        notices=(*notices, *(text for each in collected for text in each.notices)),
    )


def reason_not_counted(settings: Settings, deployment: Deployment, event: str | None) -> str | None:
    """Return why a deployment does not count, the same for all in one environment."""
    patterns, environment = settings.deployments.environments, deployment.environment
    if not is_selected(environment, patterns):
        return f"`deployment-environments` does not choose the environment `{environment}`"
    if not is_target(deployment, event, patterns):
        return (
            f"a run of event `{event}` used the environment `{environment}`, which is not counted "
            "as a deployment. If such runs deploy, name the environment in "
            "`deployment-environments`"
        )
    return None


def read_maker(context: ExportContext, deployment: Deployment) -> tuple[Deployment, Run | None]:
    """Return a deployment with the end of the job that made it, and the run of that."""
    if not deployment.made_by_run:
        return deployment, None
    try:
        run = _read_run(context, deployment)
        if run is None:
            return read_outcome(context.github, deployment), None
    except (AccessDeniedError, NotFoundError) as error:
        # After any other error another try can find how the job ended.
        context.log.info(f"the run that made deployment {deployment.id} is not known: {error}")
        return deployment, None
    return with_outcome(run, deployment), run


def _link_to_run(context: ExportContext, run: Run) -> SpanLink | None:
    """Return the link to the run that made a deployment, the same as in the run's export."""
    try:
        run = read_deployments(context.github, run, run.jobs).run
        parentage, lineage = read_ancestors(context, run)
    except FlowTelemetryError as error:
        context.log.info(f"what run {run.id} belongs to is not known: {error}")
        return None
    ancestry = run_ancestry(parentage, lineage)
    placement = place(run.reference, ancestry, build_tracing(context.settings))
    return link(placement.trace, run.reference, "run")


def _read_run(context: ExportContext, deployment: Deployment) -> Run | None:
    """Return the latest attempt that made a deployment; an old form of link names only its job."""
    run_id = deployment.run_id
    if run_id is None and deployment.job_id is not None:
        try:
            run_id = read_lone_job(context.github, deployment.repository, deployment.job_id).run_id
        except NotFoundError:
            run_id = deployment.job_id
    if run_id is None:
        return None
    address = RunAddress(repository=deployment.repository.full_name, run_id=run_id)
    run = read_run(context.github, address)
    while not is_made_by(run, deployment) and run.attempt > 1:
        run = read_run(context.github, replace(address, attempt=run.attempt - 1))
    if not is_made_by(run, deployment):
        return None
    run = _wait_for_job(context, run, deployment)
    return replace(run, repository=deployment.repository)


def _wait_for_job(context: ExportContext, run: Run, deployment: Deployment) -> Run:
    """Return the run once it shows the end of a job whose deployment has ended already."""

    def has_ended(seen: Run) -> bool:
        return all(job.completed for job in seen.jobs if job.id == deployment.job_id)

    if first_final_status(deployment) is None:
        return run
    return wait_until(
        has_ended,
        run,
        again=lambda seen: read_jobs(context.github.fresh, seen),
        deadline=context.reading,
        log=context.log,
        what=f"the job that made deployment {deployment.id} as ended",
    ).run


def _collect(
    context: ExportContext,
    subject: DeploymentSubject,
    deployment: Deployment,
    run_link: SpanLink | None,
    siblings: Iterable[Deployment] = (),
) -> CollectedTelemetry:
    settings, where = context.settings, describe_place(deployment)
    deployment = mark_production(settings, deployment)
    problems: list[str] = []
    try:
        patterns = settings.deployments.environments
        delivered = with_deliveries(context.github, deployment, siblings, patterns)
    except (AccessDeniedError, NotFoundError) as error:
        # Another try would fail too, and the deployment itself is known: it counts.
        problems.append(f"what the deployment to {where} delivered is not known: {error}")
        delivered = replace(deployment, delivers_complete=False)
    except FlowTelemetryError as error:
        if subject.within is not None:
            raise  # The next sweep can read it; how often it tries depends on the error.
        what = f"what the deployment to {where} delivered is not known"
        missing = missing_telemetry(what, error)
        return CollectedTelemetry(problems=missing.notices, incomplete=missing.incomplete)
    notices = [*delivered.notices]
    if delivered.kind is not None and not delivered.delivers_complete:
        problems.append(
            f"more commits were deployed to {where} than could be compared: some pull requests "
            "that it delivered lack its span"
        )
    elif delivered.kind is not None and not delivered.delivers:
        notices.append(f"the deployment to {where} delivers no pull request")
    lineages = [read_lineage(context, c, c.repository) for c in delivered.delivers]
    if not subject.only_late:
        # The spans have the lead times too; and a sweep has to know whether its budget allowed it.
        delivered = _read_timelines(context, delivered)
    placements = [
        place_delivery(settings, delivered, change, lineage)
        for change, lineage in zip(delivered.delivers, lineages, strict=True)
    ]
    # The events of a deployment itself belong to the first change that it delivers.
    first = placements[0] if placements else None
    placement = first or place(delivered.reference, Ancestry(), build_tracing(settings))
    telemetry: Iterable[LogRecord | Measurement]
    telemetry = delivery_events_and_metrics(context, subject, delivered, placement, placements)
    if first is None and run_link is not None:
        telemetry = _at_span(telemetry, run_link)
    if subject.only_late:
        return CollectedTelemetry(events_and_metrics=telemetry)
    return CollectedTelemetry(
        spans=_build_spans(settings, delivered, lineages, placements, run_link),
        events_and_metrics=telemetry,
        problems=tuple(problems),
        notices=tuple(notices),
    )


def _at_span(
    telemetry: Iterable[LogRecord | Measurement], span: SpanLink
) -> Iterator[LogRecord | Measurement]:
    """Yield the records of a deployment without spans, with the ids of the run that made it."""
    for item in telemetry:
        if isinstance(item, LogRecord):
            yield replace(item, trace_id=span.trace_id, span_id=span.span_id)
        else:
            yield item


def mark_production(settings: Settings, deployment: Deployment) -> Deployment:
    """Return a deployment with the user's view on whether it is to production."""
    production = is_production(deployment, settings.deployments.production)
    return replace(deployment, production=production)


def _build_spans(
    settings: Settings,
    deployment: Deployment,
    lineages: Iterable[Lineage],
    placements: Iterable[Placement],
    run_link: SpanLink | None,
) -> Iterator[Span]:
    resources = build_resource_maker(settings)
    delivered = zip(deployment.delivers, lineages, placements, strict=True)
    for change, lineage, placement in delivered:
        span = delivery_span(
            deployment,
            change,
            placement,
            resources.of_change(change),
            run=run_link,
            unread=lineage.unread,
            from_author=settings.deployments.lead_time_from is LeadTimeFrom.AUTHOR,
        )
        if span is not None:
            yield from opening_spans(placement)
            yield span


def place_delivery(
    settings: Settings, deployment: Deployment, change: Change, lineage: Lineage
) -> Placement:
    """Place a delivery under the work item if that is in the trace, else under the change."""
    ancestry = Ancestry(change=change, lineage=lineage, beside=True)
    return place(delivery_reference(deployment, change), ancestry, build_tracing(settings))
