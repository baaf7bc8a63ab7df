"""What a public repository may show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, cast

from flow_telemetry.identity import fold
from flow_telemetry.mapping import attributes as event_semconv
from flow_telemetry.mapping import attributes as flow_semconv
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import metric_attributes as metric_semconv
from flow_telemetry.mapping.spans import FIXED_SERVICES, RUN_SERVICE
from flow_telemetry.model import Change, Lineage, Parentage, Repository, WorkItem
from flow_telemetry.outcome import Exported, Outcome
from flow_telemetry.settings import RunnerContext
from flow_telemetry.telemetry import Attributes, AttributeValue, LogRecord, Prepared, Resource, Span

# Who reads what is shown, and what is none of theirs.
#
# In a public repository anybody reads summaries, annotations and logs. What another tracker or
# another repository holds may be private, so nothing of it is shown there but its key.

_OWNER, _REPOSITORY = "vcs.owner.name", "vcs.repository.name"
_KEYS = ("flow.work_item.key", "flow.feature.key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Those who can read what is shown: ``everybody``, or those who may read ``home``.

    ``home`` is the repository whose workflow it is, as owner/name; what it holds is theirs to read.
    """

    home: str = ""
    everybody: bool = False

    def may_read(self, repository: Repository | None) -> bool:
        """Return whether they may read what the repository holds; None stands for a tracker."""
        if not self.everybody:
            return True
        return repository is not None and fold(repository.full_name) == fold(self.home)


def audience_of(runner: RunnerContext, event: Mapping[str, object]) -> Audience:
    """Return who reads what is shown, by the payload of the event that started the workflow.

    Outside of a run that is who started the program. A repository of which the payload does not say
    that it is private, or internal to an enterprise, counts as public.
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    home = runner.repository or ""
    if runner.run_id is None:
        return Audience(home=home)
    told = event.get("repository")
    repository = told if isinstance(told, Mapping) else {}
    closed = repository.get("private") is True or repository.get("visibility") in (
        "private",
        "internal",
    )
    return Audience(home=home, everybody=not closed)


def fit_for(audience: Audience, outcome: Outcome) -> Outcome:
    """Return the outcome with no more of others than their keys, where everybody reads it."""
    if not audience.everybody:
        return outcome
    exported = outcome.exported
    return replace(
        outcome,
        exported=None if exported is None else _exported(audience, exported),
        further=tuple(_exported(audience, each) for each in outcome.further),
    )


def _exported(audience: Audience, exported: Exported) -> Exported:
    above = exported.parentage
    shown = replace(
        exported,
        lineage=lineage_for(audience, exported.lineage),
        parentage=None if above is None else _parentage(audience, above),
    )
    return shown if _is_home(audience, exported) else _by_key_alone(shown)


def _is_home(audience: Audience, exported: Exported) -> bool:
    about = exported.run or exported.change or exported.item
    return about is None or audience.may_read(about.repository)


def _by_key_alone(exported: Exported) -> Exported:
    item = exported.item
    name = item.key if item is not None else exported.reference
    return replace(exported, title=name, run=None, change=None, item=None, parentage=None)


def _parentage(audience: Audience, above: Parentage) -> Parentage:
    change = above.change
    return replace(
        above,
        change=None if change is None else _change(audience, change),
        others=tuple(_change(audience, each) for each in above.others),
    )


def _change(audience: Audience, change: Change) -> Change:
    if audience.may_read(change.repository):
        return change
    return Change(repository=change.repository, number=change.number)


def lineage_for(audience: Audience, lineage: Lineage) -> Lineage:
    """Return a lineage in which others' items have nothing but their keys."""
    return replace(
        lineage,
        items=_items(audience, lineage.items),
        above=_items(audience, lineage.above),
        others=_items(audience, lineage.others),
    )


