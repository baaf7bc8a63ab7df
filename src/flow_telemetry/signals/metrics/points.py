"""One measurement from a fact: only a value that there is, only attributes that the table has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from flow_telemetry.rules.timing import Interval
from flow_telemetry.signals import limits
from flow_telemetry.signals.metric_semconv import EXTRA_ATTRIBUTES
from flow_telemetry.signals.spans import Facts
from flow_telemetry.telemetry import Attributes, Instrument, Measurement, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What all measurements of one thing share; made by `points_of`.

    ``known`` is all that is known of it. Of this a measurement has the attributes of its
    instrument, and those in ``extra``.
    """

    resource: Resource
    known: Attributes
    extra: tuple[str, ...]

    def knowing(self, *facts: tuple[str, limits.Maybe]) -> Points:
        """Return the same with further facts."""
        return replace(self, known={**self.known, **limits.attributes(facts)})

    def of(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement; none where there is no value, or a negative one."""
        if value is not None and value >= 0:
            yield from self.signed(instrument, value, *facts)

    def signed(
        self, instrument: Instrument, value: float | None, *facts: tuple[str, limits.Maybe]
    ) -> Iterator[Measurement]:
        """Return the measurement of what can be negative; none where there is no value."""
        if value is None or not math.isfinite(value):
            return
        known = {**self.known, **limits.attributes(facts)} if facts else self.known
        names = (*instrument.attributes, *self.extra)
        yield Measurement(
            instrument=instrument,
            value=value,
            resource=self.resource,
            attributes={name: known[name] for name in names if name in known},
        )


def points_of(resource: Resource, facts: Facts, extra: tuple[str, ...]) -> Points:
    """Return what the measurements of a thing share: facts of it, and what the user adds of them.

    Of ``extra`` only those names count that a user may add.
    """
    allowed = tuple(name for name in extra if name in EXTRA_ATTRIBUTES)
    return Points(resource=resource, known=limits.attributes(facts), extra=allowed)


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the time between; None where one is not known or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return Interval(start, end).seconds


def branch(name: str | None, default: str | None) -> str | None:
    """Return `default` or `other`; None where one of them is not known."""
    if not name or not default:
        return None
    return "default" if name == default else "other"
