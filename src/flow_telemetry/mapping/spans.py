"""Span maker, resources, failures, age limit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.event_types import EventSubject, find_event_type
from flow_telemetry.mapping.limits import Maybe, nanoseconds
from flow_telemetry.mapping.placement import Placement
from flow_telemetry.model import (
    Annotation,
    Change,
    Deployment,
    Job,
    Repository,
    Result,
    Run,
    Step,
    WorkItem,
    result_of,
)
from flow_telemetry.rules.intervals import Interval
from flow_telemetry.rules.timeline import TimelineEntry
from flow_telemetry.settings import OldSpans
from flow_telemetry.telemetry import (
    Attributes,
    LogRecord,
    Resource,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
    Telemetry,
)

# Making one span: the ids, times and bounds that all kinds of entity share.

Facts: TypeAlias = tuple[tuple[str, Maybe], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMaker:
    """Makes the spans of one entity and of its parts.

    ``common`` are the facts that stand on each of them, so that a query finds it without a join.
    """

    placement: Placement
    resource: Resource
    common: Facts = ()
    # Bounded once, and not for each of tens of thousands of spans.
    _shared: Attributes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Bound what all of the spans have."""
        shared = limits.attributes(self.placement.keys, self.common)
        object.__setattr__(self, "_shared", shared)

    def span(
        self,
        entity: Entity,
        reference: str,
        parent: str | None,
        name: str,
        interval: Interval,
        *,
        facts: Facts = (),
        kind: SpanKind = SpanKind.INTERNAL,
        events: tuple[SpanEvent, ...] = (),
        links: tuple[SpanLink, ...] = (),
        error: str | None = None,
    ) -> Span:
        """Return the span of a flow reference below that of ``parent``, None for a root.

        ``error`` is the description of an ERROR status.
        """
        own: Facts = ((semconv.FLOW_ENTITY_TYPE, entity.value), (semconv.FLOW_REFERENCE, reference))
        placement = self.placement
        return Span(
            trace_id=placement.trace_id,
            span_id=placement.span_id(reference),
            parent_span_id=None if parent is None else placement.span_id(parent),
            name=limits.name(name),
            start=nanoseconds(interval.start),
            end=nanoseconds(interval.end),
            resource=self.resource,
            kind=kind,
            attributes=limits.attributes(own, facts, shared=self._shared),
            events=events,
            links=links,
            error=None if error is None else limits.value(error),
        )


# The resources of spans: only what every sender of one entity knows alike.

