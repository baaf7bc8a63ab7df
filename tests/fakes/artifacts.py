"""Artifacts of runs as GitHub lists them, and their archives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from tests.fakes.accounts import Json, time_text
from tests.fakes.listing import Found, Listing, Values
from tests.fakes.plans import DERIVED, RepositoryPlan
from tests.fakes.records import Artifact
from tests.fakes.storage import Stored
from tests.fakes.timeline import later, moment
from tests.fakes.world import World

KEPT = timedelta(days=90)


class ExpiredError(Exception):
    """GitHub's 410 for an artifact that is no longer kept."""


def artifacts(world: World, home: RepositoryPlan, values: Values, query: Values) -> Found:
    """Return the artifacts of a repository or run, newest first."""
    found = [
        artifact
        for artifact in reversed(world.artifacts)
        if artifact.repository == home.full_name
        and query.get("name", artifact.plan.name) == artifact.plan.name
        and values.get("id", str(artifact.plan.run)) == str(artifact.plan.run)
    ]
    return Listing(
        length=len(found),
        key="artifacts",
        items=lambda part: [_artifact(world, artifact) for artifact in found[part]],
    )


def archive(world: World, home: RepositoryPlan, values: Values, _: Values) -> Stored:
    """Return an artifact's archive (KeyError: there is none of that number)."""
    for artifact in world.artifacts:
        if artifact.repository == home.full_name and str(artifact.id) == values["artifact"]:
            if artifact.plan.expired:
                raise ExpiredError
            return Stored(packed(artifact.plan.content))
    raise KeyError(values["artifact"])


def packed(content: bytes | Mapping[str, bytes | str]) -> bytes:
    """Return a zip archive of the files, or the one that is given."""
    if isinstance(content, bytes):
        return content
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as made:
        for name, file in content.items():
            made.writestr(name, file)
    return archive.getvalue()


def _artifact(world: World, artifact: Artifact) -> Json:
    api = f"{world.api_url}/repos/{artifact.repository}/actions/artifacts/{artifact.id}"
    created = moment(artifact.created_at)
    return {
        "id": artifact.id,
        "node_id": f"A_{artifact.id}",
        "name": artifact.plan.name,
        "size_in_bytes": len(packed(artifact.plan.content)),
        "url": api,
        "archive_download_url": f"{api}/zip",
        "expired": artifact.plan.expired,
        "created_at": time_text(created),
        "updated_at": time_text(created),
        "expires_at": time_text(later(created, KEPT.total_seconds())),
        "digest": None,
        "workflow_run": _run_of(world, artifact),
        **artifact.plan.facts,
    }


def _run_of(world: World, artifact: Artifact) -> Json:
    run = world.attempts_of(artifact.repository, artifact.plan.run)[-1]
    home = world.find_repository(artifact.repository)
    head, branch = run.plan.head_repository, run.plan.branch
    head_id = home.id if head is DERIVED else head and world.find_repository(head).id
    return {
        "id": run.id,
        "repository_id": home.id,
        **({"head_repository_id": head_id} if head_id else {}),
        "head_branch": home.default_branch if branch is DERIVED else branch or "",
        "head_sha": run.sha,
    }
