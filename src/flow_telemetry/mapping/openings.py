"""Opening spans: the creation of a pull request or work item, above everything that it owns.

A live trace is sent piece by piece. Each export sends the openings above what it exports again, so
that the trace has a root, and no span without a parent, from the first export on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.attributes import Entity
from flow_telemetry.mapping.limits import OptionalValue, nanoseconds
from flow_telemetry.mapping.placement import Opening, Placement
from flow_telemetry.mapping.spans import CHANGE_SERVICE, ITEM_SERVICES, is_opening
from flow_telemetry.rules.order import MICROSECOND
from flow_telemetry.settings import SpanNames
from flow_telemetry.telemetry import Resource, Span, Telemetry

# The parts of `github.com/acme/shop/pull/123`.
_GITHUB_PARTS = 5


def opening_spans(placement: Placement) -> Iterator[Span]:
    """Return the opening spans above an entity, the root of the trace first."""
    for opening in reversed(placement.openings):
        yield opening_span(opening, placement)


def opening_span(opening: Opening, placement: Placement) -> Span:
    """Return the opening span of an owner, 1 µs long.

    It is made of the owner's reference and creation, the namespace and `span-names` alone, so every
    export sends the same: titles, types, authors and even a repository's spelling can change. What
    it contains is part of version 1 of the identity.
    """
    owner = _describe(opening.reference)
    namespace: tuple[tuple[str, OptionalValue], ...] = (
        (semconv.FLOW_NAMESPACE, placement.trace.namespace),
    )
    return Span(
        trace_id=placement.trace_id,
        span_id=placement.span_id(opening.reference),
        parent_span_id=None if opening.parent is None else placement.span_id(opening.parent),
        name=limits.name(owner.plain if placement.names is SpanNames.PLAIN else owner.name),
        start=nanoseconds(opening.created_at),
        end=nanoseconds(opening.created_at + MICROSECOND),
        resource=Resource(attributes=limits.attributes(owner.resource, namespace)),
        attributes=limits.attributes(
            (
                (semconv.FLOW_ENTITY_TYPE, Entity.OPENING.value),
                (semconv.FLOW_REFERENCE, opening.reference),
                (semconv.FLOW_TRACE, placement.kind.value),
                owner.key,
            )
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """What a reference says of a pull request or work item; ``plain`` is a name without its key."""

    name: str
    plain: str
    key: tuple[str, OptionalValue]
    resource: tuple[tuple[str, OptionalValue], ...]


def _describe(reference: str) -> _Owner:
    parts = reference.split("/")
    if len(parts) == _GITHUB_PARTS and parts[3] in ("pull", "issues"):
        _, owner, repository, kind, number = parts
        resource = (
            (semconv.VCS_PROVIDER_NAME, "github"),
            (semconv.VCS_OWNER_NAME, owner),
            (semconv.VCS_REPOSITORY_NAME, repository),
        )
        if kind == "pull":
            return _Owner(
                name=f"pull request #{number}",
                plain="pull request",
                key=(semconv.VCS_CHANGE_ID, number),
                resource=((semconv.SERVICE_NAME, CHANGE_SERVICE), *resource),
            )
        key = f"{owner}/{repository}#{number}"
        return _Owner(
            name=f"issue {key}",
            plain="issue",
            key=(semconv.FLOW_WORK_ITEM_KEY, key),
            resource=((semconv.SERVICE_NAME, ITEM_SERVICES["github"]), *resource),
        )
    tracker, _, key = reference.partition("/")
    return _Owner(
        name=key,
        plain="issue",
        key=(semconv.FLOW_WORK_ITEM_KEY, key),
        resource=((semconv.SERVICE_NAME, ITEM_SERVICES.get(tracker, tracker)),),
    )


@dataclass(frozen=True, slots=True)
class SentOpenings:
    """The opening spans that one export has sent: it sends each of them once."""

    _ids: set[tuple[str, str]] = field(default_factory=set)

    def apply(self, stream: Iterable[Telemetry]) -> Iterator[Telemetry]:
        """Yield the stream without opening spans that were there before."""
        for record in stream:
            if isinstance(record, Span) and is_opening(record):
                ids = (record.trace_id, record.span_id)
                if ids in self._ids:
                    continue
                self._ids.add(ids)
            yield record
