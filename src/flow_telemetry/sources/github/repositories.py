"""Repositories that somebody named, and reading one by the name that GitHub gives it."""

from __future__ import annotations

from flow_telemetry.identity import fold
from flow_telemetry.model import Repository
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.parse import parse_repository


def repository_named(full_name: str | None, home: Repository) -> Repository:
    """Return the repository of a key as somebody typed it, beside ``home``; None means that one."""
    if full_name is None or fold(full_name) == fold(home.full_name):
        return home
    owner, _, name = full_name.partition("/")
    url = home.url.removesuffix(home.full_name) + full_name
    return Repository(host=home.host, owner=owner, name=name, url=url)


def read_repository(client: GitHubClient, full_name: str) -> Repository:
    """Return the repository of a name such as `acme/shop`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"repository {full_name}"
    found = {"repository": client.get(f"/repos/{full_name}", what)}
    return parse_repository(read.child(found, "repository"), where=what)
