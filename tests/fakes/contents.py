"""Files of the fake world's repositories, as GitHub's contents API returns them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from tests.fakes.accounts import Json
from tests.fakes.listing import Found, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.world import World

_WORKFLOW = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n"


def file(world: World, home: RepositoryPlan, values: Values, query: Mapping[str, str]) -> Found:
    """Find a file at a commit (`ref`), else KeyError: GitHub answers 404.

    Each run has a workflow file, unless the world says that it is gone.
    """
    path, ref = values["path"], query.get("ref", "")
    text = world.files.get((home.full_name, path, ref), _WORKFLOW)
    ran = any((run.plan.path, run.sha) == (path, ref) for run in world.attempts)
    if text is None or (text is _WORKFLOW and not ran and path.count("/") < 2):
        raise KeyError(path)
    data = text.encode()
    name = path.rpartition("/")[2]
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    url = f"{world.api_url}/repos/{home.full_name}/contents/{path}?ref={query.get('ref', '')}"
    git_url = f"{world.api_url}/repos/{home.full_name}/git/blobs/{sha}"
    html_url = f"{world.server_url}/{home.full_name}/blob/main/{path}"
    found: Json = {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": name,
        "path": path,
        # GitHub breaks the lines of base64.
        "content": base64.encodebytes(data).decode(),
        "sha": sha,
        "url": url,
        "git_url": git_url,
        "html_url": html_url,
        "download_url": f"https://raw.example.com/{home.full_name}/{path}",
        "_links": {"git": git_url, "self": url, "html": html_url},
    }
    return found
