"""Pull requests, their phases and deployments to spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import AttributePairs, SpanMaker
from flow_telemetry.model import (
    DEFAULT_TASK,
    ActorKind,
    Change,
    Deployment,
    EditedField,
    Event,
    EventKind,
    Result,
)
from flow_telemetry.rules.deployments import (
    delivery_interval,
    delivery_status,
    first_final_status,
    is_change_failure,
    reverted_change,
)
from flow_telemetry.rules.flow import measure_lead_times
from flow_telemetry.rules.lifecycle import (
    AWAITED,
    OpenPeriod,
    Phase,
    actor_kind,
    change_periods,
    find_phases,
    requested_reviewers,
    value_at,
)
from flow_telemetry.rules.order import life_of, moved_delivery, moved_part
from flow_telemetry.settings import SpanNames
from flow_telemetry.telemetry import Resource, Span, SpanLink

# A pull request to spans: its lives (open periods), and the phases in them


def change_spans(
    change: Change,
    placement: Placement,
    resource: Resource,
    *,
    unread: tuple[str, ...] = (),
    with_phases: bool = True,
) -> Iterator[Span]:
    """Return the spans of a change in its live trace: its lives, then its phases, in order of time.

    They are below its opening span, whose ``placement`` this is. Lives and phases in progress are
    left out. ``unread`` is why ancestors could not be read. A change without a known opening has no
    spans.
    """
    periods = change_periods(change)
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(change))
    for period in periods:
        reference = identity.life_reference(change.reference, period.number)
        attributes = (
            *period_attributes(change, period),
            (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
            (semconv.FEATURE_TRACE_ID, placement.feature_trace_id),
        )
        yield make.span(
            Entity.LIFE,
            reference,
            change.reference,
            life_name(change, period),
            life_of(period.interval),
            attributes=attributes,
            links=placement.links,
        )
    if with_phases and periods:
        numbers = {period.number for period in periods}
        for position, phase in enumerate(find_phases(change), start=1):
            if phase.period_number in numbers:
                yield _phase_span(make, change, phase, position, change.reference)


def phase_spans(
    change: Change,
    placement: Placement,
    resource: Resource,
    phases: Iterable[tuple[int, Phase]],
) -> Iterator[Span]:
    """Return the spans of phases of an open change, each with its position among all, from 1."""
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(change))
    for position, phase in phases:
        yield _phase_span(make, change, phase, position, change.reference)


def whole_change_spans(
    change: Change, placement: Placement, resource: Resource, *, until: datetime | None
) -> Iterator[Span]:
    """Return the spans of a change in a feature trace: its first life, with all others below it.

    Lives and phases in progress end at ``until``.
    """
    periods = change_periods(change, until)
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(change))
    phases: dict[int, list[tuple[int, Phase]]] = {period.number: [] for period in periods}
    for position, phase in enumerate(find_phases(change, until), start=1):
        if phase.period_number in phases:
            phases[phase.period_number].append((position, phase))
    for period in periods:
        first = period.number == 1
        parts = (moved_part(phase.interval, n) for n, phase in phases[period.number])
        owner = change.reference
        yield make.span(
            Entity.CHANGE if first else Entity.LIFE,
            owner if first else identity.life_reference(owner, period.number),
            placement.parent if first else owner,
            _change_name(change, placement.names) if first else life_name(change, period),
            life_of(period.interval, parts),
            attributes=period_attributes(change, period),
            links=placement.links if first else (),
        )
    for period in periods:
        owner = change.reference
        parent = owner if period.number == 1 else identity.life_reference(owner, period.number)
        for position, phase in phases[period.number]:
            yield _phase_span(make, change, phase, position, parent)


def _phase_span(make: SpanMaker, change: Change, phase: Phase, position: int, parent: str) -> Span:
    return make.span(
        Entity.PHASE,
        identity.phase_reference(change.reference, phase.kind.value, phase.number),
        parent,
        phase.kind.value.replace("-", " "),
        moved_part(phase.interval, position),
        attributes=(
            (work_semconv.PHASE, phase.kind.value),
            (work_semconv.PHASE_WAITING_FOR, AWAITED[phase.kind].value),
            (work_semconv.PHASE_REVIEWERS, requested_reviewers(change, phase)),
            (semconv.FLOW_PARTIAL, None if phase.ended else True),
        ),
    )


def life_name(change: Change, period: OpenPeriod) -> str:
    """Return the name of a life's span, which says how it ended."""
    if not period.ended:
        return "open"
    merged = _state(change, period, ()) == "merged"
    return "open until merged" if merged else "open until closed"


def _change_name(change: Change, names: SpanNames) -> str:
    return "pull request" if names is SpanNames.PLAIN else f"pull request #{change.number}"


def _common_attributes(change: Change) -> AttributePairs:
    return (
        (semconv.GITHUB_REPOSITORY, change.repository.full_name),
        (semconv.VCS_CHANGE_ID, str(change.number)),
    )


