"""A whole feature: its items, their changes, and what ran and was deployed for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flow_telemetry.model.changes import Change
from flow_telemetry.model.deployments import Deployment
from flow_telemetry.model.items import WorkItem
from flow_telemetry.model.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNode:
    """A change with its runs, those after its merge, and the deployments that delivered it."""

    change: Change
    runs: tuple[Run, ...] = ()
    later_runs: tuple[Run, ...] = ()
    deployments: tuple[Deployment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemNode:
    """A work item with the items and changes below it."""

    item: WorkItem
    children: tuple[ItemNode, ...] = ()
    changes: tuple[ChangeNode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTree:
    """A feature with all below it, read again from what GitHub and the tracker keep.

    ``snapshot`` is the instant that an open feature is shown as of, None for a closed one.
    ``above`` are items above the feature. ``unread`` is what could not be read or was left out.
    ``with_jobs`` is False where the jobs of its runs would have taken more requests than allowed.
    """

    root: ItemNode
    snapshot: datetime | None = None
    above: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()
    with_jobs: bool = True