def _items(audience: Audience, items: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
    return tuple(
        each
        if audience.may_read(each.repository)
        else WorkItem(tracker=each.tracker, key=each.key, reference=each.reference, read=each.read)
        for each in items
    )


def spans_for(audience: Audience, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans to be drawn, others' under their keys alone."""
    return tuple(_span(audience, each) for each in spans)


def _span(audience: Audience, span: Span) -> Span:
    of = span.resource.attributes
    place = f"{of.get(_OWNER, '')}/{of.get(_REPOSITORY, '')}"
    if not audience.everybody or fold(place) == fold(audience.home):
        return span
    keys = (span.attributes.get(name) for name in _KEYS)
    name = next((key for key in keys if isinstance(key, str)), "(not shown)")
    return replace(span, name=name, error=None if span.error is None else "failed", attributes={})


# Telemetry that everybody can read: of others' things keys, ids and times, and nothing more.
#
# A spool of a public repository may be kept as an artifact, which everybody can download. What
# another tracker or another repository holds may be private.

NOT_SHOWN = "(not shown)"
# The name of a run's service can be made of its workflow's.
_OF_RESOURCE = (
    semconv.VCS_PROVIDER_NAME,
    semconv.VCS_OWNER_NAME,
    semconv.VCS_REPOSITORY_NAME,
    semconv.FLOW_NAMESPACE,
)
_KEYS_AND_IDS = frozenset(
    {
        semconv.FLOW_ENTITY_TYPE,
        semconv.FLOW_FEATURE_KEY,
        semconv.FLOW_WORK_ITEM_KEY,
        semconv.FLOW_LINK,
        semconv.FLOW_PARTIAL,
        semconv.FLOW_CLAMPED_START,
        semconv.VCS_CHANGE_ID,
        semconv.GITHUB_REPOSITORY,
        semconv.GITHUB_RUN_ATTEMPT,
        semconv.CICD_PIPELINE_RUN_ID,
        semconv.CICD_PIPELINE_TASK_RUN_ID,
        flow_semconv.ITEM_TRACKER,
        flow_semconv.DEPLOYMENT_ID,
        event_semconv.EVENT_TIME,
        event_semconv.EVENT_TIME_UNKNOWN,
    }
)
_REFERENCES = (semconv.FLOW_REFERENCE, event_semconv.LOG_RECORD_UID)
# What a reference is made of where there is no number: labels, people, files and tests.
_BEYOND_KEYS = re.compile(r"(?<=#test):.*|(?<=:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ):.*", re.DOTALL)
# Words of the conventions or of ours, without which a point would mean something else.
_OF_POINTS = _KEYS_AND_IDS | {
    semconv.CICD_PIPELINE_RESULT,
    semconv.CICD_PIPELINE_TASK_RUN_RESULT,
    semconv.ERROR_TYPE,
    metric_semconv.BRANCH,
    metric_semconv.RUN_STATE,
    metric_semconv.RUNNER_KIND,
    metric_semconv.OS_TYPE,
    metric_semconv.MEMORY_STATE,
    metric_semconv.DISK_DIRECTION,
    metric_semconv.NETWORK_DIRECTION,
    metric_semconv.COMMAND_RESULT,
    metric_semconv.CPU_MODE,
    metric_semconv.CHANGE_STATE,
    metric_semconv.AUTHOR_KIND,
    metric_semconv.LINE_CHANGE,
    metric_semconv.PHASE,
    metric_semconv.ITEM_CATEGORY,
    metric_semconv.FEATURE_COMPLETE,
    metric_semconv.PRODUCTION,
    metric_semconv.DEPLOYMENT_STATUS,
    metric_semconv.COVERAGE_UNIT,
    metric_semconv.TEST_RESULT,
}


class HasResource(Protocol):
    """A span, a log record, or a point of a metric: a dataclass that can be replaced."""

    @property
    def resource(self) -> Resource:
        """Return the entity that it comes from."""
        ...

    @property
    def attributes(self) -> Attributes:
        """Return its attributes."""
        ...


Item = TypeVar("Item", bound=HasResource)


@dataclass(slots=True)
class ForEverybody:
    """Takes out what is others'. ``home`` is the repository whose things stay whole.

    It is given as owner/name; where it is empty, nothing stays whole.
    """

    home: str
    _resources: dict[int, tuple[Resource, Resource]] = field(default_factory=dict)
    _hidden: dict[AttributeValue, str] = field(default_factory=dict)

    def item(self, item: Item) -> Item:
        """Return a span, log record or point as everybody may read it."""
        of = item.resource.attributes
        owner, name = of.get(semconv.VCS_OWNER_NAME, ""), of.get(semconv.VCS_REPOSITORY_NAME, "")
        if self.is_home(f"{owner}/{name}"):
            return item
        resource = self._resource(item.resource)
        if isinstance(item, Span):
            return cast("Item", _withheld_span(item, resource))
        if isinstance(item, LogRecord):
            attributes = _keys_and_ids(item.attributes)
            record = replace(item, body=None, attributes=attributes, resource=resource)
            return cast("Item", record)
        changes = {"attributes": self._of_point(item.attributes), "resource": resource}
        return replace(item, **changes)  # type: ignore[type-var]

    def may_keep(self, prepared: Prepared) -> bool:
        """Return whether a request that tools made may be kept: it says what they wanted it to."""
        return not prepared.repository or self.is_home(prepared.repository)

    def is_home(self, repository: str) -> bool:
        """Return whether a repository, as owner/name, is the one whose things stay whole."""
        return bool(self.home) and fold(repository) == fold(self.home)

    def _resource(self, resource: Resource) -> Resource:
        """Few resources stand behind many items, and stay one object each."""
        known = self._resources.get(id(resource))
        if known is None:
            # The original is kept beside: its id must not become another's.
            known = self._resources[id(resource)] = (resource, _resource(resource))
        return known[1]

    def _of_point(self, attributes: Attributes) -> Attributes:
        """What is hidden differs still where it differed: no series becomes another's."""
        return {
            name: value if name in _OF_POINTS else self._place_of(value)
            for name, value in attributes.items()
        }

    def _place_of(self, value: AttributeValue) -> AttributeValue:
        key = tuple(value) if isinstance(value, (list, tuple)) else value
        number = len(self._hidden) + 1
        return self._hidden.setdefault(key, NOT_SHOWN if number == 1 else f"{NOT_SHOWN} {number}")


def _resource(resource: Resource) -> Resource:
    of = resource.attributes
    kept = {name: of[name] for name in _OF_RESOURCE if name in of}
    service = of.get(semconv.SERVICE_NAME, "")
    # That of a tracker, which has no repository, is the tracker's name.
    if semconv.VCS_OWNER_NAME in of and service not in FIXED_SERVICES:
        service = RUN_SERVICE
    return Resource(attributes={semconv.SERVICE_NAME: service, **kept})


def _withheld_span(span: Span, resource: Resource) -> Span:
    attributes = _keys_and_ids(span.attributes)
    return replace(
        span,
        name=str(attributes.get(semconv.FLOW_REFERENCE, NOT_SHOWN)),
        resource=resource,
        attributes=attributes,
        events=(),
        links=tuple(replace(e, attributes=_keys_and_ids(e.attributes)) for e in span.links),
        error=None if span.error is None else "failed",
    )


def _keys_and_ids(attributes: Attributes) -> Attributes:
    kept = {name: value for name, value in attributes.items() if name in _KEYS_AND_IDS}
    for name in _REFERENCES:
        reference = attributes.get(name)
        if isinstance(reference, str):
            kept[name] = _BEYOND_KEYS.sub("", reference)
    return kept
