"""What the program asks of a tracker, whichever it is; adding one is adding a file beside this."""

from __future__ import annotations

from typing import Protocol

from flow_telemetry.keys import ItemKey
from flow_telemetry.model import MOST_ANCESTORS, ItemChain, Items, WorkItem

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
