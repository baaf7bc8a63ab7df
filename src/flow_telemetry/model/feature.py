"""A whole feature: its items, their changes, and the runs and deployments of each change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from flow_telemetry.model.changes import Change
from flow_telemetry.model.deployments import Deployment
from flow_telemetry.model.items import WorkItem
from flow_telemetry.model.runs import Run


class TreeDetail(Enum):
    """The most detailed spans of a feature trace, in descending order of detail."""

    STEP = "step"
    JOB = "job"
    RUN = "run"
    CHANGE = "change"
    ITEM = "item"

    @property
    def and_coarser(self) -> tuple[TreeDetail, ...]:
        """This detail and the coarser ones."""
        details = tuple(TreeDetail)
        return details[details.index(self) :]


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
    """A feature with everything below it, read again from GitHub and the tracker.

    ``snapshot`` is the time of a snapshot of an open feature, None for a closed one. ``above`` are
    items above the feature. ``unread`` are descriptions of parts that could not be read or were
    left out. ``finest`` is the finest detail that the request budget allowed for the whole tree.
    """

    root: ItemNode
    snapshot: datetime | None = None
    above: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()
    finest: TreeDetail = TreeDetail.STEP
