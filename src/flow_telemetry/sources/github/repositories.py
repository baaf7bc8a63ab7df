"""Reading a repository that somebody named, by the name and address that GitHub gives it."""

from __future__ import annotations

from flow_telemetry.model import Repository
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_repository


def read_repository(client: GitHubClient, full_name: str) -> Repository:
    """Return the repository of a name such as `acme/shop`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"repository {full_name}"
    found = {"repository": client.get(f"/repos/{full_name}", what)}
    return parse_repository(read.child(found, "repository"), where=what)
