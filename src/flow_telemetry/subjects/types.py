"""Subjects of an export, and the telemetry that is collected for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.github.runs import RunAddress
from flow_telemetry.github.webhook import DescribedRun
from flow_telemetry.mapping.placement import Tracing
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.rules.timeline import WebhookEvent
from flow_telemetry.settings import EventSending, Settings
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Measurement, Signal, Span

# What an export can be about: a record for each kind of subject.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """The run to export.

    ``own`` is whether the program runs inside this very attempt, ``ended`` whether an event says
    that it has ended, though the API may not show that yet. ``only_beside_others`` leaves out the
    run of a workflow that has no other job than ours. Of our own run the event tells more:
    ``default_branch`` is the repository's, ``started_by`` the run that started it, ``traceparent``
    what a dispatch passed, ``pushed_from`` the commit before the push, and ``told`` a guess
    of what stands above it.
    """

    address: RunAddress
    own: bool = False
    ended: bool = False
    only_beside_others: bool = False
    started_by: RunAddress | None = None
    traceparent: str | None = None
    pushed_from: str | None = None
    default_branch: str | None = None
    told: DescribedRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubject:
    """The pull request to export; ``with_runs`` sends its runs too."""

    repository: str
    number: int
    with_runs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasesSubject:
    """The phases of a pull request that ended when an event came, or since ``ended_since``."""

    repository: str
    number: int
    ended_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSubject:
    """A pull request or an issue and its webhook event, under `events: live`."""

    repository: str
    number: int
    of_change: bool
    telling: WebhookEvent

    @property
    def key(self) -> ItemKey:
        """The key of the issue."""
        return ItemKey(tracker="github", key=str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSubject:
    """The work item to export; ``with_feature`` sends its feature trace too where it is one."""

    repository: str | None
    key: ItemKey
    with_feature: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSubject:
    """The feature to export whole; ``snapshot`` lets it be open, as of now."""

    repository: str | None
    key: ItemKey
    snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSubject:
    """The deployment to export."""

    repository: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSubject:
    """Everything that was closed or deployed in a repository since the last sweep."""

    repository: str


Subject: TypeAlias = (
    RunSubject
    | ChangeSubject
    | PhasesSubject
    | EventSubject
    | ItemSubject
    | FeatureSubject
    | DeploymentSubject
    | SweepSubject
)


def reads_much(subjects: Iterable[Subject]) -> bool:
    """Return whether `max-requests` limits the subjects: a feature or a sweep."""
    return any(
        isinstance(each, (FeatureSubject, SweepSubject))
        or (isinstance(each, ItemSubject) and each.with_feature)
        for each in subjects
    )


# What was read for one subject, before any of it is sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedTelemetry:
    """The spans of a subject, its events and measurements, and what to tell of it.

    ``spans`` and ``facts`` are made as they are taken. Among the facts are requests that tools in
    the job made.

    ``incomplete`` says what the trace lacks, ``problems`` other warnings, ``notices`` things worth
    knowing, ``left_out`` what is not sent and why. ``exported`` is None where nothing is.
    """

    spans: Iterable[Span] = ()
    facts: Iterable[LogRecord | Measurement | EncodedRequest] = ()
    exported: ExportedSubject | None = None
    incomplete: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def missing_telemetry(what: str, error: FlowTelemetryError) -> CollectedTelemetry:
    """Return a notice, or a gap in the trace, for something that could not be read.

    A token without the permission was chosen by the user and fails each time, so that is a notice.
    Every other error leaves a gap.
    """
    texts = (f"{what}: {error}",)
    if isinstance(error, (AccessDeniedError, NotFoundError)):
        return CollectedTelemetry(notices=texts)
    return CollectedTelemetry(incomplete=texts)


# From settings to what the mapping of signals asks for.


def tracing_of(settings: Settings) -> Tracing:
    """Return what the user decided about traces."""
    return Tracing(
        scope=settings.tracing.scope,
        namespace=settings.tracing.namespace,
        feature_trace=settings.tracing.feature_trace,
    )


def resources_of(settings: Settings) -> ResourceMaker:
    """Return the maker of resources that the user's names and attributes go into."""
    return ResourceMaker(
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.tracing.namespace,
    )


# Which facts the user wants to leave.


def wants_events(settings: Settings) -> bool:
    """Whether events leave with their subject, and not each on its own or not at all."""
    wanted = Signal.LOGS in settings.signals.enabled
    return wanted and settings.signals.events is EventSending.COMPLETED


def wants_own_events(settings: Settings) -> bool:
    """Whether the events of runs and deployments leave: they always do with their subject."""
    wanted = Signal.LOGS in settings.signals.enabled
    return wanted and settings.signals.events is not EventSending.NONE


def wants_metrics(settings: Settings) -> bool:
    """Whether metrics leave."""
    return Signal.METRICS in settings.signals.enabled
