"""Asking a backend whether it takes a signal, by a request that holds nothing."""

from __future__ import annotations

from flow_telemetry.clock import Deadline
from flow_telemetry.export.causes import NOUNS
from flow_telemetry.export.encode import encoding_of
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.send import NewSender, otlp_sender
from flow_telemetry.export.verdict import Verdict, judge
from flow_telemetry.model.findings import Finding, State
from flow_telemetry.telemetry import Signal, SignalTarget

# For a signal, with all its tries: a check is waited for.
_LONGEST_SECONDS = 20.0


def probe(
    target: SignalTarget, deadline: Deadline, *, new_sender: NewSender = otlp_sender
) -> Finding:
    """Send an empty request of a signal and tell what came of it; takes at most 20 seconds."""
    clock = deadline.clock
    until = Deadline.after(clock, deadline.remaining(_LONGEST_SECONDS), deadline.cut)
    what = f"{NOUNS[target.signal].signal} to {origin(target.url)}"
    began = clock.monotonic()
    sender = new_sender(target, until)
    try:
        body: bytes = encoding_of(target.signal).new_request().SerializeToString()
        verdict = judge(sender.deliver(body).answer, target, 0)
    finally:
        sender.close()
    return _finding(what, target.signal, verdict, clock.monotonic() - began)


def _finding(what: str, signal: Signal, verdict: Verdict, seconds: float) -> Finding:
    cause = verdict.cause
    if cause is None:
        said = f"; {verdict.warning}" if verdict.warning else ""
        return Finding(
            what=what, state=State.WORKS, told=f"answered in {_milliseconds(seconds)}{said}"
        )
    # A backend without a signal costs an export a notice; all have traces.
    missing = cause.absent and signal is not Signal.TRACES
    told = f"{cause.problem}. {cause.advice}"
    if missing:
        told += f". Where the backend has no {NOUNS[signal].signal}, this costs a notice"
    return Finding(what=what, state=State.UNSURE if missing else State.FAILS, told=told)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000):,} ms"
