"""Spans, log records of events and resources: ids, times, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.event_types import EventSubject, EventType, find_event_type
from flow_telemetry.mapping.limits import OptionalValue, nanoseconds
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.model import (
    Change,
    Deployment,
    Repository,
    Run,
    WorkItem,
)
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.timeline import TimelineEntry
from flow_telemetry.settings import OldSpans
from flow_telemetry.telemetry import (
    OPENING,
    Attributes,
    LogRecord,
    Resource,
    Severity,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
    Telemetry,
)

# Spans: the ids, times and limits that all kinds of entities share

# Nanoseconds: times are of microseconds.
_SHORTEST = 1_000

AttributePairs: TypeAlias = tuple[tuple[str, OptionalValue], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMaker:
    """Makes the spans of one entity and of the entities within it.

    ``common`` are attributes of each span, so that queries need no join. All spans are moved by
    ``offset``, if the times given are not by GitHub's clock.
    """

    placement: Placement
    resource: Resource
    common: AttributePairs = ()
    offset: timedelta = timedelta()
    # Limited once, not for each of tens of thousands of spans.
    _shared: Attributes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Apply the limits to the shared attributes."""
        trace: AttributePairs = ((semconv.FLOW_TRACE, self.placement.kind.value),)
        shared = limits.attributes(trace, self.placement.keys, self.common)
        object.__setattr__(self, "_shared", shared)

    def span(
        self,
        entity: Entity,
        reference: str,
        parent: str | None,
        name: str,
        interval: Interval,
        *,
        attributes: AttributePairs = (),
        kind: SpanKind = SpanKind.INTERNAL,
        events: tuple[SpanEvent, ...] = (),
        links: tuple[SpanLink, ...] = (),
        error: str | None = None,
    ) -> Span:
        """Return the span of a flow reference.

        ``parent`` is the reference of the parent span, None for a root. ``error`` is the
        description of an ERROR status.
        """
        own: AttributePairs = (
            (semconv.FLOW_ENTITY_TYPE, entity.value),
            (semconv.FLOW_REFERENCE, reference),
        )
        placement = self.placement
        start = nanoseconds(interval.start + self.offset)
        return Span(
            trace_id=placement.trace_id,
            span_id=placement.span_id(reference),
            parent_span_id=None if parent is None else placement.span_id(parent),
            name=limits.name(name),
            start=start,
            # Jaeger does not recognize the copies of a span of no length.
            end=max(nanoseconds(interval.end + self.offset), start + _SHORTEST),
            resource=self.resource,
            kind=kind,
            attributes=limits.attributes(own, attributes, shared=self._shared),
            events=events,
            links=links,
            error=None if error is None else limits.value(error),
        )


# Resources: only attributes that every sender of an entity knows

