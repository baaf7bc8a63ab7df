"""Work items, their ancestors, and the protocol of a tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from flow_telemetry.model.common import Actor, Repository
from flow_telemetry.model.events import Edit, Event, StatusCategory
from flow_telemetry.model.item_key import ItemKey

# Longer chains of parents are cut, with a notice. The hierarchies of trackers are shorter.
MOST_ANCESTORS = 10


class FlowType(Enum):
    """The kinds of work of the Flow Framework; every item is one of them."""

    FEATURE = "feature"
    DEFECT = "defect"
    DEBT = "debt"
    RISK = "risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """An epic, story, bug or task of a tracker.

    ``key`` is for people (`ACME-42`, `acme/shop#17`), ``reference`` is the flow reference. ``read``
    is False if only the key is known, because the item was not read from a tracker. ``level`` is
    Jira's hierarchy level: 1 for epics. ``state`` is `open` or `closed`; ``result`` is how the item
    was closed, as the tracker reports it (`completed`, `not_planned`, `Done`). The fields from
    ``author`` on are read only if the item itself is exported. ``history`` is in order of time.
    ``edits`` are the changes of its title and type. ``status_names`` are the present names of its
    statuses by their ids, which stay if a status is renamed. ``project``, ``team``, ``components``
    and ``priority`` are its present ones in Jira.
    ``blocked_by`` are the causes that block the item now, as in the subjects of its events; the
    flag is an empty text. ``former_keys`` are its keys in other projects. ``notices`` are facts
    that make numbers of the item surprising.
    """

    tracker: str
    key: str
    reference: str
    read: bool = True
    title: str = ""
    type: str = ""
    level: int | None = None
    url: str = ""
    repository: Repository | None = None
    number: int | None = None
    state: str = ""
    status: str = ""
    status_id: str = ""
    category: StatusCategory | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None
    result: str = ""
    author: Actor | None = None
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    comments: int | None = None
    history: tuple[Event, ...] = ()
    history_complete: bool = True
    edits: tuple[Edit, ...] = ()
    status_names: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    team: str = ""
    components: tuple[str, ...] = ()
    priority: str = ""
    blocked_by: tuple[str, ...] = ()
    former_keys: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the item was closed when it was read."""
        return self.closed_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemList:
    """A list of work items: an item and its ancestors, nearest first, or the children of an item.

    ``unread`` are the reasons why further items could not be read: an ancestor that the token
    cannot see, a chain that was cut. A circular chain ends with the first item that repeats.
    """

    items: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The work items above a change or run, nearest first, up to and including the feature.

    ``above`` are the items above the feature, ``others`` further nearest items: both become links.
    ``unread`` are the reasons why items could not be read. ``reason`` is a text about the place
    where the key of the nearest item was found.
    """

    items: tuple[WorkItem, ...] = ()
    above: tuple[WorkItem, ...] = ()
    others: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()
    reason: str = ""

    @property
    def nearest(self) -> WorkItem | None:
        """The item that the change or run belongs to directly."""
        return self.items[0] if self.items else None

    @property
    def feature(self) -> WorkItem | None:
        """The top item, which is the root of the feature trace."""
        return self.items[-1] if self.items else None


class Tracker(Protocol):
    """A tracker of work items."""

    def chain(self, key: ItemKey) -> ItemList:
        """Return the item with at most `MOST_ANCESTORS` ancestors.

        If an item cannot be read, the reason is in ``unread``, and only its key is known.

        Raises:
            DeadlineExceeded: no time was left.
        """
        ...

    def details(self, item: WorkItem) -> WorkItem:
        """Return the item with all fields and its history.

        Raises:
            SourceError: the item could not be read.
        """
        ...

    def children(self, item: WorkItem) -> ItemList:
        """Return the children of an item, without their histories."""
        ...
