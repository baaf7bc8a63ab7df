"""Pull requests, their phases and deployments to spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.mapping import attributes as semconv
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
from flow_telemetry.telemetry import Resource, Span, SpanLink

# A pull request to spans: its open periods, and the phases in them


def change_spans(
    change: Change,
    placement: Placement,
    resource: Resource,
    *,
    until: datetime | None = None,
    unread: tuple[str, ...] = (),
    with_phases: bool = True,
) -> Iterator[Span]:
    """Return the spans of a change: its open periods, then the phases, each in order of time.

    Open periods and phases in progress are left out, or with ``until`` end there. ``unread`` is why
    ancestors could not be read. A change without a known opening has no spans.
    """
    periods = change_periods(change, until)
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(change))
    for period in periods:
        yield _open_period_span(make, change, period, unread)
    if with_phases and periods:
        numbers = {period.number for period in periods}
        for phase in find_phases(change, until):
            if phase.period_number in numbers:
                yield _phase_span(make, change, phase)


def phase_spans(
    change: Change, phases: Iterable[Phase], placement: Placement, resource: Resource
) -> Iterator[Span]:
    """Return the spans of phases only: the span of the change is sent when the change ends."""
    make = SpanMaker(placement=placement, resource=resource, common=_common_attributes(change))
    return (_phase_span(make, change, phase) for phase in phases)


def _phase_span(make: SpanMaker, change: Change, phase: Phase) -> Span:
    return make.span(
        Entity.PHASE,
        identity.phase_reference(change.reference, phase.kind.value, phase.number),
        open_period_reference(change.reference, phase.period_number),
        phase.kind.value.replace("-", " "),
        phase.interval,
        attributes=(
            (semconv.PHASE, phase.kind.value),
            (semconv.PHASE_WAITING_FOR, AWAITED[phase.kind].value),
            (semconv.PHASE_REVIEWERS, requested_reviewers(change, phase)),
            (semconv.FLOW_PARTIAL, None if phase.ended else True),
        ),
    )


def open_period_reference(owner: str, number: int) -> str:
    """Return the reference of an open period: that of its owner for the first."""
    return owner if number == 1 else identity.open_period_reference(owner, number)


def _open_period_span(
    make: SpanMaker, change: Change, period: OpenPeriod, unread: tuple[str, ...]
) -> Span:
    first = period.number == 1
    return make.span(
        Entity.CHANGE if first else Entity.LIFE,
        open_period_reference(change.reference, period.number),
        make.placement.parent if first else change.reference,
        f"pull request #{change.number}" + ("" if first else f", life {period.number}"),
        period.interval,
        attributes=(
            *period_attributes(change, period),
            (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
        ),
        links=make.placement.links if first else (),
    )


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
        (semconv.VCS_CHANGE_TITLE, title),
        (semconv.VCS_CHANGE_STATE, state),
        (semconv.FLOW_PARTIAL, None if period.ended else True),
        (semconv.CHANGE_URL, change.url),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, last.head_sha if last else None),
        (semconv.VCS_REF_BASE_NAME, base),
        (semconv.CHANGE_AUTHOR, author.login if author else None),
        (semconv.CHANGE_AUTHOR_KIND, author.kind.value if author else None),
        (semconv.CHANGE_REVIEWERS, tuple(dict.fromkeys(reviewers))),
        (semconv.CHANGE_LABELS, _labels(events)),
        (semconv.CHANGE_REVERTS, reverted_change(change)),
        (semconv.CHANGE_COMMITS, commits or (last.commits if last else None)),
        (semconv.CHANGE_COMMENTS, by_people[EventKind.COMMENTED]),
        (semconv.CHANGE_REVIEWS, by_people[EventKind.REVIEWED]),
        (semconv.CHANGE_LINES_ADDED, last.additions if last else None),
        (semconv.CHANGE_LINES_REMOVED, last.deletions if last else None),
        (semconv.CHANGE_FILES, last.changed_files if last else None),
        (semconv.TIMELINE_INCOMPLETE, None if change.timeline_complete else True),
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
        f"deploy {deployment.environment}",
        interval,
        attributes=(
            *_deployment_attributes(deployment, failed=failed),
            (semconv.DEPLOYMENT_LEAD_TIME, next(lead_times, None)),
            (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread)),
        ),
        links=(*placement.links, *run_links),
        error="the deployment failed" if failed else None,
    )


def _deployment_attributes(deployment: Deployment, *, failed: bool) -> AttributePairs:
    return (
        (semconv.GITHUB_REPOSITORY, deployment.repository.full_name),
        (semconv.DEPLOYMENT_ID, str(deployment.id)),
        (semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (semconv.DEPLOYMENT_TASK, task_name(deployment)),
        (semconv.DEPLOYMENT_KIND, deployment.kind.value if deployment.kind else None),
        (semconv.DEPLOYMENT_STATUS, delivery_status(deployment)),
        (semconv.DEPLOYMENT_STATE, _final_state(deployment)),
        (semconv.ERROR_TYPE, "failure" if failed else None),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (semconv.DEPLOYMENT_CREATOR, deployment.creator.login if deployment.creator else None),
        (semconv.DEPLOYMENT_INCOMPLETE, None if deployment.delivers_complete else True),
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
