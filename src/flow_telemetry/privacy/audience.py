"""Redaction of other repositories and trackers if the own repository is public."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flow_telemetry.identity import fold
from flow_telemetry.mapping import attributes as semconv
from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import metric_attributes as metric_semconv
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.spans import FIXED_SERVICES, RUN_SERVICE
from flow_telemetry.model import Change, Lineage, Repository, WorkItem
from flow_telemetry.outcome import ExportedSubject, Outcome
from flow_telemetry.settings import RunnerContext
from flow_telemetry.telemetry import Attributes, EncodedRequest, Resource, Span

if TYPE_CHECKING:  # Loaded only if a feature was read.
    from flow_telemetry.model.overview import FeatureOverview

# The privacy model. Anyone can read the summaries, annotations and logs of a public repository, and
# download a spool that is kept as an artifact. Other repositories and trackers may be private.
# So only their keys, ids and times are shown, by these tables.

NOT_SHOWN = "(not shown)"
# Replaces the description of an error.
FAILED = "failed"

_ITEM_KEYS = (semconv.FLOW_WORK_ITEM_KEY, semconv.FLOW_FEATURE_KEY)
_PUBLIC_ATTRIBUTES = frozenset(
    {
        *_ITEM_KEYS,
        semconv.FLOW_ENTITY_TYPE,
        semconv.FLOW_TRACE,
        semconv.FEATURE_TRACE_ID,
        semconv.FLOW_LINK,
        semconv.FLOW_PARTIAL,
        semconv.FLOW_CLAMPED_START,
        semconv.VCS_CHANGE_ID,
        semconv.GITHUB_REPOSITORY,
        semconv.GITHUB_RUN_ATTEMPT,
        semconv.CICD_PIPELINE_RUN_ID,
        semconv.CICD_PIPELINE_TASK_RUN_ID,
        semconv.FLOW_JOB_ID,
        work_semconv.ITEM_TRACKER,
        work_semconv.DEPLOYMENT_ID,
        event_semconv.EVENT_NAME,
        event_semconv.EVENT_TIME,
        event_semconv.EVENT_TIME_UNKNOWN,
    }
)
# Public without the end, which contains a label, a person, a file or a test.
_REFERENCES = (semconv.FLOW_REFERENCE, event_semconv.LOG_RECORD_UID)
_PRIVATE_END = re.compile(r"(?<=#test):.*|(?<=:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ):.*", re.DOTALL)
# The name of a run's service can be made of its workflow's name, so it is not among these.
_PUBLIC_RESOURCE_ATTRIBUTES = (
    semconv.VCS_PROVIDER_NAME,
    semconv.VCS_OWNER_NAME,
    semconv.VCS_REPOSITORY_NAME,
    semconv.FLOW_NAMESPACE,
)
# Their values are enumerations of the conventions; without them a point means something else.
_PUBLIC_POINT_ATTRIBUTES = _PUBLIC_ATTRIBUTES | {
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
    metric_semconv.LOAD_INCOMPLETE,
    metric_semconv.JOB_STATE,
    metric_semconv.TIME_STATE,
    metric_semconv.TIME_INCOMPLETE,
    metric_semconv.PRODUCTION,
    metric_semconv.DEPLOYMENT_STATUS,
    metric_semconv.COVERAGE_UNIT,
    metric_semconv.TEST_RESULT,
    metric_semconv.API,
    metric_semconv.EXPORT_SUBJECT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The readers of the output: the public, or the readers of the own repository.

    ``own_repository`` is that of the workflow, as owner/name. If it is empty, everything is
    redacted for the public.
    """

    own_repository: str = ""
    public: bool = False

    def may_read(self, repository: Repository | None) -> bool:
        """Return whether they may read all of a repository, or of a tracker, which is None."""
        return not self.public or self._owns("" if repository is None else repository.full_name)

    def may_read_resource(self, resource: Resource) -> bool:
        """Return whether they may read all of the telemetry of a resource."""
        attributes = resource.attributes
        owner = attributes.get(semconv.VCS_OWNER_NAME, "")
        name = attributes.get(semconv.VCS_REPOSITORY_NAME, "")
        return not self.public or self._owns(f"{owner}/{name}")

    def may_read_request(self, request: EncodedRequest) -> bool:
        """Return whether they may read a request made by tools, whose content is not known.

        A request without a repository was made in the own one.
        """
        return not self.public or not request.repository or self._owns(request.repository)

    def _owns(self, full_name: str) -> bool:
        return bool(self.own_repository) and fold(full_name) == fold(self.own_repository)


def read_audience(runner: RunnerContext, event: Mapping[str, object]) -> Audience:
    """Return the audience by the payload of the event that started the workflow.

    Outside a run, the audience is the user who started the program. A repository counts as public
    unless the payload describes it as private, or as internal to an enterprise.
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
    """
    own_repository = runner.repository or ""
    if runner.run_id is None:
        return Audience(own_repository=own_repository)
    payload = event.get("repository")
    repository = payload if isinstance(payload, Mapping) else {}
    closed = repository.get("private") is True or repository.get("visibility") in (
        "private",
        "internal",
    )
    return Audience(own_repository=own_repository, public=not closed)


