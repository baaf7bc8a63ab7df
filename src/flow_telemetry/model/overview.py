"""Overviews of a pull request's runs and of a feature, for the job summary: rows of its tables.

An export keeps these in place of runs with all of their jobs and steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flow_telemetry.model.common import Repository, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """An attempt of a run; ``seconds`` is what it took. ``merged`` is whether it ran afterwards."""

    workflow: str
    number: int
    attempt: int
    url: str
    event: str
    result: Result | None
    start: datetime
    seconds: float
    merged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOverview:
    """Ended attempts in order of time; ``seconds`` is the time in which at least one went on.

    ``cost`` is in USD, None if it is unknown, because jobs were not read or have no known price.
    """

    rows: tuple[RunRow, ...] = ()
    seconds: float = 0.0
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRow:
    """A work item or pull request below a feature, at a ``depth`` from 1.

    ``type`` is that of an item, or `pull request`. ``repository`` is None for a tracker's item.
    ``seconds`` is the lead time from its creation to its end, or until the feature was read, None
    if its creation is unknown; ``waiting`` the part of it that it waited, from 0 to 1.
    """

    depth: int
    type: str
    name: str
    title: str
    url: str
    state: str
    repository: Repository | None
    seconds: float | None
    waiting: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """A wait of a pull request, or a blocked time of an item, named as in `WorkRow`."""

    name: str
    title: str
    url: str
    repository: Repository | None
    state: str
    start: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A deployment, and the numbers of the feature's pull requests that it delivered.

    ``status`` is `succeeded`, `failed` or `cancelled`.
    """

    environment: str
    url: str
    repository: Repository
    status: str
    end: datetime
    changes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOverview:
    """The work below a feature in the order of its tree, its waits, the longest first, and its CI.

    ``deployments`` are in order of time.
    """

    work: tuple[WorkRow, ...] = ()
    waits: tuple[WaitRow, ...] = ()
    deployments: tuple[DeploymentRow, ...] = ()
    runs: RunsOverview = field(default_factory=RunsOverview)
