"""Artifacts that runs keep: finding them, and reading what is in one.

https://docs.github.com/en/rest/actions/artifacts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient

_MOST_PAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact of a run; ``size`` is that of its zip archive in bytes.

    ``from_fork`` is whether the run's commit came from another repository, as that of a fork's
    pull request; also where GitHub does not say where it came from.
    """

    id: int
    name: str
    repository: str
    size: int = 0
    expired: bool = False
    run_id: int | None = None
    head_branch: str | None = None
    head_sha: str | None = None
    from_fork: bool = True
    created_at: datetime | None = None

    def __str__(self) -> str:
        """Return how errors name it."""
        shown = "".join(c if c.isprintable() else "?" for c in self.name[:100])
        return f"artifact {self.id} ({shown}) of {self.repository}"


def list_artifacts(
    client: GitHubClient,
    repository: str,
    *,
    name: str | None = None,
    run_id: int | None = None,
    most_pages: int = _MOST_PAGES,
) -> tuple[Artifact, ...]:
    """Return artifacts of a repository (`acme/shop`), or of one run, the newest first.

    Args:
        client: asks GitHub.
        repository: owner and name.
        name: only those that are called exactly so.
        run_id: only those of this run, of all its attempts.
        most_pages: how many requests are made at most; each gives 100 artifacts.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    run = "" if run_id is None else f"/runs/{run_id}"
    of_run = "" if run_id is None else f"run {run_id} of "
    query: dict[str, str | int] = {} if name is None else {"name": name}
    pages = client.pages(
        f"/repos/{repository}/actions{run}/artifacts",
        "artifacts",
        f"artifacts of {of_run}{repository}",
        **query,
    )
    listed = (item for page in islice(pages, most_pages) for item in page)
    found = [each for each in (_parsed(item, repository) for item in listed) if each is not None]
    return tuple(sorted(found, key=lambda artifact: artifact.id, reverse=True))


def download_artifact(client: GitHubClient, artifact: Artifact, limit: int) -> bytes:
    """Return an artifact's zip archive, of ``limit`` bytes at most.

    Raises:
        NotFoundError: it expired or was deleted.
        PayloadError: it is larger.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    path = f"/repos/{artifact.repository}/actions/artifacts/{artifact.id}/zip"
    return client.download(path, str(artifact), limit)


def _parsed(item: Any, repository: str) -> Artifact | None:
    """The artifact; None for what has no number or name."""
    payload: Mapping[str, Any] = item if isinstance(item, dict) else {}
    number, name = read.number(payload, "id"), read.text(payload, "name")
    if number is None or name is None:
        return None
    run = read.child(payload, "workflow_run")
    home, head = read.number(run, "repository_id"), read.number(run, "head_repository_id")
    return Artifact(
        id=number,
        name=name,
        repository=repository,
        size=read.number(payload, "size_in_bytes") or 0,
        expired=read.flag(payload, "expired"),
        run_id=read.number(run, "id"),
        head_branch=read.text(run, "head_branch"),
        head_sha=read.text(run, "head_sha"),
        from_fork=home is None or home != head,
        created_at=read.time(payload, "created_at"),
    )
