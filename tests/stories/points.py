"""Reading metrics in tests: what was measured, without what does not matter to the story."""

from __future__ import annotations

from collections.abc import Iterable

from tests.fakes.metrics import MetricPoint
from tests.fakes.receiver import Receiver


def values(receiver: Receiver, name: str) -> list[float]:
    """Return the values of a metric in order of size; of a histogram the sums."""
    return sorted(point.value for point in receiver.points_of(name))


def value(receiver: Receiver, name: str) -> float:
    """Return the value of the one point of a metric."""
    (only,) = values(receiver, name)
    return only


def by(receiver: Receiver, name: str, *attributes: str) -> dict[object, float]:
    """Return the sum of a metric by the values of attributes; of one alone by its value."""
    found: dict[object, float] = {}
    for point in receiver.points_of(name):
        told = tuple(point.attributes.get(each) for each in attributes)
        key = told[0] if len(told) == 1 else told
        found[key] = found.get(key, 0) + point.value
    return found


def series(points: Iterable[MetricPoint]) -> set[tuple[str, str, str]]:
    """Return the series that points are of, as a backend counts them: name, labels, resource."""
    return {
        (each.name, repr(sorted(each.attributes.items())), repr(sorted(each.resource.items())))
        for each in points
    }


def of_things(receiver: Receiver) -> list[MetricPoint]:
    """Return the points of what was exported, without those about the requests for it."""
    return [point for point in receiver.metrics if not point.name.startswith("flow.github.")]


def names(receiver: Receiver, prefix: str = "") -> set[str]:
    """Return the names of the metrics that came and begin so."""
    return {point.name for point in receiver.metrics if point.name.startswith(prefix)}
