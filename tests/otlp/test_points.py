"""Measurements become one point a series, and lose nothing on the way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from tests.otlp.builders import DURATION, ERRORS, START, measured
from tests.otlp.strategies import measurements

from flow_telemetry.otlp.series import Point, SeriesTable, boundaries
from flow_telemetry.telemetry import InstrumentKind, Measurement


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


@pytest.mark.parametrize("unit", ["s", "1", "{comment}", "By"])
def test_boundaries_rise(unit: str) -> None:
    """A histogram's boundaries are strictly increasing."""
    bounds = boundaries(unit)
    assert list(bounds) == sorted(set(bounds))


def test_a_value_on_a_boundary_belongs_below_it() -> None:
    """OTLP's buckets include their upper boundary."""
    bounds = boundaries("s")
    for value, bucket in (
        (60, bounds.index(60)),
        (61, bounds.index(60) + 1),
        (1e9, len(bounds)),
    ):
        [point] = points_of([measured(DURATION, value)])
        assert point.buckets.index(1) == bucket
