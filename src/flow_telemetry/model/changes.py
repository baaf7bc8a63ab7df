"""Pull requests, and the pull request that a run belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flow_telemetry import identity
from flow_telemetry.model.common import Actor, Repository
from flow_telemetry.model.events import Edit, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A pull request.

    ``created_at`` is None if only the number is known, from the branch of a merge queue. The fields
    from ``draft`` on are read only if the change itself is exported; until then they are None or
    empty. ``timeline`` is in order of time; ``timeline_complete`` is False if GitHub returned only
    a part of it. ``edits`` are the changes of its title and base branch.
    """

    repository: Repository
    number: int
    title: str = ""
    state: str = ""
    created_at: datetime | None = None
    url: str = ""
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_commit: str | None = None
    base_branch: str = ""
    base_sha: str = ""
    default_branch: str | None = None
    head_branch: str = ""
    head_sha: str = ""
    head_repository: str | None = None
    oldest_commit_message: str = ""
    draft: bool | None = None
    author: Actor | None = None
    merged_by: Actor | None = None
    labels: tuple[str, ...] = ()
    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    commits: int | None = None
    timeline: tuple[Event, ...] = ()
    timeline_complete: bool = True
    edits: tuple[Edit, ...] = ()

    @property
    def reference(self) -> str:
        """The flow reference of the pull request."""
        return identity.pull_request_reference(self.repository.reference, self.number)

    @property
    def into_default_branch(self) -> bool:
        """Whether the pull request is to be merged into the repository's default branch."""
        return self.default_branch is not None and self.base_branch == self.default_branch

    @property
    def ended(self) -> bool:
        """Whether the pull request was closed or merged when it was read."""
        return self.closed_at is not None or self.merged_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parentage:
    """The pull request that a run belongs to, and why.

    ``change`` is the pull request above the run, ``others`` are further ones, which become links.
    ``reason`` is a text about the rule that decided. ``unread`` are the reasons why something could
    not be read, in contrast to something that does not exist. ``after_merge`` is whether the run
    started after the merge of ``change``.
    """

    reason: str
    change: Change | None = None
    after_merge: bool = False
    others: tuple[Change, ...] = ()
    unread: tuple[str, ...] = ()
