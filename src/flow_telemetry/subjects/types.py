"""Subjects of an export, and the telemetry that is collected for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError, NotFoundError
from flow_telemetry.github.runs import RunAddress
from flow_telemetry.github.webhook import DescribedRun
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.mapping.placement import Tracing
from flow_telemetry.mapping.spans import ResourceMaker
from flow_telemetry.model import Deployment, Run
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.outcome import ExportedSubject
from flow_telemetry.report.text import trace_url
from flow_telemetry.rules.intervals import Interval, Window
from flow_telemetry.rules.timeline import WebhookEvent
from flow_telemetry.settings import EventSending, Settings, TraceScope
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Measurement, Signal, Span
from flow_telemetry.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """A run.

    ``own`` is whether the program runs inside this very attempt, ``ended`` whether an event says
    that it has ended, though the API may not show that yet. ``only_beside_others`` leaves out the
    run if our job is its only job.

    A sweep exports only an attempt whose end is ``within`` its window. An attempt without a job
    ends at its start, or at ``unfinished_at``, when a sweep last saw it unfinished. ``listed``
    is this attempt in the list of a sweep.

    The event of our own run contains more: ``default_branch`` is the repository's, ``started_by``
    the run that started it, ``traceparent`` the one that a dispatch passed, ``pushed_from`` the
    commit before the push, ``pushed`` the other commits of the push, None if they are not all
    known, and ``described`` the run as the event describes it.
    """

    address: RunAddress
    own: bool = False
    ended: bool = False
    only_beside_others: bool = False
    started_by: RunAddress | None = None
    traceparent: str | None = None
    pushed_from: str | None = None
    pushed: tuple[str, ...] | None = None
    default_branch: str | None = None
    described: DescribedRun | None = None
    within: Window | None = None
    unfinished_at: datetime | None = None
    listed: Run | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubject:
    """A pull request; ``with_runs`` exports its runs too.

    With ``closed_within`` its events and metrics are those of every closing in that time, else
    those of the last closing.
    """

    repository: str
    number: int
    with_runs: bool = False
    closed_within: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasesSubject:
    """The phases of a pull request that have ended since ``ended_since``."""

    repository: str
    number: int
    ended_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSubject:
    """A webhook event and its pull request or issue, under `events: live`."""

    repository: str
    number: int
    of_change: bool
    webhook_event: WebhookEvent

    @property
    def key(self) -> ItemKey:
        """The key of the issue."""
        return ItemKey(tracker="github", key=str(self.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSubject:
    """A work item; ``with_feature`` exports its feature trace too, if it is a feature.

    With ``closed_within`` its events and metrics are those of every closing in that time, else
    those of the last closing.
    """

    repository: str | None
    key: ItemKey
    with_feature: bool = False
    closed_within: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSubject:
    """A whole feature; ``snapshot`` exports an open one as of now."""

    repository: str | None
    key: ItemKey
    snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSubject:
    """A deployment.

    ``status_id`` is the status that the event reports. ``late_statuses`` are final statuses after
    the first one, which are events only; with ``only_late`` nothing else is exported.

    A sweep exports the final statuses that are ``within`` its window, and has ``listed`` the
    deployment. ``runs_of_events`` are the attempts that runs of events exported, such as
    `workflow_run 999 attempt 2`, and their deployments with them.
    """

    repository: str
    id: int
    status_id: int | None = None
    late_statuses: tuple[int, ...] = ()
    only_late: bool = False
    within: Window | None = None
    listed: Deployment | None = field(default=None, repr=False, compare=False)
    runs_of_events: frozenset[str] = field(default=frozenset(), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSubject:
    """Everything that ended in a repository since the last sweep; it consists of subjects."""

    repository: str


Subject: TypeAlias = (
    RunSubject
    | ChangeSubject
    | PhasesSubject
    | EventSubject
    | ItemSubject
    | FeatureSubject
    | DeploymentSubject
)


def reads_much(subjects: Iterable[Subject]) -> bool:
    """Return whether `max-requests` limits the subjects, because one is a feature."""
    return any(
        isinstance(subject, FeatureSubject)
        or (isinstance(subject, ItemSubject) and subject.with_feature)
        for subject in subjects
    )


# The telemetry of a subject, before it is sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedTelemetry:
    """The spans of a subject, its events and metrics, and the messages about them.

    ``spans`` and ``events_and_metrics`` may be generators. The latter include requests that tools
    in the job encoded.

    ``ends`` are the closings, or the end, that belong to a sweep's window.

    ``incomplete`` lists gaps in the trace, ``problems`` other warnings, ``notices`` information,
    ``left_out`` what is not sent and why. ``exported`` is None if no span is sent.
    """

    spans: Iterable[Span] = ()
    events_and_metrics: Iterable[LogRecord | Measurement | EncodedRequest] = ()
    exported: ExportedSubject | None = None
    ends: tuple[datetime, ...] = ()
    incomplete: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def missing_telemetry(what: str, error: FlowTelemetryError) -> CollectedTelemetry:
    """Return a notice, or a gap in the trace, for something that could not be read.

    The user chose the permissions of the token, and a missing one fails every time, so that is a
    notice. Every other error leaves a gap.
    """
    texts = (f"{what}: {error}",)
    if isinstance(error, (AccessDeniedError, NotFoundError)):
        return CollectedTelemetry(notices=texts)
    return CollectedTelemetry(incomplete=texts)


# The words of `counted` for texts that are left out.
FURTHER_NOTICES = ("further notice", "is not shown", "are not shown")


def limit_texts(
    texts: Sequence[str], most: int, words: tuple[str, str, str] = FURTHER_NOTICES
) -> list[str]:
    """Return the first ``most`` texts and, if there are more, a text with the number of the rest.

    A pattern may match very many files that are not reports, and a server that is down fails every
    time.
    """
    more = len(texts) - most
    return [*texts[:most], *([counted(more, *words)] if more > 0 else [])]


def build_trace_url(
    settings: Settings, trace: TraceIdentity, reference: str, interval: Interval
) -> str | None:
    """Return the address of a span by `trace-url`; None if that is not set."""
    template = settings.tracing.trace_url
    return trace_url(template, trace, reference, interval) if template else None


# Settings for the mapping.


def build_tracing(settings: Settings) -> Tracing:
    """Return the settings of traces."""
    return Tracing(
        scope=settings.tracing.scope,
        namespace=settings.tracing.namespace,
        feature_trace=settings.tracing.feature_trace,
        names=settings.tracing.names,
        boilerplate_steps=settings.tracing.boilerplate_steps,
    )


def build_resource_maker(settings: Settings) -> ResourceMaker:
    """Return the maker of resources with the user's service name and attributes."""
    return ResourceMaker(
        service_name=settings.service_name,
        extra=settings.resource_attributes,
        namespace=settings.tracing.namespace,
    )


def wants_events(settings: Settings) -> bool:
    """Whether events are exported with their subject, and not live or not at all."""
    wanted = Signal.LOGS in settings.signals.enabled
    return wanted and settings.signals.events is EventSending.COMPLETED


def wants_own_events(settings: Settings) -> bool:
    """Whether the events of runs and deployments are exported, always with their subject."""
    wanted = Signal.LOGS in settings.signals.enabled
    return wanted and settings.signals.events is not EventSending.NONE


def wants_metrics(settings: Settings) -> bool:
    """Whether metrics are exported."""
    return Signal.METRICS in settings.signals.enabled


# With these, the live trace of a feature has it as its root.
ROOTED_IN_ITEMS = (TraceScope.ITEM, TraceScope.FEATURE)


def has_feature_trace(settings: Settings) -> bool:
    """Whether the closing of a feature sends a trace of it, besides its live trace."""
    return settings.tracing.feature_trace and settings.tracing.scope not in ROOTED_IN_ITEMS
