"""Where the time of features and pull requests went, as attributes and measurements."""

from __future__ import annotations

from collections.abc import Iterator

from flow_telemetry.mapping import event_attributes as event_semconv
from flow_telemetry.mapping import metric_attributes as names
from flow_telemetry.mapping import work_attributes as work_semconv
from flow_telemetry.mapping.metrics import Points
from flow_telemetry.mapping.spans import AttributePairs
from flow_telemetry.model.time_shares import TimeShares
from flow_telemetry.telemetry import Instrument, Measurement


def time_attributes(times: TimeShares | None, *, shares: bool = False) -> AttributePairs:
    """Return the seconds of each state whose time is known, and with ``shares`` its share.

    A span has no shares: the limit on its attributes leaves no room for them. A share of 0 is left
    out, since the seconds say it.
    """
    if times is None:
        return ()
    total = times.total
    return (
        *((work_semconv.TIME_DURATIONS[s], spent.total_seconds()) for s, spent in times.measured),
        (work_semconv.TIME_INCOMPLETE, _incomplete(times)),
        *(
            (event_semconv.TIME_SHARES[state], spent / total)
            for state, spent in times.measured
            if shares and spent
        ),
    )


def time_points(
    times: TimeShares | None, instrument: Instrument, points: Points
) -> Iterator[Measurement]:
    """Yield the seconds of each state that had any: a sum does not change by 0."""
    if times is None:
        return
    for state, spent in times.measured:
        if spent:
            yield from points.of(
                instrument,
                spent.total_seconds(),
                (names.TIME_STATE, state.value),
                (names.TIME_INCOMPLETE, _incomplete(times)),
            )


def _incomplete(times: TimeShares) -> str:
    # One text, since stores keep lists as JSON, in which a search for a state finds nothing.
    return ",".join(state.value for state in times.incomplete)
