"""The story on one page: settings and subjects → read → map → send → outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flow_telemetry.clock import Interrupted
from flow_telemetry.context import Parts
from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.mapping.limits import nanoseconds
from flow_telemetry.mapping.metric_attributes import unknown_attributes
from flow_telemetry.mapping.spans import AgeLimit
from flow_telemetry.otlp.batch import TraceSizes
from flow_telemetry.outcome import Outcome, Status
from flow_telemetry.privacy.records import (
    redacted,
    without_credentials,
    without_names,
    without_people,
)
from flow_telemetry.rules.people import People
from flow_telemetry.settings import OldSpans, Settings
from flow_telemetry.subjects.collect import collect
from flow_telemetry.subjects.types import Collected, Subject
from flow_telemetry.telemetry import Delivery, Failure, Telemetry


def export(settings: Settings, subjects: Iterable[Subject], parts: Parts) -> Outcome:
    """Export the subjects and tell what came of it.

    Each is read when the spans of the one before are under way. Errors become the outcome's
    problems; what is one subject's does not keep the others back.
    """
    began = parts.clock.monotonic()
    settings = _of_what_leaves(settings, parts)
    gathered = _Gathered(people=People(settings.signals.actors))
    limit = _age_limit(settings, parts)
    stream = _telemetry(settings, subjects, parts, gathered, limit)
    sizes = TraceSizes()
    shown = redacted(without_names(stream, gathered.people), parts.redact)
    deliveries = parts.sink.deliver(sizes.watched(shown))
    outcome = _outcome(settings, gathered, deliveries, limit)
    outcome = replace(outcome, notices=(*outcome.notices, *sizes.notices))
    outcome = without_credentials(without_people(outcome, gathered.people), parts.redact)
    return replace(outcome, seconds=parts.clock.monotonic() - began)


def switched_off(settings: Settings) -> Outcome | None:
    """Return the outcome where there is nothing to send to, so that nothing is even read."""
    if settings.otlp.targets:
        return None
    off, wanted = settings.otlp.off, settings.signals.wanted
    reasons = tuple(dict.fromkeys(off[each] for each in off if each in wanted or not wanted))
    return Outcome(
        status=Status.SKIPPED,
        problems=settings.warnings,
        notices=tuple(f"nothing is sent: {each}" for each in reasons),
    )


def _of_what_leaves(settings: Settings, parts: Parts) -> Settings:
    """The settings with the signals only that go somewhere: nothing is read to fill another."""
    wanted = settings.signals.wanted.intersection(parts.sink.signals)
    return replace(settings, signals=replace(settings.signals, wanted=wanted))


@dataclass(slots=True)
class _Gathered:
    """What was told by the subjects so far, without their spans, and why some failed."""

    people: People
    collected: list[Collected] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def all(self, name: str) -> tuple[str, ...]:
        """Return what all subjects tell under that name, each text once."""
        texts = (text for each in self.collected for text in getattr(each, name))
        return tuple(dict.fromkeys(texts))


def _telemetry(
    settings: Settings,
    subjects: Iterable[Subject],
    parts: Parts,
    gathered: _Gathered,
    limit: AgeLimit | None,
) -> Iterator[Telemetry]:
    for subject in subjects:
        found = collect(settings, subject, parts)
        while True:
            try:
                each = parts.interruption.read(lambda: next(found, None))  # noqa: B023
            except FlowTelemetryError as error:
                gathered.errors.append(str(error))
                break
            except Interrupted:
                gathered.errors.append(_interrupted(parts))
                return
            if each is None:
                break
            gathered.collected.append(replace(each, spans=(), facts=()))
            gathered.people.meet(each.exported)
            yield from limit.applied(each.spans) if limit else each.spans
            yield from each.facts


def _interrupted(parts: Parts) -> str:
    return (
        f"the program was told to end ({parts.interruption.name}) before everything was read: "
        "what was read until then was sent or is in the spool"
    )


def _age_limit(settings: Settings, parts: Parts) -> AgeLimit | None:
    age = settings.tracing.max_span_age
    if age is None:
        return None
    oldest = parts.clock.now() - timedelta(seconds=age)
    return AgeLimit(oldest=nanoseconds(oldest), policy=settings.tracing.on_old_span)


def _outcome(
    settings: Settings,
    gathered: _Gathered,
    deliveries: tuple[Delivery, ...],
    limit: AgeLimit | None,
) -> Outcome:
    incomplete = (*gathered.errors, *gathered.all("incomplete"))
    status = _status(deliveries, bool(incomplete))
    exported = [
        replace(each.exported, actors=settings.signals.actors)
        for each in gathered.collected
        if each.exported is not None
    ]
    return Outcome(
        status=status,
        exported=exported[0] if exported else None,
        further=tuple(exported[1:]),
        deliveries=deliveries,
        problems=_once(
            *settings.warnings,
            *gathered.all("problems"),
            *incomplete,
            # One place that is down fails each signal in the same words.
            *(_told(each) for delivery in deliveries for each in delivery.failures),
        ),
        notices=(
            *gathered.all("notices"),
            *_unknown(settings),
            *(notice for delivery in deliveries for notice in delivery.notices),
        ),
        left_out=(*gathered.all("left_out"), *_old(settings, limit)),
        failed=bool(incomplete) or status in (Status.SPOOLED, Status.PARTIAL),
    )


def _once(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _unknown(settings: Settings) -> tuple[str, ...]:
    """A notice where the user asks for attributes that no metric can have."""
    unknown = unknown_attributes(settings.signals.metric_attributes)
    if not unknown:
        return ()
    return (
        f"input metric-attributes names what no metric can have: {', '.join(unknown)}. Those that "
        "can be added are in docs/metrics.md",
    )


def _status(deliveries: tuple[Delivery, ...], incomplete: bool) -> Status:
    if not any(each.collected for each in deliveries):
        return Status.SKIPPED
    if any(each.spooled for each in deliveries):
        return Status.SPOOLED
    complete = all(each.complete for each in deliveries)
    return Status.EXPORTED if complete and not incomplete else Status.PARTIAL


def _told(failure: Failure) -> str:
    return f"{failure.problem}. {failure.advice}"


def _old(settings: Settings, limit: AgeLimit | None) -> tuple[str, ...]:
    if limit is None or not limit.old:
        return ()
    became = {
        OldSpans.DROP: "were not sent",
        OldSpans.SEND: "were sent all the same, and the backend may have dropped them",
        OldSpans.CLAMP: "were sent with a later start",
    }[settings.tracing.on_old_span]
    return (f"{limit.old} spans that began before input max-span-age {became}",)
