"""The boundaries of histograms' buckets, by the unit of what is measured."""

from __future__ import annotations

from bisect import bisect_left

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0

# Tests last milliseconds, steps seconds, runs minutes, reviews days and features months: one scale
# has them all, so that the histograms of two subjects can be added.
_SECONDS = (
    *(0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY, 60 * _DAY, 120 * _DAY),
)
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Comments, commits, files: few mostly, thousands of lines now and then.
_COUNTS = (0.0, *(float(2**power) for power in range(15)))
# From a mebibyte to 256 GiB: tools hold some of them, machines that build are not larger.
_BYTES = tuple(float(2**power) for power in range(20, 39))
_BY_UNIT = {"s": _SECONDS, "1": _SHARES, "By": _BYTES}


def boundaries(unit: str) -> tuple[float, ...]:
    """Return the upper boundaries of the buckets for a unit by UCUM; the last has none."""
    return _BY_UNIT.get(unit, _COUNTS)


def bucket_of(value: float, bounds: tuple[float, ...]) -> int:
    """Return the number of the bucket: a boundary belongs to the bucket that it ends."""
    return bisect_left(bounds, value)
