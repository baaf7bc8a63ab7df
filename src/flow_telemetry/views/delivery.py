"""What became of the telemetry, in sentences that the summary and the terminal share."""

from __future__ import annotations

from collections.abc import Sequence

from flow_telemetry.outcome import Outcome
from flow_telemetry.telemetry import Delivery, Signal
from flow_telemetry.views.durations import counted, duration, size

_NOUNS = {Signal.TRACES: "span", Signal.LOGS: "event", Signal.METRICS: "metric point"}
# A large spool has many files, which stand side by side.
_MOST_FILES = 3


def sentence(outcome: Outcome) -> str:
    """Return what was sent where, and how long it all took."""
    with_items = [each for each in outcome.deliveries if each.collected]
    by_place: dict[str, list[Delivery]] = {}
    for each in with_items or outcome.deliveries[:1]:
        by_place.setdefault(each.destination, []).append(each)
    told = [_sent(place, group) for place, group in by_place.items()] or ["Nothing was sent."]
    told += [_declined(each) for each in with_items if each.declined]
    return f"{' '.join(told)} The export took {duration(outcome.seconds)}."


def things_sent(outcome: Outcome) -> str:
    """Return how much of each signal a backend took, in words; empty where that is nothing."""
    return _listed([counted(e.sent, _NOUNS[e.signal]) for e in outcome.deliveries if e.sent])


def left_out(outcome: Outcome) -> tuple[str, ...]:
    """Return what no backend has now, and why."""
    told = [line for delivery in outcome.deliveries for line in _kept_or_lost(delivery)]
    return (*outcome.left_out, *told)


def _sent(destination: str, group: Sequence[Delivery]) -> str:
    """What one destination got; what it does not take at all is told apart."""
    taken = [each for each in group if not each.collected or each.declined < each.collected]
    requests = sum(each.requests for each in group)
    volume = size(sum(each.bytes_sent for each in group))
    effort = f" in {counted(requests, 'request')}, {volume}" if requests else ""
    things = _listed([_things(each) for each in taken]) or "nothing"
    return f"Sent {things} to {destination}{effort}."


def _things(delivery: Delivery) -> str:
    wanted = delivery.collected - delivery.declined
    things = counted(wanted, _NOUNS[delivery.signal])
    return things if delivery.sent == wanted else f"{delivery.sent:,} of {things}"


def _declined(delivery: Delivery) -> str:
    things = counted(delivery.declined, _NOUNS[delivery.signal])
    return f"{things} stayed here: {delivery.destination} takes none."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _kept_or_lost(delivery: Delivery) -> list[str]:
    noun, told = _NOUNS[delivery.signal], []
    if delivery.spooled:
        kept = counted(delivery.spooled, noun)
        told.append(f"{kept} not delivered but kept in {_named(delivery.spool_files)}")
    if delivery.lost:
        told.append(f"{counted(delivery.lost, noun)} neither delivered nor kept")
    return told


def _named(files: Sequence[str]) -> str:
    more = len(files) - _MOST_FILES
    named = ", ".join(files[:_MOST_FILES])
    return f"{named} and {counted(more, 'more file')}" if more > 0 else named