RUN_SERVICE = "github-actions"
CHANGE_SERVICE = "github"
COMMAND_SERVICE = "flow-telemetry"
_ITEM_SERVICES = {"github": "github-issues"}
# Those of GitHub's things, whose names are made of nothing.
FIXED_SERVICES = frozenset({RUN_SERVICE, CHANGE_SERVICE, *_ITEM_SERVICES.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMaker:
    """Makes the resources of one export, one object for each that is equal.

    ``service_name`` replaces the run's service and may hold `{repository}` and `{workflow}`;
    ``extra`` are the user's own attributes of runs, which never replace ours.
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
        """Return the resource of what stands in no repository: a command outside of any run."""
        further = tuple((key, str(value)) for key, value in self.extra.items())
        return self._resource(self.service_name or COMMAND_SERVICE, (), further)

    def of_change(self, change: Change) -> Resource:
        """Return the resource of a change's spans, and of what delivers it."""
        return self._of_repository(CHANGE_SERVICE, change.repository, ())

    def of_deployment(self, deployment: Deployment) -> Resource:
        """Return the resource of what is told of a deployment, whatever it delivers."""
        return self._of_repository(CHANGE_SERVICE, deployment.repository, ())

    def of_item(self, item: WorkItem) -> Resource:
        """Return the resource of an item's spans: its tracker's."""
        name = _ITEM_SERVICES.get(item.tracker, item.tracker)
        if item.repository is not None:
            return self._of_repository(name, item.repository, ())
        return self._made.setdefault((name,), self._resource(name, (), ()))

    def _of_repository(
        self, name: str, repository: Repository, further: tuple[tuple[str, Maybe], ...]
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
        of_repository: tuple[tuple[str, Maybe], ...],
        further: tuple[tuple[str, Maybe], ...],
    ) -> Resource:
        own = (
            (semconv.SERVICE_NAME, name),
            *of_repository,
            (semconv.FLOW_NAMESPACE, self.namespace),
        )
        return Resource(attributes={**limits.attributes(further), **limits.attributes(own)})


# Why a job failed, told by the annotations that the runner left on it.
#
# GitHub names these causes in words only; each pattern stands beside the message that it is of.

ERRORS = (Result.FAILURE, Result.ERROR, Result.TIMEOUT)

_CAUSES = (
    # The runner says that it "has received a shutdown signal", or GitHub that the runner "lost
    # communication with the server".
    ("runner_lost", re.compile(r"lost communication with the server|received a shutdown signal")),
    # The runner warns of "running out of disk space", tools fail with "No space left on device".
    ("no_space", re.compile(r"no space left on device|running out of disk space", re.IGNORECASE)),
    # "Process completed with exit code 137." is the kernel's kill, nearly always for memory.
    ("out_of_memory", re.compile(r"out of memory|outofmemory|\bexit code 137\b", re.IGNORECASE)),
)
# "Canceling since a higher priority waiting request for 'ci-main' exists"
_SUPERSEDED = re.compile(r"canceling since a higher priority waiting request", re.IGNORECASE)


def job_error_type(job: Job) -> str | None:
    """Return the `error.type` of a job; None where it did not fail."""
    result = result_of(job.conclusion)
    if result not in ERRORS or result is None:
        return None
    return _cause(job.annotations) or _by_result(job.conclusion, result)


def step_error_type(step: Step, job: Job) -> str | None:
    """Return the `error.type` of a step; the job's cause where no other step failed."""
    result = result_of(step.conclusion)
    if result not in ERRORS or result is None:
        return None
    own = failed_steps(job) == (step,)
    return (_cause(job.annotations) if own else None) or _by_result(step.conclusion, result)


def run_error_type(run: Run) -> str | None:
    """Return the `error.type` of a run: the first cause that a failed job of it tells."""
    result = result_of(run.conclusion)
    if result not in ERRORS or result is None:
        return None
    causes = (_cause(job.annotations) for job in run.jobs if result_of(job.conclusion) in ERRORS)
    return next((c for c in causes if c), None) or _by_result(run.conclusion, result)


def failed_steps(job: Job) -> tuple[Step, ...]:
    """Return the steps of a job that failed."""
    return tuple(step for step in job.steps if result_of(step.conclusion) in ERRORS)


def superseded(jobs: Iterable[Job]) -> bool:
    """Whether jobs were cancelled because a newer run of their group came."""
    return any(_SUPERSEDED.search(a.message) for job in jobs for a in job.annotations)


def description(annotations: Iterable[Annotation], otherwise: str) -> str:
    """Return what to say of a failure: its first failure annotation, or ``otherwise``."""
    return next((a.message for a in annotations if a.level == "failure"), otherwise)


def _cause(annotations: Iterable[Annotation]) -> str | None:
    for annotation in annotations:
        for name, pattern in _CAUSES:
            if pattern.search(annotation.message):
                return name
    return None


def _by_result(conclusion: str | None, result: Result) -> str:
    return "startup_failure" if conclusion == "startup_failure" else result.value


# What becomes of spans that are older than a backend takes: it would drop them without a word.


@dataclass(slots=True)
class AgeLimit:
    """Holds spans against an age and counts the old ones.

    ``oldest`` is the earliest start, in nanoseconds since 1970, that is not too old: most backends
    look at the start.
    """

    oldest: int
    policy: OldSpans
    old: int = 0

    def apply(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream with its old spans as the policy says; other records pass."""
        for record in stream:
            if not isinstance(record, Span) or record.start >= self.oldest:
                yield record
                continue
            self.old += 1
            if self.policy is OldSpans.SEND:
                yield record
            elif self.policy is OldSpans.CLAMP:
                yield self._clamped(record)

    def _clamped(self, span: Span) -> Span:
        """The span from the oldest instant on; what was cut stands on it."""
        attributes = {**span.attributes, semconv.FLOW_CLAMPED_START: span.start // 1_000_000_000}
        return replace(
            span, start=self.oldest, end=max(span.end, self.oldest), attributes=attributes
        )


# Making one record of an event: the ids, times and bounds that all kinds of event share.


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMaker:
    """Makes the records of what happened to one entity.

    ``reference`` is the entity's, ``span`` that of its span in the trace of the placement.
    ``common`` are facts that stand on each record.
    """

    subject: EventSubject
    reference: str
    span: str
    placement: Placement
    resource: Resource
    observed: datetime
    common: Facts = ()

    def of(self, happening: TimelineEntry, facts: Facts = ()) -> Iterator[LogRecord]:
        """Return the record of an event; none if its kind is not exported for this entity."""
        event = happening.event
        event_type = find_event_type(self.subject, event.kind)
        if event_type is None:
            return
        older = event.time != happening.time
        actor = event.actor
        own: Facts = (
            (semconv.LOG_RECORD_UID, happening.reference),
            (semconv.FLOW_REFERENCE, self.reference),
            (semconv.ACTOR_LOGIN, actor.login if actor else None),
            (semconv.FLOW_ACTOR_KIND, actor.kind.value if actor else None),
            (semconv.EVENT_TIME, _iso(event.time) if older else None),
            (semconv.EVENT_TIME_UNKNOWN, None if event.has_own_time else True),
        )
        yield LogRecord(
            event_name=event_type.name,
            time=nanoseconds(happening.time),
            observed=nanoseconds(self.observed),
            trace_id=self.placement.trace_id,
            span_id=self.placement.span_id(self.span),
            resource=self.resource,
            attributes=limits.attributes(own, self.placement.keys, self.common, facts),
        )


def _iso(time: datetime) -> str:
    """As `flow.event.time` has it everywhere: to the millisecond, `2026-11-24T03:43:00.000Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
