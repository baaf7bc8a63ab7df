"""Deployments, statuses, deliveries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from flow_telemetry.errors import AccessDeniedError, FlowTelemetryError
from flow_telemetry.github.changes import RangeChanges, changes_between
from flow_telemetry.github.client import GitHubClient, GraphqlAnswer
from flow_telemetry.github.payloads import parse_actor, parse_changes
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import (
    Approval,
    Change,
    Deployment,
    DeploymentStatus,
    Job,
    JobDeployment,
    Repository,
    Run,
)
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import asks_for_deployments

# Reading which jobs of a run made deployments, and how long those waited for an approval.
#
# One GraphQL query answers it by the jobs' own node ids. REST knows deployments only by a commit,
# which for a pull request is not the run's `head_sha` but the merge commit that was tried.

# GitHub answers for at most 100 nodes at once.
_MOST_NODES = 100
# Nobody approves faster, and most queues are shorter: a request is saved for most runs.
SHORTEST_APPROVAL_SECONDS = 30
_QUERY = """
query JobDeployments($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on CheckRun {
      id
      deployment {
        environment
        commitOid
        statuses(first: 100) { nodes { state createdAt } }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A run whose jobs carry their deployments, and what could not be read."""

    run: Run
    notices: tuple[str, ...] = ()


def read_deployments(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> Deployed:
    """Return the run with the deployments of those of ``jobs`` for which they matter.

    They matter where they may decide what the run belongs to, and where a job waited so long that
    it may have been for an approval. Without the permission `deployments: read` the jobs stay as
    they are.
    """
    asked = [job for job in jobs if job.node_id and _matters(run, job)]
    known: dict[str, JobDeployment] = {}
    unread: dict[str, None] = {}
    try:
        for answer in ask_for_deployments(client, asked):
            known |= _by_node(answer)
            unread |= dict.fromkeys(answer.errors)
    except FlowTelemetryError as error:
        unread[str(error)] = None
    found = tuple(replace(job, deployment=known.get(job.node_id or "")) for job in run.jobs)
    return Deployed(run=replace(run, jobs=found), notices=_told(unread))


def _told(unread: Iterable[str]) -> tuple[str, ...]:
    said = "; ".join(unread)
    if not said:
        return ()
    return (
        f"what the jobs deployed is not all known, nor their waits for approval: {said}. The "
        "token needs `deployments: read`",
    )


def _matters(run: Run, job: Job) -> bool:
    queued = timing.job_queued(job)
    waited = queued is not None and queued.seconds >= SHORTEST_APPROVAL_SECONDS
    return waited or asks_for_deployments(run)


def ask_for_deployments(client: GitHubClient, jobs: Sequence[Job]) -> Iterator[GraphqlAnswer]:
    """Yield what GitHub knows of the deployments of so many jobs at a time."""
    for start in range(0, len(jobs), _MOST_NODES):
        yield _ask(client, jobs[start : start + _MOST_NODES])


def _ask(client: GitHubClient, jobs: Sequence[Job]) -> GraphqlAnswer:
    ids = [job.node_id for job in jobs]
    return client.query(_QUERY, "deployments of the run's jobs", ids=ids)


def _by_node(answer: GraphqlAnswer) -> dict[str, JobDeployment]:
    known = {}
    for node in read.children(answer.data, "nodes"):
        node_id, deployment = read.text(node, "id"), read.child(node, "deployment")
        if node_id and deployment:
            known[node_id] = parse_job_deployment(deployment)
    return known


def parse_job_deployment(payload: Payload) -> JobDeployment:
    """Return a deployment with its waits: each from a status `WAITING` to the next status."""
    statuses = sorted(
        (time, read.text(status, "state") or "")
        for status in read.children(read.child(payload, "statuses"), "nodes")
        if (time := read.time(status, "createdAt")) is not None
    )
    approvals = tuple(
        Approval(requested_at=time, decided_at=until)
        for (time, state), (until, _) in pairwise(statuses)
        if state == "WAITING" and until > time
    )
    return JobDeployment(
        environment=read.text(payload, "environment") or "",
        commit=read.text(payload, "commitOid") or "",
        approvals=approvals,
    )


# Reading deployments with their statuses: by number, or those that a run made.
#
# They are read by REST, since GraphQL's `databaseId` is a number of 32 bits, which the numbers of
# GitHub's deployments outgrow, and a status has none there at all.

_LOG = re.compile(
    r"https?://[^/]+/([^/]+/[^/]+)/actions/runs/([0-9]{1,18})(?:/jobs?/([0-9]{1,18}))?(?:[/?#].*)?"
)


def read_deployment(client: GitHubClient, repository: Repository, number: int) -> Deployment:
    """Return the deployment of that number with its statuses; both are asked for at once.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`; they name the
            permission `deployments: read`, where GitHub does.
    """
    what = f"deployment {number} of {repository.full_name}"
    made, statuses = client.both(
        lambda: client.get(f"{_path(repository)}/{number}", what),
        lambda: _statuses(client, repository, number),
    )
    found = parse_deployment(made, repository, where=what)
    return _with_statuses(found, statuses)


def deployments_of_run(client: GitHubClient, run: Run) -> tuple[Deployment, ...]:
    """Return the deployments that this attempt of the run made, oldest first, with statuses.

    Those of the run's commit, and of the commits that its jobs are known to have deployed, whose
    statuses link to the attempt. A run of a pull request deploys a merge commit that the run does
    not name: its jobs are asked for it, unless they carry their deployments already.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `read_deployment`.
    """
    commits = dict.fromkeys((*_deployed_commits(client, run), run.head_sha))
    found: dict[int, Deployment] = {}
    for commit in filter(None, commits):
        listed = _of_commit(client, run.repository, commit)
        # Before the attempt began, it made none: no need to ask for the statuses of those.
        since = [each for each in listed if each.created_at >= run.started_at]
        for each in with_statuses(client, since):
            if made_by(run, each):
                found[each.id] = each
    return tuple(found[number] for number in sorted(found))


def with_statuses(client: GitHubClient, found: Iterable[Deployment]) -> list[Deployment]:
    """Return the deployments with their statuses, several asked for at once."""
    return client.side_by_side(
        lambda each: _with_statuses(each, _statuses(client, each.repository, each.id)), found
    )


def parse_deployment(payload: Any, repository: Repository, *, where: str) -> Deployment:
    """Return the deployment that an answer describes, still without statuses.

    Raises:
        PayloadError: a fact is missing without which it has no identity or place in time.
    """
    found: Payload = payload if isinstance(payload, dict) else {}
    return Deployment(
        repository=repository,
        id=read.required(read.number(found, "id"), "id", where),
        environment=read.text(found, "environment") or "",
        sha=read.text(found, "sha") or "",
        created_at=read.required(read.time(found, "created_at"), "created_at", where),
        ref=read.text(found, "ref") or "",
        production=read.flag(found, "production_environment"),
        creator=parse_actor(found.get("creator")),
    )


def parse_statuses(items: Iterable[Any]) -> tuple[DeploymentStatus, ...]:
    """Return the statuses of a list in order of time; damaged ones left out."""
    found = [
        DeploymentStatus(
            state=state,
            time=time,
            id=read.number(item, "id") or 0,
            actor=parse_actor(item.get("creator")),
            log_url=read.text(item, "log_url") or read.text(item, "target_url") or "",
        )
        for item in items
        if isinstance(item, dict)
        and (state := read.text(item, "state"))
        and (time := read.time(item, "created_at"))
    ]
    return tuple(sorted(found, key=lambda status: (status.time, status.id)))


def _path(repository: Repository) -> str:
    return f"/repos/{repository.full_name}/deployments"


def _statuses(
    client: GitHubClient, repository: Repository, number: int
) -> tuple[DeploymentStatus, ...]:
    what = f"statuses of deployment {number} of {repository.full_name}"
    path = f"{_path(repository)}/{number}/statuses"
    return parse_statuses(client.list_all(path, None, what).items)


def _with_statuses(found: Deployment, statuses: tuple[DeploymentStatus, ...]) -> Deployment:
    """The deployment with its statuses, and with the run and job that they link to."""
    log = next((m for each in statuses if (m := _log(found.repository, each.log_url))), None)
    return replace(
        found,
        statuses=statuses,
        run_id=int(log[2]) if log else None,
        job_id=int(log[3]) if log and log[3] else None,
        url=next((each.log_url for each in reversed(statuses) if each.log_url), ""),
    )


def _log(repository: Repository, url: str) -> re.Match[str] | None:
    match = _LOG.fullmatch(url)
    return match if match and fold(match[1]) == fold(repository.full_name) else None


def _of_commit(client: GitHubClient, repository: Repository, commit: str) -> list[Deployment]:
    what = f"deployments of {repository.full_name}"
    listed = client.list_all(_path(repository), None, what, sha=commit).items
    return [parse_deployment(each, repository, where=what) for each in listed]


def _deployed_commits(client: GitHubClient, run: Run) -> tuple[str, ...]:
    known = parentage.deployed_commits(run)
    if known or not run.event.startswith("pull_request"):
        return known
    jobs = [job for job in timing.own_jobs(run) if job.node_id]
    nodes = (
        read.child(node, "deployment")
        for answer in ask_for_deployments(client, jobs)
        for node in read.children(answer.data, "nodes")
    )
    return tuple(commit for node in nodes if (commit := read.text(node, "commitOid")))


def made_by(run: Run, deployment: Deployment) -> bool:
    """Return whether this attempt made it: a re-run's jobs have numbers of their own."""
    if deployment.run_id != run.id:
        return False
    if deployment.job_id is None:
        return run.updated_at is None or deployment.created_at <= run.updated_at
    return any(job.id == deployment.job_id for job in timing.own_jobs(run))


# Finding the deployments of a repository since an instant, whoever made them.


def deployments_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Deployment, ...]:
    """Return the deployments that were made since an instant, oldest first, without statuses.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    found: list[Deployment] = []
    for page in client.pages(f"/repos/{repository.full_name}/deployments", None, what):
        made = [parse_deployment(each, repository, where=what) for each in page]
        fresh = [each for each in made if each.created_at >= since]
        found += fresh
        if len(fresh) < len(made):
            break
    return tuple(sorted(found, key=lambda each: (each.created_at, each.id)))


# Reading what a deployment delivered: the pull requests merged since the one before it.
#
# Everything is decided as of the deployment, so that a delivery that is read again is the same
# one, whatever was merged or deployed in the meantime.

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
        found = RangeChanges(changes=_deliveries_of_commit(client, deployment), complete=complete)
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


def _deliveries_of_commit(client: GitHubClient, deployment: Deployment) -> tuple[Change, ...]:
    repository = deployment.repository
    path = f"/repos/{repository.full_name}/commits/{deployment.sha}/pulls"
    what = f"pull requests of {repository.full_name}"
    return parse_changes(client.list_all(path, None, what).items, repository)


def _unread(answer: GraphqlAnswer, what: str, permission: str) -> AccessDeniedError:
    said = f" ({'; '.join(answer.errors)})" if answer.errors else ""
    return AccessDeniedError(f"{what} could not be read{said}. The token needs `{permission}`")
