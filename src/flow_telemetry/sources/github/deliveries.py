"""Reading what a deployment delivered: the pull requests merged since the one before it.

Everything is decided as of the deployment, so that a delivery that is read again is the same one,
whatever was merged or deployed in the meantime.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from flow_telemetry.errors import AccessDeniedError
from flow_telemetry.model import Change, Deployment, DeploymentStatus
from flow_telemetry.sources import payload as read
from flow_telemetry.sources.github.client import GitHubClient
from flow_telemetry.sources.github.commit_ranges import RangeChanges, changes_between
from flow_telemetry.sources.github.graphql import GraphqlAnswer
from flow_telemetry.sources.github.parse import parse_changes
from flow_telemetry.sources.payload import Payload

# 500 later deployments to the environment, and ones that failed before: then it is not known.
MOST_PAGES_OF_DEPLOYMENTS = 5
# A pull request merged by a push to its base is marked as merged after the push made its runs.
_MERGE_IS_NOTED_WITHIN = timedelta(minutes=1)
# GitHub gives an answer 10 seconds; it looks each commit's pull requests up on its own.
_COMMITS_A_QUERY = 50

_PREVIOUS = """
query EnvironmentDeployments(
  $owner: String!, $name: String!, $environments: [String!], $after: String
) {
  repository(owner: $owner, name: $name) {
    deployments(
      environments: $environments
      first: 100
      after: $after
      orderBy: {field: CREATED_AT, direction: DESC}
    ) {
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId
        commitOid
        createdAt
        statuses(first: 50) { nodes { state createdAt } }
      }
    }
  }
}
"""


def with_deliveries(client: GitHubClient, deployment: Deployment) -> Deployment:
    """Return the deployment with the pull requests that it delivers, each once, by number.

    They are those merged into the default branch that brought a commit which the deployed one
    holds and the environment's previous successful deployment did not. A rollback delivers none;
    the first deployment to an environment those of its own commit alone. One that failed names
    what it was to deliver. ``delivers_complete`` is False where more than 250 commits lie between,
    GitHub no longer knows the previous commit, or it did not tell of all of them.

    Three requests for up to 50 commits, one more for each further 50. The token needs
    `deployments: read`, `contents: read` and `pull-requests: read`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    before, known = _made_before(client, deployment)
    # The last one read is where the reading ended, if it had succeeded.
    previous = before[-1].sha if before and _succeeded_before(before[-1], deployment) else None
    found = None
    if previous:
        what = f"what deployment {deployment.id} of {deployment.repository.full_name} changed"
        found = changes_between(client, deployment.repository, previous, deployment.sha, what)
    if found is None:
        # Without the commit to compare with, all of the history would have been delivered.
        complete = known and not previous
        found = RangeChanges(changes=_of_commit(client, deployment), complete=complete)
    return replace(
        deployment,
        delivers=_delivered(deployment, found.changes),
        delivers_complete=found.complete,
        before=before,
    )


def _delivered(deployment: Deployment, changes: Iterable[Change]) -> tuple[Change, ...]:
    latest = deployment.created_at + _MERGE_IS_NOTED_WITHIN
    delivered = {
        change.number: change
        for change in changes
        if change.into_default_branch and change.merged_at and change.merged_at <= latest
    }
    return tuple(delivered[number] for number in sorted(delivered))


def _made_before(
    client: GitHubClient, deployment: Deployment
) -> tuple[tuple[Deployment, ...], bool]:
    """The deployments made before, back to the previous success, and whether none is left out."""
    found: list[Deployment] = []
    after: str | None = None
    for _ in range(MOST_PAGES_OF_DEPLOYMENTS):
        made = _page_of_deployments(client, deployment, after)
        for each in filter(None, (_parse(n, deployment) for n in read.children(made, "nodes"))):
            found.append(each)
            if _succeeded_before(each, deployment):
                return tuple(found), True
        page = read.child(made, "pageInfo")
        after = read.text(page, "endCursor")
        if not (read.flag(page, "hasNextPage") and after):
            return tuple(found), True
    return tuple(found), False


def _parse(node: Payload, deployment: Deployment) -> Deployment | None:
    """A deployment made before another; GraphQL writes the states in upper case."""
    created = read.time(node, "createdAt")
    if created is None or created >= deployment.created_at:
        return None
    statuses = (
        DeploymentStatus(state=(read.text(status, "state") or "").lower(), time=time)
        for status in read.children(read.child(node, "statuses"), "nodes")
        if (time := read.time(status, "createdAt")) is not None
    )
    return Deployment(
        repository=deployment.repository,
        id=read.number(node, "databaseId") or 0,
        environment=deployment.environment,
        sha=read.text(node, "commitOid") or "",
        created_at=created,
        statuses=tuple(sorted(statuses, key=lambda status: status.time)),
    )


def _page_of_deployments(
    client: GitHubClient, deployment: Deployment, after: str | None
) -> Payload:
    repository = deployment.repository
    what = f"deployments of {repository.full_name} to {deployment.environment}"
    answer = client.query(
        _PREVIOUS,
        what,
        owner=repository.owner,
        name=repository.name,
        environments=[deployment.environment],
        after=after,
    )
    made = read.child(read.child(answer.data, "repository"), "deployments")
    if not made:
        raise _unread(answer, what, "deployments: read")
    return made


def _succeeded_before(made: Deployment, deployment: Deployment) -> bool:
    """Whether it had succeeded by the time that the later one ended."""
    latest = _ended_at(deployment)
    succeeded = (each.time for each in made.statuses if each.state == "success")
    return any(latest is None or time <= latest for time in succeeded)


def _ended_at(deployment: Deployment) -> datetime | None:
    states = ("success", "failure", "error")
    return next((each.time for each in deployment.statuses if each.state in states), None)


def _of_commit(client: GitHubClient, deployment: Deployment) -> tuple[Change, ...]:
    repository = deployment.repository
    path = f"/repos/{repository.full_name}/commits/{deployment.sha}/pulls"
    what = f"pull requests of {repository.full_name}"
    return parse_changes(client.list_all(path, None, what).items, repository)


def _unread(answer: GraphqlAnswer, what: str, permission: str) -> AccessDeniedError:
    said = f" ({'; '.join(answer.errors)})" if answer.errors else ""
    return AccessDeniedError(f"{what} could not be read{said}. The token needs `{permission}`")
