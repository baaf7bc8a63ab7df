"""Adding up what was covered, over files and packages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import (
    Covered,
    PackageCoverage,
)
from flow_telemetry.sources.reports.values import count

# More lines than the largest projects have; each takes memory while a report is read.
MOST_LINES = 3_000_000
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]{1,3})?")

NOTHING = Covered(covered=0, coverable=0)


def total(parts: Iterable[Covered]) -> Covered:
    """Return the sum."""
    covered = coverable = 0
    for part in parts:
        covered += part.covered
        coverable += part.coverable
    return Covered(covered=covered, coverable=coverable)


def plausible(covered: int | None, coverable: int | None) -> Covered | None:
    """Return the two as one, None where one is missing or more was covered than can be."""
    if covered is None or coverable is None or covered > coverable:
        return None
    return Covered(covered=covered, coverable=coverable)


def hit(counts: Mapping[object, int]) -> Covered:
    """Return how many of them were hit at least once."""
    return Covered(covered=sum(1 for hits in counts.values() if hits > 0), coverable=len(counts))


def hits(text: str | None) -> int | None:
    """Return how often something was hit, None where a text does not tell.

    Of what is more than is worth counting, or was counted as `3.0`, only whether it was hit: 1.
    """
    found = count(text)
    if found is None and text is not None and (number := _NUMBER.fullmatch(text.strip()[:64])):
        return 1 if number[1].strip("0.") else 0
    return found


@dataclass(slots=True)
class _Package:
    lines: list[Covered] = field(default_factory=list)
    branches: list[Covered] = field(default_factory=list)


class Tally:
    """The packages of a report, each the sum of what is added under its name."""

    def __init__(self, name: str) -> None:
        """Take the report's name, for errors."""
        self._name = name
        self._packages: dict[str, _Package] = {}
        self._left = MOST_LINES

    def count_one(self) -> None:
        """Count a line that is kept for a while; ReportError once there are too many."""
        self._left -= 1
        if self._left < 0:
            raise ReportError(f"{self._name} has more than {MOST_LINES:,} lines; it is not read")

    def add(self, package: str, lines: Covered, branches: Covered | None = None) -> None:
        """Add a file's (or package's) lines and, where they were looked at, branches."""
        own = self._packages.setdefault(package, _Package())
        own.lines.append(lines)
        if branches is not None:
            own.branches.append(branches)

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not self._packages

    def lines(self) -> Covered:
        """Return the lines of all packages."""
        return total(part for own in self._packages.values() for part in own.lines)

    def branches(self) -> Covered | None:
        """Return the branches of all packages; None where none were looked at."""
        parts = [part for own in self._packages.values() for part in own.branches]
        return total(parts) if parts else None

    def packages(self) -> tuple[PackageCoverage, ...]:
        """Return the packages in order of their names."""
        return tuple(self._in_order())

    def _in_order(self) -> Iterator[PackageCoverage]:
        for name, own in sorted(self._packages.items()):
            branches = total(own.branches) if own.branches else None
            yield PackageCoverage(name=name, lines=total(own.lines), branches=branches)
