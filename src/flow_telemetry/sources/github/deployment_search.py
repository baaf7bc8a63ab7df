"""Finding the deployments of a repository since an instant, whoever made them."""

from __future__ import annotations

from datetime import datetime

from flow_telemetry.model import Deployment, Repository
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.deployment_records import parse_deployment


def deployments_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Deployment, ...]:
    """Return the deployments that were made since an instant, oldest first, without statuses.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    found: list[Deployment] = []
    for page in client.pages(f"/repos/{repository.full_name}/deployments", None, what):
        made = [parse_deployment(each, repository, where=what) for each in page]
        fresh = [each for each in made if each.created_at >= since]
        found += fresh
        if len(fresh) < len(made):
            break
    return tuple(sorted(found, key=lambda each: (each.created_at, each.id)))
