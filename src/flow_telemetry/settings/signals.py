"""What the user decides about the signals: which leave, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import values
from flow_telemetry.settings.inputs import given
from flow_telemetry.telemetry import Signal

_SIGNAL_OF_WORD = {
    "traces": Signal.TRACES,
    "events": Signal.LOGS,
    "logs": Signal.LOGS,
    "metrics": Signal.METRICS,
}


class EventSending(Enum):
    """When events leave: with the subject all at once, each when it happens, or never."""

    COMPLETED = "completed"
    LIVE = "live"
    NONE = "none"


class EventTime(Enum):
    """Which time a record has: its own, that of sending, or its own until that is refused."""

    AUTO = "auto"
    EVENT = "event"
    SENT = "sent"


class MetricShape(Enum):
    """As what metrics leave: deltas until those are refused, histograms, or gauges only."""

    AUTO = "auto"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Actors(Enum):
    """As what people leave: by their login, a hash of it, or not at all."""

    LOGIN = "login"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSettings:
    """``blocked_names`` are statuses and labels that mean blocked, in lower case.

    ``metric_attributes`` are attributes that the user adds to metrics knowingly.
    """

    wanted: frozenset[Signal]
    events: EventSending
    event_time: EventTime
    metric_shape: MetricShape
    metric_attributes: tuple[str, ...]
    actors: Actors
    blocked_names: frozenset[str]


def signal_settings(inputs: Mapping[str, str]) -> SignalSettings:
    """Return what the inputs say of signals.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    blocked = values.words(given(inputs, "blocked-names"))
    return SignalSettings(
        wanted=_wanted(given(inputs, "signals")),
        events=values.choice("events", given(inputs, "events"), EventSending),
        event_time=values.choice("event-time", given(inputs, "event-time"), EventTime),
        metric_shape=values.choice("metric-shape", given(inputs, "metric-shape"), MetricShape),
        metric_attributes=values.words(given(inputs, "metric-attributes")),
        actors=values.choice("actors", given(inputs, "actors"), Actors),
        blocked_names=frozenset(each.lower() for each in blocked),
    )


def _wanted(text: str) -> frozenset[Signal]:
    found = set()
    for word in values.words(text):
        signal = _SIGNAL_OF_WORD.get(word.lower())
        if signal is None:
            raise SettingsError(
                "input signals must be a list of traces, events and metrics, "
                f"not {values.shown(word)}"
            )
        found.add(signal)
    return frozenset(found)