def period_attributes(change: Change, period: OpenPeriod) -> AttributePairs:
    """Return the attributes at the end of an open period, so that a repeated span is equal."""
    events = [event for event in change.timeline if event.time <= period.interval.end]
    commits = sum(event.kind is EventKind.COMMITTED for event in events)
    by_people = Counter(e.kind for e in events if actor_kind(e) is ActorKind.HUMAN)
    reviewers = (e.actor.login for e in events if e.kind is EventKind.REVIEWED and e.actor)
    author, end = change.author, period.interval.end
    title = value_at(end, EditedField.TITLE, change.title, change.edits)
    base = value_at(end, EditedField.BASE_BRANCH, change.base_branch, change.edits)
    state = _state(change, period, events)
    # What has no history is only on the last period: after a merge none follows.
    last = change if state == "merged" or not period.ended else None
    return (
        (work_semconv.VCS_CHANGE_TITLE, title),
        (work_semconv.VCS_CHANGE_STATE, state),
        (semconv.FLOW_PARTIAL, None if period.ended else True),
        (work_semconv.CHANGE_URL, change.url),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, last.head_sha if last else None),
        (semconv.VCS_REF_BASE_NAME, base),
        (work_semconv.CHANGE_AUTHOR, author.login if author else None),
        (work_semconv.CHANGE_AUTHOR_KIND, author.kind.value if author else None),
        (work_semconv.CHANGE_REVIEWERS, tuple(dict.fromkeys(reviewers))),
        (work_semconv.CHANGE_LABELS, _labels(events)),
        (work_semconv.CHANGE_REVERTS, reverted_change(change)),
        (work_semconv.CHANGE_COMMITS, commits or (last.commits if last else None)),
        (work_semconv.CHANGE_COMMENTS, by_people[EventKind.COMMENTED]),
        (work_semconv.CHANGE_REVIEWS, by_people[EventKind.REVIEWED]),
        (work_semconv.CHANGE_LINES_ADDED, last.additions if last else None),
        (work_semconv.CHANGE_LINES_REMOVED, last.deletions if last else None),
        (work_semconv.CHANGE_FILES, last.changed_files if last else None),
        (work_semconv.TIMELINE_INCOMPLETE, None if change.timeline_complete else True),
    )


def _state(change: Change, period: OpenPeriod, events: Iterable[Event]) -> str:
    if not period.ended:
        draft = bool(change.draft)
        for event in events:
            if event.kind in (EventKind.READY_FOR_REVIEW, EventKind.CONVERTED_TO_DRAFT):
                draft = event.kind is EventKind.CONVERTED_TO_DRAFT
        return "wip" if draft else "open"
    merged_at, end = change.merged_at, period.interval.end
    if merged_at is None:
        return "closed"
    # GitHub can report the closing a second before the merge. A period that was followed by a
    # reopening did not end with the merge.
    reopenings = (e.time for e in change.timeline if e.kind is EventKind.REOPENED and e.time >= end)
    return "closed" if any(time <= merged_at for time in reopenings) else "merged"


def _labels(events: Iterable[Event]) -> tuple[str, ...]:
    """Return the labels after the events, in the order in which they were added."""
    labels: dict[str, None] = {}
    for event in events:
        if event.kind is EventKind.LABELED:
            labels[event.subject] = None
        elif event.kind is EventKind.UNLABELED:
            labels.pop(event.subject, None)
    return tuple(labels)


# A deployment to spans: one for each change that it delivers, in the trace of that change


def delivery_reference(deployment: Deployment, change: Change) -> str:
    """Return the reference of the delivery of a change by a deployment."""
    return identity.delivery_reference(deployment.reference, change.reference)


def delivery_span(
    deployment: Deployment,
    change: Change,
    placement: Placement,
    resource: Resource,
    *,
    run: SpanLink | None = None,
    unread: Sequence[str] = (),
    from_author: bool = True,
) -> Span | None:
    """Return the span of a delivery, from the creation of the deployment to its end.

    None for a deployment in progress. ``run`` is a link to the run that made the deployment; it is
    left out in the run's own trace. ``unread`` is why items above the change could not be read.
    ``from_author`` is that of `measure_lead_times`; without the timeline of the change, the span
    has no lead time.
    """
    interval = delivery_interval(deployment)
    if interval is None:
        return None
    plain = placement.names is SpanNames.PLAIN
    failed = is_change_failure(deployment)
    lead_times = (
        lead_time.interval.seconds
        for lead_time in measure_lead_times(deployment, from_author=from_author)
        if lead_time.change.reference == change.reference
    )
    run_links = (run,) if run and run.trace_id != placement.trace_id else ()
    return SpanMaker(placement=placement, resource=resource).span(
        Entity.DEPLOYMENT,
        delivery_reference(deployment, change),
        placement.parent,
        "deploy" if plain else f"deploy {deployment.environment}",
        moved_delivery(interval, deployment),
        attributes=(
            *_deployment_attributes(deployment, failed=failed),
            (work_semconv.DEPLOYMENT_LEAD_TIME, next(lead_times, None)),
            (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
        ),
        links=(*placement.links, *run_links),
        error="the deployment failed" if failed else None,
    )


def _deployment_attributes(deployment: Deployment, *, failed: bool) -> AttributePairs:
    return (
        (semconv.GITHUB_REPOSITORY, deployment.repository.full_name),
        (work_semconv.DEPLOYMENT_ID, str(deployment.id)),
        (work_semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (work_semconv.DEPLOYMENT_TASK, task_name(deployment)),
        (work_semconv.DEPLOYMENT_KIND, deployment.kind.value if deployment.kind else None),
        (work_semconv.DEPLOYMENT_STATUS, delivery_status(deployment)),
        (work_semconv.DEPLOYMENT_STATE, _final_state(deployment)),
        (semconv.ERROR_TYPE, "failure" if failed else None),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (work_semconv.DEPLOYMENT_CREATOR, deployment.creator.login if deployment.creator else None),
        (work_semconv.DEPLOYMENT_INCOMPLETE, None if deployment.delivers_complete else True),
    )


def task_name(deployment: Deployment) -> str | None:
    """Return the task of a deployment; None for the usual one."""
    return None if deployment.task == DEFAULT_TASK else deployment.task


def _final_state(deployment: Deployment) -> str | None:
    """Return the first final state; that of a job's end, if GitHub has not written it yet."""
    if deployment.outcome is not None:
        return "success" if deployment.outcome.result is Result.SUCCESS else "failure"
    first = first_final_status(deployment)
    return first.state if first else None
