"""Pull requests as GraphQL gives them beside other things: what to ask for, and the record."""

from __future__ import annotations

from flow_telemetry.identity import fold
from flow_telemetry.model import Change, Repository
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.payload import Payload

CHANGE_FIELDS = """
number title state url createdAt closedAt mergedAt mergeCommit { oid } baseRefName headRefName
repository { nameWithOwner defaultBranchRef { name } }
headRepository { nameWithOwner }
"""


def parse_change_node(payload: Payload, repository: Repository) -> Change | None:
    """Return a pull request of ``repository``; None for another's, and without number or time."""
    number, created = read.number(payload, "number"), read.time(payload, "createdAt")
    home = read.child(payload, "repository")
    if not number or created is None or not _is(repository, read.text(home, "nameWithOwner")):
        return None
    merged = read.time(payload, "mergedAt")
    return Change(
        repository=repository,
        number=number,
        title=read.text(payload, "title") or "",
        # REST, as all else here, knows open and closed only.
        state="open" if read.text(payload, "state") == "OPEN" else "closed",
        created_at=created,
        url=read.text(payload, "url") or "",
        closed_at=read.time(payload, "closedAt") or merged,
        merged_at=merged,
        merge_commit=read.text(read.child(payload, "mergeCommit"), "oid"),
        base_branch=read.text(payload, "baseRefName") or "",
        default_branch=read.text(read.child(home, "defaultBranchRef"), "name"),
        head_branch=read.text(payload, "headRefName") or "",
        head_repository=read.text(read.child(payload, "headRepository"), "nameWithOwner"),
    )


def _is(repository: Repository, full_name: str | None) -> bool:
    return full_name is not None and fold(full_name) == fold(repository.full_name)
