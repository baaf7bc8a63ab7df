"""Asking a backend whether it takes a signal, by a request that holds nothing."""

from __future__ import annotations

from dataclasses import replace

from flow_telemetry.clock import Deadline
from flow_telemetry.export.answer import Trouble
from flow_telemetry.export.causes import NOUNS
from flow_telemetry.export.intake import Batch
from flow_telemetry.export.redaction import origin
from flow_telemetry.export.send import NewSender, otlp_sender
from flow_telemetry.export.telling import told
from flow_telemetry.export.verdict import Verdict, judge
from flow_telemetry.log import Log, Silent
from flow_telemetry.model.findings import Finding, State
from flow_telemetry.telemetry import Signal, SignalTarget

# For a request, if its own time is not shorter: a check is waited for.
_LONGEST_SECONDS = 20.0
# Less than the pause before another try: where nothing answers, one is enough to tell.
_GRACE_SECONDS = 0.3


def probe(
    target: SignalTarget,
    deadline: Deadline,
    *,
    log: Log | None = None,
    new_sender: NewSender = otlp_sender,
) -> Finding:
    """Send an empty request of a signal and tell what came of it.

    It takes no longer, with all its tries, than one request may take, and at most 20 seconds.
    """
    clock = deadline.clock
    longest = min(target.timeout, _LONGEST_SECONDS)
    until = deadline.at_most(longest + _GRACE_SECONDS, set_by="a check's limit")
    what = f"{NOUNS[target.signal].signal} to {origin(target.url)}"
    began = clock.monotonic()
    sender = new_sender(replace(target, timeout=longest), until)
    try:
        attempt = sender.deliver(Batch(target.signal, ()))
    finally:
        sender.close()
    seconds = clock.monotonic() - began
    (log or Silent()).debug(told(replace(attempt, seconds=seconds), target, 0))
    answer = attempt.answer
    if answer.trouble is Trouble.DEADLINE and not deadline.expired:
        # The limit is ours, and nothing that the user could raise.
        answer = replace(answer, trouble=Trouble.TIMEOUT, seconds=longest)
    return _finding(what, target.signal, judge(answer, target, 0), seconds)


def _finding(what: str, signal: Signal, verdict: Verdict, seconds: float) -> Finding:
    cause = verdict.cause
    if cause is None:
        said = f"; {verdict.warning}" if verdict.warning else ""
        return Finding(
            what=what, state=State.WORKS, told=f"answered in {_milliseconds(seconds)}{said}"
        )
    # A backend without a signal costs an export a notice; all have traces.
    missing = cause.absent and signal is not Signal.TRACES
    said = f"{cause.problem}. {cause.advice}"
    if missing:
        said += f". Where the backend has no {NOUNS[signal].signal}, this costs a notice"
    return Finding(what=what, state=State.UNSURE if missing else State.FAILS, told=said)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000):,} ms"