RUN_SERVICE = "github-actions"
CHANGE_SERVICE = "github"
COMMAND_SERVICE = "flow-telemetry"
ITEM_SERVICES = {"github": "github-issues"}
# The services of GitHub's entities, whose names contain no other data.
FIXED_SERVICES = frozenset({RUN_SERVICE, CHANGE_SERVICE, *ITEM_SERVICES.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMaker:
    """Makes the resources of one export; equal resources are one object.

    ``service_name`` replaces the service of runs and can contain `{repository}` and `{workflow}`.
    ``extra`` are the user's attributes of runs, which do not replace ours.
    """

    service_name: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    namespace: str = ""
    _made: dict[tuple[str, ...], Resource] = field(default_factory=dict, repr=False)

    def of_run(self, run: Run) -> Resource:
        """Return the resource of a run's spans."""
        return self.of_workflow(run.repository, run.workflow)

    def of_workflow(self, repository: Repository, workflow: str) -> Resource:
        """Return the resource of the spans of any run of a workflow."""
        name = (self.service_name or RUN_SERVICE).replace("{repository}", repository.full_name)
        name = name.replace("{workflow}", workflow)
        further = tuple((key, str(value)) for key, value in self.extra.items())
        return self._of_repository(name, repository, further)

    def of_nothing(self) -> Resource:
        """Return the resource of a command outside a run, which has no repository."""
        further = tuple((key, str(value)) for key, value in self.extra.items())
        return self._resource(self.service_name or COMMAND_SERVICE, (), further)

    def of_change(self, change: Change) -> Resource:
        """Return the resource of the spans of a change and of its deliveries."""
        return self._of_repository(CHANGE_SERVICE, change.repository, ())

    def of_deployment(self, deployment: Deployment) -> Resource:
        """Return the resource of the records and metrics of a deployment."""
        return self._of_repository(CHANGE_SERVICE, deployment.repository, ())

    def of_item(self, item: WorkItem) -> Resource:
        """Return the resource of the spans of a work item, named after its tracker."""
        name = ITEM_SERVICES.get(item.tracker, item.tracker)
        if item.repository is not None:
            return self._of_repository(name, item.repository, ())
        return self._made.setdefault((name,), self._resource(name, (), ()))

    def _of_repository(
        self, name: str, repository: Repository, further: tuple[tuple[str, OptionalValue], ...]
    ) -> Resource:
        of_repository = (
            (semconv.VCS_PROVIDER_NAME, "github"),
            (semconv.VCS_OWNER_NAME, repository.owner),
            (semconv.VCS_REPOSITORY_NAME, repository.name),
            (semconv.VCS_REPOSITORY_URL_FULL, repository.url),
        )
        key = (name, repository.reference, *map(str, further))
        if key not in self._made:
            self._made[key] = self._resource(name, of_repository, further)
        return self._made[key]

    def _resource(
        self,
        name: str,
        of_repository: tuple[tuple[str, OptionalValue], ...],
        further: tuple[tuple[str, OptionalValue], ...],
    ) -> Resource:
        own = (
            (semconv.SERVICE_NAME, name),
            *of_repository,
            (semconv.FLOW_NAMESPACE, self.namespace),
        )
        return Resource(attributes={**limits.attributes(further), **limits.attributes(own)})


def is_opening(span: Span) -> bool:
    """Whether a span is an opening span."""
    return span.attributes.get(OPENING[0]) == OPENING[1]


# Age limit: backends silently drop spans that are too old


@dataclass(slots=True)
class AgeLimit:
    """Applies the policy for old spans, and counts them in ``old``, but for opening spans.

    ``oldest`` is the earliest allowed start, in nanoseconds since 1970; most backends compare the
    start.
    """

    oldest: int
    policy: OldSpans
    old: int = 0

    def apply(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream; old spans are dropped, moved or sent by the policy."""
        for record in stream:
            if not isinstance(record, Span) or record.start >= self.oldest:
                yield record
                continue
            if self.policy is not OldSpans.SEND and is_opening(record):
                continue  # It has no content of its own, and a later start would be another span.
            self.old += 1
            if self.policy is OldSpans.SEND:
                yield record
            elif self.policy is OldSpans.CLAMP:
                original = {semconv.FLOW_CLAMPED_START: record.start // 1_000_000_000}
                yield replace(
                    record,
                    start=self.oldest,
                    end=max(record.end, self.oldest + _SHORTEST),
                    attributes={**record.attributes, **original},
                )


# Log records of events


def event_records(
    entries: Iterable[tuple[TimelineEntry, AttributePairs]],
    placement: Placement,
    resource: Resource,
    observed: datetime,
    *,
    subject: EventSubject,
    reference: str,
    span: str,
    common: AttributePairs,
) -> Iterator[LogRecord]:
    """Return the records of one entity's events; kinds that are not exported for it are left out.

    ``entries`` have the attributes of their own, ``common`` are attributes of each record.
    ``reference`` is the entity's, ``span`` that of its span in the trace of ``placement``; an
    entry about a part of the entity has the span of that part. The body is added when people are
    hidden and secrets are redacted (`bodies.add_bodies`).
    """
    span_id = placement.span_id(span)
    for entry, attributes in entries:
        event = entry.event
        event_type = find_event_type(subject, event.kind)
        if event_type is None:
            continue
        moved_from = event.time if event.time != entry.time else None
        actor = event.actor
        own: AttributePairs = (
            (event_semconv.EVENT_NAME, event_type.name),
            (event_semconv.LOG_RECORD_UID, entry.reference),
            (semconv.FLOW_REFERENCE, reference),
            (event_semconv.ACTOR_LOGIN, actor.login if actor else None),
            (semconv.FLOW_ACTOR_KIND, actor.kind.value if actor else None),
            # To the millisecond, like `flow.event.time` of the other records.
            (
                event_semconv.EVENT_TIME,
                moved_from.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                if moved_from
                else None,
            ),
            (event_semconv.EVENT_TIME_UNKNOWN, None if event.has_own_time else True),
        )
        yield LogRecord(
            event_name=event_type.name,
            time=nanoseconds(entry.time),
            observed=nanoseconds(observed),
            trace_id=placement.trace_id,
            span_id=placement.span_id(entry.part) if entry.part else span_id,
            resource=resource,
            attributes=limits.attributes(
                own, placement.keys, common, attributes, most=limits.MOST_RECORD_ATTRIBUTES
            ),
            severity=_severity(event_type, attributes),
        )


def _severity(event_type: EventType, attributes: AttributePairs) -> Severity:
    """Return the severity by meaning: a failure is an error.

    A cancelled deployment did not fail, though GitHub's state of it is `failure`.
    """
    values = dict(attributes)
    failed = values.get(work_semconv.DEPLOYMENT_STATUS) == "failed"
    level = values.get(semconv.GITHUB_ANNOTATION_LEVEL)
    if failed or level == "failure":
        return Severity.ERROR
    return Severity.WARN if level == "warning" else event_type.severity
