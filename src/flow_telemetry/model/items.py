"""Work item; the protocol of a tracker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flow_telemetry.model.common import Actor, Repository
from flow_telemetry.model.events import Event, StatusCategory
from flow_telemetry.model.item_key import ItemKey

# Work items of a tracker, and the chain from one up to its feature.

# Deeper chains of parents are cut, and told: no tracker's own hierarchy is.
MOST_ANCESTORS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """An epic, story, bug or task of a tracker.

    ``key`` is what people read (`ACME-42`, `acme/shop#17`), ``reference`` the flow reference.
    ``read`` is False where nothing but the key is known, since no tracker was asked. ``level`` is
    Jira's hierarchy level: 1 for epics. ``state`` is `open` or `closed`; ``result`` is how it was
    closed in the tracker's word (`completed`, `not_planned`, `Done`). The facts from ``author`` on
    are read only where the item itself is exported. ``history`` is in order of time.
    ``blocked_by`` are the causes that block it now, as in the subjects of its events; the flag is
    an empty text. ``former_keys`` are those that it had in other projects. ``notices`` are for the
    user: facts that make numbers of the item surprising.
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
    blocked_by: tuple[str, ...] = ()
    former_keys: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether it is closed, as far as was read."""
        return self.closed_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChain:
    """An item and its ancestors, nearest first.

    ``unread`` holds what could not be read, a reason each: an ancestor that the token cannot see,
    a chain that was cut. One that runs in a circle ends with the item that it came back to.
    """

    items: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Work items of a list, and what of it could not be read."""

    items: tuple[WorkItem, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The work items above a change or run, nearest first, up to and including the feature.

    ``above`` stands above the feature, ``others`` are further nearest items: both become links.
    ``unread`` holds what could not be read, a reason each. ``reason`` says where the nearest item
    was found.
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
        """The item at the top, whose trace is the feature trace."""
        return self.items[-1] if self.items else None


# What the program asks of a tracker, whichever it is; adding one is adding a file beside this.

__all__ = ["MOST_ANCESTORS", "ItemChain", "Items", "Tracker"]


class Tracker(Protocol):
    """A tracker of work items."""

    def chain(self, key: ItemKey) -> ItemChain:
        """Return the item of that key with its ancestors, at most `MOST_ANCESTORS` of them.

        What cannot be read is a reason in ``unread``; the item then is known by its key alone.
        Raises DeadlineExceeded where no time is left.
        """
        ...

    def details(self, item: WorkItem) -> WorkItem:
        """Return the item with all of its facts and its history.

        Raises SourceError where it cannot be read.
        """
        ...

    def children(self, item: WorkItem) -> Items:
        """Return the items whose parent this one is, without their histories."""
        ...
