"""The GraphQL queries about deliveries: deployments of an environment, pull requests of commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes import history
from tests.fakes.accounts import Json, time_text
from tests.fakes.plans import RepositoryPlan
from tests.fakes.records import Deployment, DeploymentStatus, PullRequest
from tests.fakes.world import World

LARGEST_PAGE = 100
# The number that the query asks for at both ends of the list of statuses.
STATUSES_ASKED = 20


def environment_deployments(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """Return the deployments to an environment, newest first, a page at a time."""
    if "deployments=read" in denied:
        return {"data": {"repository": None}, "errors": [forbidden(["repository", "deployments"])]}
    home = world.find_repository(f"{variables['owner']}/{variables['name']}")
    made = [
        each
        for each in world.deployments
        if each.repository == home.full_name and each.plan.environment in variables["environments"]
    ]
    made.sort(key=lambda each: (each.created_at, each.id), reverse=True)
    begin = int(variables.get("after") or 0)
    end = begin + LARGEST_PAGE
    page = {"hasNextPage": end < len(made), "endCursor": str(end)}
    nodes = [_deployment(world, home, each) for each in made[begin:end]]
    return {"data": {"repository": {"deployments": {"pageInfo": page, "nodes": nodes}}}}


def commit_changes(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """Return commits with the pull requests that brought them; errors where none may be read."""
    errors = []
    nodes = []
    for position, identifier in enumerate(variables["ids"]):
        if "pull_requests=read" in denied:
            errors.append(forbidden(["nodes", position, "associatedPullRequests"]))
            nodes.append({"associatedPullRequests": None})
        else:
            nodes.append(_commit(world, identifier))
    return {"data": {"nodes": nodes}, **({"errors": errors} if errors else {})}


def forbidden(path: list[str | int]) -> Json:
    """Return the error for a field that the token may not read."""
    return {
        "type": "FORBIDDEN",
        "path": path,
        "message": "Resource not accessible by integration",
    }


def _commit(world: World, identifier: str) -> Json:
    home, sha = history.commit_of(world, identifier)
    found = history.pulls_of_commit(world, home, sha)
    return {
        "associatedPullRequests": {"nodes": [_pull_request(world, pull) for pull in found]},
    }


def _pull_request(world: World, pull: PullRequest) -> Json:
    merged = pull.plan.merged_at
    merge = pull.plan.merge_commit_sha
    home = world.find_repository(pull.repository)
    return {
        "number": pull.number,
        "title": pull.plan.title,
        "state": "MERGED" if merged else pull.state.upper(),
        "url": f"{world.server_url}/{pull.repository}/pull/{pull.number}",
        "createdAt": time_text(pull.opened_at),
        "closedAt": time_text(pull.closed_at),
        "mergedAt": time_text(merged),
        "mergeCommit": {"oid": merge} if merge else None,
        "baseRefName": pull.base,
        "repository": {
            "nameWithOwner": home.full_name,
            "defaultBranchRef": {"name": home.default_branch},
        },
        "headRefName": pull.plan.branch,
        "headRefOid": pull.sha,
        "headRepository": {"nameWithOwner": pull.head_repository} if pull.head_repository else None,
    }


def _deployment(world: World, home: RepositoryPlan, made: Deployment) -> Json:
    newest_first = made.statuses[::-1]
    return {
        # GraphQL's Int has 32 bits, which the ids have outgrown.
        "databaseId": made.id if made.id < 2**31 else None,
        "commitOid": made.plan.sha,
        "commit": _deployed_commit(world, home, made.plan.sha),
        "ref": _ref(world, home, made.plan.ref or home.default_branch),
        "task": made.plan.task,
        "createdAt": time_text(made.created_at),
        "newest": {"nodes": [_status(status) for status in newest_first[:STATUSES_ASKED]]},
        "oldest": {"nodes": [_status(status) for status in newest_first[-STATUSES_ASKED:]]},
    }


def _deployed_commit(world: World, home: RepositoryPlan, sha: str) -> Json:
    date = history.date_of(world, home, sha)
    return {"id": history.node_id(home, sha), "committedDate": time_text(date)}


def _ref(world: World, home: RepositoryPlan, name: str) -> Json | None:
    """The branch of a deployment, which is null once the branch was deleted after the merge."""
    deleted = {
        pull.plan.branch
        for pull in world.pull_requests
        if pull.repository == home.full_name and pull.state != "open"
    }
    return None if name in deleted else {"name": name}


def _status(taken: DeploymentStatus) -> Json:
    return {
        "state": taken.plan.state.upper(),
        "createdAt": time_text(taken.created_at),
        "logUrl": taken.plan.log_url or None,
    }
