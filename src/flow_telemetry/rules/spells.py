"""Sums and overlaps of stretches of time."""

from __future__ import annotations

from collections.abc import Iterable

from flow_telemetry.rules.timing import Interval


def merged(spells: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as stretches that neither overlap nor touch, in order of time.

    Those of no length are left out.
    """
    found: list[Interval] = []
    for each in sorted((s for s in spells if s.end > s.start), key=lambda s: s.start):
        if found and each.start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def common(these: Iterable[Interval], those: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the time that both have."""
    others = tuple(those)
    return merged(
        Interval.of(max(one.start, other.start), min(one.end, other.end))
        for one in these
        for other in others
    )


def seconds(spells: Iterable[Interval]) -> float:
    """Return how long they are together, in seconds; what overlaps counts once."""
    return sum(each.seconds for each in merged(spells))
