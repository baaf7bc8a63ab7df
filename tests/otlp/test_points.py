"""Measurements become one point a series, and lose nothing on the way."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.otlp.builders import DURATION, ERRORS, START, TRACE, measured
from tests.otlp.strategies import measurements

from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.otlp.series import Point, SeriesTable, boundaries
from flow_telemetry.telemetry import Durations, Instrument, InstrumentKind, Measurement


def points_of(some: list[Measurement], now: int = START + 5) -> list[Point]:
    """The points of measurements that were made from START on."""
    table = SeriesTable()
    for measurement in some:
        table.add(measurement)
    return table.points(START, now)


def test_attributes_tell_series_apart_and_their_order_does_not() -> None:
    """What is the same but for the order of its attributes is one series."""
    points = points_of(
        [
            measured(DURATION, 1, result="success", branch="default"),
            measured(DURATION, 2, branch="default", result="success"),
            measured(DURATION, 3, branch="other", result="success"),
            measured(ERRORS, 4, branch="other", result="success"),
        ]
    )
    assert [(point.instrument.name, point.count, point.total) for point in points] == [
        ("cicd.pipeline.run.duration", 2, 3),
        ("cicd.pipeline.run.duration", 1, 3),
        ("cicd.pipeline.run.errors", 1, 4),
    ]


def test_a_clock_that_stood_still_makes_a_valid_period() -> None:
    """A delta has a beginning before its end, whatever the clock of the machine does."""
    [point] = points_of([measured(DURATION, 1)], now=START - 7)
    assert point.start < point.time


@given(measurements())
def test_nothing_is_lost_or_counted_twice(some: list[Measurement]) -> None:
    """Counts and sums of all points are those of all measurements, and buckets hold each value."""
    points = points_of(some)
    assert sum(point.count for point in points) == len(some)
    assert math.isclose(sum(p.total for p in points), sum(m.value for m in some), abs_tol=1e-6)
    for point in points:
        assert point.least <= point.last <= point.greatest
        is_histogram = point.instrument.kind is InstrumentKind.HISTOGRAM
        assert sum(point.buckets) == (point.count if is_histogram else 0)


@given(measurements())
def test_an_exemplar_is_a_measurement_of_its_bucket(some: list[Measurement]) -> None:
    """At most one a bucket, of a value that was measured of that span."""
    measured_of = {(m.value, m.span) for m in some}
    for point in points_of(some):
        bounds = boundaries(point.instrument)
        buckets = [bisect_left(bounds, exemplar.value) for exemplar in point.exemplars]
        assert buckets == sorted(set(buckets))
        assert all(point.buckets[bucket] for bucket in buckets)
        for each in point.exemplars:
            assert (each.value, (each.trace_id, each.span_id)) in measured_of


def test_the_last_measurement_of_a_bucket_is_its_exemplar() -> None:
    """As in the SDK's reservoir for histograms; a counter has none."""
    some = [
        replace(measured(DURATION, value), span=(TRACE, f"{number:016x}"))
        for number, value in enumerate((31, 40, 9), 1)
    ]
    [point] = points_of([*some, measured(DURATION, 35)])
    assert [(e.value, e.trace_id, e.span_id) for e in point.exemplars] == [
        (9, TRACE, f"{3:016x}"),
        (40, TRACE, f"{2:016x}"),
    ]
    [counter] = points_of([replace(measured(ERRORS, 1), span=(TRACE, f"{1:016x}"))])
    assert counter.exemplars == ()


SHARE = Instrument(name="share", kind=InstrumentKind.HISTOGRAM, unit="1", description="")


@pytest.mark.parametrize(
    "instrument",
    [
        *(replace(DURATION, durations=durations) for durations in Durations),
        SHARE,
        replace(SHARE, unit="{comment}"),
        replace(SHARE, unit="By"),
    ],
)
def test_boundaries_rise(instrument: Instrument) -> None:
    """A histogram's boundaries are strictly increasing."""
    bounds = boundaries(instrument)
    assert list(bounds) == sorted(set(bounds))


def test_a_value_on_a_boundary_belongs_below_it() -> None:
    """OTLP's buckets include their upper boundary."""
    bounds = boundaries(DURATION)
    for value, bucket in (
        (60, bounds.index(60)),
        (61, bounds.index(60) + 1),
        (1e9, len(bounds)),
    ):
        [point] = points_of([measured(DURATION, value)])
        assert point.buckets.index(1) == bucket


def median_on_a_dashboard(values: Iterable[float], instrument: Instrument = DURATION) -> float:
    """The median as backends estimate it: interpolated in a bucket, as by histogram_quantile."""
    [point] = points_of([measured(instrument, value) for value in values])
    bounds = boundaries(instrument)
    rank, below = point.count / 2, 0
    for lower, upper, count in zip((0.0, *bounds), bounds, point.buckets, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below += count
    return bounds[-1]


def test_builds_between_two_and_five_minutes_have_different_medians() -> None:
    """Builds of 125 s, 170 s and 280 s do not all look like builds of 210 s."""
    medians = [median_on_a_dashboard([seconds] * 9) for seconds in (125, 170, 200, 280)]
    assert medians == [135, 165, 210, 270]


@given(st.integers(120, 300))
def test_the_median_of_a_build_is_off_by_a_sixth_at_most(seconds: int) -> None:
    """A build of two to five minutes is shown as what it is, give or take."""
    assert math.isclose(median_on_a_dashboard([seconds] * 3), seconds, rel_tol=1 / 6)


@given(st.integers(1, 180))
def test_the_median_of_a_cycle_time_is_off_by_less_than_half(days: int) -> None:
    """Stories of two days and of two weeks are told apart."""
    flow_time = replace(DURATION, durations=Durations.FLOWS)
    shown = median_on_a_dashboard([days * 86_400] * 3, flow_time)
    assert math.isclose(shown, days * 86_400, rel_tol=0.5)


def test_every_duration_has_a_usual_length() -> None:
    """Without one, its boundaries would be those of counts."""
    for instrument in INSTRUMENTS:
        is_duration = instrument.kind is InstrumentKind.HISTOGRAM and instrument.unit == "s"
        assert (instrument.durations is not None) == is_duration, instrument.name
