"""Requests to GitHub as metrics of the export that sent them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flow_telemetry.context import ExportContext
from flow_telemetry.identity import host_of
from flow_telemetry.model import Repository
from flow_telemetry.model.api_usage import ApiUsage
from flow_telemetry.subjects.types import (
    ChangeSubject,
    CollectedTelemetry,
    DeploymentSubject,
    EventSubject,
    FeatureSubject,
    ItemSubject,
    PhasesSubject,
    RunSubject,
    Subject,
    build_resource_maker,
    wants_metrics,
)
from flow_telemetry.telemetry import EncodedRequest, LogRecord, Measurement

SWEEP = "sweep"
_KINDS: dict[type[Subject], str] = {
    RunSubject: "run",
    ChangeSubject: "change",
    PhasesSubject: "change",
    EventSubject: "event",
    ItemSubject: "item",
    FeatureSubject: "feature",
    DeploymentSubject: "deployment",
}


def kind_of(subject: Subject) -> str:
    """Return the kind of a subject, as the metrics of an export name it."""
    return _KINDS[type(subject)]


@dataclass(slots=True)
class UsageMetrics:
    """The requests of an export, which are sent with the other metrics of it, if there are any.

    So an export that sends no metrics, such as that of an event, needs no request for them alone.
    """

    has_metrics: bool = False

    def watched(self, slices: Iterable[CollectedTelemetry]) -> Iterator[CollectedTelemetry]:
        """Yield the telemetry, and note whether it has metrics."""
        for collected in slices:
            yield replace(collected, events_and_metrics=self._watched(collected.events_and_metrics))

    def _watched(
        self, records: Iterable[LogRecord | Measurement | EncodedRequest]
    ) -> Iterator[LogRecord | Measurement | EncodedRequest]:
        for record in records:
            self.has_metrics |= isinstance(record, Measurement)
            yield record

    def collect(
        self,
        context: ExportContext,
        subject: str,
        repository: Repository | None = None,
        before: Iterable[ApiUsage] = (),
    ) -> Iterator[CollectedTelemetry]:
        """Yield the requests since ``before``, after all other telemetry of the export.

        ``repository`` is that of the settings, or of the workflow, unless it is known.
        """
        home = repository or _home(context)
        if not self.has_metrics or home is None or not wants_metrics(context.settings):
            return
        # Loaded only for metrics.
        from flow_telemetry.mapping.api_usage import usage_measurements  # noqa: PLC0415

        measurements = usage_measurements(
            context.github.limits.usage(),
            home,
            build_resource_maker(context.settings),
            context.clock.now(),
            subject=subject,
            before=before,
        )
        yield CollectedTelemetry(events_and_metrics=measurements)


def _home(context: ExportContext) -> Repository | None:
    settings = context.settings
    owner, slash, name = (settings.repository or settings.runner.repository or "").partition("/")
    if not slash:
        return None
    server = settings.github.server_url
    return context.with_aliases(
        Repository(host=host_of(server), owner=owner, name=name, url=f"{server}/{owner}/{name}")
    )
