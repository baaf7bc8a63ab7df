"""Reading a whole feature: items from the tracker, and the changes that belong to them.

A budget of requests bounds it. So what is coarse is read before what is fine: items and changes
here, then their runs and deployments, then jobs. Where the budget ends, the tree says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from flow_telemetry.errors import FlowTelemetryError
from flow_telemetry.model import (
    Change,
    Lineage,
    Repository,
    WorkItem,
)
from flow_telemetry.model.tree import (
    ChangeNode,
    FeatureTree,
    ItemNode,
)
from flow_telemetry.parts import Parts
from flow_telemetry.rules.keys_in_text import JiraKeys, keys_in_text
from flow_telemetry.settings import Settings
from flow_telemetry.sources.github.change_details import read_change
from flow_telemetry.sources.github.change_search import changes_created_since
from flow_telemetry.sources.github.repositories import read_repository
from flow_telemetry.subjects.feature_runs import with_runs
from flow_telemetry.subjects.lineage import read_lineage

Found = TypeVar("Found")

# Deeper trees are cut, and told: no tracker's own hierarchy is.
MOST_LEVELS = 10
_OLDER_CHANGES = timedelta(days=30)


def read_tree(
    settings: Settings,
    parts: Parts,
    feature: WorkItem,
    lineage: Lineage,
    *,
    snapshot: datetime | None,
) -> FeatureTree:
    """Return a feature, with its details read, and all below it.

    What cannot be read is told in ``unread``.
    """
    until = snapshot or feature.closed_at
    opened, unread = _opened(settings, parts, feature)
    reading = _Reading(settings=settings, parts=parts, until=until, opened=opened, unread=unread)
    own = _own_workflow(settings)
    root, with_jobs = with_runs(
        parts, reading.node(feature, 1), until, reading.unread, own_workflow=own
    )
    if parts.github.budget_exceeded:
        reading.unread.append(parts.github.ended)
    return FeatureTree(
        root=root,
        snapshot=snapshot,
        above=lineage.above,
        unread=tuple(dict.fromkeys(reading.unread)),
        with_jobs=with_jobs,
    )


def _own_workflow(settings: Settings) -> str | None:
    """The file of the workflow that we stand in, where telemetry is all that it is for.

    A build is never started by these events, but what sends features is.
    """
    runner = settings.runner
    return runner.workflow_file if runner.event_name in ("issues", "schedule") else None


def _opened(
    settings: Settings, parts: Parts, feature: WorkItem
) -> tuple[tuple[Change, ...], list[str]]:
    """The changes that may carry keys of a tracker that keeps no list of them itself.

    A change may be older than the story that it was linked to.
    """
    home = settings.repository or settings.runner.repository
    names = settings.repositories or ((home,) if home else ())
    if feature.tracker == "github" or feature.created_at is None:
        return (), []
    if not names:
        return (), ["its pull requests: input repositories is to name where they may be"]
    found: list[Change] = []
    unread: list[str] = []
    for name in names:
        try:
            repository = parts.known(read_repository(parts.github, name))
            since = feature.created_at - _OLDER_CHANGES
            found += changes_created_since(parts.github, repository, since)
        except FlowTelemetryError as error:
            unread.append(f"the pull requests of {name}: {error}")
    return tuple(found), unread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One reading under way: what was met already, and what could not be read.

    ``until`` is what the feature is shown as of: its closing, or the snapshot's instant.
    """

    settings: Settings
    parts: Parts
    until: datetime | None
    opened: tuple[Change, ...] = ()
    unread: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def node(self, item: WorkItem, level: int) -> ItemNode:
        """Return an item, whose details are known, with the items and changes below it."""
        self.seen.add(item.reference)
        self.parts.log.progress(
            f"{self.parts.github.requests} requests, {len(self.seen)} items and pull requests read"
        )
        children = tuple(self._children(item, level))
        changes = tuple(self._changes(item))
        return ItemNode(item=item, children=children, changes=changes)

    def _children(self, item: WorkItem, level: int) -> Iterator[ItemNode]:
        tracker = self.parts.trackers.of(item.tracker, _home(item))
        if tracker is None:
            return
        if level >= MOST_LEVELS:
            self.unread.append(f"what is below {item.key}, on level {level}")
            return
        found = self._tried(lambda: tracker.children(item), f"the items below {item.key}")
        if found is None:
            return
        self.unread.extend(found.unread)
        for child in found.items:
            if child.reference in self.seen or self._opened_later(child.created_at):
                continue
            known = self._tried(partial(tracker.details, child), child.key) or child
            if known.reference not in self.seen:  # It was moved while the tree was read.
                yield self.node(known, level + 1)

    def _changes(self, item: WorkItem) -> Iterator[ChangeNode]:
        """The changes whose nearest item this is: one that closes two items has one place."""
        for each in self._candidates(item):
            if each.reference in self.seen or self._opened_later(each.created_at):
                continue
            change = self._tried(
                partial(read_change, self.parts.github, each.repository.full_name, each.number),
                f"pull request {each.repository.full_name}#{each.number}",
            )
            if change is None or change.reference in self.seen:
                continue
            lineage = read_lineage(self.settings, self.parts, change, change.repository)
            if lineage.nearest and lineage.nearest.reference == item.reference:
                self.seen.update((each.reference, change.reference))
                yield ChangeNode(change=change)

    def _opened_later(self, opened: datetime | None) -> bool:
        """Whether a thing was not there yet: a trace that is sent again later is the same one."""
        return opened is not None and self.until is not None and opened > self.until

    def _candidates(self, item: WorkItem) -> Iterable[Change]:
        github = self.parts.trackers.github
        if item.tracker != "github" or github is None:
            return self._carrying(item)
        tracker, what = github(_home(item)), f"the pull requests of {item.key}"
        found = self._tried(partial(tracker.changes_of, item), what)
        if found is None:
            return ()
        self.unread.extend(found.unread)
        return found.changes

    def _carrying(self, item: WorkItem) -> Iterator[Change]:
        """The changes whose branch or title carries the item's key."""
        rules = JiraKeys(enabled=True, projects=self.settings.trackers.jira_projects)
        for change in self.opened:
            found = keys_in_text(
                branch=change.head_branch, title=change.title, commit_message="", jira=rules
            )
            if item.key in {each.key.key for each in found}:
                yield change

    def _tried(self, read: Callable[[], Found], what: str) -> Found | None:
        """What ``read`` returns; None, and a note, where it cannot be read.

        Once the budget is exceeded that is told as a whole, and nothing is asked any more.
        """
        if self.parts.github.budget_exceeded:
            return None
        try:
            return self.parts.known(read())
        except FlowTelemetryError as error:
            self.unread.append(f"{what}: {error}")
        return None


def _home(item: WorkItem) -> Repository:
    return item.repository or Repository(host="", owner="", name="", url="")
