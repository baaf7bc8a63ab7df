"""Files of the fake world's repositories, as GitHub's contents API returns them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from tests.fakes.accounts import Json
from tests.fakes.answers import workflow_path
from tests.fakes.listing import Found, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.world import World

_WORKFLOW = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n"


def contents(world: World, home: RepositoryPlan, values: Values, query: Mapping[str, str]) -> Found:
    """Find a file or folder at a commit or branch (`ref`), else KeyError: GitHub answers 404.

    Without `ref` the default branch counts. Each run has a workflow file, at its commit and in the
    default branch, unless the world says that it is gone.
    """
    path, ref = values["path"], query.get("ref", home.default_branch)
    folder = _files_in(world, home, f"{path}/", ref)
    if folder:
        # All at once: GitHub has no pages here.
        return [_entry(world, home, each, ref) for each in folder]
    text = _text(world, home, path, ref)
    ran = any((workflow_path(run), run.sha) == (path, ref) for run in world.attempts)
    if text is None or (text is _WORKFLOW and not ran and path.count("/") < 2):
        raise KeyError(path)
    # GitHub breaks the lines of base64.
    content = base64.encodebytes(text.encode()).decode()
    return {**_entry(world, home, path, ref), "encoding": "base64", "content": content}


def _files_in(world: World, home: RepositoryPlan, folder: str, ref: str) -> list[str]:
    """The paths of the files directly in a folder."""
    paths = {
        workflow_path(run)
        for run in world.attempts
        if (run.plan.repository or world.default) == home.full_name
        and ref in (run.sha, home.default_branch)
    }
    paths |= {path for name, path, at in world.files if (name, at) == (home.full_name, ref)}
    inside = (path for path in paths if path.startswith(folder))
    return sorted(
        path
        for path in inside
        if "/" not in path.removeprefix(folder) and _text(world, home, path, ref) is not None
    )


def _text(world: World, home: RepositoryPlan, path: str, ref: str) -> str | None:
    return world.files.get((home.full_name, path, ref), _WORKFLOW)


def _entry(world: World, home: RepositoryPlan, path: str, ref: str) -> Json:
    data = (_text(world, home, path, ref) or "").encode()
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    url = f"{world.api_url}/repos/{home.full_name}/contents/{path}?ref={ref}"
    git_url = f"{world.api_url}/repos/{home.full_name}/git/blobs/{sha}"
    html_url = f"{world.server_url}/{home.full_name}/blob/{ref}/{path}"
    return {
        "type": "file",
        "size": len(data),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "url": url,
        "git_url": git_url,
        "html_url": html_url,
        "download_url": f"https://raw.example.com/{home.full_name}/{path}",
        "_links": {"git": git_url, "self": url, "html": html_url},
    }
