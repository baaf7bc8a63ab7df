"""Measurements as few words: by name, value and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.telemetry import AttributeValue, Measurement, Resource

RESOURCE = Resource(attributes={"service.name": "github-actions"})


def values(measured: Iterable[Measurement]) -> dict[str, list[float]]:
    """Return the values of each metric, in the order in which they came."""
    found: dict[str, list[float]] = {}
    for each in checked(measured):
        found.setdefault(each.instrument.name, []).append(each.value)
    return found


def by(name: str, attribute: str, measured: Iterable[Measurement]) -> dict[AttributeValue, float]:
    """Return the values of a metric by one of its attributes; each has one value."""
    points = [each for each in checked(measured) if each.instrument.name == name]
    found = {each.attributes[attribute]: each.value for each in points}
    assert len(found) == len(points)
    return found


def attributes(name: str, measured: Iterable[Measurement]) -> Mapping[str, AttributeValue]:
    """Return the attributes of the only point of a metric."""
    (only,) = (each for each in checked(measured) if each.instrument.name == name)
    return only.attributes


def checked(measured: Iterable[Measurement]) -> list[Measurement]:
    """Return measurements of which each is not negative and has attributes of the tables only."""
    found = list(measured)
    for each in found:
        assert each.value >= 0
        assert set(each.attributes) <= {*each.instrument.attributes, *EXTRA_ATTRIBUTES}
        assert each.resource is RESOURCE
    return found
