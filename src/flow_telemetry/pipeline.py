"""The export pipeline: subjects are read, mapped and sent; the result is an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from flow_telemetry.clock import Interrupted
from flow_telemetry.context import ExportContext
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.github.permissions import describe_missing
from flow_telemetry.mapping.bodies import add_bodies
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.metric_attributes import unknown_attributes
from flow_telemetry.mapping.openings import SentOpenings
from flow_telemetry.mapping.spans import AgeLimit
from flow_telemetry.otlp.batch import TraceSizes
from flow_telemetry.otlp.spool import format_unstored
from flow_telemetry.outcome import Outcome, Status, describe_redacted
from flow_telemetry.privacy.records import (
    hide_people_in_outcome,
    hide_people_in_telemetry,
    redact_record,
    redact_telemetry,
)
from flow_telemetry.rules.people import People
from flow_telemetry.settings import OldSpans, Settings, TraceScope
from flow_telemetry.subjects.collect import collect
from flow_telemetry.subjects.types import CollectedTelemetry, Subject
from flow_telemetry.subjects.usage import UsageMetrics, kind_of
from flow_telemetry.telemetry import Delivery, Telemetry
from flow_telemetry.text import counted


def export(context: ExportContext, subjects: Iterable[Subject]) -> Outcome:
    """Export the subjects and return the outcome.

    A subject is read while the spans of the previous one are being sent. Errors become problems of
    the outcome; an error of one subject does not stop the others.
    """
    return export_collected(
        context, partial(_collect_each, subjects=subjects), finishes_subject=True
    )


def _collect_each(
    context: ExportContext, subjects: Iterable[Subject]
) -> Iterator[Iterator[CollectedTelemetry]]:
    usage, kinds = UsageMetrics(), []
    for subject in subjects:
        kinds.append(kind_of(subject))
        yield usage.watched(collect(context, subject))
    if kinds:
        yield usage.collect(context, kinds[0])


def export_collected(
    context: ExportContext,
    read: Callable[[ExportContext], Iterable[Iterator[CollectedTelemetry]]],
    *,
    finishes_subject: bool = False,
) -> Outcome:
    """Export what ``read`` yields, each subject as an iterator, and return the outcome as `export`.

    ``read`` is called with a context without the signals that the exporter does not send. If the
    program is cancelled, the subject under way is exported with what was read of it, if
    ``finishes_subject``; otherwise it is not exported.
    """
    began = context.clock.monotonic()
    # Signals without an endpoint are dropped, so that nothing is read for them.
    signals = context.settings.signals
    signals = replace(signals, enabled=signals.enabled.intersection(context.exporter.signals))
    context = replace(context, settings=replace(context.settings, signals=signals))
    settings, redact = context.settings, context.redact
    progress = _Progress(people=People(settings.signals.actors))
    age_limit = _build_age_limit(context)
    sizes, redacted_before = TraceSizes(), redact.exported.texts

    # Every record passes these steps, in this order, on its way to the backend.
    stream: Iterable[Telemetry] = _read_telemetry(
        context, read(context), progress, finishes_subject=finishes_subject
    )
    stream = SentOpenings().apply(stream)
    if age_limit is not None:
        stream = age_limit.apply(stream)
    stream = hide_people_in_telemetry(stream, progress.people)
    stream = redact_telemetry(stream, redact)
    stream = add_bodies(stream, redact)
    stream = sizes.watched(stream)
    deliveries = context.exporter.deliver(stream)

    outcome = _build_outcome(settings, progress, deliveries, age_limit)
    outcome = _with_missing_permissions(context, outcome)
    outcome = replace(outcome, notices=(*outcome.notices, *sizes.notices))
    outcome = redact_record(hide_people_in_outcome(outcome, progress.people), redact)
    # Log lines and the data of tools were redacted when they were read, so everything is counted.
    redacted = redact.exported.texts - redacted_before
    notices = (*outcome.notices, *describe_redacted(redacted))
    outcome = replace(outcome, notices=notices, redacted=redacted)
    return replace(outcome, seconds=context.clock.monotonic() - began)


def switched_off(settings: Settings) -> Outcome | None:
    """Return the outcome if there is no endpoint, and so nothing to read; else None."""
    if settings.otlp.targets:
        return None
    off, enabled = settings.otlp.off, settings.signals.enabled
    reasons = (off[signal] for signal in off if signal in enabled or not enabled)
    return Outcome(
        status=Status.SKIPPED,
        errors=settings.errors,
        notices=tuple(f"nothing is sent: {reason}" for reason in dict.fromkeys(reasons)),
    )


@dataclass(slots=True)
class _Progress:
    """What was read so far: the subjects without their telemetry, and why some failed.

    ``cancelled_by`` is the name of the signal that ended the reading, or empty.
    """

    people: People
    collected: list[CollectedTelemetry] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cancelled_by: str = ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of that field of all subjects, without repetitions."""
        texts = (text for subject in self.collected for text in getattr(subject, name))
        return tuple(dict.fromkeys(texts))


def _read_telemetry(
    context: ExportContext,
    subjects: Iterable[Iterator[CollectedTelemetry]],
    progress: _Progress,
    *,
    finishes_subject: bool,
) -> Iterator[Telemetry]:
    """Yield spans, events and metrics of the subjects, and note the rest in ``progress``."""
    interruption = context.interruption
    for slices in subjects:
        while True:
            try:
                collected = interruption.read(
                    partial(next, slices, None), finishes=finishes_subject
                )
            except FlowTelemetryError as error:
                progress.errors.append(str(error))
                break
            except Interrupted:
                progress.cancelled_by = interruption.name
                return
            if collected is None:
                break
            # The telemetry itself is not kept: a sweep may export any number of spans.
            progress.collected.append(replace(collected, spans=(), events_and_metrics=()))
            progress.people.meet(collected.exported)
            yield from collected.spans
            yield from collected.events_and_metrics


