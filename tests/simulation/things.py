"""The things that a sweep exports: attempts of runs, closings, deployments, later statuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Kind(Enum):
    """The kinds of things."""

    ATTEMPT = "attempt of a run"
    CHANGE = "closing of a pull request"
    ITEM = "closing of a work item"
    DEPLOYMENT = "deployment"
    STATUS = "later status of a deployment"


# Closings are distinguished by their instants; the key of every other thing is its own.
CLOSINGS = frozenset({Kind.CHANGE, Kind.ITEM})


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing.

    ``key`` is `1000/2` for the second attempt of a run, the number of a pull request, the key of an
    item, the commit of a deployment, or the number of a status. ``closed_at`` is the instant of a
    closing, and None for all others.
    """

    kind: Kind
    key: str
    closed_at: datetime | None = None

    def __str__(self) -> str:
        """Return the thing as messages name it."""
        at = f" at {self.closed_at:%Y-%m-%dT%H:%M:%SZ}" if self.closed_at else ""
        return f"{self.kind.value} {self.key}{at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A thing that is to be exported once, and when it ended.

    ``settled_at`` is the end of a run by an event that is to export it, or its own end. ``name`` is
    how a message names it (`#123`, `run 1000`). An ``unreadable`` thing can never be
    read completely. A ``slow`` one belongs to a run or deployment that was created days before, so
    that only the daily long list shows it. ``reopened`` is a closing of something that is open at
    the end of the history.
    """

    thing: Thing
    ended_at: datetime
    settled_at: datetime
    name: str
    unreadable: bool = False
    slow: bool = False
    reopened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventExport:
    """The things that a successful run of our workflow by an event exported, at its end."""

    things: tuple[Thing, ...]
    at: datetime
    run_id: int
