"""A try to deliver in one line, for who looks for a fault."""

from __future__ import annotations

from flow_telemetry.export.answer import Attempt
from flow_telemetry.export.redaction import origin
from flow_telemetry.telemetry import SignalTarget


def told(attempt: Attempt, target: SignalTarget, items: int) -> str:
    """Return what came of a request with so many items, and of those that repeated it."""
    answer = attempt.answer
    came = answer.status or (answer.trouble.name.lower() if answer.trouble else "nothing")
    return (
        f"POST {target.signal.value} to {origin(target.url)}: {came} in {attempt.seconds:.2f} s, "
        f"{items} items, {attempt.bytes_sent} bytes in {attempt.requests} requests"
    )
