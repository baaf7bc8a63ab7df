"""The story on one page: settings and subjects → read → map → send → outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.outcome import Exported, Outcome, Status
from flow_telemetry.parts import Parts
from flow_telemetry.settings import OldSpans, Settings
from flow_telemetry.signals.ages import AgeLimit
from flow_telemetry.signals.limits import nanoseconds
from flow_telemetry.subject import Subject
from flow_telemetry.subjects.collect import collect
from flow_telemetry.subjects.collected import Collected
from flow_telemetry.telemetry import Delivery, Failure, Span


def export(settings: Settings, subjects: tuple[Subject, ...], parts: Parts) -> Outcome:
    """Export the subjects and tell what came of it.

    Each is read when the spans of the one before are under way. Errors become the outcome's
    problems; what is one subject's does not keep the others back.
    """
    began = parts.clock.monotonic()
    gathered = _Gathered()
    limit = _age_limit(settings, parts)
    spans = _spans(settings, subjects, parts, gathered)
    delivery = parts.sink.deliver(limit.applied(spans) if limit else spans)
    outcome = _outcome(settings, gathered, delivery, limit)
    return replace(outcome, seconds=parts.clock.monotonic() - began)


def switched_off(settings: Settings) -> Outcome | None:
    """Return the outcome where there is nothing to send to, so that nothing is even read."""
    if settings.otlp.targets:
        return None
    reasons = tuple(dict.fromkeys(settings.otlp.off.values()))
    return Outcome(
        status=Status.SKIPPED, notices=tuple(f"nothing is sent: {each}" for each in reasons)
    )


@dataclass(slots=True)
class _Gathered:
    """What was told by the subjects so far, without their spans, and why some failed."""

    collected: list[Collected] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    exported: Exported | None = None

    def add(self, collected: Collected) -> None:
        """Keep what a subject tells; of what was exported only the first, which outputs name."""
        self.exported = self.exported or collected.exported
        self.collected.append(replace(collected, spans=(), exported=None))

    def all(self, name: str) -> tuple[str, ...]:
        """Return what all subjects tell under that name, each text once."""
        texts = (text for each in self.collected for text in getattr(each, name))
        return tuple(dict.fromkeys(texts))


def _spans(
    settings: Settings, subjects: tuple[Subject, ...], parts: Parts, gathered: _Gathered
) -> Iterator[Span]:
    for subject in subjects:
        found = collect(settings, subject, parts)
        while True:
            try:
                each = next(found, None)
            except FlowTelemetryError as error:
                gathered.errors.append(str(error))
                break
            if each is None:
                break
            gathered.add(each)
            yield from each.spans


def _age_limit(settings: Settings, parts: Parts) -> AgeLimit | None:
    age = settings.tracing.max_span_age
    if age is None:
        return None
    oldest = parts.clock.now() - timedelta(seconds=age)
    return AgeLimit(oldest=nanoseconds(oldest), policy=settings.tracing.on_old_span)


def _outcome(
    settings: Settings, gathered: _Gathered, delivery: Delivery, limit: AgeLimit | None
) -> Outcome:
    incomplete = (*gathered.errors, *gathered.all("incomplete"))
    status = _status(delivery, bool(incomplete))
    return Outcome(
        status=status,
        exported=exported[0] if exported else None,
        further=tuple(exported[1:]),
        deliveries=(delivery,) if exported or delivery.collected else (),
        problems=(
            *gathered.all("problems"),
            *incomplete,
            *(_told(each) for each in delivery.failures),
        ),
        notices=gathered.all("notices"),
        left_out=(*gathered.all("left_out"), *_old(settings, limit)),
        failed=bool(incomplete) or status in (Status.SPOOLED, Status.PARTIAL),
    )


def _status(delivery: Delivery, incomplete: bool) -> Status:
    if not delivery.collected:
        return Status.SKIPPED
    if delivery.spooled:
        return Status.SPOOLED
    return Status.PARTIAL if incomplete or not delivery.complete else Status.EXPORTED


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
