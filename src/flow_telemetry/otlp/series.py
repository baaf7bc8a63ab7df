"""Time series of an export: measurements are aggregated to points."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeAlias

from flow_telemetry.telemetry import (
    Attributes,
    AttributeValue,
    Durations,
    Instrument,
    InstrumentKind,
    Measurement,
    Resource,
)

# Bucket boundaries of histograms: of durations by their usual lengths, of other values by unit.
#
# Histograms of one metric always have the same boundaries, so that they can be added. A quantile is
# interpolated within one bucket, so neighbours are close: with a bucket from 2 to 5 minutes, the
# median of all builds in it would be 210 s.

_DAY = 86_400.0

_BUILDS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 150.0, 180.0, 240.0, 300.0),
    *(420.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 43_200.0),
    _DAY,
)
_FLOWS = tuple(
    days * _DAY for days in (0.25, 0.5, 1, 2, 3, 4, 5, 7, 9, 11, 14, 21, 30, 45, 60, 90, 180)
)
_BY_DURATIONS = {
    Durations.MOMENTS: (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, *_BUILDS),
    Durations.BUILDS: _BUILDS,
    Durations.REVIEWS: tuple(sorted({*_BUILDS, *_FLOWS})),
    Durations.FLOWS: _FLOWS,
}
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Comments, commits, files: usually few, sometimes thousands of lines.
_COUNTS = (0.0, *(float(2**power) for power in range(15)))
# From a mebibyte to 256 GiB, which is more than the memory of most build machines.
_BYTES = tuple(float(2**power) for power in range(20, 39))
_DOLLARS = (0.0, *(round(a * 10.0**b, 3) for b in range(-3, 4) for a in (1, 2, 5)))
_BY_UNIT = {"1": _SHARES, "By": _BYTES, "{USD}": _DOLLARS}


def boundaries(instrument: Instrument) -> tuple[float, ...]:
    """Return the upper boundaries of the buckets of a histogram; the last bucket has none."""
    if instrument.durations is not None:
        return _BY_DURATIONS[instrument.durations]
    return _BY_UNIT.get(instrument.unit, _COUNTS)


# Points of an export: one for each series.
#
# A series is an instrument with the same attributes of the same entity. A single point keeps
# requests small, and a backend cannot mistake a second value with the same timestamp for the
# first. Measurements with their own periods, such as a curve, have a point for each period.


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A value of a histogram, and the ids of the span of what was measured, in hexadecimal."""

    value: float
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The aggregated measurements of one series between two Unix times in nanoseconds.

    ``buckets`` counts the values up to each boundary of the unit, and those beyond the last; only
    a histogram has them. ``exemplars`` has at most one value of each bucket, in their order.
    """

    instrument: Instrument
    resource: Resource
    attributes: Attributes
    start: int
    time: int
    count: int
    total: float
    least: float
    greatest: float
    last: float
    buckets: tuple[int, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()

    def number(self) -> int | float:
        """Return the value of a sum or gauge: an integer if its instrument is whole."""
        value = self.total if self.instrument.kind is InstrumentKind.SUM else self.last
        return int(value) if self.instrument.whole else float(value)


# Gauges, for backends that do not accept deltas. They add up over exports: a counter is its sum,
# and a distribution is its count, its sum and its maximum. A single value of a distribution would
# lose all other observations of the export.

COUNT, SUM, MAX = ".count", ".sum", ".max"
MOST_GAUGES = 3

# What a distribution counts, by the first word of its name after the namespace.
_COUNTED = re.compile(r"(?:flow|cicd\.pipeline)\.([a-z_]+)\.")
_NOUNS = {"work_item": "item"}


def count_unit(name: str) -> str:
    """Return the unit of the count of a distribution: `{job}` for `flow.job.duration`."""
    found = _COUNTED.match(name)
    word = found[1] if found else "value"
    return f"{{{_NOUNS.get(word, word)}}}"


def gauge_points(points: Sequence[Point]) -> Iterator[Point]:
    """Yield the points as gauges; those of one entity and metric stay adjacent."""
    for _, group in groupby(points, lambda point: (id(point.resource), point.instrument)):
        own = tuple(group)
        kind = own[0].instrument.kind
        if kind is InstrumentKind.HISTOGRAM:
            name = own[0].instrument.name
            unit = count_unit(name)
            yield from (_gauge(p, p.count, suffix=COUNT, unit=unit, whole=True) for p in own)
            yield from (_gauge(p, p.total, suffix=SUM, whole=False) for p in own)
            yield from (_gauge(p, p.greatest, suffix=MAX, whole=False) for p in own)
        else:
            is_sum = kind is InstrumentKind.SUM
            yield from (_gauge(p, p.total if is_sum else p.last) for p in own)


def _gauge(
    point: Point,
    value: float,
    *,
    suffix: str = "",
    unit: str | None = None,
    whole: bool | None = None,
) -> Point:
    instrument = replace(
        point.instrument,
        name=point.instrument.name + suffix,
        kind=InstrumentKind.GAUGE,
        unit=point.instrument.unit if unit is None else unit,
        durations=None,
        whole=point.instrument.whole if whole is None else whole,
    )
    return replace(
        point,
        instrument=instrument,
        count=1,
        total=value,
        least=value,
        greatest=value,
        last=value,
        buckets=(),
        exemplars=(),
    )


_Pairs: TypeAlias = frozenset[tuple[str, AttributeValue]]
_Period: TypeAlias = tuple[int, int]
_Key: TypeAlias = tuple[Instrument, _Pairs, _Pairs, _Period | None]


class SeriesTable:
    """The series of one export. Memory grows with their number, not with that of measurements."""

    def __init__(self) -> None:
        """Start without series."""
        self._series: dict[_Key, _Series] = {}
        self._resources: dict[_Pairs, Resource] = {}

    def add(self, measurement: Measurement) -> None:
        """Add a measurement to its series."""
        resource_attributes = pairs(measurement.resource.attributes)
        attributes = pairs(measurement.attributes)
        key = (measurement.instrument, attributes, resource_attributes, measurement.period)
        series = self._series.get(key)
        if series is None:
            resource = self._resources.setdefault(resource_attributes, measurement.resource)
            series = self._series[key] = _Series(
                measurement.instrument, resource, measurement.attributes
            )
        series.add(measurement.value, measurement.span)

    def points(self, start: int, now: int) -> list[Point]:
        """Return a point for each series, and for each period of a curve.

        Points of one entity and metric are adjacent. Times are in Unix nanoseconds; if the clock
        stood still, the period is one nanosecond.
        """
        order = {resource: number for number, resource in enumerate(self._resources)}
        keys = sorted(self._series, key=lambda key: (order[key[2]], key[0].name))
        whole = (start, max(now, start + 1))
        return [self._series[key].point(*(key[3] or whole)) for key in keys]


@dataclass(slots=True)
class _Series:
    instrument: Instrument
    resource: Resource
    attributes: Attributes
    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    greatest: float = float("-inf")
    last: float = 0.0
    boundaries: tuple[float, ...] = field(init=False)
    buckets: list[int] = field(init=False)
    # The last measurement of each bucket, as in the SDK's reservoir for histograms.
    exemplars: dict[int, tuple[float, tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        is_histogram = self.instrument.kind is InstrumentKind.HISTOGRAM
        self.boundaries = boundaries(self.instrument) if is_histogram else ()
        self.buckets = [0] * (len(self.boundaries) + 1) if is_histogram else []

    def add(self, value: float, span: tuple[str, str] | None = None) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.greatest = max(self.greatest, value)
        self.last = value
        if self.buckets:
            # A boundary belongs to the bucket that it ends.
            bucket = bisect_left(self.boundaries, value)
            self.buckets[bucket] += 1
            if span is not None:
                self.exemplars[bucket] = value, span

    def point(self, start: int, time: int) -> Point:
        return Point(
            instrument=self.instrument,
            resource=self.resource,
            attributes=self.attributes,
            start=start,
            time=time,
            count=self.count,
            total=self.total,
            least=self.least,
            greatest=self.greatest,
            last=self.last,
            buckets=tuple(self.buckets),
            exemplars=tuple(
                Exemplar(value=value, trace_id=trace_id, span_id=span_id)
                for _, (value, (trace_id, span_id)) in sorted(self.exemplars.items())
            ),
        )


def pairs(attributes: Mapping[str, AttributeValue]) -> _Pairs:
    """Return attributes as a hashable set of pairs, independent of their order."""
    return frozenset(
        (name, value if isinstance(value, (str, bool, int, float)) else tuple(value))
        for name, value in attributes.items()
    )
