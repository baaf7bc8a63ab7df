"""Finding the pull requests that carry a tracker's keys: GitHub keeps no list of those."""

from __future__ import annotations

from datetime import datetime

from flow_telemetry.model import Change, Repository
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_changes


def changes_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Change, ...]:
    """Return the pull requests that were opened since an instant, in whatever state, newest first.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{repository.full_name}/pulls"
    what = f"pull requests of {repository.full_name}"
    found: list[Change] = []
    for page in client.pages(path, None, what, state="all", sort="created", direction="desc"):
        changes = parse_changes(page, repository)
        fresh = [each for each in changes if each.created_at and each.created_at >= since]
        found += fresh
        oldest = min((t for item in page if (t := _created(item))), default=None)
        if oldest is not None and oldest < since:
            break
    return tuple(found)


def _created(item: object) -> datetime | None:
    return read.time(item, "created_at") if isinstance(item, dict) else None
