"""Commits of the fake world: what lies between two of them, as GitHub's comparison tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tests.fakes.accounts import Json, number_of, time_text, user
from tests.fakes.listing import Found, Values
from tests.fakes.plans import RepositoryPlan
from tests.fakes.records import PullRequest
from tests.fakes.world import START, World, moment, sha_of

# Asked without a page, GitHub gives the newest ones of a long comparison.
MOST_COMPARED = 250
AUTHOR = "alice"

Parents = Mapping[str, tuple[str, ...]]


def compare(world: World, home: RepositoryPlan, values: Values, _: Values) -> Found:
    """Return a commit-comparison of two commits that the world's history holds (else KeyError)."""
    base, head = values["base"], values["head"]
    parents = world.commits.get(home.full_name, {})
    of_base, of_head = _ancestry(parents, base), _ancestry(parents, head)
    # The order in which the world was told of them is the order of time.
    ahead = [sha for sha in parents if sha in of_head - of_base]
    behind = len(of_base - of_head)
    common = [sha for sha in parents if sha in of_base & of_head]
    if not common:
        raise KeyError(f"{base} and {head} have no common history")
    url = f"{world.api_url}/repos/{home.full_name}/compare/{base}...{head}"
    html = f"{world.server_url}/{home.full_name}/compare/{base}...{head}"
    return {
        "url": url,
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": commit(world, home, base),
        "merge_base_commit": commit(world, home, common[-1]),
        "status": _status(len(ahead), behind),
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": [commit(world, home, sha) for sha in ahead[-MOST_COMPARED:]],
        "files": [],
    }


def commit(world: World, home: RepositoryPlan, sha: str) -> Json:
    """Return a commit, as a comparison lists it."""
    name = home.full_name
    url = f"{world.api_url}/repos/{name}/commits/{sha}"
    git = f"{world.api_url}/repos/{name}/git"
    person = {
        "name": AUTHOR,
        "email": f"{number_of(AUTHOR)}@users.noreply.github.com",
        "date": time_text(date_of(world, home, sha)),
    }
    tree = sha_of(f"tree of {sha}")
    return {
        "url": url,
        "sha": sha,
        "node_id": node_id(home, sha),
        "html_url": f"{world.server_url}/{name}/commit/{sha}",
        "comments_url": f"{url}/comments",
        "commit": {
            "url": f"{git}/commits/{sha}",
            "author": person,
            "committer": person,
            "message": world.messages.get(sha, "Change what must change"),
            "comment_count": 0,
            "tree": {"sha": tree, "url": f"{git}/trees/{tree}"},
        },
        "author": user(world, AUTHOR),
        "committer": user(world, AUTHOR),
        "parents": [
            {
                "sha": each,
                "url": f"{world.api_url}/repos/{name}/commits/{each}",
                "html_url": f"{world.server_url}/{name}/commit/{each}",
            }
            for each in world.commits[name][sha]
        ],
    }


def date_of(world: World, home: RepositoryPlan, sha: str) -> datetime:
    """Return when a commit was made: commits are a minute apart, in the order of the world."""
    known = list(world.commits.get(home.full_name, {}))
    return START + timedelta(minutes=known.index(sha) if sha in known else 0)


def node_id(home: RepositoryPlan, sha: str) -> str:
    """Return the id by which GraphQL knows a commit."""
    return f"C_{home.id}_{sha}"


def commit_of(world: World, identifier: str) -> tuple[RepositoryPlan, str]:
    """Return the repository and commit of such an id; KeyError where it is no commit's."""
    kind, _, rest = identifier.partition("_")
    repository, _, sha = rest.partition("_")
    if kind != "C":
        raise KeyError(identifier)
    home = world.find_repository(repository)
    if sha not in world.shas(home.full_name):
        raise KeyError(identifier)
    return home, sha


def pulls_of_commit(world: World, home: RepositoryPlan, sha: str) -> list[PullRequest]:
    """Return the pull requests that brought a commit, the first one first.

    Open ones are told only of a commit that no merge brought to the default branch.
    """
    here = [p for p in world.pull_requests if p.repository == home.full_name and sha in p.commits]
    found = [p for p in here if p.plan.merged_at] or [p for p in here if p.state == "open"]
    return sorted(found, key=lambda pull: moment(pull.opened_at))


def _ancestry(parents: Parents, sha: str) -> set[str]:
    found: set[str] = set()
    waiting = [sha]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(parents[current])
    return found


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"