def _build_age_limit(context: ExportContext) -> AgeLimit | None:
    age = context.settings.tracing.max_span_age
    if age is None:
        return None
    oldest = context.clock.now() - timedelta(seconds=age)
    return AgeLimit(oldest=nanoseconds(oldest), policy=context.settings.tracing.on_old_span)


def _build_outcome(
    settings: Settings,
    progress: _Progress,
    deliveries: tuple[Delivery, ...],
    limit: AgeLimit | None,
) -> Outcome:
    incomplete = (
        *progress.errors,
        *_describe_cancellation(progress, deliveries),
        *progress.texts("incomplete"),
    )
    status = _status(deliveries, bool(incomplete))
    exported = [
        replace(collected.exported, actors=settings.signals.actors)
        for collected in progress.collected
        if collected.exported is not None
    ]
    return Outcome(
        status=status,
        exported=exported[0] if exported else None,
        further=tuple(exported[1:]),
        deliveries=deliveries,
        errors=settings.errors,
        # Without repetitions: an endpoint that is down fails each signal with the same message.
        problems=tuple(
            dict.fromkeys(
                [
                    *progress.texts("problems"),
                    *incomplete,
                    *(
                        f"{failure.problem}. {failure.advice}"
                        for delivery in deliveries
                        for failure in delivery.failures
                    ),
                    *(
                        format_unstored(delivery.unstored)
                        for delivery in deliveries
                        if delivery.unstored and delivery.sent
                    ),
                ]
            )
        ),
        notices=(
            *progress.texts("notices"),
            *_describe_unknown_attributes(settings),
            *(notice for delivery in deliveries for notice in delivery.notices),
        ),
        left_out=(*progress.texts("left_out"), *_describe_old_spans(settings, limit)),
        failed=bool(incomplete) or status in (Status.SPOOLED, Status.PARTIAL, Status.LOST),
    )


def _describe_cancellation(progress: _Progress, deliveries: Iterable[Delivery]) -> Iterator[str]:
    """Yield what became of the telemetry that was read before a signal ended the reading."""
    if not progress.cancelled_by:
        return
    collected = sum(delivery.collected for delivery in deliveries)
    lost = sum(delivery.lost for delivery in deliveries)
    what = f"the spans, events and metric points that had been read ({collected}) were sent or are"
    result = (
        f"{what} in the spool"
        if collected and not lost
        else f"{what} in the spool, but for {lost}, which are lost"
        if collected
        else "nothing had been read that could be sent"
    )
    yield (
        f"the program was cancelled ({progress.cancelled_by}) before everything was read: {result}"
    )


def _describe_unknown_attributes(settings: Settings) -> tuple[str, ...]:
    """Return a notice if `metric-attributes` names attributes that no metric can have."""
    unknown = unknown_attributes(settings.signals.metric_attributes)
    if not unknown:
        return ()
    return (
        f"`metric-attributes` names what no metric can have: {', '.join(unknown)}. Those that "
        "can be added are in docs/reference/metrics.md",
    )


def _with_missing_permissions(context: ExportContext, outcome: Outcome) -> Outcome:
    """Return the outcome with one notice in place of a message for each refused request.

    Under `trace-scope: run` there is none about a run: the user has chosen what a token with few
    permissions can read.
    """
    missing: dict[str, None] = {}

    def others(texts: Iterable[str]) -> tuple[str, ...]:
        rest = []
        for text in texts:
            permissions = context.github.denials.of_text(text)
            if permissions:
                context.log.debug(text)
                missing.update(dict.fromkeys(permissions))
            else:
                rest.append(text)
        return tuple(rest)

    # A problem that makes the export fail stays one.
    problems = outcome.problems if outcome.failed else others(outcome.problems)
    notices = others(outcome.notices)
    of_run = outcome.exported is None or outcome.exported.run is not None
    if missing and not (of_run and context.settings.tracing.scope is TraceScope.RUN):
        notices = (describe_missing(missing, of_run=of_run), *notices)
    return replace(outcome, problems=problems, notices=notices)


def _status(deliveries: tuple[Delivery, ...], incomplete: bool) -> Status:
    if not any(delivery.collected for delivery in deliveries):
        return Status.SKIPPED
    if any(delivery.spooled for delivery in deliveries):
        return Status.SPOOLED
    if any(d.lost for d in deliveries) and not any(d.sent for d in deliveries):
        return Status.LOST
    complete = all(delivery.complete for delivery in deliveries)
    return Status.EXPORTED if complete and not incomplete else Status.PARTIAL


def _describe_old_spans(settings: Settings, limit: AgeLimit | None) -> tuple[str, ...]:
    if limit is None or not limit.old:
        return ()
    result = {
        OldSpans.DROP: ("was not sent", "were not sent"),
        OldSpans.SEND: (
            "was sent, but the backend may have dropped it",
            "were sent, but the backend may have dropped them",
        ),
        OldSpans.CLAMP: ("was sent with a later start", "were sent with a later start"),
    }[settings.tracing.on_old_span]
    return (
        counted(
            limit.old, "span", *(f"that began before `max-span-age` {words}" for words in result)
        ),
    )
