"""Deployments: those that a run made, their statuses, and how the jobs that made them ended.

Deployments are read by REST: their numbers outgrow the 32 bits of GraphQL's `databaseId`, and
statuses have no number in GraphQL at all. The deployments of a run's jobs are read by GraphQL,
by the jobs' node ids: REST finds deployments only by commit, and the jobs of a pull request deploy
the test merge commit, which is not the run's `head_sha`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flow_telemetry.errors import FlowTelemetryError, SourceError
from flow_telemetry.github.client import GitHubClient
from flow_telemetry.github.errors import PERMISSIONS_HINT
from flow_telemetry.github.graphql import GraphqlResponse
from flow_telemetry.github.payloads import parse_actor
from flow_telemetry.github.protection import read_protection
from flow_telemetry.github.runs import RunWithNotices, read_lone_job
from flow_telemetry.http import payload as read
from flow_telemetry.http.payload import Payload
from flow_telemetry.identity import fold
from flow_telemetry.model import (
    DEFAULT_TASK,
    Deployment,
    DeploymentStatus,
    Job,
    JobDeployment,
    JobOutcome,
    ProtectionWait,
    Repository,
    Result,
    Run,
    result_of,
)
from flow_telemetry.rules import intervals as timing
from flow_telemetry.rules import parentage
from flow_telemetry.rules.parentage import may_use_environment
from flow_telemetry.rules.protection import (
    jobs_with_long_waits,
    with_rules,
    without_unknown_waits,
)
from flow_telemetry.text import counted

_WAITING = "WAITING"
# GitHub returns at most 100 nodes for one query.
MOST_NODES = 100
# Most jobs are queued for less, and people take longer to approve: most runs need no request.
SHORTEST_APPROVAL_SECONDS = 30
JOB_DEPLOYMENTS = """
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


