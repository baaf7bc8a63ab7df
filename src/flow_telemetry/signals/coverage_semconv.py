"""The names of the attributes of coverage: a part of the table that `semconv` begins."""

from __future__ import annotations

from flow_telemetry.model.coverage import UNITS
from flow_telemetry.signals.semconv import Attribute

COVERAGE_ATTRIBUTES: list[Attribute] = []

_MEANINGS = {
    "covered": ("int", "{unit} that tests reached, in all coverage reports of the job together"),
    "coverable": ("int", "{unit} that tests could reach"),
    "ratio": ("double", "share of the {unit} that tests reached, from 0 to 1"),
    "change": (
        "double",
        "percentage points by which more of the {unit} are covered than on the branch that the "
        "pull request is to be merged into",
    ),
}
_PLURALS = dict(zip(UNITS, ("lines", "statements", "branches"), strict=True))


def _attributes(unit: str) -> dict[str, str]:
    """The names of what is told of a unit, by their last part."""
    names = {}
    for last, (kind, meaning) in _MEANINGS.items():
        name = names[last] = f"flow.coverage.{unit}.{last}"
        COVERAGE_ATTRIBUTES.append(
            Attribute(
                name=name,
                type=kind,
                on="measured job",
                meaning=meaning.format(unit=_PLURALS[unit]),
            )
        )
    return names


OF_UNIT = {unit: _attributes(unit) for unit in UNITS}
