"""Who and where: people, repositories and commits as GitHub's JSON has them everywhere."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tests.fakes.plans import Moment, RepositoryPlan
from tests.fakes.world import World, sha_of

Json = dict[str, Any]

USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
REPOSITORY_LINKS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}


def number_of(text: str) -> int:
    """Return a number that stands for a name, the same each time."""
    return zlib.crc32(text.encode())


def time_text(value: Moment | None) -> str | None:
    """Return an instant as GitHub writes it: UTC, to the second. A text is left as it is."""
    if not isinstance(value, datetime):
        return value
    return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def user(world: World, login: str, kind: str | None = None) -> Json:
    """Return a simple-user; a login that ends in [bot] is a bot's."""
    identifier = number_of(login)
    api = f"{world.api_url}/users/{login.replace('[', '%5B').replace(']', '%5D')}"
    return {
        "login": login,
        "id": identifier,
        "node_id": f"U_{identifier}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{identifier}?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.server_url}/{login.removesuffix('[bot]')}",
        **_links(world, api, USER_LINKS),
        "type": kind or ("Bot" if login.endswith("[bot]") else "User"),
        "site_admin": False,
    }


def repository(world: World, known: RepositoryPlan) -> Json:
    """Return a minimal-repository, as runs carry it."""
    owner, name = known.full_name.split("/")
    api = f"{world.api_url}/repos/{known.full_name}"
    return {
        "id": known.id,
        "node_id": f"R_{known.id}",
        "name": name,
        "full_name": known.full_name,
        "private": known.private,
        "owner": user(world, owner, "User" if known.fork else known.owner_type),
        "html_url": f"{world.server_url}/{known.full_name}",
        "description": known.description,
        "fork": known.fork,
        "url": api,
        **_links(world, api, REPOSITORY_LINKS),
        **known.facts,
    }


def _links(world: World, api: str, paths: Mapping[str, str]) -> Json:
    return {} if world.brief else {name: api + path for name, path in paths.items()}


def full_repository(world: World, known: RepositoryPlan) -> Json:
    """Return a full-repository, as GET /repos/{owner}/{repo} gives it."""
    counts = {"network_count": 0, "subscribers_count": 2}
    return {**whole_repository(world, known), **counts, **known.facts}


def whole_repository(world: World, known: RepositoryPlan) -> Json:
    """Return a repository, as pull requests and events carry it."""
    html = f"{world.server_url}/{known.full_name}"
    host = world.server_url.partition("://")[2]
    created = "2024-01-02T03:04:05Z"
    return {
        **repository(world, known),
        "created_at": created,
        "updated_at": created,
        "pushed_at": created,
        "git_url": f"git://{host}/{known.full_name}.git",
        "ssh_url": f"git@{host}:{known.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "homepage": None,
        "mirror_url": None,
        "language": "Python",
        "license": None,
        "size": 1234,
        **{f"has_{part}": part != "pages" for part in ("issues", "projects", "wiki", "pages")},
        "has_downloads": True,
        "has_discussions": False,
        **dict.fromkeys(("forks", "forks_count", "open_issues", "open_issues_count"), 0),
        **dict.fromkeys(("watchers", "watchers_count", "stargazers_count"), 3),
        "archived": False,
        "disabled": False,
        "visibility": _visibility(known),
        "default_branch": known.default_branch,
        **known.facts,
    }


def commit(sha: str, message: str, at: Moment, author: str) -> Json:
    """Return a simple-commit, with names in the addresses' place: nobody's mail."""
    person = {"name": author, "email": f"{number_of(author)}@users.noreply.github.com"}
    return {
        "id": sha,
        "tree_id": sha_of(f"tree of {sha}"),
        "message": message,
        "timestamp": time_text(at),
        "author": person,
        "committer": person,
    }


def _visibility(known: RepositoryPlan) -> str:
    return "private" if known.private else "public"
