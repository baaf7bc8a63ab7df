"""Spans, targets and clocks for the tests of sending, in few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from flow_telemetry.clock import Deadline, SystemClock
from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    Durations,
    Instrument,
    InstrumentKind,
    LogRecord,
    Measurement,
    Resource,
    Signal,
    SignalTarget,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
)

TRACE = "bc5addb5cf688a1630d4f8fe75f91da2"
OTHER_TRACE = "2cfaa1233a900e73bff70587ad908fe8"
START = 1_795_491_780 * 1_000_000_000
SECOND = 1_000_000_000
RESOURCE = Resource(
    attributes={"service.name": "github-actions", "vcs.repository.name": "acme/shop"}
)
# What no text, record, file or log may show.
CANARY = "c4n4ry-s3cr3t-v4lu3"


class FakeClock:
    """A clock that moves only when it is told to, or slept on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        """Return an instant of 2026, moved on by what was slept."""
        return datetime(2026, 11, 24, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.seconds += seconds


def make_span(
    number: int,
    name: str | None = None,
    *,
    trace_id: str = TRACE,
    attributes: Attributes | None = None,
    error: str | None = None,
) -> Span:
    """Return the span of that number; the first is the root of its trace, the parent of all."""
    return Span(
        trace_id=trace_id,
        span_id=f"{number:016x}",
        parent_span_id=None if number == 1 else f"{1:016x}",
        name=name or f"step {number}",
        start=START + number * SECOND,
        end=START + (number + 1) * SECOND,
        resource=RESOURCE,
        kind=SpanKind.SERVER if number == 1 else SpanKind.INTERNAL,
        attributes={"cicd.pipeline.task.name": f"task {number}"}
        if attributes is None
        else attributes,
        error=error,
    )


def make_spans(count: int, *, trace_id: str = TRACE) -> list[Span]:
    """Return a trace of so many spans."""
    return [make_span(number, trace_id=trace_id) for number in range(1, count + 1)]


def rich_span() -> Span:
    """Return a span that has everything a span can have."""
    attributes: dict[str, AttributeValue] = {
        "text": "größer",
        "truth": True,
        "number": 7,
        "share": 0.5,
        "labels": ("bug", "ci"),
    }
    return Span(
        trace_id=TRACE,
        span_id="e5277f9fffce771d",
        parent_span_id="4874e21768926a40",
        name="job  test (3.12)",
        start=START,
        end=START + 5 * SECOND,
        resource=RESOURCE,
        attributes=attributes,
        events=(SpanEvent(name="annotated", time=START + 1, attributes={"level": "failure"}),),
        links=(
            SpanLink(
                trace_id=OTHER_TRACE, span_id="fca3b7d3823641da", attributes={"kind": "feature"}
            ),
        ),
        error="exit code 1",
    )


def make_event(
    number: int, name: str = "flow.change.commented", *, time: int = START, text: str = ""
) -> LogRecord:
    """Return the event of that number, its reference after it."""
    attributes: dict[str, AttributeValue] = {"log.record.uid": f"flow:event:{number}"}
    return LogRecord(
        event_name=name,
        time=time,
        observed=START + 9 * SECOND,
        trace_id=TRACE,
        span_id=f"{1:016x}",
        resource=RESOURCE,
        attributes=attributes | ({"text": text} if text else {}),
    )


DURATION = Instrument(
    name="cicd.pipeline.run.duration",
    kind=InstrumentKind.HISTOGRAM,
    unit="s",
    description="Duration of a pipeline run.",
    durations=Durations.BUILDS,
)
ERRORS = Instrument(
    name="cicd.pipeline.run.errors",
    kind=InstrumentKind.SUM,
    unit="{error}",
    description="Errors of pipeline runs.",
)
LOAD = Instrument(
    name="flow.load", kind=InstrumentKind.GAUGE, unit="{item}", description="Items in work."
)


def measured(instrument: Instrument, value: float, **attributes: str) -> Measurement:
    """Return a measurement; `result="failure"` is an attribute."""
    return Measurement(
        instrument=instrument,
        value=value,
        # As from two subjects: equal, but not the same object.
        resource=Resource(attributes=dict(RESOURCE.attributes)),
        attributes=attributes,
    )


def make_targets(url: str) -> dict[Signal, SignalTarget]:
    """Return a target for each signal; ``url`` is the receiver's base."""
    return {signal: make_target(url, signal=signal) for signal in Signal}


def make_target(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    signal: Signal = Signal.TRACES,
    timeout: float = 5.0,
    compression: str = "gzip",
) -> SignalTarget:
    """Return a target for a signal; ``url`` is the receiver's base."""
    return SignalTarget(
        signal=signal,
        url=f"{url}/v1/{signal.value}",
        headers={} if headers is None else headers,
        timeout=timeout,
        compression=compression,
    )


def seconds_from_now(seconds: float) -> Deadline:
    """Return a deadline of the machine's own clock."""
    return Deadline.after(SystemClock(), seconds)


def ids(spans: Iterable[Span]) -> list[str]:
    """Return the span ids, in order."""
    return [span.span_id for span in spans]