def read_deployments(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> RunWithNotices:
    """Return the run with the deployments of those of ``jobs`` that may need them.

    A job needs its deployment if the deployment may decide what the run belongs to, or if the job
    was queued for so long that it may have waited for a protection rule. Without the permission
    `deployments: read` the jobs stay unchanged.
    """
    jobs = tuple(jobs)
    run, error = with_job_deployments(client, run, jobs)
    run, unread = _with_protection(client, run, jobs)
    notices = (error, *unread) if error else unread
    return RunWithNotices(run=run, notices=notices)


def with_job_deployments(client: GitHubClient, run: Run, jobs: Iterable[Job]) -> tuple[Run, str]:
    """Return the run with the deployments of ``jobs``, and a notice if some could not be read."""
    requested = jobs_with_deployments(run, jobs)
    by_node, error = _read_job_deployments(client, requested)
    found = (replace(job, deployment=by_node.get(job.node_id or "")) for job in run.jobs)
    return replace(run, jobs=tuple(found)), error


def jobs_with_deployments(run: Run, jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs whose deployments are requested."""
    return [job for job in jobs if job.node_id and _needs_deployment(run, job)]


def _read_job_deployments(
    client: GitHubClient, jobs: Sequence[Job]
) -> tuple[dict[str, JobDeployment], str]:
    """Return the deployments of jobs by the node ids of the jobs, and a notice of read errors."""
    by_node: dict[str, JobDeployment] = {}
    errors: dict[str, None] = {}
    denied = False
    permissions: tuple[str, ...] = ()
    try:
        for response in query_deployments(client, jobs):
            errors |= dict.fromkeys(response.errors)
            denied, permissions = denied or response.denied, response.permissions or permissions
            for node in read.children(response.data, "nodes"):
                node_id, deployment = read.text(node, "id"), read.child(node, "deployment")
                if node_id and deployment:
                    by_node[node_id] = parse_job_deployment(deployment)
    except FlowTelemetryError as error:
        errors[str(error)] = None
    if not errors:
        return by_node, ""
    notice = "could not read all deployments of the jobs and their waits for approval: "
    hint = f". {PERMISSIONS_HINT}" if denied else ""
    text = f"{notice}{'; '.join(errors)}{hint}"
    if len(errors) == 1:  # All responses have the same one.
        client.denials.note(text, permissions)
    return by_node, text


def protected_environments(run: Run, jobs: Iterable[Job]) -> tuple[frozenset[str], str] | None:
    """Return the environments that jobs waited for, and the node id of a job of the run.

    Long waits matter for ``jobs`` only. Without a wait there is nothing to read: None.
    """
    waiting = [job for job in run.jobs if job.protection_waits]
    unexplained = _unexplained_jobs(run, jobs)
    if not waiting and not unexplained:
        return None
    environments = {job.deployment.environment for job in waiting if job.deployment}
    return frozenset(environments), (waiting or unexplained)[0].node_id or ""


def _unexplained_jobs(run: Run, jobs: Iterable[Job]) -> list[Job]:
    job_ids = {job.id for job in jobs}
    return [job for job in jobs_with_long_waits(run) if job.id in job_ids and job.node_id]


def _with_protection(
    client: GitHubClient, run: Run, jobs: Iterable[Job]
) -> tuple[Run, tuple[str, ...]]:
    """Return the run whose waits name the rules that they were for, and notices."""
    jobs = tuple(jobs)
    needed = protected_environments(run, jobs)
    if needed is None:
        return run, ()
    protection, error = read_protection(client, run.repository, *needed)
    unexplained = _unexplained_jobs(run, jobs)
    notices = [] if error is None else [f"for which rules jobs waited is unknown: {error}"]
    run = replace(
        run,
        jobs=tuple(
            replace(job, deployment=with_rules(job.deployment, protection))
            if job.deployment
            else job
            for job in run.jobs
        ),
    )
    if not unexplained or not protection.reviewed:
        return run, tuple(notices)
    undeployed = protection.reviewed - _deployed_environments(client, run)
    if undeployed:
        notices.append(
            f"how long {counted(len(unexplained), 'job')} of run {run.id} waited for runners is "
            f"not known: people reviewed the environment `{min(undeployed)}`, of which the run has "
            "no deployment (`deployment: false`), and GitHub does not tell which job waited for "
            "them"
        )
    return without_unknown_waits(run, undeployed), tuple(notices)


def _deployed_environments(client: GitHubClient, run: Run) -> frozenset[str]:
    """Return the environments of all jobs of a run."""
    rest = [job for job in run.jobs if job.node_id and job.deployment is None]
    by_node, _ = _read_job_deployments(client, rest)
    known = [job.deployment for job in run.jobs if job.deployment]
    return frozenset(each.environment for each in (*known, *by_node.values()))


def _needs_deployment(run: Run, job: Job) -> bool:
    queued = timing.job_queued(job)
    waited = queued is not None and queued.seconds >= SHORTEST_APPROVAL_SECONDS
    return waited or may_use_environment(run)


def query_deployments(client: GitHubClient, jobs: Sequence[Job]) -> Iterator[GraphqlResponse]:
    """Yield the responses with the deployments of the jobs, for 100 jobs at a time."""
    for start in range(0, len(jobs), MOST_NODES):
        ids = [job.node_id for job in jobs[start : start + MOST_NODES]]
        yield client.query(JOB_DEPLOYMENTS, "deployments of the run's jobs", ids=ids)


def parse_job_deployment(payload: Payload) -> JobDeployment:
    """Return a deployment with its waits, each from a status `WAITING` to the next other status.

    A wait that no other status follows ended with its job.
    """
    statuses = sorted(
        (time, read.text(status, "state") or "")
        for status in read.children(read.child(payload, "statuses"), "nodes")
        if (time := read.time(status, "createdAt")) is not None
    )
    waits: list[ProtectionWait] = []
    since: datetime | None = None
    for time, state in statuses:
        if state == _WAITING:
            since = since or time
        elif since is not None:
            waits += [ProtectionWait(start=since, end=time)] if time > since else []
            since = None
    if since is not None:
        waits.append(ProtectionWait(start=since))
    return JobDeployment(
        environment=read.text(payload, "environment") or "",
        commit=read.text(payload, "commitOid") or "",
        waits=tuple(waits),
    )


# Deployments with their statuses.

# The address of a run or job, as statuses link to it.
_RUN_URL = re.compile(
    r"https?://[^/]+/(?P<repository>[^/]+/[^/]+)/(?:"
    r"(?:actions/)?runs/(?P<run>[0-9]{1,18})/jobs?/(?P<job>[0-9]{1,18})"
    r"|actions/runs/(?P<whole>[0-9]{1,18})"
    # The old form is the address of a check run, which has the id of the job.
    r"|runs/(?P<check>[0-9]{1,18})"
    r")(?:[/?#].*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerLink:
    """The run and job to which a status links; an old form of link names only the job."""

    run_id: int | None = None
    job_id: int | None = None


def find_maker(repository: Repository, urls: Iterable[str]) -> MakerLink:
    """Return the run and job of the first address that is one of a run of the repository."""
    for url in urls:
        match = _RUN_URL.fullmatch(url)
        if match and fold(match["repository"]) == fold(repository.full_name):
            run, job = match["run"] or match["whole"], match["job"] or match["check"]
            return MakerLink(run_id=int(run) if run else None, job_id=int(job) if job else None)
    return MakerLink()


def read_deployment(client: GitHubClient, repository: Repository, number: int) -> Deployment:
    """Return a deployment with its statuses, both requested concurrently.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`; they name the
            permission `deployments: read` if GitHub does.
    """
    what = f"deployment {number} of {repository.full_name}"
    payload, statuses = client.both(
        lambda: client.get(f"/repos/{repository.full_name}/deployments/{number}", what),
        lambda: _read_statuses(client, repository, number),
    )
    return _with_statuses(parse_deployment(payload, repository, where=what), statuses)


def deployments_of_run(client: GitHubClient, run: Run) -> tuple[Deployment, ...]:
    """Return the deployments that this attempt of the run made, oldest first, with statuses.

    They are deployments of the run's commit, or of a commit that one of its jobs deployed, whose
    statuses link to the attempt.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `read_deployment`.
    """
    deployments: dict[int, Deployment] = {}
    for commit in filter(None, dict.fromkeys((*_deployed_commits(client, run), run.head_sha))):
        for deployment in with_statuses(client, list_candidates(client, run, commit)):
            if is_made_by(run, deployment):
                deployments[deployment.id] = with_outcome(run, deployment)
    return tuple(deployments[number] for number in sorted(deployments))


def list_candidates(client: GitHubClient, run: Run, commit: str) -> list[Deployment]:
    """Return the deployments of a commit that an attempt can have made, without their statuses.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    listed = list_deployments_of(client, run.repository, commit)
    # It cannot have made older ones: their statuses need no request.
    return [each for each in listed if each.created_at >= run.started_at]


def deployments_path(repository: Repository) -> str:
    """Return the path of the list of a repository's deployments."""
    return f"/repos/{repository.full_name}/deployments"


def list_deployments_of(
    client: GitHubClient, repository: Repository, commit: str
) -> list[Deployment]:
    """Return the deployments of a commit, without their statuses.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    items = client.list_all(deployments_path(repository), None, what, sha=commit).items
    return [parse_deployment(item, repository, where=what) for item in items]


def _deployed_commits(client: GitHubClient, run: Run) -> tuple[str, ...]:
    """Return the commits that the run's jobs deployed.

    A run of a pull request deploys a test merge commit that the run does not name. It is requested,
    unless the jobs have their deployments already.
    """
    commits = parentage.deployed_commits(run)
    if commits or not run.event.startswith("pull_request"):
        return commits
    jobs = [job for job in timing.own_jobs(run) if job.node_id]
    nodes = (
        read.child(node, "deployment")
        for response in query_deployments(client, jobs)
        for node in read.children(response.data, "nodes")
    )
    return tuple(commit for node in nodes if (commit := read.text(node, "commitOid")))


def with_statuses(client: GitHubClient, deployments: Iterable[Deployment]) -> list[Deployment]:
    """Return the deployments with their statuses, requested concurrently."""
    return client.run_concurrently(
        lambda each: _with_statuses(each, _read_statuses(client, each.repository, each.id)),
        deployments,
    )


def parse_deployment(payload: Any, repository: Repository, *, where: str) -> Deployment:
    """Return a deployment without its statuses; ``where`` names it in errors.

    Raises:
        PayloadError: the id or the creation time is missing.
    """
    fields: Payload = payload if isinstance(payload, dict) else {}
    return Deployment(
        repository=repository,
        id=read.required(read.number(fields, "id"), "id", where),
        environment=read.text(fields, "environment") or "",
        sha=read.text(fields, "sha") or "",
        created_at=read.required(read.time(fields, "created_at"), "created_at", where),
        ref=read.text(fields, "ref") or "",
        production=read.flag(fields, "production_environment"),
        creator=parse_actor(fields.get("creator")),
        task=read.text(fields, "task") or DEFAULT_TASK,
        transient=read.flag(fields, "transient_environment"),
    )


def parse_statuses(items: Iterable[Any]) -> tuple[DeploymentStatus, ...]:
    """Return the statuses of a list in order of time, without damaged ones."""
    statuses = [
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
    return tuple(sorted(statuses, key=lambda status: (status.time, status.id)))


def _read_statuses(
    client: GitHubClient, repository: Repository, number: int
) -> tuple[DeploymentStatus, ...]:
    what = f"statuses of deployment {number} of {repository.full_name}"
    path = f"/repos/{repository.full_name}/deployments/{number}/statuses"
    return parse_statuses(client.list_all(path, None, what).items)


def _with_statuses(deployment: Deployment, statuses: tuple[DeploymentStatus, ...]) -> Deployment:
    """Return the deployment with its statuses, and with the run and job that they link to."""
    maker = find_maker(deployment.repository, (status.log_url for status in statuses))
    return replace(
        deployment,
        statuses=statuses,
        run_id=maker.run_id,
        job_id=maker.job_id,
        url=next((status.log_url for status in reversed(statuses) if status.log_url), ""),
    )


def is_made_by(run: Run, deployment: Deployment) -> bool:
    """Return whether this attempt of the run made the deployment."""
    if deployment.run_id not in (None, run.id):
        return False
    # The jobs of a re-run have ids of their own.
    if deployment.job_id is not None and deployment.job_id != run.id:
        return any(job.id == deployment.job_id for job in timing.own_jobs(run))
    if not deployment.made_by_run:
        return False
    return run.updated_at is None or deployment.created_at <= run.updated_at


def with_outcome(run: Run, deployment: Deployment) -> Deployment:
    """Return a deployment with the end of the job of the run that made it, if that has ended."""
    job = next((job for job in run.jobs if job.id == deployment.job_id), None)
    return replace(deployment, outcome=_outcome_of(job)) if job else deployment


def read_outcome(client: GitHubClient, deployment: Deployment) -> Deployment:
    """Return a deployment with the end of the job that made it, requested alone.

    If the job is not known any more, the statuses of the deployment count.

    Raises:
        DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    if deployment.job_id is None or deployment.outcome is not None:
        return deployment
    try:
        job = read_lone_job(client, deployment.repository, deployment.job_id)
    except SourceError as error:
        client.log.debug(f"how deployment {deployment.id} ended: {error}")
        return deployment
    return replace(deployment, outcome=_outcome_of(job))


def _outcome_of(job: Job) -> JobOutcome | None:
    """Return how a job ended; a skipped one deployed nothing, so it decides nothing."""
    result = result_of(job.conclusion)
    if not job.completed or job.completed_at is None or result in (None, Result.SKIP):
        return None
    return JobOutcome(result=result, ended_at=job.completed_at)


def deployments_created_since(
    client: GitHubClient, repository: Repository, since: datetime
) -> tuple[Deployment, ...]:
    """Return the deployments created at or after ``since``, oldest first, without statuses.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"deployments of {repository.full_name}"
    deployments: list[Deployment] = []
    for page in client.pages(deployments_path(repository), None, what):
        parsed = [parse_deployment(item, repository, where=what) for item in page]
        recent = [deployment for deployment in parsed if deployment.created_at >= since]
        deployments += recent
        if len(recent) < len(parsed):
            break
    return tuple(sorted(deployments, key=lambda each: (each.created_at, each.id)))
