"""What became of the telemetry, in sentences that the summary and the terminal share."""

from __future__ import annotations

from flow_telemetry.outcome import Outcome
from flow_telemetry.telemetry import Delivery, Signal
from flow_telemetry.views.durations import counted, duration, size

_NOUNS = {Signal.TRACES: "span", Signal.LOGS: "event", Signal.METRICS: "metric point"}


def sentence(outcome: Outcome) -> str:
    """Return what was sent where, and how long it all took."""
    told = [_sent(delivery) for delivery in outcome.deliveries] or ["Nothing was sent."]
    return f"{' '.join(told)} The export took {duration(outcome.seconds)}."


def left_out(outcome: Outcome) -> tuple[str, ...]:
    """Return what no backend has now, and why."""
    told = [line for delivery in outcome.deliveries for line in _kept_or_lost(delivery)]
    return (*outcome.left_out, *told)


def _sent(delivery: Delivery) -> str:
    things = counted(delivery.collected, _NOUNS[delivery.signal])
    if not delivery.complete:
        things = f"{delivery.sent:,} of {things}"
    requests, volume = counted(delivery.requests, "request"), size(delivery.bytes_sent)
    effort = f" in {requests}, {volume}" if delivery.requests else ""
    return f"Sent {things} to {delivery.destination}{effort}."


def _kept_or_lost(delivery: Delivery) -> list[str]:
    noun, told = _NOUNS[delivery.signal], []
    if delivery.spooled:
        kept = counted(delivery.spooled, noun)
        told.append(f"{kept} not delivered but kept in {', '.join(delivery.spool_files)}")
    if delivery.lost:
        told.append(f"{counted(delivery.lost, noun)} neither delivered nor kept")
    return told
