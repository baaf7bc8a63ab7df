"""The configured trackers, and the choice of one for a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow_telemetry.model import ItemList, Repository, WorkItem
from flow_telemetry.model.item_key import ItemKey
from flow_telemetry.model.items import Tracker

if TYPE_CHECKING:
    from flow_telemetry.github.issues import GitHubIssues
    from flow_telemetry.jira.tracker import Jira

_GITHUB = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trackers:
    """``github`` makes the tracker of a repository; both are None if they are disabled.

    ``jira_is_misconfigured`` distinguishes a Jira that cannot be used from a disabled one.
    """

    github: Callable[[Repository], GitHubIssues] | None = None
    jira: Jira | None = None
    jira_is_misconfigured: bool = False

    def of(self, tracker: str, home: Repository) -> Tracker | None:
        """Return the tracker of that name; None if it is disabled or unknown."""
        if tracker == _GITHUB and self.github is not None:
            return self.github(home)
        return self.jira if tracker == "jira" else None

    def chain(self, key: ItemKey, home: Repository) -> ItemList:
        """Return the item of a key with its ancestors; without a tracker, the key alone.

        ``home`` is the repository of a bare number.

        Raises:
            DeadlineExceeded: no time is left.
        """
        tracker = self.of(key.tracker, home)
        if tracker is not None:
            return tracker.chain(key)
        unread: tuple[str, ...] = ()
        if key.tracker == "jira" and self.jira_is_misconfigured:
            unread = (f"{key.key} was not read, because the settings of Jira cannot be used",)
        return ItemList(items=(unread_work_item(key, home),), unread=unread)


def unread_work_item(key: ItemKey, home: Repository) -> WorkItem:
    """Return an item that has only a key."""
    if key.tracker == _GITHUB:
        # Loaded only for a key of an issue: most pull requests have none.
        from flow_telemetry.github.issues import unread_item  # noqa: PLC0415
        from flow_telemetry.github.runs import repository_named  # noqa: PLC0415

        return unread_item(repository_named(key.repository, home), int(key.key))
    return WorkItem(
        tracker=key.tracker,
        key=key.display(home.full_name),
        reference=key.reference(host=home.host, repository=home.full_name),
        read=False,
    )
