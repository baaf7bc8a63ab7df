"""The part of GitHub's GraphQL API that this project asks, over the same world as REST.

Some operations are answered by their name, all others by what they ask of issues and pull requests;
that each query fits GitHub's schema is checked by the tests against the published schema itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tests.fakes import delivery_queries
from tests.fakes.accounts import Json, time_text
from tests.fakes.graphql_execution import execute
from tests.fakes.graphql_items import Items
from tests.fakes.plans import EnvironmentPlan
from tests.fakes.records import Deployment
from tests.fakes.world import World

_OPERATION = re.compile(r"\s*query\s+(\w+)")


def answer(
    world: World,
    payload: Mapping[str, Any],
    denied: set[str],
    missing: Collection[str] = (),
    *,
    viewer: str = "github-actions[bot]",
) -> Json:
    """Return the answer to the body of a GraphQL request; `missing` is what the schema lacks.

    `viewer` is the login of the token's user.
    """
    text = str(payload.get("query", ""))
    variables = payload.get("variables") or {}
    found = _OPERATION.match(text)
    if found and found[1] == "Viewer":
        return {"data": {"viewer": {"login": viewer}}}
    operation = OPERATIONS.get(found[1]) if found else None
    if operation is not None:
        return operation(world, variables, denied)
    return execute(text, Items(world, denied).root, variables, missing)


def _job_deployments(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """Jobs with the deployments whose statuses link to them; errors where they may not be read."""
    if "deployments=read" in denied:
        errors = [
            {
                "type": "FORBIDDEN",
                "path": ["nodes", position, "deployment"],
                "message": "Resource not accessible by integration",
            }
            for position, _ in enumerate(variables["ids"])
        ]
        nodes: list[Json] = [{"id": node_id, "deployment": None} for node_id in variables["ids"]]
        return {"data": {"nodes": nodes}, "errors": errors}
    return {"data": {"nodes": [_check_run(world, node_id) for node_id in variables["ids"]]}}


def _ref_kind(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """Whether there is a branch and a tag of a name."""
    if "contents=read" in denied:
        return {
            "data": {"repository": None},
            "errors": [delivery_queries.forbidden(["repository"])],
        }
    name = variables["tag"].removeprefix("refs/tags/")
    is_tag, is_branch = name in world.tags, name not in world.tags or name in world.branches
    home = world.find_repository(world.default)
    found = {
        "defaultBranchRef": {"name": home.default_branch},
        "branch": {"name": name} if is_branch else None,
        "tag": {"name": name} if is_tag else None,
    }
    return {"data": {"repository": found}}


def _check_run(world: World, node_id: str) -> Json:
    job = node_id.removeprefix("CR_")
    for made in world.deployments:
        if any(status.plan.log_url.endswith(f"/job/{job}") for status in made.statuses):
            return {"id": node_id, "deployment": _deployment(made)}
    return {"id": node_id, "deployment": None}


def _deployment(made: Deployment) -> Json:
    return {
        "environment": made.plan.environment,
        "commitOid": made.plan.sha,
        "statuses": {
            "nodes": [
                {"state": status.plan.state.upper(), "createdAt": time_text(status.created_at)}
                for status in reversed(made.statuses)
            ]
        },
    }


def _environment_protection(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """The rules of environments, and the reviews of the run of a job."""
    if "deployments=read" in denied:
        return _denied_environments(node=None)
    repository, job = _environments(world, variables), str(variables["job"])
    return {"data": {"repository": repository, "node": _reviews(world, job)}}


def _protections(world: World, variables: Mapping[str, Any], denied: set[str]) -> Json:
    """The same for several runs."""
    jobs = [str(job) for job in variables["jobs"]]
    if "deployments=read" in denied:
        return _denied_environments(nodes=[None for _ in jobs])
    nodes = [_reviews(world, job) for job in jobs]
    return {"data": {"repository": _environments(world, variables), "nodes": nodes}}


def _denied_environments(**nodes: Any) -> Json:
    message = "Resource not accessible by integration"
    path = ["repository", "environments"]
    errors = [{"type": "FORBIDDEN", "path": path, "message": message}]
    return {"data": {"repository": None, **nodes}, "errors": errors}


def _environments(world: World, variables: Mapping[str, Any]) -> Json:
    home = f"{variables['owner']}/{variables['name']}".lower()
    planned = {
        plan.name: plan
        for plan in world.environments
        if (plan.repository or world.default).lower() == home
    }
    nodes = [
        {
            "name": name,
            "protectionRules": {"nodes": _rules(planned.get(name) or EnvironmentPlan(name))},
        }
        for name in variables["names"]
    ]
    return {"environments": {"nodes": nodes}}


def _reviews(world: World, node_id: str) -> Json:
    job = int(node_id.removeprefix("CR_"))
    run = next(each for each in world.attempts if any(one.id == job for one in each.jobs))
    nodes = [
        {"environments": {"nodes": [{"name": review.environment}]}}
        for review in world.reviews
        if review.run == run.id
    ]
    return {"checkSuite": {"workflowRun": {"deploymentReviews": {"nodes": nodes}}}}


def _rules(environment: EnvironmentPlan) -> list[Json]:
    reviewers = [{"type": "REQUIRED_REVIEWERS", "timeout": 0}] if environment.reviewers else []
    timer = [{"type": "WAIT_TIMER", "timeout": environment.timer}] if environment.timer else []
    return [{"type": "BRANCH_POLICY", "timeout": 0}, *reviewers, *timer]


OPERATIONS: Mapping[str, Callable[[World, Mapping[str, Any], set[str]], Json]] = {
    "AheadDeployments": _job_deployments,
    "AheadProtections": _protections,
    "CommitChanges": delivery_queries.commit_changes,
    "EnvironmentDeployments": delivery_queries.environment_deployments,
    "EnvironmentProtection": _environment_protection,
    "JobDeployments": _job_deployments,
    "RefKind": _ref_kind,
}