# Outcomes and drawings: the summary, annotations, the log and the page.


def redact_outcome(audience: Audience, outcome: Outcome) -> Outcome:
    """Return the outcome redacted for its audience: of other repositories only their keys."""
    if not audience.public:
        return outcome
    exported = outcome.exported
    return replace(
        outcome,
        exported=None if exported is None else _redact_exported(audience, exported),
        further=tuple(_redact_exported(audience, subject) for subject in outcome.further),
    )


def _redact_exported(audience: Audience, exported: ExportedSubject) -> ExportedSubject:
    lineage = redact_lineage(audience, exported.lineage)
    subject = exported.run or exported.change or exported.item
    if subject is not None and not audience.may_read(subject.repository):
        title = exported.reference if exported.item is None else exported.item.key
        return replace(
            exported,
            title=title,
            lineage=lineage,
            run=None,
            change=None,
            item=None,
            parentage=None,
            time=None,
            comparison=None,
            runs=None,
            feature=None,
        )

    def redact(change: Change) -> Change:
        if audience.may_read(change.repository):
            return change
        return Change(repository=change.repository, number=change.number)

    parentage = exported.parentage
    if parentage is not None:
        parentage = replace(
            parentage,
            change=None if parentage.change is None else redact(parentage.change),
            others=tuple(map(redact, parentage.others)),
        )
    feature = exported.feature
    return replace(
        exported,
        lineage=lineage,
        parentage=parentage,
        feature=None if feature is None else _redact_feature(audience, feature),
    )


def _redact_feature(audience: Audience, feature: FeatureOverview) -> FeatureOverview:
    """Return an overview whose rows of other repositories and trackers have only keys and times."""
    may_read, runs = audience.may_read, feature.runs
    if not all(may_read(row.repository) for row in feature.work):
        # A run has no repository here; how many there were, and when, may be shown.
        rows = tuple(replace(row, workflow="", url="") for row in runs.rows)
        runs = replace(runs, rows=rows, cost=None)
    return replace(
        feature,
        work=tuple(
            row if may_read(row.repository) else replace(row, type="", title="", url="", state="")
            for row in feature.work
        ),
        waits=tuple(
            row if may_read(row.repository) else replace(row, title="", url="")
            for row in feature.waits
        ),
        deployments=tuple(
            row if may_read(row.repository) else replace(row, environment=NOT_SHOWN, url="")
            for row in feature.deployments
        ),
        runs=runs,
    )


def redact_lineage(audience: Audience, lineage: Lineage) -> Lineage:
    """Return a lineage whose items of other repositories and trackers have only their keys."""

    def redact(items: Iterable[WorkItem]) -> tuple[WorkItem, ...]:
        return tuple(
            item
            if audience.may_read(item.repository)
            else WorkItem(
                tracker=item.tracker, key=item.key, reference=item.reference, read=item.read
            )
            for item in items
        )

    return replace(
        lineage,
        items=redact(lineage.items),
        above=redact(lineage.above),
        others=redact(lineage.others),
    )


def redact_drawn_spans(audience: Audience, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans to be drawn; those of other repositories have only keys and public attributes.

    Their names are keys too, and they have neither events nor links.
    """
    return tuple(
        span if audience.may_read_resource(span.resource) else _redact_drawn_span(span)
        for span in spans
    )


def _redact_drawn_span(span: Span) -> Span:
    keys = (span.attributes.get(name) for name in _ITEM_KEYS)
    return replace(
        span,
        name=next((key for key in keys if isinstance(key, str)), NOT_SHOWN),
        error=None if span.error is None else FAILED,
        attributes=public_attributes(_texts(span.attributes)),
        events=(),
        links=(),
        resource=Resource(attributes=public_resource_attributes(_texts(span.resource.attributes))),
    )


def _texts(attributes: Attributes) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if isinstance(value, str)}


# Attributes in the spool


def public_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the public attributes of a span or log record, with texts that may be shortened."""
    public = {name: text for name, text in attributes.items() if name in _PUBLIC_ATTRIBUTES}
    for name in _REFERENCES:
        if name in attributes:
            public[name] = _PRIVATE_END.sub("", attributes[name])
    return public


def public_resource_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the public attributes of a resource, and a service that is a known name."""
    public = {name: attributes[name] for name in _PUBLIC_RESOURCE_ATTRIBUTES if name in attributes}
    service = attributes.get(semconv.SERVICE_NAME, "")
    # A tracker has no repository, and its service has the tracker's name.
    if semconv.VCS_OWNER_NAME in attributes and service not in FIXED_SERVICES:
        service = RUN_SERVICE
    return {semconv.SERVICE_NAME: service, **public}


def is_public_in_points(name: str) -> bool:
    """Return whether the value of an attribute of metric points is public."""
    return name in _PUBLIC_POINT_ATTRIBUTES
