"""Pull requests, phases, deployments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.mapping.spans import Facts, SpanMaker
from flow_telemetry.model import Change, Deployment, Event, EventKind, Result
from flow_telemetry.rules.lifecycle import OpenPeriod, Phase, change_periods, find_phases
from flow_telemetry.rules.parentage import delivery_interval, delivery_result
from flow_telemetry.telemetry import Resource, Span, SpanLink

# A pull request to spans: its lives, and the phases in which its time went.


def change_spans(
    change: Change,
    placement: Placement,
    resource: Resource,
    *,
    until: datetime | None = None,
    unread: tuple[str, ...] = (),
    with_phases: bool = True,
) -> Iterator[Span]:
    """Return the spans of a change, its own first: lives, and phases in order of time.

    What is still open is left out, or with ``until`` sent as of then. ``unread`` is what of its
    chain could not be read. Nothing comes of a change whose opening is not known.
    """
    known = change_periods(change, until)
    make = SpanMaker(placement=placement, resource=resource, common=_common(change))
    for life in known:
        yield _life_span(make, change, life, unread)
    if with_phases and known:
        ended = {life.number for life in known}
        for phase in find_phases(change, until):
            if phase.life in ended:
                yield _phase_span(make, change, phase)


def phase_spans(
    change: Change, ended: Iterable[Phase], placement: Placement, resource: Resource
) -> Iterator[Span]:
    """Return the spans of phases alone: that of the change follows when it ends."""
    make = SpanMaker(placement=placement, resource=resource, common=_common(change))
    return (_phase_span(make, change, phase) for phase in ended)


def _phase_span(make: SpanMaker, change: Change, phase: Phase) -> Span:
    """Return the span of one phase, below that of the life it belongs to."""
    return make.span(
        Entity.PHASE,
        identity.phase_reference(change.reference, phase.kind.value, phase.number),
        life_reference(change.reference, phase.life),
        phase.kind.value.replace("-", " "),
        phase.interval,
        facts=(
            (semconv.PHASE, phase.kind.value),
            (semconv.FLOW_PARTIAL, None if phase.ended else True),
        ),
    )


def life_reference(owner: str, number: int) -> str:
    """Return the reference of a life: the owner's own for the first."""
    return owner if number == 1 else identity.life_reference(owner, number)


def _life_span(make: SpanMaker, change: Change, life: OpenPeriod, unread: tuple[str, ...]) -> Span:
    first = life.number == 1
    return make.span(
        Entity.CHANGE if first else Entity.LIFE,
        life_reference(change.reference, life.number),
        make.placement.parent if first else change.reference,
        f"pull request #{change.number}" + ("" if first else f", life {life.number}"),
        life.interval,
        facts=(*life_facts(change, life), (semconv.FLOW_CHAIN_INCOMPLETE, "; ".join(unread))),
        links=make.placement.links if first else (),
    )


def _common(change: Change) -> Facts:
    return (
        (semconv.GITHUB_REPOSITORY, change.repository.full_name),
        # A change that is a root has no change above it, and is one itself.
        (semconv.VCS_CHANGE_ID, str(change.number)),
    )


def life_facts(change: Change, life: OpenPeriod) -> Facts:
    """Return what the span of a life says: as of its end, so that a repeat is equal."""
    then = [event for event in change.timeline if event.time <= life.interval.end]
    author = change.author
    return (
        (semconv.VCS_CHANGE_TITLE, change.title),
        (semconv.VCS_CHANGE_STATE, _state(change, life, then)),
        (semconv.FLOW_PARTIAL, None if life.ended else True),
        (semconv.CHANGE_URL, change.url),
        (semconv.VCS_REF_HEAD_NAME, change.head_branch),
        (semconv.VCS_REF_HEAD_REVISION, change.head_sha),
        (semconv.VCS_REF_BASE_NAME, change.base_branch),
        (semconv.CHANGE_AUTHOR, author.login if author else None),
        (semconv.CHANGE_AUTHOR_KIND, author.kind.value if author else None),
        (semconv.CHANGE_REVIEWERS, _reviewers(then)),
        (semconv.CHANGE_LABELS, labels_then(then)),
        (semconv.CHANGE_COMMITS, _count(then, EventKind.COMMITTED) or change.commits),
        (semconv.CHANGE_COMMENTS, _count(then, EventKind.COMMENTED)),
        (semconv.CHANGE_REVIEWS, _count(then, EventKind.REVIEWED)),
        (semconv.CHANGE_LINES_ADDED, change.additions),
        (semconv.CHANGE_LINES_REMOVED, change.deletions),
        (semconv.CHANGE_FILES, change.changed_files),
        (semconv.TIMELINE_INCOMPLETE, None if change.timeline_complete else True),
    )


def _state(change: Change, life: OpenPeriod, then: Iterable[Event]) -> str:
    if not life.ended:
        return "wip" if _is_draft(change, then) else "open"
    merged_at, end = change.merged_at, life.interval.end
    if merged_at is None:
        return "closed"
    # The closing may be noted a second before the merge; what was reopened was not merged then.
    again = (e.time for e in change.timeline if e.kind is EventKind.REOPENED and e.time >= end)
    return "closed" if any(time <= merged_at for time in again) else "merged"


def _is_draft(change: Change, then: Iterable[Event]) -> bool:
    moves = {EventKind.READY_FOR_REVIEW: False, EventKind.CONVERTED_TO_DRAFT: True}
    known = [moves[event.kind] for event in then if event.kind in moves]
    return known[-1] if known else bool(change.draft)


def _reviewers(then: Iterable[Event]) -> tuple[str, ...]:
    reviews = (event for event in then if event.kind is EventKind.REVIEWED and event.actor)
    return tuple(dict.fromkeys(event.actor.login for event in reviews if event.actor))


def labels_then(then: Iterable[Event]) -> tuple[str, ...]:
    """Return the labels that events have left, in the order in which they were put on."""
    labels: dict[str, None] = {}
    for event in then:
        if event.kind is EventKind.LABELED:
            labels[event.subject] = None
        elif event.kind is EventKind.UNLABELED:
            labels.pop(event.subject, None)
    return tuple(labels)


def _count(then: Iterable[Event], kind: EventKind) -> int:
    return sum(event.kind is kind for event in then)


# A deployment to spans: one for each change that it delivers, in that change's own trace.


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
        (semconv.DEPLOYMENT_ID, str(deployment.id)),
        (semconv.DEPLOYMENT_ENVIRONMENT_NAME, deployment.environment),
        (semconv.DEPLOYMENT_STATUS, "failed" if failed else "succeeded"),
        (semconv.DEPLOYMENT_STATE, last if failed else "success"),
        (semconv.ERROR_TYPE, "failure" if failed else None),
        (semconv.VCS_REF_HEAD_REVISION, deployment.sha),
        (semconv.VCS_REF_HEAD_NAME, deployment.ref),
        (semconv.DEPLOYMENT_CREATOR, deployment.creator.login if deployment.creator else None),
        (semconv.DEPLOYMENT_INCOMPLETE, None if deployment.delivers_complete else True),
    )
